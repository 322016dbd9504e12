#include "client/live/session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "client/turn_budget.hpp"
#include "proto/validate.hpp"

namespace dbnloop {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kTextBuffer = 4 * 1024;  // text lines are short
constexpr milliseconds kStopLimit{5000};       // for what is in flight after Stop

}  // namespace

LiveClient::Session::Session(Reactor* reactor, base::SecretString api_key,
                             LiveOptions options, std::shared_ptr<Delivery> delivery)
    : reactor_{reactor},
      api_key_{std::move(api_key)},
      options_{std::move(options)},
      delivery_{delivery ? std::move(delivery)
                         : std::make_shared<Delivery>(
                               reactor,
                               ParserOptions{.buffer_size = options_.buffer_size,
                                             .max_metadata = options_.max_metadata,
                                             .upgrade_policy = options_.upgrade_policy,
                                             .fragment = std::nullopt},
                               this)},
      dialer_{
          reactor,
          {.timeout = options_.resolve_timeout, .servers = options_.name_servers},
          {.receive_buffer = options_.receive_buffer, .busy_poll = options_.busy_poll}},
      text_{NewText()},
      deadline_{reactor},
      heartbeat_{reactor},
      end_{reactor},
      ack_{reactor} {}

LiveClient::Session::~Session() { Teardown(); }

std::unique_ptr<proto::GatewaySession> LiveClient::Session::NewText() const {
  return std::make_unique<proto::GatewaySession>(api_key_, options_);
}

// ---- Calls of the user --------------------------------------------------------------

void LiveClient::Session::RefuseChild(const char* what) const {
  if (!reactor_->InChild()) return;
  base::Throw(ErrorCode::InvalidState,
              std::string{what} +
                  ": the client was inherited by fork and belongs to the parent "
                  "process; make another one here");
}

void LiveClient::Session::Connect(std::string_view gateway, int port) {
  RefuseChild("Connect");
  if (state() != State::Disconnected) {
    base::Throw(ErrorCode::InvalidState,
                "Connect: this client has a session, which is " +
                    std::string{ToString(state())} +
                    "; end it with Close (at once) or Stop, then connect again");
  }
  if (port < 1 || port > 65535) {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("Connect: port ", port, " is not in 1 to 65535"));
  }
  end_.Disarm();
  delivery_->SetObserver(this);
  delivery_->BeginStream();
  gateway_ = gateway;
  port_ = port;
  peer_.clear();
  session_id_.store(0, std::memory_order_relaxed);
  session_id_text_.clear();
  ended_subscriptions_ = {};
  StoreState(State::Connecting);
  ArmConnectTimeout();
  if (!gateway_.empty()) {
    Dial(gateway_);
  } else if (!text_->dataset().empty()) {
    Dial(proto::GatewayHost(text_->dataset()));
  } else {
    awaiting_dataset_ = true;
  }
  on_state(State::Connecting);
}

std::uint32_t LiveClient::Session::Subscribe(const Subscription& subscription) {
  RefuseChild("Subscribe");
  RefuseStopping("Subscribe");
  const auto id = text_->Subscribe(subscription);
  AwaitAck(id, subscription.schema);
  if (awaiting_dataset_) {
    awaiting_dataset_ = false;
    Dial(proto::GatewayHost(text_->dataset()));
  }
  SendQueued();
  return id;
}

void LiveClient::Session::Unsubscribe(const Unsubscription& unsubscription) {
  RefuseChild("Unsubscribe");
  RefuseStopping("Unsubscribe");
  text_->Unsubscribe(unsubscription);
  AwaitAck(0, unsubscription.schema);
  SendQueued();
}

// A session in progress, or what was asked for since the last one.
std::vector<EffectiveRequest> LiveClient::Session::Subscriptions() const {
  const bool is_over = state() == State::Disconnected && text_->subscriptions().empty();
  return (is_over ? ended_subscriptions_ : text_->subscriptions()).Effective();
}

void LiveClient::Session::RefuseStopping(const char* what) const {
  if (!stopping_) return;
  base::Throw(ErrorCode::InvalidState,
              std::string{what} + ": the session is being stopped");
}

// What is queued goes out in the reactor's turn at the latest; an error of the socket
// is reported there too, never from inside a call of the user.
void LiveClient::Session::SendQueued() {
  if (!socket_) return;
  Send();
  UpdateInterest();
}

void LiveClient::Session::Start() {
  RefuseChild("Start");
  text_->Start();
  if (!socket_) return;
  Send();
  if (!InText()) delivery_->Schedule();  // the state changes in the next turn
  UpdateInterest();
}

// Memory first: without it nothing has changed, and the session can be ended again.
void LiveClient::Session::Close() {
  auto fresh = NewText();
  delivery_->EndStream();
  end_.Disarm();
  Teardown();
  if (state() != State::Disconnected || !text_->subscriptions().empty()) {
    ended_subscriptions_ = text_->TakeSubscriptions();
  }
  text_ = std::move(fresh);
  StoreState(State::Disconnected);
}

void LiveClient::Session::Stop() {
  if (state() == State::Disconnected) return;
  RefuseChild("Stop");
  // Inside a handler of records (or with a batch in a binding's hands, which is the
  // same) nothing more is wanted; before the stream nothing is in flight.
  if (state() != State::Streaming || delivery_->IsPumping() || delivery_->IsHeld()) {
    auto reason = Cancelled();
    Close();
    return NotifyEndLater(std::move(reason));
  }
  if (stopping_) return;
  stopping_ = true;
  text_->Sent(text_->Output().size());
  ::shutdown(socket_.get(), SHUT_WR);
  heartbeat_.Disarm();
  ArmStopLimit(kStopLimit);
  UpdateInterest();
}

void LiveClient::Session::ArmStopLimit(Reactor::Clock::duration delay) {
  deadline_.Arm(delay, [this] { OnStopLimit(); });
}

// What had come by then is still delivered, unless the user holds it back.
void LiveClient::Session::OnStopLimit() {
  const bool held_back = delivery_->IsPaused() || delivery_->IsHeld();
  if (!held_back && IsBehind(stop_mark_)) return ArmStopLimit({});
  End(Cancelled());
}

void LiveClient::Session::Pause() {
  delivery_->Pause();
  UpdateInterest();
}

void LiveClient::Session::Resume() {
  if (!delivery_->IsPaused()) return;
  delivery_->Resume();
  silent_since_ = reactor_->Now();  // the peer was held back by us: it is not silent
  for (auto& ack : acks_) ack.since = silent_since_;
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
  peer_ = std::move(result.peer);
  silent_since_ = reactor_->Now();
  AcknowledgeAtOnce();
  ArmAuthTimeout();
  UpdateInterest();  // before the state's handler, which may throw
  static_cast<void>(SetState(State::Authenticating));
}

void LiveClient::Session::ArmConnectTimeout() {
  extended_ = false;
  if (options_.connect_timeout.count() == 0) return deadline_.Disarm();
  due_ = reactor_->Now() + options_.connect_timeout;
  deadline_.Arm(options_.connect_timeout, [this] { OnConnectTimeout(); });
}

void LiveClient::Session::OnConnectTimeout() {
  if (!awaiting_dataset_ && ComesLate(dialer_.LastAnswer())) {
    return deadline_.Arm(options_.connect_timeout, [this] { OnConnectTimeout(); });
  }
  OnTimeout("connecting", options_.connect_timeout,
            awaiting_dataset_ ? "no dataset was given to derive the gateway from: "
                                "subscribe, or name the gateway"
                              : dialer_.Progress());
}

void LiveClient::Session::ArmAuthTimeout() {
  extended_ = false;
  if (options_.auth_timeout.count() == 0) return deadline_.Disarm();
  due_ = reactor_->Now() + options_.auth_timeout;
  deadline_.Arm(options_.auth_timeout, [this] { OnAuthTimeout(); });
}

void LiveClient::Session::OnAuthTimeout() {
  if (ComesLate(silent_since_)) {
    return deadline_.Arm(options_.auth_timeout, [this] { OnAuthTimeout(); });
  }
  const bool no_dataset = text_->phase() == proto::GatewaySession::Phase::AwaitDataset;
  OnTimeout("authenticating", options_.auth_timeout,
            no_dataset ? "no dataset was given: subscribe, or name it in the options"
                       : "the gateway did not answer; check host and port");
}

// Whether the deadline of a phase is judged so late that the peer has answered after
// it. This process was away then, so the phase gets its time once more. Only once, or a
// trickle would never end.
bool LiveClient::Session::ComesLate(Reactor::Clock::time_point last_sign) {
  return last_sign > due_ && !std::exchange(extended_, true);
}

// ---- Text phase ---------------------------------------------------------------------

client::Flow LiveClient::Session::ReadText() {
  std::array<std::byte, kTextBuffer> buffer;
  // Memory first, for records that follow the last line: what is received is stored.
  static_cast<void>(delivery_->parser().WritableSpan());
  const auto n = Receive(buffer);
  if (!n && eof_) return OnEof();
  const auto flow = n ? TakeText(std::span{buffer}.first(*n)) : Flow::Go;
  if (flow != Flow::Gone && InText()) delivery_->parser().Rest();
  return flow;
}

client::Flow LiveClient::Session::TakeText(std::span<const std::byte> bytes) {
  if (!held_text_.empty()) {
    held_text_.insert(held_text_.end(), bytes.begin(), bytes.end());
    const auto all = std::exchange(held_text_, {});
    return TakeText(all);
  }
  const auto taken = text_->Receive(bytes);
  if (text_->error()) {
    End(text_->error());
    return Flow::Gone;
  }
  const auto rest = bytes.subspan(taken);
  if (text_->phase() == proto::GatewaySession::Phase::AwaitDataset) {
    held_text_.assign(rest.begin(), rest.end());
    if (held_text_.size() > kTextBuffer) {
      End({ErrorCode::LimitExceeded,
           "the peer sends data before it was asked to" + Where()});
      return Flow::Gone;
    }
    return Flow::Go;
  }
  Send();
  if (InText()) return Flow::Go;
  session_id_.store(text_->session_id(), std::memory_order_relaxed);
  session_id_text_ = text_->session_id_text();
  BeginRecords(rest);
  if (FollowPhase() == Flow::Gone) return Flow::Gone;
  return Deliver();
}

// The stream begins right after the authentication response, perhaps in the same
// segment: those bytes are stored before any state is reported, because a state handler
// may throw.
void LiveClient::Session::BeginRecords(std::span<const std::byte> bytes) {
  ArmHeartbeat(HeartbeatLimit());
  deadline_.Disarm();
  if (options_.compression == Compression::Zstd) {
    delivery_->BeginFrames();
    compressed_.resize(client::kReceiveBytes);
  }
  if (bytes.empty()) return;
  Ingest(bytes);
  delivery_->Schedule();
}

// Reports the state that the text session has reached.
client::Flow LiveClient::Session::FollowPhase() {
  using Phase = proto::GatewaySession::Phase;
  const auto phase = text_->phase();
  if ((phase == Phase::Ready || phase == Phase::Streaming) &&
      state() == State::Authenticating) {
    if (SetState(State::Ready) == Flow::Gone) return Flow::Gone;
  }
  // A state handler may have started the session, or closed it.
  if (text_->phase() == Phase::Streaming && state() == State::Ready) {
    silent_since_ =
        reactor_->Now();  // the gateway need not speak before it is asked to
    BeginAcks();
    return SetState(State::Streaming);
  }
  return Flow::Go;
}

client::Flow LiveClient::Session::SetState(State next) {
  StoreState(next);
  const auto stream = delivery_->WatchStream();
  on_state(next);
  return stream.ended() ? Flow::Gone : Flow::Go;
}

}  // namespace dbnloop
