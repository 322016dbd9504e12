#include "proto/gateway_session.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/number.hpp"
#include "base/str_cat.hpp"
#include "base/text.hpp"
#include "base/throw.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/version.hpp"
#include "proto/cram.hpp"
#include "proto/validate.hpp"

namespace dbnloop::proto {
namespace {

constexpr std::size_t kSymbolChunk = 500;

bool IsText(std::string_view line) {
  return !line.empty() && std::ranges::all_of(line, [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
  });
}

std::string Joined(std::span<const std::string> symbols) {
  std::string list;
  for (const auto& symbol : symbols) {
    if (!list.empty()) list += ',';
    list += symbol;
  }
  return list;
}

std::string LineOf(const Subscription& subscription, std::uint32_t id,
                   std::span<const std::string> symbols, bool last) {
  auto line = base::StrCat("schema=", TextOf(subscription.schema),
                           "|stype_in=", TextOf(subscription.stype_in), "|id=", id,
                           "|symbols=", Joined(symbols),
                           "|snapshot=", subscription.snapshot ? 1 : 0);
  if (subscription.start) {
    line += base::StrCat("|start=", subscription.start->time_since_epoch().count());
  }
  return line + (last ? "|is_last=1\n" : "|is_last=0\n");
}

std::string LineOf(const Unsubscription& unsubscription,
                   std::span<const std::string> symbols, bool last) {
  return base::StrCat("unsubscribe|schema=", TextOf(unsubscription.schema),
                      "|stype_in=", TextOf(unsubscription.stype_in),
                      "|symbols=", Joined(symbols), "|is_last=", last ? 1 : 0, "\n");
}

// The lines of a request. `line_of` gets the symbols of one, and whether it is the
// last.
template <typename F>
std::string Chunked(std::span<const std::string> symbols, F&& line_of) {
  std::string lines;
  for (std::size_t at = 0; at < symbols.size(); at += kSymbolChunk) {
    const auto chunk = symbols.subspan(at, std::min(kSymbolChunk, symbols.size() - at));
    lines += line_of(chunk, at + chunk.size() == symbols.size());
  }
  return lines;
}

}  // namespace

GatewaySession::GatewaySession(base::SecretString api_key, const LiveOptions& options)
    : api_key_{std::move(api_key)}, options_{options}, dataset_{options.dataset} {}

GatewaySession::~GatewaySession() = default;

std::size_t GatewaySession::Receive(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  while (phase_ < Phase::Ready && taken < bytes.size()) {
    // While the dataset is awaited, the gateway has nothing to say: whatever comes now
    // is read when it makes sense.
    if (phase_ == Phase::AwaitDataset) break;
    const auto line = lines_.Next(bytes.subspan(taken), taken);
    if (lines_.TooLong()) {
      Fail(ErrorCode::LimitExceeded,
           "the gateway sent a line of more than 65536 bytes before the session began; "
           "check that the peer is a Databento gateway");
      break;
    }
    if (line) OnLine(*line);
  }
  return taken;
}

void GatewaySession::OnLine(std::string_view line) {
  switch (phase_) {
    case Phase::Greeting:
      return OnGreeting(line);
    case Phase::Challenge:
      return OnChallenge(line);
    default:
      return OnAuthResponse(line);
  }
}

// Its content is opaque, but a peer that sends anything other than text is not a
// gateway.
void GatewaySession::OnGreeting(std::string_view line) {
  if (!IsText(line) || ValueOf(line, "cram")) {
    return Fail(ErrorCode::InvalidGreeting,
                "the peer's first line is not a gateway's greeting: " +
                    base::Quoted(line) + "; check host and port");
  }
  phase_ = Phase::Challenge;
}

void GatewaySession::OnChallenge(std::string_view line) {
  const auto challenge = ValueOf(line, "cram");
  if (!challenge || !IsText(*challenge)) {
    return Fail(ErrorCode::InvalidChallenge,
                "expected the line cram=…, the peer sent " + base::Quoted(line) +
                    "; check host and port");
  }
  challenge_ = *challenge;
  if (dataset_.empty()) {
    phase_ = Phase::AwaitDataset;
  } else {
    Authenticate();
  }
}

void GatewaySession::OnAuthResponse(std::string_view line) {
  if (ValueOf(line, "success") != "1") {
    const auto reason = ValueOf(line, "error");
    return Fail(ErrorCode::AuthFailed,
                "the gateway refused the authentication for dataset " + dataset_ +
                    ": " + (reason ? base::Quoted(*reason) : base::Quoted(line)) +
                    "; check the API key and its entitlement to the dataset");
  }
  if (const auto id = ValueOf(line, "session_id")) {
    session_id_ = base::ParseNumber<std::uint64_t>(*id).value_or(0);
    session_id_text_ = base::Printable(*id);
  }
  phase_ = Phase::Ready;
  Flush();
}

void GatewaySession::SetDataset(std::string dataset) {
  ValidateDataset(dataset);
  CheckDataset(dataset);
  dataset_ = std::move(dataset);
  if (phase_ == Phase::AwaitDataset) Authenticate();
}

void GatewaySession::CheckDataset(std::string_view dataset) const {
  if (dataset_.empty() || dataset == dataset_) return;
  base::Throw(ErrorCode::InvalidDataset,
              base::StrCat("this session's dataset is ", dataset_,
                           "; use another client for ", dataset));
}

void GatewaySession::Authenticate() {
  output_ += "auth=" + CramReply(challenge_, api_key_);
  api_key_ = {};  // it is needed once
  output_ += "|dataset=" + dataset_;
  output_ += "|encoding=dbn";
  output_ += options_.ts_out ? "|ts_out=1" : "|ts_out=0";
  output_ += "|compression=";
  output_ += TextOf(options_.compression);
  output_ += "|client=dbnloop/" + std::string{kVersion};
  if (!options_.user_agent_extension.empty()) {
    output_ += " " + options_.user_agent_extension;
  }
  if (options_.heartbeat_interval) {
    output_ +=
        base::StrCat("|heartbeat_interval_s=", options_.heartbeat_interval->count());
  }
  if (options_.slow_reader_behavior) {
    output_ += "|slow_reader_behavior=";
    output_ += TextOf(*options_.slow_reader_behavior);
  }
  output_ += '\n';
  phase_ = Phase::AuthResponse;
}

std::uint32_t GatewaySession::Subscribe(const Subscription& subscription) {
  ValidateSubscription(subscription);
  if (started_ && subscription.start) {
    base::Throw(ErrorCode::InvalidState,
                "a subscription with start (replay) must be made before Start; "
                "leave start out "
                "to join in real time, or use a new session");
  }
  if (!subscription.dataset.empty()) SetDataset(subscription.dataset);
  if (dataset_.empty()) {
    base::Throw(ErrorCode::InvalidDataset,
                "Subscribe: no dataset is known; name it in the first subscription "
                "or in the options");
  }
  const auto id =
      last_id_ + (last_id_ < std::numeric_limits<std::uint32_t>::max() ? 1 : 0);
  const auto lines = Chunked(subscription.symbols, [&](auto symbols, bool last) {
    return LineOf(subscription, id, symbols, last);
  });
  ReserveFor(lines.size());
  subscriptions_.Add(subscription, id);
  last_id_ = id;
  pending_ += lines;
  Flush();
  return last_id_;
}

void GatewaySession::Unsubscribe(const Unsubscription& unsubscription) {
  ValidateUnsubscription(unsubscription);
  if (!unsubscription.dataset.empty()) CheckDataset(unsubscription.dataset);
  const auto lines = Chunked(unsubscription.symbols, [&](auto symbols, bool last) {
    return LineOf(unsubscription, symbols, last);
  });
  ReserveFor(lines.size());
  subscriptions_.Remove(unsubscription);
  pending_ += lines;
  Flush();
}

// Memory first: a request is queued and in the set, or neither.
void GatewaySession::ReserveFor(std::size_t more) {
  pending_.reserve(pending_.size() + more);
  if (phase_ >= Phase::Ready) output_.reserve(output_.size() + pending_.size() + more);
}

void GatewaySession::Start() {
  if (started_) {
    base::Throw(ErrorCode::InvalidState,
                "Start: this session was started already; a session begins once");
  }
  started_ = true;
  pending_ += "start_session\n";
  Flush();
}

void GatewaySession::Flush() {
  if (phase_ < Phase::Ready || phase_ == Phase::Failed) return;
  output_ += std::exchange(pending_, {});
  if (started_) phase_ = Phase::Streaming;
}

void GatewaySession::Sent(std::size_t n) {
  sent_ += n;
  if (sent_ == output_.size()) {
    output_.clear();
    sent_ = 0;
  }
}

Error GatewaySession::Finish() const {
  if (error_) return error_;
  std::string sent;
  if (const auto partial = lines_.Partial(); !partial.empty()) {
    sent = ", having sent " + base::Quoted(partial);
  }
  switch (phase_) {
    case Phase::Greeting:
      return {ErrorCode::ConnectionClosed,
              "the gateway closed the connection before its greeting" + sent +
                  "; check host and port"};
    case Phase::Challenge:
      return {ErrorCode::ConnectionClosed,
              "the gateway closed the connection before its challenge" + sent +
                  "; check host and port"};
    case Phase::AwaitDataset:
      return {
          ErrorCode::ConnectionClosed,
          "the gateway closed the connection while the dataset was awaited; subscribe "
          "earlier, or give the dataset as an option"};
    case Phase::AuthResponse:
      // A refusal is one without its line's end too; silence may be anything.
      return {ValueOf(lines_.Partial(), "success") == "0" ? ErrorCode::AuthFailed
                                                          : ErrorCode::ConnectionClosed,
              "the gateway closed the connection without answering the authentication "
              "for dataset " +
                  dataset_ + sent +
                  "; if this happens again, check the API key and the number of open "
                  "sessions"};
    default:
      return {ErrorCode::ConnectionClosed, "the gateway closed the connection"};
  }
}

void GatewaySession::Fail(ErrorCode code, std::string message) {
  phase_ = Phase::Failed;
  error_ = {code, std::move(message)};
}

}  // namespace dbnloop::proto
