// A deadline judges a peer: not while its bytes are held here, and in any case on time.

#include <gmock/gmock.h>

#include <stdexcept>

#include "support/epoll_wait.hpp"
#include "support/historical_fixture.hpp"
#include "support/live_fixture.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Header;
using test::SubscriptionAck;
using test::Trades;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using Kind = SessionEvent::Kind;

class LiveDeadline : public test::LiveFixture {
 protected:
  std::unique_ptr<test::OpenLiveClient> MakeWatched(LiveOptions options) {
    auto client = Make(std::move(options));
    client->OnSessionEvent(
        [this](const SessionEvent& e) { events_.push_back(e.kind); });
    return client;
  }
  // Very many records in very few bytes: one read, and many turns.
  static std::string Same(std::uint32_t count) {
    std::string bytes;
    for (std::uint32_t i = 0; i < count; ++i) bytes += test::WireBytes(test::Trade(1));
    return bytes;
  }

  std::vector<Kind> events_;
};

constexpr std::uint32_t kMany = 200'000;

// One compressed piece is worked off over many turns, slowly; nothing more comes, or
// what comes is not read meanwhile.
TEST_F(LiveDeadline, ASlowHandlerOfACompressedPieceDoesNotMakeTheGatewaySilent) {
  for (const bool more : {false, true}) {
    for (const auto per_record : {100us, 1000us}) {
      errors_.clear();
      events_.clear();
      LiveOptions options{.heartbeat_interval = 5s,
                          .heartbeat_grace = 0ms,
                          .compression = Compression::Zstd,
                          .ack_timeout = 1s};
      const auto client = MakeWatched(options);
      std::uint32_t records = 0;
      client->OnRecord([&](const TradeMsg&) {
        ++records;
        now_ += per_record;
      });
      const auto end = kMany + (more ? 1U : 0U);
      Stream(*client);
      gateway_.Send(
          test::Zstd(Header() + Same(kMany) + (more ? "" : SubscriptionAck(1))));
      if (more) gateway_.Send(test::Zstd(Same(1) + SubscriptionAck(1)));
      ASSERT_TRUE(Until([&] { return records == end || !errors_.empty(); }));
      Settle();
      EXPECT_THAT(errors_, IsEmpty());
      EXPECT_THAT(events_, testing::ElementsAre(Kind::SubscriptionAck));
      // Then it is silent, and ends on time: counted from the last record at the
      // latest.
      Advance(5s);
      Advance(5s);
      ASSERT_EQ(errors_.size(), 1U);
      EXPECT_EQ(errors_[0].code, ErrorCode::HeartbeatTimeout);
    }
  }
}

TEST_F(LiveDeadline, ASilentGatewayEndsOnTimeAlsoAfterAnAbsence) {
  const auto limit = 35s;
  for (const int absence : {0, 1, 2}) {
    errors_.clear();
    const auto client = Make();
    Stream(*client);
    gateway_.Send(Header());
    Settle();
    Advance(limit - 1ms);
    ASSERT_THAT(errors_, IsEmpty());
    if (absence == 0) now_ += 1ms;
    if (absence == 1) now_ += 10min;
    if (absence == 2) test::InterruptNextEpollWait([&] { now_ += 10min; });
    reactor_.Poll(0);
    reactor_.Poll(0);
    ASSERT_EQ(errors_.size(), 1U) << absence;
    EXPECT_EQ(errors_[0].code, ErrorCode::HeartbeatTimeout);
  }
}

// From Resume on it has its time; one that says nothing has no more.
TEST_F(LiveDeadline, AResumedGatewayIsSilentFromResumeOn) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header());
  Settle();
  client->Pause();
  Advance(10min);
  client->Resume();
  Settle();
  Advance(35s - 1ms);
  EXPECT_THAT(errors_, IsEmpty());
  Advance(1ms);
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::HeartbeatTimeout);
}

TEST_F(LiveDeadline, AnAnswerThatWasNotReadIsNotOverdue) {
  const auto client = MakeWatched({});
  Stream(*client);
  gateway_.Send(Header());
  Settle();
  test::InterruptNextEpollWait([&] {
    now_ += 11s;
    gateway_.Send(SubscriptionAck(1));
  });
  reactor_.Poll(0);
  Settle();
  EXPECT_THAT(events_, testing::ElementsAre(Kind::SubscriptionAck));
}

// A stream that never pauses puts off no judgement: what came before the deadline
// counts.
TEST_F(LiveDeadline, AnAnswerThatNeverComesIsOverdueAlsoInAFlood) {
  for (const auto compression : {Compression::None, Compression::Zstd}) {
    events_.clear();
    const auto client = MakeWatched({.compression = compression, .ack_timeout = 50ms});
    const bool zstd = compression == Compression::Zstd;
    const auto flood = zstd ? test::Zstd(Same(20'000)) : Trades(0, 5000);
    client->OnRecord([&](std::span<const TradeMsg>) {
      // As long as nothing is overdue there is always more.
      if (events_.empty() && gateway_.Unsent() < 4096) gateway_.Send(flood);
    });
    Stream(*client);
    gateway_.Send((zstd ? test::Zstd(Header()) : Header()) + flood);
    ASSERT_TRUE(Until([&] {
      now_ += 10ms;
      return !events_.empty();
    }));
    EXPECT_THAT(events_, testing::ElementsAre(Kind::SubscriptionOverdue));
  }
}

TEST_F(LiveDeadline, StopDeliversWhatHadComeByItsLimit) {
  const auto client = Make({.compression = Compression::Zstd});
  Stream(*client);
  gateway_.Send(test::Zstd(Header()));
  Settle();
  gateway_.close_with_peer = false;
  client->Stop();
  test::InterruptNextEpollWait([&] {
    gateway_.Send(test::Zstd(Same(kMany)));  // many turns' records
    now_ += 10s;
  });
  reactor_.Poll(0);
  EXPECT_LT(sequences_.size(), kMany);
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
  EXPECT_EQ(sequences_.size(), kMany);
}

TEST_F(LiveDeadline, StopEndsOnTimeWhateverTheGatewayDoes) {
  for (const bool floods : {false, true}) {
    errors_.clear();
    const auto client = Make();
    client->OnRecord([&](std::span<const TradeMsg>) {
      if (floods && gateway_.Unsent() == 0) gateway_.Send(Trades(0, 20'000));
    });
    Stream(*client);
    gateway_.close_with_peer = false;
    gateway_.Send(Header() + Trades(0, 20'000));
    if (!floods) Settle();
    client->Stop();
    for (int i = 0; i < 100; ++i) reactor_.Poll(0);
    EXPECT_THAT(errors_, IsEmpty());
    now_ += 5s;
    ASSERT_TRUE(UntilEnd());
    EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
    gateway_.Fin();
    Settle();
  }
}

// A limit that comes late is extended once.
TEST_F(LiveDeadline, ATrickleDuringAbsencesStillHitsTheLimitOnTheHandshake) {
  gateway_.text_byte_by_byte = true;
  const auto client = Make();
  Connect(*client);
  ASSERT_TRUE(Until([&] { return gateway_.accepted == 1; }));
  int absences = 0;
  while (errors_.empty() && absences < 10) {
    reactor_.Poll(0);
    test::InterruptNextEpollWait([&] { now_ += 31s; });
    reactor_.Poll(0);
    ++absences;
  }
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::Timeout);
  EXPECT_LE(absences, 3);
}

class HistoricalDeadline : public test::HistoricalFixture {};

// What the decompressor holds is worked off over many turns, slowly; the server waits.
TEST_F(HistoricalDeadline, ASlowHandlerDoesNotMakeTheServerSilent) {
  std::string plain = Header();
  for (int i = 0; i < 100'000; ++i) plain += test::WireBytes(test::Trade(1));
  const auto body = test::Zstd(plain);
  test::ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](auto&) {
    const auto whole = test::ScriptedHttpServer::Response(200, body);
    return test::HttpAnswer{whole.substr(0, whole.size() - 1)};
  };
  const auto client = Make(Options(server));
  std::size_t records = 0;
  client->OnRecord([&](const TradeMsg&) {
    ++records;
    now_ += 100ms;
  });
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(Until([&] { return records > 98'000 || !errors_.empty(); }));
  Settle();
  EXPECT_THAT(errors_, IsEmpty());
  server.Send(body.substr(body.size() - 1));
  ASSERT_TRUE(UntilEnd());
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_EQ(records, 100'000U);
}

TEST_F(HistoricalDeadline, ASilentServerEndsOnTimeAlsoAfterAnAbsence) {
  const auto limit = 100s;
  for (const bool head : {false, true}) {
    for (const int absence : {0, 1, 2}) {
      errors_.clear();
      test::ScriptedHttpServer server{&reactor_, &good_};
      server.answer = [&](auto&) {
        const auto whole = test::ScriptedHttpServer::Chunked(
            test::Zstd(Header() + Trades(0, 1)), 1000);
        return test::HttpAnswer{head ? whole.substr(0, whole.size() - 5) : ""};
      };
      const auto client = Make(Options(server));
      RequestTrades(*client);
      client->Start();
      ASSERT_TRUE(Until([&] { return !server.requests.empty(); }));
      Settle();
      now_ += limit - 1ms;
      Settle();
      ASSERT_THAT(errors_, IsEmpty());
      if (absence == 0) now_ += 1ms;
      if (absence == 1) now_ += 10min;
      if (absence == 2) test::InterruptNextEpollWait([&] { now_ += 10min; });
      reactor_.Poll(0);
      reactor_.Poll(0);
      ASSERT_EQ(errors_.size(), 1U) << absence;
      EXPECT_EQ(errors_[0].code, ErrorCode::Timeout);
    }
  }
}

}  // namespace
}  // namespace dbnloop
