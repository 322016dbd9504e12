// Every state of a live session × every fault: the right error, once; every whole
// record before it, once and in order; no fd left, no spin; the reactor and its other
// clients unharmed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/live_faults.hpp"
#include "support/live_fixture.hpp"

namespace dbnloop::test::live_faults {
namespace {

using namespace std::chrono_literals;

class LiveFaultMatrix : public test::FaultMatrix<test::LiveFixture, Cell> {
 protected:
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
      client_->Connect(kFullHost, full_port_);
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
  bool UntilEnd() {
    return Until([this] { return !errors_.empty(); });
  }
  // What took too long names the gateway, the address if there is one, and the time.
  void ExpectSaysWhere(const Error& error) const {
    EXPECT_FALSE(error.message.empty());
    const bool silent = error.code == ErrorCode::HeartbeatTimeout;
    if (error.code != ErrorCode::Timeout && !silent) return;
    const auto at = GetParam().at;
    const auto port =
        std::to_string(at == At::Connecting ? full_port_ : gateway_.port());
    const std::string host = at == At::Connecting ? kFullHost : "127.0.0.1";
    EXPECT_THAT(error.message, testing::AllOf(testing::HasSubstr(" ms"),
                                              testing::HasSubstr("port " + port),
                                              testing::HasSubstr(host + ":" + port)));
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
        return Wait(1h);
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
        if (resolving) return AnswerNameWith(test::DnsServer::Mode::Garbage, 5s);
        return Say(test::hostile::Garbage());
      case Fault::OtherProtocol:
        return Say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      case Fault::EndlessLine:
        return Say(test::hostile::Endless());
      case Fault::HugeMetadata:
        return Say(test::hostile::HugeMetadata());
      case Fault::WrongVersion:
        return Say(test::hostile::WrongVersion());
      case Fault::EmptyMetadata:
        return Say(test::hostile::EmptyMetadata());
      case Fault::ZeroLength:
        return Say(test::hostile::ZeroLength());
      case Fault::ShortRecord:
        return Say(test::hostile::ShortRecord());
      case Fault::ErrorRecord: {
        const auto record = test::GatewayErrorRecord("Internal error");
        return Say(IsCompressed(GetParam().at) ? test::Zstd(record) : record);
      }
      case Fault::Refused:
        if (resolving) return AnswerNameWith(test::DnsServer::Mode::NameError, 0s);
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
        act_ = Throw;
        return SayTheRest();
      case Fault::HandlerConnects:
        act_ = [this] { ConnectAnew(); };
        SayUntilActed();
        Until([&] { return gateway_.started && gateway_.accepted == 2; });
        return EndOfPeer();
    }
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

  std::unique_ptr<test::OpenLiveClient> client_;
  std::string text_;
  std::string stream_;
  std::size_t said_ = 0;
};

TEST_P(LiveFaultMatrix, EndsAsItMust) {
  const auto& [at, fault, name, tls] = GetParam();
  const auto expected = test::live_faults::Expected(at, fault);

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
  EndAdversity();

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
  const auto sound =
      std::min<std::size_t>(sequences_.size(), test::live_faults::UnderWay(at));
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

INSTANTIATE_TEST_SUITE_P(Cells, LiveFaultMatrix,
                         testing::ValuesIn(test::live_faults::Cells()),
                         [](const auto& cell) { return cell.param.name; });

}  // namespace
}  // namespace dbnloop::test::live_faults
