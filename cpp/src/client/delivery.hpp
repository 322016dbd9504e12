#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "client/delivery_tap.hpp"
#include "client/flow.hpp"
#include "client/shared_handler.hpp"
#include "client/source_counters.hpp"
#include "dbn/zstd_stream.hpp"
#include "dbnloop/data_source.hpp"
#include "net/timer.hpp"

namespace dbnloop {
namespace client {

/// What a delivery needs from the session that feeds it, and reports to it.
class DeliveryObserver {
 public:
  /// Continues in a turn of its own: with what is buffered, then with new bytes.
  /// Delivery::Schedule asks for it.
  virtual void ContinueDelivery() = 0;
  /// Whether the session holds bytes of the stream, or its end, that make no fd
  /// readable.
  [[nodiscard]] virtual bool HasMore() const { return false; }
  /// Observes consumed records, each once: those of each run of gateway messages
  /// (proto::HoldsSessionEvent), and the last ones of each batch (`last`).
  virtual void ObserveConsumed(const RecordRun& /*run*/, const std::byte* /*records*/,
                               std::size_t /*count*/, bool /*last*/) {}
  /// Whether NotifyObserved has something to report.
  [[nodiscard]] virtual bool HasObserved() const { return false; }
  /// Reports to the user what was observed, between two batches. May do whatever a
  /// handler may do.
  virtual void NotifyObserved() {}

 protected:
  ~DeliveryObserver() = default;
};

}  // namespace client

/// From bytes to handlers: the parser, the decompressor, the user's handlers, the batch
/// that a binding holds, and the counters. A session owns it and feeds it; the public
/// DataSource refers to it. It never calls up into either, except for its observer.
///
/// Any handler may destroy the source, end the stream or begin another one. Pump keeps
/// the delivery alive until it returns, so that a record stays readable until its
/// handler returns, and answers Flow::Gone when the stream that it began with is over.
class DataSource::Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  using Flow = client::Flow;
  class OfSource;

  /// Sees after a handler ran what it did to the stream.
  class Watch {
   public:
    /// Whether the source was destroyed.
    [[nodiscard]] bool destroyed() const noexcept { return delivery_->destroyed_; }
    /// Whether the stream ended since, in whichever way.
    [[nodiscard]] bool ended() const noexcept {
      return destroyed() || delivery_->ended_ || delivery_->control_.stream != stream_;
    }

   private:
    friend class Delivery;
    explicit Watch(const Delivery& delivery)
        : delivery_{delivery.shared_from_this()}, stream_{delivery.control_.stream} {}
    std::shared_ptr<const Delivery> delivery_;
    std::uint64_t stream_;
  };

  /// `reactor` may be null: then nothing is scheduled, and the statistics contain no
  /// times. The observer must live until Detach.
  Delivery(Reactor* reactor, ParserOptions options, client::DeliveryObserver* observer);
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // ---- Calls of the user

  void SetDispatch(Dispatch dispatch, BatchForm form = BatchForm::RunsOrMixed);
  void SetSink(BatchSink sink, BatchForm form);
  void Release(std::size_t consumed);
  void Pause() noexcept;
  /// Delivery continues in the reactor's next turn.
  void Resume();
  /// The source is being destroyed: calls no handler and no observer any more.
  void Detach() noexcept;

  client::SharedHandler<const Error&> on_error;
  client::SharedHandler<const Metadata&> on_metadata;

  // ---- Calls of a client that feeds it from several sessions

  /// What stands between the sessions and the handlers; it must live until Detach. The
  /// counters then count all sessions.
  void SetTap(client::DeliveryTap* tap) noexcept { tap_ = tap; }
  /// Whose bytes are delivered from the next BeginStream on.
  void SetObserver(client::DeliveryObserver* observer) noexcept {
    observer_ = observer;
  }
  void ResetCounters();

  // ---- Calls of the session

  /// Begins a stream: empties the parser, releases a held batch, and resets the
  /// counters unless there is a tap.
  void BeginStream();
  /// The bytes of the stream are compressed from here on.
  void BeginFrames() { zstd_.emplace(); }
  /// Ends the stream: nothing more is delivered until BeginStream. Of a batch that is
  /// held Release still counts what was consumed.
  void EndStream() noexcept;
  /// Reports the end of the stream, to the tap if there is one. Returns false when the
  /// handler destroyed the source.
  bool DeliverError(const Error& e);

  /// Delivers what the parser holds. Go: it is empty.
  [[nodiscard]] Flow Pump();
  /// Alternately decompresses `in` into the parser and delivers. Adds the number of
  /// consumed bytes of `in` to `consumed`. Go: everything was delivered. Wait: as Pump,
  /// or this turn's share is used up, and the next turn is scheduled.
  [[nodiscard]] Flow Inflate(std::span<const std::byte> in, std::size_t& consumed);
  /// Alternately pushes bytes and delivers. Removes what was pushed from `data`, which
  /// is not touched once a handler has destroyed its owner.
  void DeliverFrom(std::span<const std::byte>& data);

  /// Plans ContinueDelivery for the reactor's next turn.
  void Schedule();
  [[nodiscard]] bool scheduled() const noexcept { return continue_.armed(); }
  void CountRead(std::size_t bytes) noexcept { counters_.CountRead(bytes, Now()); }

  // ---- State

  [[nodiscard]] DbnParser& parser() noexcept { return parser_; }
  /// Of the mixed batch that is delivered or held.
  [[nodiscard]] detail::MixedTally& tally() noexcept { return control_.mixed; }
  [[nodiscard]] client::SourceCounters& counters() noexcept { return counters_; }
  /// Any thread may read it.
  [[nodiscard]] const std::atomic<bool>& paused() const noexcept { return paused_; }
  [[nodiscard]] bool IsPaused() const noexcept {
    return paused_.load(std::memory_order_relaxed);
  }
  /// Whether a binding holds a batch.
  [[nodiscard]] bool IsHeld() const noexcept { return held_ != 0; }
  /// Whether whoever takes the batches may hold them: only one is delivered in a turn.
  [[nodiscard]] bool MayHold() const noexcept { return may_hold_; }
  /// Of the held batch the source records of its first `consumed` bytes.
  [[nodiscard]] std::span<const std::byte> HeldSource(std::size_t consumed) noexcept;
  /// Whether a handler of records or metadata is on the stack.
  [[nodiscard]] bool IsPumping() const noexcept { return pumping_; }
  /// Whether nothing may be delivered now: paused, held, ended.
  [[nodiscard]] bool IsBlocked() const noexcept { return control_.stop; }
  [[nodiscard]] bool IsCompressed() const noexcept { return zstd_.has_value(); }
  /// Whether the decompressor holds output.
  [[nodiscard]] bool HasPending() const noexcept {
    return zstd_ && zstd_->HasPending();
  }
  /// Why Flow is Failed.
  [[nodiscard]] const Error& error() const noexcept {
    return parser_.error() || !zstd_ ? parser_.error() : zstd_->error();
  }
  /// What an end of input means to the decompressor.
  [[nodiscard]] Error FinishFrame() const { return zstd_ ? zstd_->Finish() : Error{}; }
  /// What an end of input means: an error of the decompressor, or of the parser, or
  /// none.
  [[nodiscard]] Error Finish() const;
  [[nodiscard]] Watch WatchStream() const { return Watch{*this}; }
  /// Any thread may call it.
  [[nodiscard]] SourceStats Stats() const;

 private:
  class PumpScope;

  [[nodiscard]] static std::shared_ptr<DbnParser::Pool> PoolOf(Reactor* reactor);

  [[nodiscard]] Flow PumpUntilBlocked();
  void Dispense(const RecordBatch& batch);
  void Screen(const RecordBatch& batch);
  [[nodiscard]] RecordBatch NewRuns(const RecordBatch& batch);
  [[nodiscard]] bool Screens() const noexcept {
    return tap_ != nullptr && tap_->Screens();
  }
  [[nodiscard]] RecordBatch PeekBatch() {
    return form_ == BatchForm::Runs || Screens() ? parser_.Peek() : parser_.PeekMixed();
  }
  void CountRecords(RType rtype, std::size_t count) noexcept;
  void CountConsumed(const RecordBatch& batch, std::size_t from, std::size_t to);
  void CountMixed(const RecordBatch& batch, std::size_t from, std::size_t to);
  void Tally(std::span<const std::byte> records) noexcept;
  [[nodiscard]] bool HasNewMetadata() const noexcept {
    return headers_notified_ != parser_.headers();
  }
  void UpdateStop() noexcept {
    control_.stop =
        IsPaused() || held_ != 0 || ended_ || destroyed_ || stale_ || replaced_;
  }
  [[nodiscard]] Reactor::Clock::time_point Now() const;

  Reactor* reactor_;
  client::DeliveryObserver* observer_;
  client::DeliveryTap* tap_ = nullptr;
  DbnParser parser_;
  std::optional<codec::ZstdStream> zstd_;
  std::shared_ptr<Dispatch> dispatch_;  // shared with the call in progress
  BatchForm form_ = BatchForm::Runs;    // that it takes
  detail::DeliveryControl control_;
  client::SourceCounters counters_;
  net::Timer continue_;
  std::uint64_t headers_notified_ = 0;  // reported to the metadata handler
  std::size_t held_ = 0;                // bytes that the sink has not consumed
  bool may_hold_ = false;               // the dispatch is a sink
  RecordBatch held_batch_;              // the batch that ends with them
  RecordRun screened_{};                // the one run of a screened batch
  std::atomic<bool> paused_{false};
  bool ended_ = false;
  bool destroyed_ = false;
  bool pumping_ = false;  // delivery is on the stack; it is never recursive
  // A new stream began inside a handler of the old one: the delivery on the stack must
  // end before anything of the new stream is delivered.
  bool stale_ = false;
  // A handler replaced itself: the delivery on the stack starts again with the new one.
  bool replaced_ = false;
};

}  // namespace dbnloop
