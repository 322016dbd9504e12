#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/detail/dispatch.hpp"
#include "dbnloop/error.hpp"
#include "dbnloop/metadata.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"
#include "dbnloop/record.hpp"
#include "dbnloop/stats.hpp"

namespace dbnloop {
namespace codec {
class ZstdStream;
}

/// A stream of records on a reactor. All calls must come from the reactor's thread.
///
/// Inside a handler, Pause, Resume, Stop, Close, Subscribe, replacing handlers and
/// destroying the source are allowed; Reactor::Poll and Run are refused. A record is
/// marked as consumed before its handler runs, so no record is lost or duplicated,
/// whatever the handler does. A record is valid until its handler returns: copy what
/// you keep. An exception thrown by a handler reaches the caller of Poll, and the
/// source continues.
class DataSource {
 public:
  virtual ~DataSource();
  DataSource(const DataSource&) = delete;
  DataSource& operator=(const DataSource&) = delete;

  virtual void Start() = 0;
  virtual void Stop() = 0;
  /// Delivers no further record after the current handler returns, and reads nothing
  /// more from the socket. Buffered records stay, memory is bounded, and TCP holds the
  /// peer back. (A handler of runs has already received its complete run.)
  virtual void Pause() = 0;
  /// Resumes delivery in the reactor's next turn, with buffered records first and then
  /// the socket. Never delivers from inside this call.
  virtual void Resume() = 0;

  /// Sets the record handler from the next record on, replacing the previous one. `h`
  /// is a callable, or an Overload of several, that takes some of
  ///   - `const MboMsg&` and the other records of the current DBN version,
  ///   - `const WithTsOut<MboMsg>&`, chosen when the stream has ts_out,
  ///   - `std::span<const MboMsg>`, a run of consecutive records of that type. In
  ///   streams
  ///     with ts_out the run is a `std::span<const WithTsOut<MboMsg>>`, and a plain
  ///     span holds one record,
  ///   - `const Record&`: any record, including those of an unknown type or of an older
  ///     version (with VersionUpgradePolicy::AsIs),
  ///   - `const auto&`, the fallback: the typed record, or RawRecord (a Record that has
  ///     `hd`) for unknown types and for records shorter than their struct.
  /// The form is chosen at compile time, in the order WithTsOut (span, then single),
  /// span, record, Record, fallback. Records that no form accepts are skipped, and so
  /// is every record while no handler is set. A generic lambda hides a template over
  /// spans: name the record's type there.
  template <typename Handler>
    requires detail::RecordHandler<std::remove_cvref_t<Handler>>
  void OnRecord(Handler&& h) {
    using H = std::remove_cvref_t<Handler>;
    SetDispatch(detail::Dispatcher<H>{std::forward<Handler>(h)});
  }

  /// Sets the error handler, `void(const Error&)`. It is called once per session, as
  /// the last handler, with the reason why the session ended. nullptr removes it.
  template <typename Handler>
  void OnError(Handler&& h) {
    Set(on_error_, std::forward<Handler>(h));
  }

  /// Sets the metadata handler, `void(const Metadata&)`. It is called once before the
  /// first record, and again before the records of each further DBN stream in the same
  /// input (see DbnParser). nullptr removes it.
  template <typename Handler>
  void OnMetadata(Handler&& h) {
    Set(on_metadata_, std::forward<Handler>(h));
  }

  [[nodiscard]] bool IsPaused() const noexcept { return paused_; }
  /// Whether the stream's records carry a ts_out; false until the metadata has arrived.
  [[nodiscard]] bool TsOut() const noexcept { return parser_.ts_out(); }

  /// The statistics of the present stream, or of the last one.
  [[nodiscard]] SourceStats Stats() const;

  /// The lowest level of delivery, for bindings that hand batches across a language
  /// boundary. The sink receives each batch and returns how many bytes of it were
  /// consumed. If it returns fewer than all, the rest is held and nothing more is
  /// delivered until Release.
  using BatchSink = std::move_only_function<std::size_t(const RecordBatch&)>;
  void OnBatch(BatchSink sink);
  /// Consumes the first `consumed` bytes of the held batch and resumes delivery in the
  /// reactor's next turn. `consumed` must be a record boundary and at most what is
  /// held. Does nothing when no batch is held.
  void Release(std::size_t consumed);

 protected:
  enum class PumpResult { Dry, Blocked, Failed, Destroyed };

  /// `reactor` provides the time. It may be null in a source without a loop, whose
  /// Stats then contain no times.
  DataSource(Reactor* reactor, ParserOptions options);

  /// Delivers what the parser holds until the parser is empty, delivery is blocked
  /// (paused, held, closed), the parser failed, or a handler destroyed the source.
  PumpResult Pump();
  /// Alternately pushes bytes and delivers them. Stops early when delivery is blocked,
  /// and returns how many bytes were consumed. For sources whose bytes are in memory.
  std::size_t DeliverBytes(std::span<const std::byte> data);
  enum class InflateResult {
    Dry,        ///< everything available was delivered
    Blocked,    ///< paused, held or closed
    Turn,       ///< the share of this turn is used up, and more is available
    Failed,     ///< with the parser's error, or otherwise the decompressor's
    Destroyed,  ///< a handler destroyed the source
  };
  /// Alternately decompresses `in` into the parser and delivers, at most about 1 MiB of
  /// records, because a few compressed bytes may hold very many. Adds the number of
  /// consumed bytes of `in` to `taken`.
  InflateResult Inflate(codec::ZstdStream& zstd, std::span<const std::byte> in,
                        std::size_t& taken);
  /// Calls the error handler. Returns false when it destroyed the source.
  bool DeliverError(Error e);
  /// Begins a new stream: empties the parser and releases a held batch.
  void BeginStream();
  void SetPaused(bool paused) noexcept;
  /// Stops delivery until BeginStream.
  void StopDelivery() noexcept;
  [[nodiscard]] bool IsBlocked() const noexcept { return control_->stop; }
  [[nodiscard]] bool IsHeld() const noexcept { return held_ != 0; }
  [[nodiscard]] const std::shared_ptr<detail::DeliveryControl>& control()
      const noexcept {
    return control_;
  }

  /// Schedules a Pump for the reactor's next turn.
  virtual void ScheduleDelivery() = 0;
  /// Records that `n` bytes of the stream arrived.
  void NoteRead(std::size_t n) noexcept;
  /// Observes consumed records, each once: those of each run of gateway messages
  /// (proto::IsMessage), and the last one of each batch (`last`).
  virtual void ObserveTaken(const RecordRun& /*run*/, const std::byte* /*records*/,
                            std::size_t /*count*/, bool /*last*/) {}
  /// Reports to the user what was observed, between two batches. May do whatever a
  /// handler may do.
  virtual void TellObserved() {}
  /// Whether TellObserved has something to report.
  [[nodiscard]] virtual bool HasObserved() const { return false; }
  /// Whether anything other than the parser holds bytes (a decompressor, an end of
  /// input).
  [[nodiscard]] virtual bool HasMore() const { return false; }

  // Shared with the delivery in progress: a record stays valid until its handler
  // returns, even when the handler destroys the source.
  const std::shared_ptr<DbnParser> shared_parser_;
  DbnParser& parser_;
  bool paused_ = false;
  SourceStats stats_;  // raw counters; Stats() fills in the derived fields
  Reactor::Clock::time_point last_byte_{};

 private:
  using Dispatch = std::move_only_function<void(const RecordBatch&, DbnParser&,
                                                const detail::DeliveryControl&)>;

  template <typename F>
  static void Set(std::shared_ptr<F>& handler, std::type_identity_t<F> h) {
    handler = h ? std::make_shared<F>(std::move(h)) : nullptr;
  }
  void SetDispatch(Dispatch dispatch);
  void Take(const RecordBatch& batch);
  [[nodiscard]] bool HasMetadataToTell() const noexcept {
    return headers_told_ != parser_.headers();
  }
  void NoteTaken(const RecordBatch& batch, std::size_t from, std::size_t to);
  [[nodiscard]] Reactor::Clock::time_point Now() const;
  void UpdateStop() noexcept {
    control_->stop = paused_ || held_ != 0 || ended_ || stale_ || replaced_;
  }

  // Handlers are shared with the call in progress: a handler may replace or destroy
  // them.
  std::shared_ptr<Dispatch> dispatch_;
  std::shared_ptr<std::move_only_function<void(const Error&)>> on_error_;
  std::shared_ptr<std::move_only_function<void(const Metadata&)>> on_metadata_;
  std::shared_ptr<detail::DeliveryControl> control_;
  Reactor* reactor_;
  std::uint64_t polls_before_ = 0;
  Reactor::Clock::time_point paused_at_{};
  std::uint64_t headers_told_ = 0;  // reported to the metadata handler
  std::size_t held_ = 0;            // bytes that the sink has not consumed
  RecordBatch held_batch_;          // the batch that ends with them
  bool ended_ = false;
  // A new stream began inside a handler of the old one: the delivery on the stack must
  // end before anything of the new stream is delivered.
  bool stale_ = false;
  // A handler replaced itself: the delivery on the stack starts again with the new one.
  bool replaced_ = false;
};

}  // namespace dbnloop
