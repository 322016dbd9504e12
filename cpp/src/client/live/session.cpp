#include "client/live/session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dbnloop/exception.hpp"
#include "proto/validate.hpp"

namespace dbnloop {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kTextBuffer = 4 * 1024;  // text lines are short
constexpr milliseconds kStopLimit{5000};       // for what is in flight after Stop

}  // namespace

LiveClient::Session::Session(LiveClient* client, Reactor* reactor,
                             base::SecretString api_key, LiveOptions options)
    : client_{client},
      reactor_{reactor},
      api_key_{std::move(api_key)},
      options_{std::move(options)},
      dialer_{reactor,
              {.timeout = options_.resolve_timeout, .servers = options_.name_servers}},
      text_{NewText()} {}

LiveClient::Session::~Session() {
  LetGo();
  reactor_->Cancel(farewell_);
}

std::unique_ptr<proto::GatewaySession> LiveClient::Session::NewText() const {
  return std::make_unique<proto::GatewaySession>(api_key_, options_);
}

// ---- Calls of the user --------------------------------------------------------------

void LiveClient::Session::RefuseChild(const char* what) const {
  if (!reactor_->InChild()) return;
  throw Exception{{ErrorCode::InvalidState,
                   std::string{what} +
                       ": the client was inherited by fork and belongs to the parent "
                       "process; make another one here"}};
}

void LiveClient::Session::Connect(std::string_view gateway, int port) {
  RefuseChild("Connect");
  if (state != State::Disconnected) {
    throw Exception{{ErrorCode::InvalidState,
                     "Connect: this client has a session, which is " +
                         std::string{ToString(state)} +
                         "; end it with Close (at once) or Stop, then connect again"}};
  }
  if (port < 1 || port > 65535) {
    throw Exception{
        {ErrorCode::InvalidArgument,
         "Connect: port " + std::to_string(port) + " is not in 1 to 65535"}};
  }
  reactor_->Cancel(farewell_);
  client_->BeginStream();
  gateway_ = gateway;
  port_ = port;
  peer.clear();
  session_id = 0;
  session_id_text.clear();
  state = State::Connecting;
  ArmConnectTimeout();
  if (!gateway_.empty()) {
    Dial(gateway_);
  } else if (!text_->dataset().empty()) {
    Dial(proto::GatewayHost(text_->dataset()));
  } else {
    awaiting_dataset_ = true;
  }
  if (on_state) {
    const auto notify = on_state;
    (*notify)(State::Connecting);
  }
}

std::uint32_t LiveClient::Session::Subscribe(const Subscription& subscription) {
  RefuseChild("Subscribe");
  proto::ValidateSubscription(subscription);
  if (stopping_) {
    throw Exception{
        {ErrorCode::InvalidState, "Subscribe: the session is being stopped"}};
  }
  const auto& dataset = text_->dataset();
  if (subscription.dataset.empty() && dataset.empty()) {
    throw Exception{
        {ErrorCode::InvalidDataset,
         "Subscribe: no dataset is known; name it in the first subscription "
         "or in the options"}};
  }
  if (!subscription.dataset.empty() && !dataset.empty() &&
      subscription.dataset != dataset) {
    throw Exception{{ErrorCode::InvalidDataset,
                     "Subscribe: this session's dataset is " + dataset +
                         "; use another client for " + subscription.dataset}};
  }
  const auto id = text_->Subscribe(subscription);
  AwaitAck(id);
  if (dataset.empty()) {
    text_->SetDataset(subscription.dataset);
    if (awaiting_dataset_) {
      awaiting_dataset_ = false;
      Dial(proto::GatewayHost(subscription.dataset));
    }
  }
  // What is queued goes out in the reactor's turn at the latest; an error of the socket
  // is told there too, never from inside this call.
  if (socket_) {
    Send();
    UpdateInterest();
  }
  return id;
}

void LiveClient::Session::Start() {
  RefuseChild("Start");
  if (text_->started()) {
    throw Exception{{ErrorCode::InvalidState,
                     "Start: this session was started already; a session begins once"}};
  }
  text_->Start();
  if (!socket_) return;
  Send();
  if (!InText()) ScheduleDelivery();  // the state changes in the next turn
  UpdateInterest();
}

void LiveClient::Session::Close() {
  client_->StopDelivery();
  reactor_->Cancel(farewell_);
  Reset();
  state = State::Disconnected;
}

void LiveClient::Session::Stop() {
  if (state == State::Disconnected) return;
  RefuseChild("Stop");
  // Inside a handler of records (or with a batch in a binding's hands, which is the
  // same) nothing more is wanted; before the stream nothing is in flight.
  if (state != State::Streaming || client_->control()->pumping || client_->IsHeld()) {
    auto reason = Cancelled();
    Close();
    return FarewellLater(std::move(reason));
  }
  if (stopping_) return;
  stopping_ = true;
  text_->Sent(text_->Output().size());
  ::shutdown(socket_.get(), SHUT_WR);
  reactor_->Cancel(heartbeat_);
  ArmStopLimit(kStopLimit);
  UpdateInterest();
}

void LiveClient::Session::ArmStopLimit(Reactor::Clock::duration delay) {
  deadline_ = reactor_->After(delay, [this] { OnStopLimit(); });
}

// What had come by then is still delivered, unless the user holds it back.
void LiveClient::Session::OnStopLimit() {
  const bool held_back = client_->IsPaused() || client_->IsHeld();
  if (!held_back && IsBehind(stop_mark_)) return ArmStopLimit({});
  End(Cancelled());
}

void LiveClient::Session::Pause() {
  client_->SetPaused(true);
  UpdateInterest();
}

void LiveClient::Session::Resume() {
  if (!client_->IsPaused()) return;
  client_->SetPaused(false);
  last_byte_ = reactor_->Now();  // the peer was held back by us: it is not silent
  for (auto& ack : acks_) ack.since = last_byte_;
  ScheduleDelivery();
}

// ---- Connecting ---------------------------------------------------------------------

void LiveClient::Session::Dial(std::string host) {
  gateway_ = std::move(host);
  dialer_.Dial(gateway_, port_,
               [this](net::Dialer::Result result) { OnDialed(std::move(result)); });
}

void LiveClient::Session::OnDialed(net::Dialer::Result result) {
  if (result.error) {
    const auto& dataset = text_->dataset();
    if (result.error.code == ErrorCode::DnsResolutionFailed && !dataset.empty() &&
        gateway_ == proto::GatewayHost(dataset)) {
      result.error.message += "; it is derived from the dataset " + dataset;
    }
    End(std::move(result.error));
    return;
  }
  socket_ = std::move(result.socket);
  peer = std::move(result.peer);
  last_byte_ = reactor_->Now();
  // In this order there is always a deadline, also where memory for a timer is refused.
  const auto connecting = deadline_;
  ArmAuthTimeout();
  reactor_->Cancel(connecting);
  UpdateInterest();  // before the state's handler, which may throw
  static_cast<void>(SetState(State::Authenticating));
}

void LiveClient::Session::ArmConnectTimeout() {
  extended_ = false;
  if (options_.connect_timeout.count() == 0) return;
  due_ = reactor_->Now() + options_.connect_timeout;
  deadline_ = reactor_->After(options_.connect_timeout, [this] { OnConnectTimeout(); });
}

void LiveClient::Session::OnConnectTimeout() {
  if (!awaiting_dataset_ && ComesLate(dialer_.LastAnswer())) {
    deadline_ =
        reactor_->After(options_.connect_timeout, [this] { OnConnectTimeout(); });
    return;
  }
  OnTimeout("connecting", options_.connect_timeout,
            awaiting_dataset_ ? "no dataset was given to derive the gateway from: "
                                "subscribe, or name the gateway"
                              : dialer_.Progress());
}

void LiveClient::Session::ArmAuthTimeout() {
  extended_ = false;
  if (options_.auth_timeout.count() == 0) return;
  due_ = reactor_->Now() + options_.auth_timeout;
  deadline_ = reactor_->After(options_.auth_timeout, [this] { OnAuthTimeout(); });
}

void LiveClient::Session::OnAuthTimeout() {
  if (ComesLate(last_byte_)) {
    deadline_ = reactor_->After(options_.auth_timeout, [this] { OnAuthTimeout(); });
    return;
  }
  const bool no_dataset = text_->phase() == proto::GatewaySession::Phase::AwaitDataset;
  OnTimeout("authenticating", options_.auth_timeout,
            no_dataset ? "no dataset was given: subscribe, or name it in the options"
                       : "the gateway did not answer; check host and port");
}

// Whether a limit on all of a phase came so late that the peer answered after it:
// nobody was here to go on from there, so the phase gets its time once more. Once, or a
// trickle would never end.
bool LiveClient::Session::ComesLate(Reactor::Clock::time_point last_sign) {
  return last_sign > due_ && !std::exchange(extended_, true);
}

// ---- Text phase ---------------------------------------------------------------------

LiveClient::Session::Flow LiveClient::Session::ReadText() {
  std::array<std::byte, kTextBuffer> buffer;
  const auto n = Receive(buffer);
  if (!n) return eof_ ? OnEof() : Flow::Go;
  return TakeText(std::span{buffer}.first(*n));
}

LiveClient::Session::Flow LiveClient::Session::TakeText(
    std::span<const std::byte> bytes) {
  if (!held_text_.empty()) {
    held_text_.insert(held_text_.end(), bytes.begin(), bytes.end());
    const auto all = std::exchange(held_text_, {});
    return TakeText(all);
  }
  const auto taken = text_->Receive(bytes);
  if (text_->error()) {
    End(text_->error());
    return Flow::Stop;
  }
  const auto rest = bytes.subspan(taken);
  if (text_->phase() == proto::GatewaySession::Phase::AwaitDataset) {
    held_text_.assign(rest.begin(), rest.end());
    if (held_text_.size() > kTextBuffer) {
      End({ErrorCode::LimitExceeded,
           "the peer sends without having been asked to" + Where()});
      return Flow::Stop;
    }
    return Flow::Go;
  }
  Send();
  if (InText()) return Flow::Go;
  session_id = text_->session_id();
  session_id_text = text_->session_id_text();
  BeginRecords(rest);
  if (FollowPhase() == Flow::Stop) return Flow::Stop;
  return Deliver();
}

// Behind the authentication response the stream begins, perhaps in the same segment:
// those bytes are taken in before any state is told, as a state handler may throw.
void LiveClient::Session::BeginRecords(std::span<const std::byte> bytes) {
  reactor_->Cancel(deadline_);
  ArmHeartbeat(HeartbeatLimit());
  if (options_.compression == Compression::Zstd) {
    zstd_ = std::make_unique<codec::ZstdStream>();
    compressed_.resize(kLiveReceive);
  }
  if (bytes.empty()) return;
  Ingest(bytes);
  ScheduleDelivery();
}

// Tells the user of what the text session has reached.
LiveClient::Session::Flow LiveClient::Session::FollowPhase() {
  using Phase = proto::GatewaySession::Phase;
  const auto phase = text_->phase();
  if ((phase == Phase::Ready || phase == Phase::Streaming) &&
      state == State::Authenticating) {
    if (SetState(State::Ready) == Flow::Stop) return Flow::Stop;
  }
  // A state handler may have started the session, or closed it.
  if (text_->phase() == Phase::Streaming && state == State::Ready) {
    last_byte_ = reactor_->Now();  // the gateway need not speak before it is asked to
    BeginAcks();
    return SetState(State::Streaming);
  }
  return Flow::Go;
}

LiveClient::Session::Flow LiveClient::Session::SetState(State next) {
  state = next;
  if (!on_state) return Flow::Go;
  const auto control = client_->control();
  const auto notify = on_state;
  const int fd = socket_.get();
  (*notify)(next);
  if (control->destroyed) return Flow::Stop;
  // Closed, or closed and connected anew, by the handler.
  return state == next || (socket_ && socket_.get() == fd) ? Flow::Go : Flow::Stop;
}

}  // namespace dbnloop
