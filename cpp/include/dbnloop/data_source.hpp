#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
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

/// A stream of records on a reactor. All calls must come from the reactor's thread,
/// except where another is said to be safe.
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
  void OnRecord(Handler&& h) {
    using H = std::remove_cvref_t<Handler>;
    static_assert(
        detail::kTakesAnything<H>,
        "This handler accepts no record. It must be callable with one of: const "
        "TradeMsg& (or another record), std::span<const TradeMsg>, const "
        "WithTsOut<TradeMsg>&, std::span<const WithTsOut<TradeMsg>>, const Record&, "
        "const auto&; or be an Overload of such callables.");
    SetDispatch(detail::Dispatcher<H>{std::forward<Handler>(h)});
  }

  using ErrorHandler = std::move_only_function<void(const Error&)>;
  using MetadataHandler = std::move_only_function<void(const Metadata&)>;
  /// Sets the error handler. It is called once per session, as the last handler, with
  /// the reason why the session ended. nullptr removes it.
  void OnError(ErrorHandler h);
  /// Sets the metadata handler. It is called once before the first record, and again
  /// before the records of each further DBN stream in the same input (see DbnParser).
  /// The metadata is valid until the handler returns or begins another stream. nullptr
  /// removes it.
  void OnMetadata(MetadataHandler h);

  /// Any thread may call it.
  [[nodiscard]] bool IsPaused() const noexcept {
    return paused_.load(std::memory_order_relaxed);
  }
  /// Whether the stream's records carry a ts_out; false until the metadata has arrived.
  [[nodiscard]] bool TsOut() const noexcept { return parser_.ts_out(); }

  /// The statistics of the present stream, or of the last one. Any thread may call it
  /// while the source exists; it locks nothing. Each counter is exact, but they may
  /// belong to different moments when another thread runs the loop.
  [[nodiscard]] SourceStats Stats() const;

  /// The lowest level of delivery, for bindings that hand batches across a language
  /// boundary. The sink receives each batch and returns how many bytes of it were
  /// consumed. If it returns fewer than all, the rest is held and nothing more is
  /// delivered until Release.
  using BatchSink = std::move_only_function<std::size_t(const RecordBatch&)>;
  enum class BatchForm {
    Runs,  ///< every batch is described by runs
    /// Where runs are short, a batch may be RecordBatch::mixed(): bytes that were not
    /// checked, of which the sink takes the plain records; see DbnParser::PeekMixed.
    RunsOrMixed
  };
  void OnBatch(BatchSink sink, BatchForm form = BatchForm::Runs);
  /// What plain records begin with; see DbnParser::plain_heads.
  [[nodiscard]] const std::array<std::uint16_t, 256>& PlainHeads() const noexcept {
    return parser_.plain_heads();
  }
  /// Where a sink may note what it took of the mixed batch that it holds, before
  /// Release. Where the size is not that of what Release consumes, the records are
  /// counted again.
  [[nodiscard]] detail::MixedTally& TallyOfHeld() noexcept;
  /// Consumes the first `consumed` bytes of the held batch and resumes delivery in the
  /// reactor's next turn. `consumed` must be a record boundary and at most what is
  /// held. Does nothing when no batch is held.
  void Release(std::size_t consumed);

 protected:
  // ---- For sources of your own
  //
  // Derive, bring DBN bytes from wherever they come, and deliver them:
  //
  //     class Replay : public dbnloop::DataSource {
  //      public:
  //       explicit Replay(dbnloop::Reactor* r) : DataSource{r, {}} {}
  //       void Start() override { BeginStream(); ScheduleDelivery(); }
  //       void Stop() override { EndStream(); }
  //       void Pause() override { SetPaused(true); }
  //       void Resume() override { SetPaused(false); }
  //      private:
  //       void ContinueDelivery() override { DeliverFrom(bytes_); }
  //       std::span<const std::byte> bytes_ = …;
  //     };

  /// `reactor` provides the time and the turns; it must outlive the source. Without one
  /// (nullptr) the statistics contain no times, and nothing is scheduled: whoever has
  /// bytes calls DeliverBytes. Throws Exception(InvalidArgument) when an option is out
  /// of range.
  DataSource(Reactor* reactor, ParserOptions options);

  /// Begins a new stream: empties the parser, releases a held batch and resets the
  /// statistics. A pause remains.
  void BeginStream();
  /// Ends the stream: delivers nothing more until BeginStream.
  void EndStream() noexcept;
  /// What Pause and Resume do to the delivery. SetPaused(false) schedules it.
  void SetPaused(bool paused);
  /// Copies bytes into the parser and calls the handlers, until all are consumed,
  /// delivery is blocked (paused, held, ended), or the bytes are not DBN (see
  /// parser_.error()). Returns how many were consumed: offer the rest again in
  /// ContinueDelivery. Without bytes it delivers what the parser holds. Consumes
  /// nothing while a batch is held, and inside a handler, after which delivery
  /// continues.
  std::size_t DeliverBytes(std::span<const std::byte> data);
  /// The same, but removes what is consumed from the front of `data` before a handler
  /// sees it. `data` is therefore right also when a handler throws, and may be a member
  /// of a source that a handler destroys.
  void DeliverFrom(std::span<const std::byte>& data);
  /// Calls the error handler. Returns false when it destroyed the source.
  bool DeliverError(const Error& e);
  /// Plans ContinueDelivery for the reactor's next turn, once however often it is
  /// called.
  void ScheduleDelivery();
  /// Called in a turn of the reactor when delivery can continue: after ScheduleDelivery
  /// and SetPaused(false), after Release, and after a handler threw. It may also be
  /// called while a batch is held. By default it delivers what the parser holds.
  virtual void ContinueDelivery() { DeliverBytes({}); }

  /// For the library's own sources, whose sessions own their delivery.
  class Delivery;
  explicit DataSource(std::shared_ptr<Delivery> delivery);

 private:
  using Dispatch = std::move_only_function<void(const RecordBatch&, DbnParser&,
                                                detail::DeliveryControl&)>;
  void SetDispatch(Dispatch dispatch);

  const std::shared_ptr<Delivery> delivery_;

 protected:
  DbnParser& parser_;
  const std::atomic<bool>& paused_;  ///< changed by SetPaused
};

}  // namespace dbnloop
