#include "dbnloop/live_client.hpp"

#include <algorithm>
#include <utility>

#include "client/live/session.hpp"
#include "dbnloop/exception.hpp"
#include "proto/validate.hpp"

namespace dbnloop {
namespace {

using std::chrono::seconds;

constexpr seconds kMinHeartbeat{5};
constexpr seconds kMaxHeartbeat{1800};

[[noreturn]] void Refuse(std::string message) {
  throw Exception{{ErrorCode::InvalidArgument, std::move(message)}};
}

// Longer ones could not be counted in nanoseconds.
constexpr std::chrono::milliseconds kLongest = std::chrono::years{10};

LiveOptions Validated(LiveOptions options) {
  if (!options.dataset.empty()) proto::ValidateDataset(options.dataset);
  if (options.heartbeat_interval && (*options.heartbeat_interval < kMinHeartbeat ||
                                     *options.heartbeat_interval > kMaxHeartbeat)) {
    Refuse("heartbeat_interval is " +
           std::to_string(options.heartbeat_interval->count()) +
           " s; it must be 5 to 1800 s");
  }
  if (options.heartbeat_grace.count() < 0 || options.connect_timeout.count() < 0 ||
      options.auth_timeout.count() < 0 || options.ack_timeout.count() < 0 ||
      options.resolve_timeout.count() < 0) {
    Refuse("a timeout is negative; 0 means none");
  }
  for (auto* limit :
       {&options.heartbeat_grace, &options.connect_timeout, &options.auth_timeout,
        &options.ack_timeout, &options.resolve_timeout}) {
    *limit = std::min(*limit, kLongest);
  }
  const bool plain = std::ranges::all_of(options.user_agent_extension, [](char c) {
    return c >= 0x20 && c < 0x7F && c != '|';
  });
  if (!plain) Refuse("user_agent_extension must be printable ASCII without '|'");
  return options;
}

ParserOptions ParserOptionsOf(const LiveOptions& options) {
  return {.buffer_size = options.buffer_size,
          .max_metadata = options.max_metadata,
          .upgrade_policy = options.upgrade_policy,
          .fragment = std::nullopt};
}

}  // namespace

LiveClient::LiveClient(Reactor* reactor, std::string api_key)
    : LiveClient{reactor, std::move(api_key), LiveOptions{}} {}

LiveClient::LiveClient(Reactor* reactor, std::string api_key, LiveOptions options)
    : DataSource{reactor, ParserOptionsOf(options)} {
  if (reactor == nullptr) Refuse("LiveClient: the reactor is null");
  auto key = base::Conceal(std::move(api_key));
  proto::ValidateApiKey(key);
  session_ = std::make_unique<Session>(this, reactor, std::move(key),
                                       Validated(std::move(options)));
}

LiveClient::~LiveClient() = default;

void LiveClient::Connect(std::string_view gateway, int port) {
  session_->Connect(gateway, port);
}
void LiveClient::Close() { session_->Close(); }

std::uint32_t LiveClient::Subscribe(std::string_view dataset, std::string_view symbols,
                                    Schema schema) {
  return Subscribe(Subscription{.dataset = std::string{dataset},
                                .schema = schema,
                                .stype_in = SType::RawSymbol,
                                .symbols = proto::SplitSymbols(symbols),
                                .start = std::nullopt,
                                .snapshot = false});
}

std::uint32_t LiveClient::Subscribe(const Subscription& subscription) {
  return session_->Subscribe(subscription);
}

void LiveClient::Start() { session_->Start(); }
void LiveClient::Stop() { session_->Stop(); }
void LiveClient::Pause() { session_->Pause(); }
void LiveClient::Resume() { session_->Resume(); }

LiveClient::State LiveClient::GetState() const noexcept { return session_->state; }
std::uint64_t LiveClient::SessionId() const noexcept { return session_->session_id; }
const std::string& LiveClient::SessionIdText() const noexcept {
  return session_->session_id_text;
}
const std::string& LiveClient::Peer() const noexcept { return session_->peer; }

void LiveClient::OnState(std::function<void(State)> h) {
  session_->on_state =
      h ? std::make_shared<std::function<void(State)>>(std::move(h)) : nullptr;
}

void LiveClient::OnSessionEvent(std::function<void(const SessionEvent&)> h) {
  session_->on_session_event =
      h ? std::make_shared<std::function<void(const SessionEvent&)>>(std::move(h))
        : nullptr;
}

void LiveClient::ScheduleDelivery() { session_->ScheduleDelivery(); }
void LiveClient::ObserveTaken(const RecordRun& run, const std::byte* records,
                              std::size_t count, bool last) {
  session_->Observe(run, records, count, last);
}
void LiveClient::TellObserved() { session_->TellObserved(); }
bool LiveClient::HasObserved() const { return !session_->observed.empty(); }
bool LiveClient::HasMore() const { return session_->HasMore(); }

std::string_view ToString(LiveClient::State state) noexcept {
  switch (state) {
    case LiveClient::State::Disconnected:
      return "Disconnected";
    case LiveClient::State::Connecting:
      return "Connecting";
    case LiveClient::State::Authenticating:
      return "Authenticating";
    case LiveClient::State::Ready:
      return "Ready";
    case LiveClient::State::Streaming:
      return "Streaming";
  }
  return "Unknown";
}

}  // namespace dbnloop
