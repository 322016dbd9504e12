// What the gateway no longer retains comes from history, at a price that is known
// first.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "base/str_cat.hpp"
#include "base/unix_time.hpp"
#include "client/continuous/engine.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/exception.hpp"
#include "proto/iso_time.hpp"

namespace dbnloop {
namespace {

using StreamKind = ContinuityEvent::Kind;
using GapKind = ContinuityEvent::GapReason;

}  // namespace

bool ContinuousClient::Engine::NeedsHistory(const Wanted& wanted) const {
  const auto schema = wanted.subscription.schema;
  if (wanted.policy != RecoveryPolicy::Replay || wanted.refused || !wanted.active) {
    return false;
  }
  if (history_done_.contains(schema) || gaps_.contains(schema)) return false;
  return from_history_.contains(schema);
}

// Whether a replay from there is not to be trusted: some schemas begin late, without an
// error, when the gateway no longer has all. Only a session says what the present is;
// where it does not, the system's clock does. A start at 0 asks for what there is.
bool ContinuousClient::Engine::IsTooOld(std::uint64_t start) const {
  const auto limit = static_cast<std::uint64_t>(
      std::chrono::nanoseconds{options_.replay_limit}.count());
  const auto now =
      session_began_ != 0 ? session_began_ : base::NanosOf(base::SystemNow());
  return start != 0 && start < now - std::min(now, limit);
}

// Whether this session's replays begin too long ago, so that history comes first.
bool ContinuousClient::Engine::TurnsToHistory() {
  bool turns = false;
  for (const auto& wanted : wanted_) {
    const auto schema = wanted.subscription.schema;
    if (wanted.asked == 0 || !IsTooOld(wanted.asked) ||
        history_done_.contains(schema)) {
      continue;
    }
    from_history_.insert(schema);
    turns = true;
  }
  if (!turns) return false;
  ProceedLater();
  live_.Close();
  return true;
}

HistoricalClient& ContinuousClient::Engine::History() {
  if (!history_) {
    auto impl = std::make_unique<HistoricalSession>(reactor_, api_key_,
                                                    options_.history, delivery_);
    history_session_ = impl.get();
    history_session_->on_complete.Set([this] { OnRangeComplete(); });
    history_.reset(new HistoricalClient{std::move(impl)});
  }
  return *history_;
}

void ContinuousClient::Engine::CancelCalls() {
  if (call_ != 0 && history_) history_->Cancel(call_);
  call_ = 0;
}

// Which ranges are missing, and up to where history has them.
void ContinuousClient::Engine::BeginHistory(const client::KnownStream& known) {
  if (!SetState(State::History) || stopping_) return;
  ranges_.clear();
  range_ = 0;
  price_ = 0;
  handed_out_ = false;
  screen_.Reset();
  for (const auto& wanted : wanted_) {
    const auto start = StartOf(wanted, known);
    if (!start || !NeedsHistory(wanted)) continue;
    const auto& subscription = wanted.subscription;
    const auto found = known.rtypes.find(client::RTypeOf(subscription.schema));
    auto index = *start;
    if (found != known.rtypes.end() && !found->second.records.empty()) {
      index = std::max(std::min(found->second.lowest_index, *start),
                       *start - std::min(*start, client::kReceptionSkew));
    }
    const auto from = base::TimeOf(index);
    auto range = std::ranges::find_if(ranges_, [&](const Range& other) {
      return other.request.schema == subscription.schema &&
             other.request.stype_in == subscription.stype_in &&
             other.request.start == from;
    });
    if (range == ranges_.end()) {
      HistoricalRequest request;
      request.dataset = dataset_;
      request.schema = subscription.schema;
      request.stype_in = subscription.stype_in;
      request.start = from;
      range = ranges_.insert(range, {std::move(request), *start});
    }
    std::ranges::copy(subscription.symbols, std::back_inserter(range->request.symbols));
  }
  if (auto error = JoinSymbols()) {
    return GiveUpHistory(GapKind::NoHistory, *error);
  }
  try {
    call_ = HistoricalApi{&History()}.GetDatasetRange(
        dataset_, [this](std::expected<DatasetRange, Error> range) {
          call_ = 0;
          if (!range) return OnSessionEnd(range.error());
          Guarded([&] { OnDatasetRange(*range); });
        });
  } catch (const Exception& e) {  // an option of history cannot be used
    OnSessionEnd(e.error());
  }
}

// What was handed out is known by its latest records. Were a second range of the same
// records to follow, nothing would tell any more where the first one ended.
std::optional<Error> ContinuousClient::Engine::JoinSymbols() {
  std::set<RType> rtypes;
  for (auto& range : ranges_) {
    auto& symbols = range.request.symbols;
    std::ranges::sort(symbols);
    const auto repeated = std::ranges::unique(symbols);
    symbols.erase(repeated.begin(), repeated.end());
    if (std::ranges::binary_search(symbols, kAllSymbols)) {
      symbols.assign(1, std::string{kAllSymbols});
    }
    const auto schema = range.request.schema;
    if (rtypes.insert(client::RTypeOf(schema)).second &&
        symbols.size() <= client::kMaxSymbols) {
      continue;
    }
    return Error{
        ErrorCode::InvalidArgument,
        base::StrCat("history for ", TextOf(schema),
                     " needs several requests, which cannot be joined without a gap: "
                     "let its subscriptions have the same start and stype_in, and at "
                     "most ",
                     client::kMaxSymbols,
                     " symbols, and use another client for a schema of the same "
                     "records (tbbo and mbp-1)")};
  }
  return std::nullopt;
}

void ContinuousClient::Engine::OnDatasetRange(const DatasetRange& available) {
  for (auto& range : ranges_) {
    const auto named =
        available.range_by_schema.find(std::string{TextOf(range.request.schema)});
    const auto& text =
        named != available.range_by_schema.end() ? named->second.end : available.end;
    const auto end = proto::ParseIsoTime(text);
    if (!end) {
      return OnSessionEnd({ErrorCode::ParseError,
                           "the API says that the data of " + dataset_ + " ends at " +
                               base::StrCat('"', text, '"') + ", which is not a time"});
    }
    range.request.end = *end;
    reached_[range.request.schema] = base::NanosOf(*end);
  }
  std::erase_if(ranges_, [&](const Range& range) {
    const bool empty = range.request.start >= *range.request.end;
    if (empty) history_done_.insert(range.request.schema);
    return empty;
  });
  if (ranges_.empty()) return Proceed();
  AskPrice();
}

void ContinuousClient::Engine::AskPrice() {
  call_ = HistoricalApi{&History()}.GetCost(ranges_[range_].request,
                                            [this](std::expected<double, Error> cost) {
                                              call_ = 0;
                                              if (!cost)
                                                return OnSessionEnd(cost.error());
                                              price_ += *cost;
                                              Guarded([this] {
                                                if (++range_ < ranges_.size())
                                                  return AskPrice();
                                                OnPrice();
                                              });
                                            });
}

void ContinuousClient::Engine::OnPrice() {
  ContinuityEvent event{.kind = StreamKind::Price};
  event.cost = price_;
  event.schema = ranges_.front().request.schema;
  event.from = ranges_.front().request.start;
  event.to = *ranges_.front().request.end;
  for (const auto& range : ranges_) {
    event.from = std::min(event.from, range.request.start);
    event.to = std::max(event.to, *range.request.end);
    if (range.request.schema != *event.schema) event.schema.reset();
    if (!event.schema) break;
  }
  if (!Report(event) || state() != State::History || stopping_) return;
  const auto allowed = options_.max_cost.value_or(0);
  if (price_ > 0 && spent_ + price_ > allowed) {
    return GiveUpHistory(
        GapKind::Price,
        {ErrorCode::LimitExceeded,
         "history for this stream costs " + std::to_string(price_) +
             " US dollars, and " + std::to_string(std::max(0.0, allowed - spent_)) +
             " may be spent: raise max_cost, or begin later"});
  }
  range_ = 0;
  RequestRange();
}

// Paid for when it is requested.
void ContinuousClient::Engine::RequestRange() {
  const auto& range = ranges_[range_];
  if (range_ == 0) spent_ += price_;
  screen_.Reset();
  // A range may bring again what a replay from its start would not: records whose
  // ts_event precedes the start, but whose index time does not.
  screen_.Expect(range.request.schema, trail_.Collect(delivery_->parser()), 0);
  UpdateScreens();
  history_session_->SetRequest(range.request);
  history_session_->Start();
}

void ContinuousClient::Engine::OnRangeComplete() {
  const auto& range = ranges_[range_];
  const auto schema = range.request.schema;
  const auto outcome = screen_.Complete(schema, range.start);
  if (stopping_) {
    return Finish(Stopped());
  }
  // What it lacks of its last moments the replay may still bring.
  const auto end = reached_[schema];
  const auto proved = end - std::min(end, client::SeamSkewOf(client::RTypeOf(schema)));
  if (outcome && outcome->missing && *outcome->missing < proved) {
    if (!ReportGap(schema, *outcome->missing, end, GapKind::Contradiction) ||
        state() != State::History || stopping_) {
      return;
    }
  }
  // The next one only once this handler's stream is done.
  next_.Defer([this] {
    Guarded([this] {
      if (++range_ < ranges_.size()) return RequestRange();
      for (const auto& range : ranges_) history_done_.insert(range.request.schema);
      handed_out_ = false;
      Proceed();
    });
  });
}

// Before anything was handed out the user must decide; later the stream continues with
// what the gateway has, and the rest is a gap.
void ContinuousClient::Engine::GiveUpHistory(GapKind reason, const Error& why) {
  if (!began_ && !resumed_) return Finish(why);
  for (const auto& range : ranges_) {
    const auto schema = range.request.schema;
    history_done_.insert(schema);
    gaps_.try_emplace(schema, PendingGap{range.start, reason, why});
  }
  ProceedLater();
}

}  // namespace dbnloop
