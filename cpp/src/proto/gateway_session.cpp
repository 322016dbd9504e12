#include "proto/gateway_session.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/number.hpp"
#include "base/text.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/exception.hpp"
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

std::string SubscriptionLine(const Subscription& subscription, std::uint32_t id,
                             std::span<const std::string> symbols, bool last) {
  std::string line = "schema=";
  line += TextOf(subscription.schema);
  line += "|stype_in=";
  line += TextOf(subscription.stype_in);
  line += "|id=" + std::to_string(id) + "|symbols=";
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (i != 0) line += ',';
    line += symbols[i];
  }
  line += subscription.snapshot ? "|snapshot=1" : "|snapshot=0";
  if (subscription.start) {
    line += "|start=" + std::to_string(subscription.start->time_since_epoch().count());
  }
  line += last ? "|is_last=1\n" : "|is_last=0\n";
  return line;
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

// Its content is opaque; what is no text at all is no gateway.
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
  if (!dataset_.empty() && dataset != dataset_) {
    throw Exception{{ErrorCode::InvalidDataset,
                     "this session's dataset is " + dataset_ + ", it cannot become " +
                         dataset + "; a session has one dataset"}};
  }
  dataset_ = std::move(dataset);
  if (phase_ == Phase::AwaitDataset) Authenticate();
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
        "|heartbeat_interval_s=" + std::to_string(options_.heartbeat_interval->count());
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
    throw Exception{{ErrorCode::InvalidState,
                     "a subscription with start (replay) must be made before Start; "
                     "leave start out "
                     "to join in real time, or use a new session"}};
  }
  if (last_id_ < std::numeric_limits<std::uint32_t>::max()) ++last_id_;
  const std::span<const std::string> symbols = subscription.symbols;
  for (std::size_t at = 0; at < symbols.size(); at += kSymbolChunk) {
    const auto chunk = symbols.subspan(at, std::min(kSymbolChunk, symbols.size() - at));
    pending_ += SubscriptionLine(subscription, last_id_, chunk,
                                 at + chunk.size() == symbols.size());
  }
  Flush();
  return last_id_;
}

void GatewaySession::Start() {
  if (started_) {
    throw Exception{{ErrorCode::InvalidState,
                     "Start: this session was started already; a session begins once"}};
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
