// Every way a live session ends: one OnError, last, that says why; records before it.

#include <gmock/gmock.h>

#include <cerrno>

#include "dbnloop/exception.hpp"
#include "support/live_fixture.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Header;
using test::Trades;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class LiveEnd : public test::LiveFixture {
 protected:
  // Turns until the end has come, and on: it must stay the only one.
  const Error& TheEnd(LiveClient& client) {
    static const Error none;
    EXPECT_TRUE(UntilEnd());
    Advance(1h);
    EXPECT_EQ(errors_.size(), 1U) << "OnError comes exactly once";
    EXPECT_EQ(client.GetState(), LiveClient::State::Disconnected);
    EXPECT_EQ(states_.back(), "Disconnected");
    return errors_.empty() ? none : errors_[0];
  }
};

TEST_F(LiveEnd, EndOfInputIsConnectionClosed) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 1000));
  gateway_.Fin();
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::ConnectionClosed);
  EXPECT_EQ(error.os_errno, 0);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("127.0.0.1"), HasSubstr("session 4711"),
                    HasSubstr("port " + std::to_string(gateway_.port()))));
  EXPECT_EQ(sequences_, Numbers(0, 1000)) << "all records come before the error";
}

TEST_F(LiveEnd, EndOfInputBeforeAnyRecordIsConnectionClosed) {
  const auto client = Make();
  Stream(*client);
  gateway_.Fin();
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::ConnectionClosed);
}

TEST_F(LiveEnd, ErrorRecordBeforeTheEndIsGatewayError) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 3) +
                test::GatewayErrorRecord("subscription failed: no such symbol"));
  gateway_.Fin();
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::GatewayError);
  EXPECT_THAT(error.message, HasSubstr("no such symbol"));
  EXPECT_EQ(sequences_, Numbers(0, 3));
}

TEST_F(LiveEnd, ErrorRecordAloneEndsNothing) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + test::GatewayErrorRecord("a warning") + Trades(0, 3));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 3; }));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(LiveEnd, ACutRecordIsMentionedWithItsOffset) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 4) + Trades(4, 1).substr(0, 30));
  gateway_.Fin();
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::ConnectionClosed);
  EXPECT_THAT(
      error.message,
      AllOf(HasSubstr("byte " + std::to_string((Header() + Trades(0, 4)).size())),
            HasSubstr("30 of 48")));
  EXPECT_EQ(sequences_, Numbers(0, 4));
}

// A gateway that was killed is a broken connection, whatever its last byte.
TEST_F(LiveEnd, ACutAtAnyByteIsConnectionClosed) {
  const auto plain = Header() + Trades(0, 2);
  for (const bool zstd : {false, true}) {
    const auto bytes = zstd ? test::Zstd(plain) : plain;
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      for (const bool reset : {false, true}) {
        errors_.clear();
        const auto client =
            Make({.compression = zstd ? Compression::Zstd : Compression::None});
        Stream(*client);
        gateway_.Send(bytes.substr(0, cut));
        if (reset) {
          gateway_.Rst();
        } else {
          gateway_.Fin();
        }
        const auto& error = TheEnd(*client);
        ASSERT_EQ(error.code, ErrorCode::ConnectionClosed)
            << cut << ": " << error.message;
        EXPECT_EQ(error.os_errno, reset ? ECONNRESET : 0);
        const bool whole = cut == 0 || cut == bytes.size() ||
                           (!zstd && cut >= Header().size() &&
                            (cut - Header().size()) % sizeof(TradeMsg) == 0);
        EXPECT_EQ(error.message.find("inside") == std::string::npos &&
                      error.message.find("cut off") == std::string::npos,
                  whole)
            << cut << ": " << error.message;
      }
    }
  }
}

TEST_F(LiveEnd, ACutInTheTextIsConnectionClosed) {
  const auto whole = gateway_.auth_response;
  int sessions = 0;
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    for (const bool reset : {false, true}) {
      errors_.clear();
      gateway_.auth_response = whole.substr(0, cut);
      const auto client = Make();
      Connect(*client);
      ++sessions;
      ASSERT_TRUE(Until(
          [&] { return gateway_.accepted == sessions && !gateway_.auth.empty(); }));
      if (reset) {
        gateway_.Rst();
      } else {
        gateway_.Fin();
      }
      EXPECT_EQ(TheEnd(*client).code, ErrorCode::ConnectionClosed) << cut;
    }
  }
}

TEST_F(LiveEnd, ARefusalWithoutTheEndOfItsLineIsAuthFailed) {
  gateway_.auth_response = "success=0|error=Unknown user";
  const auto client = Make();
  Connect(*client);
  ASSERT_TRUE(Until([&] { return !gateway_.auth.empty(); }));
  gateway_.Fin();
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::AuthFailed);
  EXPECT_THAT(error.message, HasSubstr("Unknown user"));
}

TEST_F(LiveEnd, TheSessionIdIsKnownInsideOnErrorAndUntilTheNextConnect) {
  const auto client = Make();
  std::vector<std::uint64_t> ids;
  client->OnError([&](const Error& e) {
    errors_.push_back(e);
    ids.push_back(client->SessionId());
  });
  Stream(*client);
  gateway_.Fin();
  TheEnd(*client);
  EXPECT_EQ(ids, std::vector<std::uint64_t>{4711});
  EXPECT_EQ(client->SessionId(), 4711U);
  client->Close();
  EXPECT_EQ(client->SessionId(), 4711U);
  Connect(*client);
  EXPECT_EQ(client->SessionId(), 0U);
  EXPECT_EQ(client->SessionIdText(), "");
}

TEST_F(LiveEnd, ASessionIdThatIsNotANumberIsKeptAsText) {
  for (const std::string id : {"a1b2-c3", "12abc", "18446744073709551616", "-5"}) {
    errors_.clear();
    gateway_.auth_response = "success=1|session_id=" + id + "\n";
    const auto client = Make();
    Stream(*client);
    EXPECT_EQ(client->SessionId(), 0U);
    EXPECT_EQ(client->SessionIdText(), id);
    gateway_.Fin();
    EXPECT_THAT(TheEnd(*client).message, HasSubstr("session " + id));
    EXPECT_EQ(client->SessionIdText(), id);
  }
}

TEST_F(LiveEnd, ConnectWhileStreamingIsRefusedAndTheSessionGoesOn) {
  const auto client = Make();
  Stream(*client);
  try {
    Connect(*client);
    FAIL();
  } catch (const Exception& e) {
    EXPECT_EQ(e.error().code, ErrorCode::InvalidState);
    EXPECT_THAT(e.error().message,
                AllOf(HasSubstr("Streaming"), HasSubstr("Close (at once) or Stop")));
  }
  gateway_.Send(Header() + Trades(0, 3));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 3; }));
  client->Stop();
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::Cancelled);
  errors_.clear();
  Stream(*client);
  gateway_.Send(Header() + Trades(3, 1));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 4; }));
}

TEST_F(LiveEnd, GarbageInsteadOfMetadataIsParseError) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(std::string(200, '?'));
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::ParseError);
  EXPECT_THAT(sequences_, IsEmpty());
}

TEST_F(LiveEnd, GarbageBetweenRecordsIsParseErrorBehindTheGoodOnes) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 7) + std::string(64, '\0') + Trades(7, 5));
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::ParseError);
  EXPECT_EQ(sequences_, Numbers(0, 7));
}

TEST_F(LiveEnd, GarbageInsteadOfZstdIsDecompressionError) {
  LiveOptions options;
  options.compression = Compression::Zstd;
  const auto client = Make(options);
  Stream(*client);
  gateway_.Send(test::Zstd(Header() + Trades(0, 7)) + std::string(64, '?'));
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::DecompressionError);
  EXPECT_EQ(sequences_, Numbers(0, 7));
}

TEST_F(LiveEnd, ZstdFrameCutShortDeliversWhatItHolds) {
  LiveOptions options;
  options.compression = Compression::Zstd;
  const auto client = Make(options);
  Stream(*client);
  gateway_.Send(test::Zstd(Header() + Trades(0, 7)) +
                test::Zstd(Trades(7, 100)).substr(0, 20));
  gateway_.Fin();
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::ConnectionClosed);
  EXPECT_THAT(error.message, HasSubstr("ended inside a frame"));
  EXPECT_EQ(sequences_, Numbers(0, 7));
}

TEST_F(LiveEnd, ResetTellsTheErrnoBehindTheRecords) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 100));
  gateway_.Rst();
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::ConnectionClosed);
  EXPECT_EQ(error.os_errno, ECONNRESET);
  EXPECT_EQ(sequences_, Numbers(0, 100));
}

TEST_F(LiveEnd, RefusedAuthenticationSaysTheGatewaysReason) {
  gateway_.auth_response = "success=0|error=Unknown user\n";
  const auto client = Make();
  Connect(*client);
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::AuthFailed);
  EXPECT_THAT(error.message, AllOf(HasSubstr("Unknown user"), HasSubstr("GLBX.MDP3"),
                                   Not(HasSubstr(std::string{test::kKey}))));
}

TEST_F(LiveEnd, CloseInsteadOfAnAuthResponseIsConnectionClosedAndNamesTheKey) {
  gateway_.auth_response = "";
  const auto client = Make();
  Connect(*client);
  ASSERT_TRUE(Until([&] { return !gateway_.auth.empty(); }));
  gateway_.Fin();
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::ConnectionClosed);
  EXPECT_THAT(error.message, HasSubstr("check the API key"));
}

TEST_F(LiveEnd, BadGreetingIsInvalidGreeting) {
  gateway_.greeting = "\x01\x02\x03\n";
  const auto client = Make();
  Connect(*client);
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::InvalidGreeting);
}

TEST_F(LiveEnd, BadChallengeIsInvalidChallenge) {
  gateway_.challenge = "hello\n";
  const auto client = Make();
  Connect(*client);
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::InvalidChallenge);
}

TEST_F(LiveEnd, EndlessFirstLineIsRefused) {
  gateway_.greeting = std::string(100'000, 'x');
  const auto client = Make();
  Connect(*client);
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::LimitExceeded);
}

TEST_F(LiveEnd, CloseBeforeTheGreetingIsConnectionClosed) {
  gateway_.greeting = "";
  gateway_.challenge = "";
  const auto client = Make();
  Connect(*client);
  ASSERT_TRUE(Until([&] { return gateway_.accepted == 1; }));
  gateway_.Fin();
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::ConnectionClosed);
}

TEST_F(LiveEnd, RefusedConnectionIsConnectionFailed) {
  const int port = gateway_.port();
  gateway_.StopListening();
  const auto client = Make();
  client->Connect("127.0.0.1", port);
  EXPECT_THAT(errors_, IsEmpty()) << "never from inside Connect";
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::ConnectionFailed);
  EXPECT_EQ(error.os_errno, ECONNREFUSED);
  EXPECT_THAT(error.message, HasSubstr("127.0.0.1:" + std::to_string(port)));
}

TEST_F(LiveEnd, SilentAddressIsAConnectTimeout) {
  // A listener whose queue is full answers no further connection.
  const auto listener = test::Listen(0);
  const auto address = test::PortOf(listener.get());
  test::ConnectAttempts fill{address, 3};
  const auto client = Make();
  client->Connect("127.0.0.1", address);
  Settle();
  Advance(10s - 1ms);
  ASSERT_THAT(errors_, IsEmpty());
  Advance(1ms);
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::Timeout);
  EXPECT_THAT(error.message, AllOf(HasSubstr("connecting"), HasSubstr("10000 ms"),
                                   HasSubstr("no answer")));
}

TEST_F(LiveEnd, MissingDatasetIsAConnectTimeoutWhenTheGatewayDependsOnIt) {
  const auto client = MakeAsIs({});
  client->Connect();
  Advance(10s);
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::Timeout);
  EXPECT_THAT(error.message, HasSubstr("dataset"));
}

TEST_F(LiveEnd, SilentGatewayIsAnAuthTimeout) {
  gateway_.auth_response = "";
  LiveOptions options;
  options.auth_timeout = 700ms;
  const auto client = Make(options);
  Connect(*client);
  ASSERT_TRUE(Until([&] { return !gateway_.auth.empty(); }));
  Advance(699ms);
  ASSERT_THAT(errors_, IsEmpty());
  Advance(1ms);
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::Timeout);
  EXPECT_THAT(error.message, AllOf(HasSubstr("authenticating"), HasSubstr("700 ms")));
}

TEST_F(LiveEnd, MissingDatasetIsAnAuthTimeout) {
  const auto client = MakeAsIs({});
  Connect(*client);
  Settle();
  Advance(30s);
  EXPECT_THAT(TheEnd(*client).message, HasSubstr("no dataset was given"));
}

TEST_F(LiveEnd, NoTimeoutsWhenSwitchedOff) {
  gateway_.auth_response = "";
  LiveOptions options;
  options.connect_timeout = 0ms;
  options.auth_timeout = 0ms;
  const auto client = Make(options);
  Connect(*client);
  Settle();
  Advance(100h);
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(LiveEnd, SilenceIsAHeartbeatTimeout) {
  LiveOptions options;
  options.heartbeat_interval = 10s;
  options.heartbeat_grace = 2s;
  const auto client = Make(options);
  Stream(*client);
  Advance(11s);
  gateway_.Send(Header());
  Settle();
  Advance(11s);  // 22 s after the start, 11 s after the last byte
  Advance(999ms);
  ASSERT_THAT(errors_, IsEmpty()) << "the last byte counts, not the last check";
  Advance(1ms);
  const auto& error = TheEnd(*client);
  EXPECT_EQ(error.code, ErrorCode::HeartbeatTimeout);
  EXPECT_THAT(error.message, HasSubstr("12000 ms"));
}

TEST_F(LiveEnd, ASessionThatWasNotStartedMayBeSilent) {
  const auto client = Make();
  Connect(*client);
  ASSERT_TRUE(Until([&] { return client->GetState() == LiveClient::State::Ready; }));
  for (int i = 0; i < 100; ++i) Advance(10s);
  ASSERT_THAT(errors_, IsEmpty());
  // From Start on the gateway has its time.
  client->Start();
  Advance(34s);
  ASSERT_THAT(errors_, IsEmpty());
  Advance(36s);
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::HeartbeatTimeout);
}

TEST_F(LiveEnd, APausedClientIsNotSilent) {
  const auto client = Make();
  Stream(*client);
  client->Pause();
  Advance(10min);
  EXPECT_THAT(errors_, IsEmpty());
  client->Resume();
  Advance(34s);
  EXPECT_THAT(errors_, IsEmpty());
  Advance(36s);
  EXPECT_EQ(TheEnd(*client).code, ErrorCode::HeartbeatTimeout);
}

TEST_F(LiveEnd, AfterTheEndAnotherSessionMayFollow) {
  const auto client = Make();
  for (int i = 0; i < 3; ++i) {
    errors_.clear();
    sequences_.clear();
    Stream(*client);
    gateway_.Send(Header() + Trades(0, 5) + Trades(5, 1).substr(0, 10));
    gateway_.Fin();
    EXPECT_EQ(TheEnd(*client).code, ErrorCode::ConnectionClosed);
    EXPECT_EQ(sequences_, Numbers(0, 5));
  }
  EXPECT_EQ(gateway_.accepted, 3);
}

}  // namespace
}  // namespace dbnloop
