// Every state of a live session × every fault: the right error, once; every whole
// record before it, once and in order; no fd left, no spin; the reactor and its other
// clients unharmed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "support/adversity.hpp"
#include "support/dns_server.hpp"
#include "support/live_fixture.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Header;
using test::Trades;

// Where the session stands when the fault comes, and what the peer has said until then.
enum class At {
  Resolving,       // the name's server was asked and has not answered
  Connecting,      // to an address that does not answer
  Greeting,        // connected, nothing said
  InGreeting,      // half of the greeting
  Challenge,       // the greeting
  Authenticating,  // the challenge; the client has answered
  Ready,           // authenticated, not started
  Started,         // nothing of the stream yet
  InMetadata,      // half of the header
  Streaming,       // the header and five records
  InRecord,        // and a part of the sixth
  Zstd,            // the header and five records in a frame, which is complete
  InZstd,          // and a part of another frame
  Paused,          // five records delivered, five more sent
  Stopping,        // Stop was called, the peer has not noticed
};

enum class Fault {
  Fin,
  Rst,
  Stall,
  ByteByByte,     // the rest of the session, in order
  InPieces,       // the same, seven bytes a turn
  SignalStorm,    // the same, while signals interrupt system calls
  NoFds,          // the same, while no fd can be opened
  Garbage,        // a line of bytes that are nothing, then the end; no DNS
  OtherProtocol,  // an HTTP response, then the end
  EndlessLine,
  HugeMetadata,
  WrongVersion,
  EmptyMetadata,
  ZeroLength,   // a record of no bytes
  ShortRecord,  // a record shorter than its header
  ErrorRecord,  // the gateway's own words, then the end
  Refused,      // the authentication, or the name
  UserCloses,
  UserStops,
  UserDestroys,
  HandlerCloses,
  HandlerStops,
  HandlerPauses,
  HandlerDestroys,
  HandlerThrows,
  HandlerConnects,  // anew
};

constexpr std::array kStates = {std::pair{At::Resolving, "Resolving"},
                                std::pair{At::Connecting, "Connecting"},
                                std::pair{At::Greeting, "Greeting"},
                                std::pair{At::InGreeting, "InGreeting"},
                                std::pair{At::Challenge, "Challenge"},
                                std::pair{At::Authenticating, "Authenticating"},
                                std::pair{At::Ready, "Ready"},
                                std::pair{At::Started, "Started"},
                                std::pair{At::InMetadata, "InMetadata"},
                                std::pair{At::Streaming, "Streaming"},
                                std::pair{At::InRecord, "InRecord"},
                                std::pair{At::Zstd, "Zstd"},
                                std::pair{At::InZstd, "InZstd"},
                                std::pair{At::Paused, "Paused"},
                                std::pair{At::Stopping, "Stopping"}};
constexpr std::array kFaults = {std::pair{Fault::Fin, "Fin"},
                                std::pair{Fault::Rst, "Rst"},
                                std::pair{Fault::Stall, "Stall"},
                                std::pair{Fault::ByteByByte, "ByteByByte"},
                                std::pair{Fault::InPieces, "InPieces"},
                                std::pair{Fault::SignalStorm, "SignalStorm"},
                                std::pair{Fault::NoFds, "NoFds"},
                                std::pair{Fault::Garbage, "Garbage"},
                                std::pair{Fault::OtherProtocol, "OtherProtocol"},
                                std::pair{Fault::EndlessLine, "EndlessLine"},
                                std::pair{Fault::HugeMetadata, "HugeMetadata"},
                                std::pair{Fault::WrongVersion, "WrongVersion"},
                                std::pair{Fault::EmptyMetadata, "EmptyMetadata"},
                                std::pair{Fault::ZeroLength, "ZeroLength"},
                                std::pair{Fault::ShortRecord, "ShortRecord"},
                                std::pair{Fault::ErrorRecord, "ErrorRecord"},
                                std::pair{Fault::Refused, "Refused"},
                                std::pair{Fault::UserCloses, "UserCloses"},
                                std::pair{Fault::UserStops, "UserStops"},
                                std::pair{Fault::UserDestroys, "UserDestroys"},
                                std::pair{Fault::HandlerCloses, "HandlerCloses"},
                                std::pair{Fault::HandlerStops, "HandlerStops"},
                                std::pair{Fault::HandlerPauses, "HandlerPauses"},
                                std::pair{Fault::HandlerDestroys, "HandlerDestroys"},
                                std::pair{Fault::HandlerThrows, "HandlerThrows"},
                                std::pair{Fault::HandlerConnects, "HandlerConnects"}};

struct Cell {
  At at;
  Fault fault;
  std::string name;
};
std::ostream& operator<<(std::ostream& out, const Cell& cell) {
  return out << cell.name;
}

constexpr std::uint32_t kBefore = 5;   // records that came before the fault
constexpr std::uint32_t kInAll = 500;  // records of a session without a fault
constexpr std::size_t kPart = 20;      // bytes of a record, or of a frame

// How a session must end: not at all (None), or for one of two reasons, where bytes
// that cross each other decide.
struct Outcome {
  ErrorCode code = ErrorCode::None;
  std::uint32_t records = 0;  // at least
  std::optional<ErrorCode> other = std::nullopt;
};

bool IsText(At at) { return at >= At::Greeting && at <= At::Authenticating; }
bool IsCompressed(At at) { return at == At::Zstd || at == At::InZstd; }

std::uint32_t Delivered(At at) { return at < At::Streaming ? 0 : kBefore; }
// When nothing more comes than what is under way.
std::uint32_t UnderWay(At at) { return at == At::Paused ? 2 * kBefore : Delivered(at); }

// The end of input, wherever it comes.
Outcome AtEnd(At at) {
  return {at == At::Stopping ? ErrorCode::Cancelled : ErrorCode::ConnectionClosed,
          UnderWay(at)};
}

Outcome AtStall(At at) {
  switch (at) {
    case At::Resolving:
      return {ErrorCode::DnsResolutionFailed};
    case At::Connecting:
    case At::Greeting:
    case At::InGreeting:
    case At::Challenge:
    case At::Authenticating:
      return {ErrorCode::Timeout};
    case At::Ready:  // a gateway need not speak before it is asked to
      return {};
    case At::Paused:  // the peer is held back by us
      return {ErrorCode::None, kBefore};
    case At::Stopping:
      return {ErrorCode::Cancelled, kBefore};
    default:
      return {ErrorCode::HeartbeatTimeout, Delivered(at)};
  }
}

// Bytes that are no text of a gateway and no DBN. A greeting is any text; what looks
// like the beginning of a record, or of a block, is taken for cut off by the end behind
// it.
Outcome AtNonsense(At at, Fault fault) {
  switch (at) {
    case At::Resolving:
      return {ErrorCode::DnsResolutionFailed};
    case At::Greeting:
    case At::InGreeting:
      return {fault == Fault::OtherProtocol ? ErrorCode::InvalidChallenge
                                            : ErrorCode::InvalidGreeting};
    case At::Challenge:
      return {ErrorCode::InvalidChallenge};
    case At::Authenticating:
      return {ErrorCode::AuthFailed};
    case At::Zstd:
    case At::InZstd:
      return {ErrorCode::DecompressionError, kBefore, ErrorCode::ConnectionClosed};
    case At::Streaming:
    case At::InRecord:
    case At::Paused:
      return {ErrorCode::ParseError, UnderWay(at), ErrorCode::ConnectionClosed};
    case At::Stopping:  // nobody reads it any more, or it is what ends the stream
      return {ErrorCode::Cancelled, kBefore, ErrorCode::ParseError};
    default:
      return {ErrorCode::ParseError, UnderWay(at)};
  }
}

Outcome Expected(At at, Fault fault) {
  switch (fault) {
    case Fault::Fin:
    case Fault::Rst:
      return AtEnd(at);
    case Fault::Stall:
      return AtStall(at);
    case Fault::ByteByByte:
    case Fault::InPieces:
    case Fault::SignalStorm:
    case Fault::NoFds:
      if (at == At::Connecting) return {ErrorCode::Timeout};
      if (at == At::Stopping) return {ErrorCode::Cancelled, kBefore};
      if (at == At::Resolving && fault == Fault::NoFds) {
        return {ErrorCode::ConnectionFailed};
      }
      return {ErrorCode::ConnectionClosed, kInAll};
    case Fault::Garbage:
    case Fault::OtherProtocol:
      return AtNonsense(at, fault);
    case Fault::HugeMetadata:
      return {ErrorCode::LimitExceeded};
    case Fault::EndlessLine:
      if (IsText(at)) return {ErrorCode::LimitExceeded};
      return AtNonsense(at, fault);
    case Fault::WrongVersion:
    case Fault::EmptyMetadata:
    case Fault::ZeroLength:
    case Fault::ShortRecord:
      return {ErrorCode::ParseError, UnderWay(at)};
    case Fault::ErrorRecord:
      if (at == At::Stopping) return {ErrorCode::Cancelled, kBefore};
      return {ErrorCode::GatewayError, UnderWay(at)};
    case Fault::Refused:
      return {at == At::Resolving ? ErrorCode::DnsResolutionFailed
                                  : ErrorCode::AuthFailed};
    case Fault::UserStops:
      return {ErrorCode::Cancelled, Delivered(at)};
    case Fault::HandlerStops:
      return {ErrorCode::Cancelled, Delivered(at)};
    case Fault::UserCloses:
    case Fault::UserDestroys:
    case Fault::HandlerCloses:
    case Fault::HandlerDestroys:
      return {ErrorCode::None, Delivered(at)};
    case Fault::HandlerPauses:
    case Fault::HandlerThrows:
    case Fault::HandlerConnects:
      return {ErrorCode::ConnectionClosed, kInAll};
  }
  return {};
}

// What cannot be, or is another cell under another name.
bool MakesSense(At at, Fault fault) {
  const bool rest_follows = fault >= Fault::ByteByByte && fault <= Fault::NoFds;
  const bool in_handler = fault >= Fault::HandlerCloses;
  const bool by_user = fault >= Fault::UserCloses && fault <= Fault::UserDestroys;
  if (at == At::Connecting) return fault == Fault::Stall || by_user;
  if (at == At::Resolving) {
    return fault == Fault::Stall || fault == Fault::Garbage ||
           fault == Fault::Refused || rest_follows || by_user || in_handler;
  }
  if (at == At::Paused) {
    return !in_handler &&
           (fault < Fault::OtherProtocol || fault >= Fault::ZeroLength) &&
           fault != Fault::Refused;
  }
  if (at == At::Stopping) {
    return fault <= Fault::Stall || rest_follows || fault == Fault::Garbage ||
           fault == Fault::ErrorRecord || fault == Fault::UserCloses ||
           fault == Fault::UserDestroys;
  }
  switch (fault) {
    case Fault::Refused:
      return at == At::Authenticating;
    case Fault::HugeMetadata:
    case Fault::WrongVersion:
    case Fault::EmptyMetadata:
      return at == At::Ready || at == At::Started;
    case Fault::ZeroLength:
    case Fault::ShortRecord:
      return at == At::Streaming || at == At::Paused;
    case Fault::ErrorRecord:
      return at == At::Streaming || at == At::Paused || at == At::Zstd;
    case Fault::OtherProtocol:
      return at != At::Streaming && at != At::InRecord && at != At::InMetadata;
    case Fault::EndlessLine:  // within the stream it is a run of records of odd types
      return IsText(at) || at == At::Ready || at == At::Started || IsCompressed(at);
    case Fault::HandlerConnects:
      return !IsCompressed(at);
    default:
      return true;
  }
}

std::vector<Cell> Cells() {
  std::vector<Cell> cells;
  for (const auto& [at, state] : kStates) {
    for (const auto& [fault, name] : kFaults) {
      if (MakesSense(at, fault)) {
        cells.push_back({at, fault, std::string{state} + "_" + name});
      }
    }
  }
  return cells;
}

class LiveFaultMatrix : public test::LiveFixture,
                        public testing::WithParamInterface<Cell> {
 protected:
  LiveFaultMatrix() { names_.a = {"127.0.0.1"}; }

  // ---- The session under test -----------------------------------------------------

  void MakeClient() {
    client_ = MakeAsIs({.dataset = "GLBX.MDP3",
                        .compression = IsCompressed(GetParam().at) ? Compression::Zstd
                                                                   : Compression::None,
                        .name_servers = names_.Endpoint()});
    client_->OnState([this](LiveClient::State) { Act(); });
    client_->OnRecord([this](const TradeMsg& m) {
      sequences_.push_back(m.sequence);
      Act();
    });
  }
  // What a handler does, once, when it is armed.
  void Act() {
    if (auto act = std::exchange(act_, nullptr)) act();
  }

  // All that a peer says from the beginning to the end, and where its parts begin.
  void BeginSession() {
    const auto at = GetParam().at;
    gateway_.greeting = gateway_.challenge = gateway_.auth_response = "";
    text_ = "lsg_version=0.4.2\ncram=" + std::string{test::kChallenge} + "\n";
    stream_ = Header() + Trades(0, kInAll);
    if (IsCompressed(at)) {
      stream_ = test::Zstd(Header() + Trades(0, kBefore)) +
                test::Zstd(Trades(kBefore, kInAll - kBefore));
    }
    said_ = 0;
    MakeClient();
  }

  // Says the session's bytes up to there.
  void SayUpTo(std::size_t end) {
    const auto all = text_ + kResponse + stream_;
    gateway_.Send(std::string_view{all}.substr(said_, end - said_));
    said_ = end;
  }
  [[nodiscard]] std::size_t StreamAt(std::size_t offset) const {
    return text_.size() + kResponse.size() + offset;
  }

  bool Reach(At at) {
    if (at == At::Connecting) {
      client_->Connect("127.0.0.9", full_port_);
      SubscribeTrades(*client_);
      Settle();
      return client_->GetState() == LiveClient::State::Connecting;
    }
    if (at == At::Resolving) {
      names_.mode = test::DnsServer::Mode::Keep;
      client_->Connect("gateway.example.com", gateway_.port());
      SubscribeTrades(*client_);
      client_->Start();
      return Until([&] { return names_.Kept() == 2; });
    }
    Connect(*client_);
    SubscribeTrades(*client_);
    if (at != At::Ready) client_->Start();
    if (!Until([&] { return gateway_.Connected() && HasState("Authenticating"); })) {
      return false;
    }
    if (at == At::Greeting) return true;
    if (at == At::InGreeting) return SayUpTo(5), Turn(), true;
    SayUpTo(text_.find('\n') + 1);
    Turn();
    if (at == At::Challenge) return true;
    SayUpTo(text_.size());
    if (!Until([&] { return !gateway_.auth.empty(); })) return false;
    if (at == At::Authenticating) return true;
    SayUpTo(text_.size() + kResponse.size());
    const char* state = at == At::Ready ? "Ready" : "Streaming";
    if (!Until([&] { return HasState(state); })) return false;
    if (at == At::Ready) return true;
    if (!Until([&] { return gateway_.started; })) return false;
    if (at == At::Started) return true;
    if (at == At::InMetadata) return SayUpTo(StreamAt(50)), Turn(), true;
    const auto whole = IsCompressed(at)
                           ? test::Zstd(Header() + Trades(0, kBefore)).size()
                           : Header().size() + kBefore * sizeof(TradeMsg);
    SayUpTo(StreamAt(whole));
    if (!Until([&] { return sequences_.size() == kBefore; })) return false;
    if (at == At::InRecord || at == At::InZstd) SayUpTo(StreamAt(whole + kPart));
    if (at == At::Paused) {
      client_->Pause();
      SayUpTo(StreamAt(whole + kBefore * sizeof(TradeMsg)));
    }
    if (at == At::Stopping) {
      gateway_.close_with_peer = false;
      client_->Stop();
    }
    Turn();
    return true;
  }
  [[nodiscard]] bool HasState(std::string_view state) const {
    return ToString(client_->GetState()) == state;
  }
  // Handlers may throw: the exception passes to the caller of Poll, who goes on.
  template <typename F>
  bool Until(F&& done) {
    int threw = 0;
    return UntilDespiteThrows(threw, done);
  }
  bool UntilEnd() {
    return Until([this] { return !errors_.empty(); });
  }
  void Turn() {
    for (int i = 0; i < 5; ++i) {
      try {
        reactor_.Poll(1);
      } catch (const std::runtime_error&) {
      }
    }
  }

  // What took too long names the gateway, the address if there is one, and the time.
  void ExpectSaysWhere(const Error& error) const {
    EXPECT_FALSE(error.message.empty());
    const bool silent = error.code == ErrorCode::HeartbeatTimeout;
    if (error.code != ErrorCode::Timeout && !silent) return;
    const auto at = GetParam().at;
    const auto port =
        std::to_string(at == At::Connecting ? full_port_ : gateway_.port());
    const std::string host = at == At::Connecting ? "127.0.0.9" : "127.0.0.1";
    EXPECT_THAT(error.message, testing::AllOf(testing::HasSubstr(" ms"),
                                              testing::HasSubstr("port " + port),
                                              testing::HasSubstr(host + ":" + port)));
  }
  // With nothing to do, a turn waits.
  void ExpectNoSpin() {
    int busy = 0;
    for (int i = 0; i < 10; ++i) busy += reactor_.Poll(2) > 0 ? 1 : 0;
    EXPECT_LE(busy, 5) << "turns that found something, of ten";
  }

  // ---- The faults -----------------------------------------------------------------

  void Say(std::string_view bytes) {
    gateway_.Send(bytes);
    EndOfPeer();
  }
  // The peer ends behind what it has said.
  void EndOfPeer() {
    Until([&] { return !gateway_.Connected() || gateway_.Unsent() == 0; });
    gateway_.Fin();
  }
  // When the name is known the client connects, and may tell somebody who then ends it.
  bool AnswerName() {
    if (GetParam().at != At::Resolving) return true;
    names_.Answer();
    Until([&] { return gateway_.accepted != 0 || !errors_.empty(); });
    return gateway_.Connected();
  }
  // What is left of a session without a fault.
  void SayTheRest() {
    const auto at = GetParam().at;
    if (at == At::Stopping) return EndOfPeer();
    if (at == At::Ready) client_->Start();
    if (!AnswerName()) return;
    if (IsText(at) || at == At::Resolving) {
      SayUpTo(text_.size());
      Until([&] { return !gateway_.auth.empty() || !gateway_.Connected(); });
    }
    SayUpTo(StreamAt(stream_.size()));
    if (at == At::Paused) client_->Resume();
    EndOfPeer();
  }
  void Commit(Fault fault) {
    const bool resolving = GetParam().at == At::Resolving;
    switch (fault) {
      case Fault::Fin:
        return EndOfPeer();
      case Fault::Rst:
        return gateway_.Rst();
      case Fault::Stall:
        return Wait();
      case Fault::ByteByByte:
        gateway_.SetPiece(1);
        return SayTheRest();
      case Fault::InPieces:
        gateway_.SetPiece(7);
        return SayTheRest();
      case Fault::SignalStorm:
        storm_.emplace();
        gateway_.SetPiece(100);
        return SayTheRest();
      case Fault::NoFds:
        no_fds_.emplace();
        return SayTheRest();
      case Fault::Garbage:
        if (resolving) return AnswerNameWith(test::DnsServer::Mode::Garbage);
        return Say("\xFF\xFE\x01\xFC" + std::string(4000, '\xF9') + "\n");
      case Fault::OtherProtocol:
        return Say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      case Fault::EndlessLine:
        return Say(std::string(1024 * 1024, 'a'));
      case Fault::HugeMetadata:
        return Say("DBN\x03\xFF\xFF\xFF\xFF" + std::string(1000, 'x'));
      case Fault::WrongVersion: {
        auto header = Header();
        header[3] = 9;
        return Say(header + Trades(0, 3));
      }
      case Fault::EmptyMetadata:
        return Say(std::string{"DBN\x03\0\0\0\0", 8} + Trades(0, 3));
      case Fault::ZeroLength:
        return Say(std::string(16, '\0'));
      case Fault::ShortRecord:
        return Say("\x03" + std::string(15, '\xA0'));
      case Fault::ErrorRecord: {
        const auto record = test::GatewayErrorRecord("Internal error");
        return Say(IsCompressed(GetParam().at) ? test::Zstd(record) : record);
      }
      case Fault::Refused:
        if (resolving) return AnswerNameWith(test::DnsServer::Mode::NameError);
        return Say("success=0|error=no such key\n");
      case Fault::UserCloses:
        client_->Close();
        return gateway_.Send(Trades(kBefore, 3));
      case Fault::UserStops:
        return client_->Stop();
      case Fault::UserDestroys:
        client_.reset();
        return gateway_.Send(Trades(kBefore, 3));
      case Fault::HandlerCloses:
        act_ = [this] { client_->Close(); };
        return SayTheRest();
      case Fault::HandlerStops:
        act_ = [this] { client_->Stop(); };
        return SayTheRest();
      case Fault::HandlerPauses:
        act_ = [this] {
          client_->Pause();
          reactor_.After({}, [this] { client_->Resume(); });
        };
        return SayTheRest();
      case Fault::HandlerDestroys:
        act_ = [this] { client_.reset(); };
        return SayTheRest();
      case Fault::HandlerThrows:
        act_ = [] { throw std::runtime_error{"on purpose"}; };
        return SayTheRest();
      case Fault::HandlerConnects:
        act_ = [this] { ConnectAnew(); };
        SayUntilActed();
        Until([&] { return gateway_.started && gateway_.accepted == 2; });
        return EndOfPeer();
    }
  }
  // Longer than any timeout.
  void Wait() {
    for (int i = 0; i < 3600; ++i) Advance(1s);
  }
  void AnswerNameWith(test::DnsServer::Mode mode) {
    names_.mode = mode;
    names_.Answer();
    Turn();
    // Bytes that are nothing are no answer: the true one may follow.
    if (mode == test::DnsServer::Mode::Garbage) Advance(5s);
  }
  // Only as much as it takes: what is said afterwards is said to the new session.
  void SayUntilActed() {
    const auto acted = [this] { return act_ == nullptr; };
    if (GetParam().at == At::Ready) client_->Start();
    if (!AnswerName() || acted()) return;
    for (const auto end : {text_.size(), StreamAt(0), StreamAt(stream_.size())}) {
      if (end > said_) SayUpTo(end);
      if (end == text_.size()) {
        Until([&] { return acted() || !gateway_.auth.empty(); });
      }
      for (int i = 0; i < 20 && !acted(); ++i) Turn();
      if (acted()) return;
    }
  }
  void ConnectAnew() {
    client_->Close();
    sequences_.clear();
    gateway_.greeting = text_;
    gateway_.auth_response = kResponse;
    gateway_.on_start = stream_;
    Connect(*client_);
    SubscribeTrades(*client_);
    client_->Start();
  }
  static inline const std::string kResponse = "success=1|session_id=4711\n";

  test::DnsServer names_{&reactor_};
  net::ScopedFd full_ = test::Listen(0, "127.0.0.9");
  int full_port_ = test::PortOf(full_.get());
  test::ConnectAttempts fill_{full_port_, 3, "127.0.0.9"};
  std::unique_ptr<test::OpenLiveClient> client_;
  std::string text_;
  std::string stream_;
  std::size_t said_ = 0;
  std::function<void()> act_;
  std::optional<test::SignalStorm> storm_;
  std::optional<test::NoFds> no_fds_;
};

TEST_P(LiveFaultMatrix, EndsAsItMust) {
  const auto [at, fault, name] = GetParam();
  const auto expected = Expected(at, fault);

  // Another session on the same reactor, which must not notice.
  test::ScriptedGateway other_gateway{&reactor_};
  std::vector<std::uint32_t> other_records;
  std::vector<Error> other_errors;
  LiveClient other{&reactor_, std::string{test::kKey}, {.dataset = "GLBX.MDP3"}};
  other.OnRecord([&](const TradeMsg& m) { other_records.push_back(m.sequence); });
  other.OnError([&](const Error& e) { other_errors.push_back(e); });
  other.Connect("127.0.0.1", other_gateway.port());
  SubscribeTrades(other);
  other.Start();
  ASSERT_TRUE(Until([&] { return other_gateway.started; }));
  other_gateway.Send(Header() + Trades(0, 10));
  ASSERT_TRUE(Until([&] { return other_records.size() == 10; }));

  const auto fds = test::OpenFds();
  BeginSession();
  ASSERT_TRUE(Reach(at));
  ASSERT_TRUE(errors_.empty()) << errors_[0].message;
  Commit(fault);
  if (at == At::Paused && client_ != nullptr) {
    ExpectNoSpin();
    client_->Resume();
  }
  if (expected.code != ErrorCode::None) {
    ASSERT_TRUE(UntilEnd()) << sequences_.size() << " records came";
  }
  storm_.reset();
  no_fds_.reset();
  Turn();

  if (client_ == nullptr || HasState("Disconnected")) gateway_.Fin();
  ExpectNoSpin();

  ASSERT_EQ(errors_.size(), expected.code == ErrorCode::None ? 0U : 1U)
      << (errors_.empty() ? "" : errors_[0].message);
  if (!errors_.empty()) {
    EXPECT_TRUE(errors_[0].code == expected.code || errors_[0].code == expected.other)
        << ToString(errors_[0].code) << " instead of " << ToString(expected.code)
        << ": " << errors_[0].message;
    ExpectSaysWhere(errors_[0]);
  }
  EXPECT_GE(sequences_.size(), expected.records);
  const auto sound = std::min<std::size_t>(sequences_.size(), UnderWay(at));
  for (std::uint32_t i = 0; i < sound; ++i) ASSERT_EQ(sequences_[i], i);
  if (expected.records == kInAll) {
    EXPECT_EQ(sequences_, Numbers(0, kInAll));
  }

  gateway_.Fin();
  client_.reset();
  Turn();
  // An hour of silence ends the other session too.
  EXPECT_EQ(test::OpenFds() + (other_errors.empty() ? 0 : 2), fds);

  EXPECT_EQ(other_errors.empty(), fault != Fault::Stall);
  if (fault == Fault::Stall) return;
  other_gateway.Send(Trades(10, 10));
  EXPECT_TRUE(Until([&] { return other_records.size() == 20; }));
  EXPECT_EQ(other_records, Numbers(0, 20));
}

INSTANTIATE_TEST_SUITE_P(Cells, LiveFaultMatrix, testing::ValuesIn(Cells()),
                         [](const auto& cell) { return cell.param.name; });

}  // namespace
}  // namespace dbnloop
