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
namespace proto {
class ZstdStream;
}

/// A stream of records on a reactor. All calls come from the reactor's thread.
///
/// Inside a handler: Pause, Resume, Stop, Close, Subscribe, replacing handlers and
/// destroying the source are allowed; Reactor::Poll and Run are refused. A record is
/// marked as taken before its handler runs, so whatever the handler does, no record
/// comes twice and none is lost. A record is valid until its handler returns: copy what
/// you keep. An exception of a handler passes to the caller of Poll; the source goes
/// on.
class DataSource {
 public:
  virtual ~DataSource();
  DataSource(const DataSource&) = delete;
  DataSource& operator=(const DataSource&) = delete;

  virtual void Start() = 0;
  virtual void Stop() = 0;
  /// No further record after the current handler returns, nothing more is read from the
  /// socket; what is buffered stays. Memory is bounded, TCP holds the peer back. (A
  /// handler of runs has been given its run already.)
  virtual void Pause() = 0;
  /// Goes on: what is buffered first, then the socket. Never delivers from inside this
  /// call; delivery resumes in the reactor's next turn.
  virtual void Resume() = 0;

  /// Sets the record handler, replacing the last, from the next record on. `h` is a
  /// callable, or an Overload of several, that takes some of
  ///   - `const MboMsg&` and the other records of the current DBN version,
  ///   - `const WithTsOut<MboMsg>&`, chosen when the stream has ts_out,
  ///   - `std::span<const MboMsg>`, a run: consecutive records of that type. In streams
  ///     with ts_out `std::span<const WithTsOut<MboMsg>>` is the run, a plain span then
  ///     holds one record,
  ///   - `const Record&`: any record, also of unknown type, or of an older version
  ///     (with VersionUpgradePolicy::AsIs),
  ///   - `const auto&`, the fallback: the typed record, or RawRecord (a Record that has
  ///     `hd`) for unknown types and for records shorter than their struct.
  /// The form is chosen at compile time, in the order WithTsOut (span, then single),
  /// span, record, Record, fallback. Records that nothing takes are skipped, and so is
  /// everything while no handler is set. Beside a generic lambda a template over spans
  /// is not seen: name the record's type.
  template <typename Handler>
    requires detail::RecordHandler<std::remove_cvref_t<Handler>>
  void OnRecord(Handler&& h) {
    using H = std::remove_cvref_t<Handler>;
    SetDispatch(detail::Dispatcher<H>{std::forward<Handler>(h)});
  }

  /// Sets the error handler: `void(const Error&)`. It is called once per session, last,
  /// with the reason that the session ended. nullptr: none.
  template <typename Handler>
  void OnError(Handler&& h) {
    Set(on_error_, std::forward<Handler>(h));
  }

  /// Sets the metadata handler: `void(const Metadata&)`, called once before the first
  /// record, and again before the records of each further DBN stream that follows in
  /// the same input (see DbnParser). nullptr: none.
  template <typename Handler>
  void OnMetadata(Handler&& h) {
    Set(on_metadata_, std::forward<Handler>(h));
  }

  [[nodiscard]] bool IsPaused() const noexcept { return paused_; }
  /// Whether the stream's records carry a ts_out; known with the metadata.
  [[nodiscard]] bool TsOut() const noexcept { return parser_.ts_out(); }

  /// What the source did since its stream began, or in the one that has ended.
  [[nodiscard]] SourceStats Stats() const;

  /// The lowest way in, for bindings that hand batches across a language border: gets
  /// each batch and returns how many bytes of it were taken. Fewer than all of them
  /// means: hold the rest; nothing more is delivered until Release.
  using BatchSink = std::move_only_function<std::size_t(const RecordBatch&)>;
  void OnBatch(BatchSink sink);
  /// After a sink held back: `consumed` bytes of the held batch are taken now (at a
  /// record's border; at most what is held); delivery goes on in the reactor's next
  /// turn. Does nothing when no batch is held.
  void Release(std::size_t consumed);

 protected:
  enum class PumpResult { Dry, Blocked, Failed, Destroyed };

  /// `reactor` tells the time; it may be null in a source without a loop, whose Stats
  /// then have no times.
  DataSource(Reactor* reactor, ParserOptions options);

  /// Hands out what the parser holds until it is dry, delivery is blocked (paused,
  /// held, closed), the parser failed, or a handler destroyed the source.
  PumpResult Pump();
  /// Pushes bytes and pumps, in turn; stops early when blocked and returns how many
  /// bytes were taken. For sources that have their bytes in memory.
  std::size_t DeliverBytes(std::span<const std::byte> data);
  enum class InflateResult {
    Dry,        ///< everything that was there is handed out
    Blocked,    ///< paused, held or closed
    Turn,       ///< this turn's share is used up; there is more
    Failed,     ///< by the parser's error, or else the decompressor's
    Destroyed,  ///< by a handler
  };
  /// Decompresses `in` into the parser and hands out, in turn, at most about a MiB of
  /// records: a few compressed bytes may be very many. Adds what it took to `taken`.
  InflateResult Inflate(proto::ZstdStream& zstd, std::span<const std::byte> in,
                        std::size_t& taken);
  /// Calls the error handler. False when it destroyed the source.
  bool DeliverError(Error e);
  /// A new stream begins: the parser is empty, nothing is held.
  void BeginStream();
  void SetPaused(bool paused) noexcept;
  /// No record is delivered any more, until BeginStream.
  void StopDelivery() noexcept;
  [[nodiscard]] bool IsBlocked() const noexcept { return control_->stop; }
  [[nodiscard]] bool IsHeld() const noexcept { return held_ != 0; }
  [[nodiscard]] const std::shared_ptr<detail::DeliveryControl>& control()
      const noexcept {
    return control_;
  }

  /// Asks for a Pump in the reactor's next turn.
  virtual void ScheduleDelivery() = 0;
  /// Notes that `n` bytes of the stream came.
  void NoteRead(std::size_t n) noexcept;
  /// Sees records that were taken, each once: those of each run of the gateway's
  /// messages (proto::IsMessage), and the last one of each batch (`last`).
  virtual void ObserveTaken(const RecordRun& /*run*/, const std::byte* /*records*/,
                            std::size_t /*count*/, bool /*last*/) {}
  /// Tells the user what was observed, between two batches; may do all that a handler
  /// may do.
  virtual void TellObserved() {}
  /// Whether TellObserved has something to tell.
  [[nodiscard]] virtual bool HasObserved() const { return false; }
  /// Whether something besides the parser holds bytes (a decompressor, an end of
  /// input).
  [[nodiscard]] virtual bool HasMore() const { return false; }

  // Shared with the delivery in progress: a record stays valid until its handler
  // returns, even when the handler destroys the source.
  const std::shared_ptr<DbnParser> shared_parser_;
  DbnParser& parser_;
  bool paused_ = false;
  SourceStats stats_;  // what Stats makes complete
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
  std::uint64_t headers_told_ = 0;  // to the metadata handler
  std::size_t held_ = 0;            // bytes that the sink has not taken
  RecordBatch held_batch_;          // the batch that they end
  bool ended_ = false;
  // A new stream began inside a handler of the old one: the delivery on the stack must
  // end before anything of the new stream is handed out.
  bool stale_ = false;
  // A handler set another one: the delivery on the stack begins anew with that.
  bool replaced_ = false;
};

}  // namespace dbnloop
