#include "dbnloop/live_client.hpp"

#include <algorithm>
#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "client/live/session.hpp"
#include "proto/validate.hpp"

namespace dbnloop {
namespace {

using std::chrono::seconds;

constexpr seconds kMinHeartbeat{5};
constexpr seconds kMaxHeartbeat{1800};
constexpr std::size_t kMinReceiveBuffer = 4 * 1024;
constexpr std::size_t kMaxReceiveBuffer = std::size_t{1} << 30;

// Longer ones could not be counted in nanoseconds.
constexpr std::chrono::milliseconds kLongest = std::chrono::years{10};

}  // namespace

LiveOptions client::Validated(LiveOptions options) {
  if (!options.dataset.empty()) proto::ValidateDataset(options.dataset);
  if (options.heartbeat_interval && (*options.heartbeat_interval < kMinHeartbeat ||
                                     *options.heartbeat_interval > kMaxHeartbeat)) {
    base::Throw(
        ErrorCode::InvalidArgument,
        base::StrCat("heartbeat_interval is ", options.heartbeat_interval->count(),
                     " s; it must be 5 to 1800 s"));
  }
  if (options.heartbeat_grace.count() < 0 || options.connect_timeout.count() < 0 ||
      options.auth_timeout.count() < 0 || options.ack_timeout.count() < 0 ||
      options.resolve_timeout.count() < 0) {
    base::Throw(ErrorCode::InvalidArgument, "a timeout is negative; 0 means none");
  }
  for (auto* limit :
       {&options.heartbeat_grace, &options.connect_timeout, &options.auth_timeout,
        &options.ack_timeout, &options.resolve_timeout}) {
    *limit = std::min(*limit, kLongest);
  }
  if (options.receive_buffer != 0 && (options.receive_buffer < kMinReceiveBuffer ||
                                      options.receive_buffer > kMaxReceiveBuffer)) {
    base::Throw(
        ErrorCode::InvalidArgument,
        base::StrCat("receive_buffer is ", options.receive_buffer,
                     " bytes; it must be 4 KiB to 1 GiB, or 0 for the system's"));
  }
  if (options.busy_poll.count() < 0 || options.busy_poll > seconds{1}) {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("busy_poll is ", options.busy_poll.count(),
                             " us; it must be 0 to 1000000 us"));
  }
  const bool plain = std::ranges::all_of(options.user_agent_extension, [](char c) {
    return c >= 0x20 && c < 0x7F && c != '|';
  });
  if (!plain)
    base::Throw(ErrorCode::InvalidArgument,
                "user_agent_extension must be printable ASCII without '|'");
  return options;
}

LiveClient::LiveClient(Reactor* reactor, std::string api_key)
    : LiveClient{reactor, std::move(api_key), LiveOptions{}} {}

LiveClient::LiveClient(Reactor* reactor, std::string api_key, LiveOptions options)
    : LiveClient{MakeSession(reactor, std::move(api_key), std::move(options))} {}

LiveClient::LiveClient(std::unique_ptr<Session> session)
    : DataSource{session->delivery()}, session_{std::move(session)} {}

LiveClient::~LiveClient() = default;

std::unique_ptr<LiveClient::Session> LiveClient::MakeSession(Reactor* reactor,
                                                             std::string api_key,
                                                             LiveOptions options) {
  if (reactor == nullptr)
    base::Throw(ErrorCode::InvalidArgument, "LiveClient: the reactor is null");
  auto key = base::ToSecret(std::move(api_key));
  proto::ValidateApiKey(key);
  return std::make_unique<Session>(reactor, std::move(key),
                                   client::Validated(std::move(options)));
}

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

void LiveClient::Unsubscribe(std::string_view dataset, std::string_view symbols,
                             Schema schema) {
  Unsubscribe(Unsubscription{.dataset = std::string{dataset},
                             .schema = schema,
                             .stype_in = SType::RawSymbol,
                             .symbols = proto::SplitSymbols(symbols)});
}

void LiveClient::Unsubscribe(const Unsubscription& unsubscription) {
  session_->Unsubscribe(unsubscription);
}

std::vector<EffectiveRequest> LiveClient::Subscriptions() const {
  return session_->Subscriptions();
}

void LiveClient::Start() { session_->Start(); }
void LiveClient::Stop() { session_->Stop(); }
void LiveClient::Pause() { session_->Pause(); }
void LiveClient::Resume() { session_->Resume(); }

LiveClient::State LiveClient::GetState() const noexcept { return session_->state(); }
std::uint64_t LiveClient::SessionId() const noexcept { return session_->session_id(); }
const std::string& LiveClient::SessionIdText() const noexcept {
  return session_->session_id_text();
}
const std::string& LiveClient::Peer() const noexcept { return session_->peer(); }
int LiveClient::Fd() const noexcept { return session_->fd(); }

void LiveClient::OnState(StateHandler h) { session_->on_state.Set(std::move(h)); }
void LiveClient::OnSessionEvent(SessionEventHandler h) {
  session_->on_session_event.Set(std::move(h));
}

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
