#include "client/delivery.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "client/turn_budget.hpp"
#include "dbn/parser_memory.hpp"
#include "dbnloop/rtype.hpp"
#include "proto/session_events.hpp"

namespace dbnloop {
namespace {

// The batch up to its first run of messages, including that run: what they say is
// reported before the next record.
RecordBatch UpToMessages(RecordBatch batch) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < batch.runs.size(); ++i) {
    const auto& run = batch.runs[i];
    size += std::size_t{run.count} * run.record_size;
    if (proto::HoldsSessionEvent(run.rtype))
      return {batch.data, size, batch.runs.first(i + 1)};
  }
  return batch;
}

// Every rtype that is known: those whose records may be plain.
constexpr auto kRTypes = [] {
  constexpr auto rtype_of = [](std::size_t i) { return static_cast<RType>(i); };
  std::array<RType, 256> rtypes{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < rtypes.size(); ++i) {
    if (IsKnown(rtype_of(i))) rtypes[count++] = rtype_of(i);
  }
  return std::pair{rtypes, count};
}();

constexpr std::span<const RType> KnownRTypes() {
  return std::span{kRTypes.first}.first(kRTypes.second);
}

}  // namespace

using client::Flow;

DataSource::Delivery::Delivery(Reactor* reactor, ParserOptions options,
                               client::DeliveryObserver* observer)
    : reactor_{reactor},
      observer_{observer},
      parser_{options, PoolOf(reactor)},
      continue_{reactor} {}

// The sources of a reactor take turns, so they share the memory of their parsers.
std::shared_ptr<DbnParser::Pool> DataSource::Delivery::PoolOf(Reactor* reactor) {
  if (reactor == nullptr) return nullptr;
  if (!reactor->shared_) reactor->shared_ = std::make_shared<DbnParser::Pool>();
  return std::static_pointer_cast<DbnParser::Pool>(reactor->shared_);
}

// ---- Calls of the user --------------------------------------------------------------

void DataSource::Delivery::SetDispatch(Dispatch dispatch, BatchForm form) {
  form_ = form;
  may_hold_ = false;
  dispatch_ = std::make_shared<Dispatch>(std::move(dispatch));
  if (!pumping_) return;
  replaced_ = true;
  UpdateStop();
}

void DataSource::Delivery::SetSink(BatchSink sink, BatchForm form) {
  SetDispatch(
      [this, sink = std::move(sink)](const RecordBatch& batch, DbnParser& parser,
                                     const detail::DeliveryControl& control) mutable {
        const auto stream = control.stream;
        const auto consumed = std::min(sink(batch), batch.size);
        if (destroyed_ || control.stream != stream) return;
        parser.Consume(consumed);
        held_ = ended_ ? 0 : batch.size - consumed;
        held_batch_ = batch;
        UpdateStop();
        // Release would schedule it outside of a turn, where that may cost a system
        // call, and another one when it is done.
        if (held_ != 0 && (HasPending() || observer_->HasMore())) Schedule();
      },
      form);
  may_hold_ = true;
}

void DataSource::Delivery::Release(std::size_t consumed) {
  if (held_ == 0) return;
  consumed = std::min(consumed, held_);
  parser_.Consume(consumed);
  const auto from = held_batch_.size - held_;
  held_ = 0;
  UpdateStop();
  CountConsumed(held_batch_, from, from + consumed);
  // Usually all was consumed and a part of a record is left: then the socket is next.
  if (!IsBlocked() &&
      (HasPending() || observer_->HasMore() || observer_->HasObserved() ||
       !PeekBatch().empty() || HasNewMetadata() || parser_.error())) {
    Schedule();
  }
  parser_.Rest();
  if (tap_ != nullptr) tap_->OnRelease();
}

// Each record of a batch stands for one of the source, perhaps of another size.
std::span<const std::byte> DataSource::Delivery::HeldSource(
    std::size_t consumed) noexcept {
  if (held_ == 0) return {};
  const auto size_at = [](const std::byte* record) {
    return std::size_t{static_cast<std::uint8_t>(*record)} *
           RecordHeader::kLengthMultiplier;
  };
  const auto* const source = parser_.NextSource();
  const auto* const first = held_batch_.data + (held_batch_.size - held_);
  std::size_t size = 0;
  for (std::size_t at = 0; at < std::min(consumed, held_); at += size_at(first + at)) {
    size += size_at(source + size);
  }
  return {source, size};
}

void DataSource::Delivery::Pause() noexcept {
  if (IsPaused()) return;
  counters_.BeginPause(Now());
  paused_.store(true, std::memory_order_relaxed);
  UpdateStop();
}

void DataSource::Delivery::Resume() {
  if (IsPaused()) {
    counters_.EndPause(Now());
    paused_.store(false, std::memory_order_relaxed);
    UpdateStop();
  }
  if (!ended_) Schedule();
}

void DataSource::Delivery::Detach() noexcept {
  destroyed_ = true;
  UpdateStop();
  continue_.Disarm();
  dispatch_.reset();
  on_error.Set(nullptr);
  on_metadata.Set(nullptr);
}

// ---- Calls of the session -----------------------------------------------------------

void DataSource::Delivery::BeginStream() {
  parser_.Reset();
  zstd_.reset();
  continue_.Disarm();
  headers_notified_ = 0;
  held_ = 0;
  ended_ = false;
  if (tap_ == nullptr) ResetCounters();
  ++control_.stream;
  stale_ = pumping_;
  UpdateStop();
}

void DataSource::Delivery::ResetCounters() {
  counters_.Reset(Now(), reactor_ != nullptr ? reactor_->Polls() : 0, IsPaused());
}

void DataSource::Delivery::EndStream() noexcept {
  if (!pumping_ && !IsHeld()) parser_.Rest();
  zstd_.reset();
  continue_.Disarm();
  ended_ = true;
  UpdateStop();
}

bool DataSource::Delivery::DeliverError(const Error& e) {
  const auto self = shared_from_this();
  if (tap_ != nullptr) {
    tap_->OnSessionEnd(e);
  } else {
    on_error(e);
  }
  return !destroyed_;
}

void DataSource::Delivery::Schedule() {
  if (reactor_ == nullptr || continue_.armed()) return;
  continue_.Defer([this] { observer_->ContinueDelivery(); });
}

// Marks the delivery that is on the stack, however it is left.
class DataSource::Delivery::PumpScope {
 public:
  explicit PumpScope(Delivery& delivery) : delivery_{delivery} {
    delivery_.pumping_ = true;
  }
  ~PumpScope() {
    delivery_.pumping_ = false;
    if (delivery_.destroyed_) return;
    delivery_.stale_ = delivery_.replaced_ = false;
    delivery_.UpdateStop();
    delivery_.counters_.SetBuffered(delivery_.parser_.buffered());
    // A handler threw: what is buffered must not wait for the socket.
    if (!completed_ && !delivery_.IsBlocked()) delivery_.Schedule();
    if (!delivery_.IsHeld()) delivery_.parser_.Rest();
  }
  PumpScope(const PumpScope&) = delete;
  PumpScope& operator=(const PumpScope&) = delete;

  void Complete() noexcept { completed_ = true; }

 private:
  Delivery& delivery_;
  bool completed_ = false;
};

Flow DataSource::Delivery::Pump() {
  if (pumping_) return Flow::Wait;
  const auto watch = WatchStream();  // keeps this alive
  PumpScope scope{*this};
  const auto flow = PumpUntilBlocked();
  scope.Complete();
  return watch.ended() ? Flow::Gone : flow;
}

Flow DataSource::Delivery::PumpUntilBlocked() {
  while (!control_.stop) {
    if (observer_->HasObserved()) {
      observer_->NotifyObserved();
    } else if (const auto batch = PeekBatch(); HasNewMetadata()) {
      headers_notified_ = parser_.headers();
      if (tap_ == nullptr || tap_->Admits(*parser_.metadata())) {
        on_metadata(*parser_.metadata());
      }
    } else if (batch.empty()) {
      return parser_.error() ? Flow::Failed : Flow::Go;
    } else if (Screens()) {
      Screen(batch);
    } else {
      Dispense(UpToMessages(batch));
    }
    if (!destroyed_ && replaced_) {
      replaced_ = false;
      UpdateStop();
    }
  }
  return Flow::Wait;
}

// Hands out, or drops, the records that share a verdict.
void DataSource::Delivery::Screen(const RecordBatch& batch) {
  screened_ = batch.runs.front();
  const auto verdict =
      tap_->Screen(screened_, parser_.NextSource(), parser_.SourceSize(screened_));
  screened_.count = verdict.count;
  const auto size = std::size_t{verdict.count} * screened_.record_size;
  if (verdict.deliver) {
    const bool complete = verdict.count == batch.runs.front().count;
    return Dispense(complete ? NewRuns(batch)
                             : RecordBatch{batch.data, size, {&screened_, 1}});
  }
  parser_.Consume(size);
  counters_.SetBuffered(parser_.buffered());
}

// The runs of a batch that are handed out with the first one. A binding takes one batch
// a turn, so that one run at a time would be slow where schemas are mixed.
RecordBatch DataSource::Delivery::NewRuns(const RecordBatch& batch) {
  const auto may_join = [&](const RecordRun& run, std::size_t at) {
    return run.rtype != RType::SymbolMapping &&
           tap_->AllNew(run, parser_.NextSource() + at);
  };
  const bool in_place = batch.data == parser_.NextSource();
  std::size_t size = 0;
  std::size_t count = 0;
  do {
    const auto& run = batch.runs[count++];
    size += std::size_t{run.count} * run.record_size;
    if (!in_place || proto::HoldsSessionEvent(run.rtype)) break;
  } while (count < batch.runs.size() && may_join(batch.runs[count], size));
  return {batch.data, size, batch.runs.first(count)};
}

// Hands a batch to the handler. However that returns, what was consumed is counted.
void DataSource::Delivery::Dispense(const RecordBatch& batch) {
  const auto stream = control_.stream;
  if (batch.mixed()) Tally({});
  const auto count = [&] {
    if (destroyed_ || control_.stream != stream) return;
    CountConsumed(batch, 0, parser_.taken());
  };
  if (const auto dispatch = dispatch_) {
    try {
      (*dispatch)(batch, parser_, control_);
    } catch (...) {
      count();
      throw;
    }
  } else {
    parser_.Consume(batch.size);
  }
  count();
}

Flow DataSource::Delivery::Inflate(std::span<const std::byte> in,
                                   std::size_t& consumed) {
  const auto turn_began = parser_.offset();
  for (;;) {
    if (const auto flow = Pump(); flow != Flow::Go) return flow;
    const auto rest = in.subspan(consumed);
    if (rest.empty() && !zstd_->HasPending()) return Flow::Go;
    if (parser_.offset() - turn_began > client::kTurnBytes) {
      Schedule();
      return Flow::Wait;
    }
    const auto room = parser_.WritableSpan();
    const auto [taken, produced] = zstd_->Decompress(
        rest, room.first(std::min(room.size(), client::kInflateBytes)));
    consumed += taken;
    parser_.Commit(produced);
    if (taken != 0 || produced != 0) continue;
    return zstd_->error() ? Flow::Failed : Flow::Go;
  }
}

void DataSource::Delivery::DeliverFrom(std::span<const std::byte>& data) {
  // A handler, or a binding, reads what pushing would move. Release continues.
  if (pumping_) return Schedule();
  if (IsHeld()) return;
  do {
    data = data.subspan(parser_.Push(data));
    if (Pump() != Flow::Go) return;
  } while (!data.empty());
}

// ---- State --------------------------------------------------------------------------

Error DataSource::Delivery::Finish() const {
  if (auto error = FinishFrame()) return error;
  return parser_.Finish();
}

void DataSource::Delivery::CountRecords(RType rtype, std::size_t count) noexcept {
  counters_.CountRecords(rtype, count);
  if (tap_ != nullptr) tap_->CountHandedOut(rtype, count);
}

// Counts the records from byte `from` to byte `to` of a batch; both lie between
// records.
void DataSource::Delivery::CountConsumed(const RecordBatch& batch, std::size_t from,
                                         std::size_t to) {
  if (from == to) return;
  counters_.CountBatch(to - from);
  counters_.SetBuffered(parser_.buffered());
  if (batch.mixed()) return CountMixed(batch, from, to);
  std::size_t end = 0;
  for (const auto& run : batch.runs) {
    const auto begin = end;
    end += std::size_t{run.count} * run.record_size;
    if (end <= from) continue;
    const bool complete = begin >= from && end <= to;
    const auto first = std::max(begin, from);
    const auto count =
        complete ? run.count : (std::min(end, to) - first) / run.record_size;
    CountRecords(run.rtype, count);
    if (tap_ != nullptr && run.rtype == RType::SymbolMapping) {
      tap_->ObserveMappings(run, batch.data + first, count);
    }
    const bool last = end >= to;
    // A stream that a handler ended has nothing more to tell.
    if (!ended_ && (last || proto::HoldsSessionEvent(run.rtype))) {
      observer_->ObserveConsumed(run, batch.data + first, count, last);
    }
    if (last) return;
  }
}

// Whoever took the records has counted them from the beginning of the batch, or else
// they are counted now.
void DataSource::Delivery::CountMixed(const RecordBatch& batch, std::size_t from,
                                      std::size_t to) {
  const auto& tally = control_.mixed;
  if (from != 0 || to != tally.size) Tally({batch.data + from, to - from});
  for (const auto rtype : KnownRTypes()) {
    const auto count = tally.counts[static_cast<std::uint8_t>(rtype)];
    if (count != 0) CountRecords(rtype, count);
  }
  if (ended_) return;
  const auto head = detail::HeadAt(tally.last);
  const RecordRun last{
      .count = 1,
      .record_size = static_cast<std::uint16_t>(detail::SizeOfHead(head)),
      .rtype = static_cast<RType>(head >> 8U),
      .typed = 1};
  observer_->ObserveConsumed(last, tally.last, 1, true);
}

// Counts the plain records that `records` begins with.
void DataSource::Delivery::Tally(std::span<const std::byte> records) noexcept {
  auto& tally = control_.mixed;
  for (const auto rtype : KnownRTypes())
    tally.counts[static_cast<std::uint8_t>(rtype)] = 0;
  detail::PlainRecords plain{records.data(), records.data() + records.size(),
                             parser_.plain_heads()};
  while (const auto* const record = plain.Take()) tally.Count(record);
  tally.last = plain.last();
  tally.size = static_cast<std::size_t>(plain.next() - records.data());
}

Reactor::Clock::time_point DataSource::Delivery::Now() const {
  return reactor_ != nullptr ? reactor_->Now() : Reactor::Clock::time_point{};
}

SourceStats DataSource::Delivery::Stats() const {
  if (reactor_ == nullptr) return counters_.Snapshot({}, 0);
  return counters_.Snapshot(reactor_->ReadClock(), reactor_->Polls());
}

}  // namespace dbnloop
