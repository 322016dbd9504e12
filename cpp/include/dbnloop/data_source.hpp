#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/error.hpp"
#include "dbnloop/metadata.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop {

/// A stream of records on a reactor. All calls come from the reactor's thread.
///
/// Inside a record handler: Pause, Resume, Stop, Close, Subscribe and destroying the
/// source are allowed; Reactor::Poll and Run are refused. A record is marked as taken
/// before its handler runs, so whatever the handler does, no record comes twice and
/// none is lost. A record is valid until its handler returns: copy what you keep.
class DataSource {
 public:
  virtual ~DataSource();
  DataSource(const DataSource&) = delete;
  DataSource& operator=(const DataSource&) = delete;

  virtual void Start() = 0;
  virtual void Stop() = 0;
  /// No further record after the current handler returns, nothing more is read from the
  /// socket; what is buffered stays. Memory is bounded, TCP holds the peer back.
  virtual void Pause() = 0;
  /// Goes on: what is buffered first, then the socket. Never delivers from inside this
  /// call; delivery resumes in the reactor's next turn.
  virtual void Resume() = 0;

  /// Sets the record handler, replacing the last. `h` is anything callable with some
  /// of: `const MboMsg&` and the other records, `const WithTsOut<MboMsg>&`, a run
  /// `std::span<const MboMsg>`, `Record` (or `const Record&`) for everything. For each
  /// run of equal records the most specific form is chosen at compile time: span, then
  /// WithTsOut (when the stream has ts_out), then the record, then Record. A generic
  /// lambda `[](const auto&) {}` is the fallback.
  template <typename Handler>
  void OnRecord(Handler&& h);

  /// Sets the error handler: `void(const Error&)`. It is called at most once per
  /// session, last, with the reason that the stream ended.
  template <typename Handler>
  void OnError(Handler&& h) {
    on_error_ = std::forward<Handler>(h);
  }

  /// Sets the metadata handler: `void(const Metadata&)`, before the first record.
  template <typename Handler>
  void OnMetadata(Handler&& h) {
    on_metadata_ = std::forward<Handler>(h);
  }

  [[nodiscard]] bool IsPaused() const noexcept { return paused_; }

  /// The lowest way in, on which OnRecord is built: gets each batch and returns how
  /// many bytes of it were taken. Fewer than all of them means: hold the rest; nothing
  /// more is read until Release(). For bindings that hand batches across a language
  /// border.
  using BatchSink = std::function<std::size_t(const RecordBatch&)>;
  void OnBatch(BatchSink sink);
  /// After a sink held back: `consumed` bytes of the held batch are taken now; delivery
  /// goes on in the reactor's next turn.
  void Release(std::size_t consumed);

 protected:
  DataSource() = default;
  void DeliverBytes(std::span<const std::byte> data);
  void DeliverError(Error e);

  DbnParser parser_;
  bool paused_ = false;
  std::move_only_function<void(const Error&)> on_error_;
  std::move_only_function<void(const Metadata&)> on_metadata_;
};

}  // namespace dbnloop
