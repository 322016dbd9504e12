// What a live client tells of its session: events and statistics.

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "support/live_fixture.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using Kind = SessionEvent::Kind;
using test::GatewayErrorRecord;
using test::Header;
using test::SubscriptionAck;
using test::SystemRecord;
using test::Trades;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LiveEvents : public test::LiveFixture {
 protected:
  std::unique_ptr<test::OpenLiveClient> MakeWatched(LiveOptions options = {}) {
    auto client = Make(std::move(options));
    Watch(*client);
    return client;
  }
  void Watch(LiveClient& client) {
    client.OnRecord(Overload{
        [this](const TradeMsg& m) { log_.push_back(std::to_string(m.sequence)); },
        [this](const Record& r) {
          log_.emplace_back(r.RType() == RType::Error ? "error" : "system");
        }});
    client.OnSessionEvent([this](const SessionEvent& event) {
      events_.push_back(event);
      log_.emplace_back(ToString(event.kind));
    });
  }
  bool UntilLogged(std::size_t n) {
    return Until([&] { return log_.size() >= n; });
  }

  std::vector<SessionEvent> events_;
  std::vector<std::string> log_;  // records and events in the order in which they came
};

TEST_F(LiveEvents, ComeBehindTheirRecordAndBeforeTheNext) {
  const auto client = MakeWatched();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 2) + SubscriptionAck(1) + Trades(2, 1) +
                SystemRecord("Heartbeat", SystemCode::Heartbeat) +
                GatewayErrorRecord("Failed to resolve symbol X",
                                   GatewayErrorCode::SymbolResolutionFailed) +
                Trades(3, 1));
  ASSERT_TRUE(UntilLogged(9));
  EXPECT_THAT(log_, ElementsAre("0", "1", "system", "SubscriptionAck", "2", "system",
                                "error", "SymbolUnresolved", "3"));
  EXPECT_EQ(events_[0].subscription_id, 1U);
  EXPECT_EQ(events_[0].schema, Schema::Trades);
  EXPECT_EQ(events_[1].message, "Failed to resolve symbol X");
  EXPECT_FALSE(events_[1].fatal);
}

TEST_F(LiveEvents, ComeTheSameWhereverTheStreamIsCut) {
  const auto bytes =
      Header() + Trades(0, 1) + SubscriptionAck(1) +
      SystemRecord("Finished trades replay", SystemCode::ReplayCompleted) +
      Trades(1, 1);
  for (const std::size_t piece : {1U, 3U, 17U, 64U, 400U}) {
    log_.clear();
    const auto client = MakeWatched();
    gateway_.SetPiece(0);
    Stream(*client);
    gateway_.SetPiece(piece);
    gateway_.Send(bytes);
    ASSERT_TRUE(UntilLogged(6)) << piece;
    EXPECT_THAT(log_, ElementsAre("0", "system", "SubscriptionAck", "system",
                                  "ReplayCompleted", "1"))
        << piece;
  }
}

// Where runs are short, records are delivered without them.
TEST_F(LiveEvents, ComeInTheirPlaceAmongRecordsOfManyTypes) {
  auto bytes = Header();
  std::vector<std::string> expected;
  for (std::uint32_t i = 0; i < 600; ++i) {
    if (i % 7 == 3) {
      bytes += SubscriptionAck(static_cast<int>(i));
      expected.insert(expected.end(), {"system", "SubscriptionAck"});
    } else if (i % 3 == 0) {
      auto record = test::Zeroed<MboMsg>(RType::Mbo);
      bytes += test::WireBytes(record);
      expected.emplace_back("mbo");
    } else {
      // One run in the middle is long.
      const std::uint32_t run = i == 301 ? 500 : 1;
      bytes += Trades(i, run);
      for (auto n = i; n < i + run; ++n) expected.push_back(std::to_string(n));
    }
  }
  for (const std::size_t piece : {0U, 1000U, 4099U}) {
    log_.clear();
    events_.clear();
    const auto client = MakeWatched();
    client->OnRecord(Overload{
        [this](const TradeMsg& m) { log_.push_back(std::to_string(m.sequence)); },
        [this](const MboMsg&) { log_.emplace_back("mbo"); },
        [this](const SystemMsg&) { log_.emplace_back("system"); }});
    gateway_.SetPiece(0);
    Stream(*client);
    gateway_.SetPiece(piece);
    gateway_.Send(bytes);
    ASSERT_TRUE(UntilLogged(expected.size())) << piece;
    EXPECT_EQ(log_, expected) << piece;
    ASSERT_FALSE(events_.empty());
    EXPECT_EQ(events_.back().subscription_id, 598U);
  }
}

TEST_F(LiveEvents, ComeInCompressedStreams) {
  const auto client = MakeWatched({.compression = Compression::Zstd});
  Stream(*client);
  gateway_.Send(test::Zstd(Header() + SubscriptionAck(1) + Trades(0, 1)));
  ASSERT_TRUE(UntilLogged(3));
  EXPECT_THAT(log_, ElementsAre("system", "SubscriptionAck", "0"));
}

TEST_F(LiveEvents, ComeToBatchSinksWhenTheRecordsAreTaken) {
  const auto client = MakeWatched();
  std::vector<std::size_t> batches;
  client->OnBatch([&](const RecordBatch& batch) {
    batches.push_back(batch.size);
    return std::size_t{0};
  });
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 1) + SubscriptionAck(1) + Trades(1, 1));
  ASSERT_TRUE(Until([&] { return batches.size() == 1; }));
  Settle();
  EXPECT_THAT(log_, IsEmpty()) << "the record is not taken yet";
  client->Release(batches[0]);
  ASSERT_TRUE(Until([&] { return batches.size() == 2; }));
  EXPECT_THAT(log_, ElementsAre("SubscriptionAck"));
  EXPECT_EQ(batches[0], sizeof(TradeMsg) + sizeof(SystemMsg));
  client->Release(batches[1]);
  EXPECT_EQ(client->Stats().TotalRecords(), 3U);
}

TEST_F(LiveEvents, WaitWhilePausedAndComeOnce) {
  const auto client = MakeWatched();
  client->OnRecord(Overload{
      [&](const SystemMsg&) {
        log_.emplace_back("system");
        client->Pause();
      },
      [this](const TradeMsg& m) { log_.push_back(std::to_string(m.sequence)); }});
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1) + SubscriptionAck(2) + Trades(0, 1));
  ASSERT_TRUE(UntilLogged(1));
  Settle();
  EXPECT_THAT(log_, ElementsAre("system"));
  client->Resume();
  ASSERT_TRUE(UntilLogged(3));
  Settle();
  EXPECT_THAT(log_, ElementsAre("system", "SubscriptionAck", "system"));
  client->Resume();
  ASSERT_TRUE(UntilLogged(5));
  EXPECT_THAT(
      log_, ElementsAre("system", "SubscriptionAck", "system", "SubscriptionAck", "0"));
}

TEST_F(LiveEvents, HandlerMayPauseBetweenTwoEvents) {
  const auto client = MakeWatched();
  client->OnSessionEvent([&](const SessionEvent& event) {
    log_.push_back("event " + std::to_string(event.subscription_id));
    if (event.subscription_id == 1) client->Pause();
  });
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1) + SubscriptionAck(2) + Trades(0, 1));
  ASSERT_TRUE(UntilLogged(3));
  Settle();
  EXPECT_THAT(log_, ElementsAre("system", "system", "event 1"));
  client->Resume();
  ASSERT_TRUE(UntilLogged(5));
  EXPECT_THAT(log_, ElementsAre("system", "system", "event 1", "event 2", "0"));
}

TEST_F(LiveEvents, HandlerMayClose) {
  const auto client = MakeWatched();
  client->OnSessionEvent([&](const SessionEvent&) {
    log_.emplace_back("event");
    client->Close();
  });
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1) + SubscriptionAck(2) + Trades(0, 1));
  ASSERT_TRUE(UntilLogged(3));
  Settle();
  EXPECT_THAT(log_, ElementsAre("system", "system", "event"));
  EXPECT_EQ(client->GetState(), LiveClient::State::Disconnected);
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(LiveEvents, HandlerMayDestroyTheClient) {
  auto client = MakeWatched();
  client->OnSessionEvent([&](const SessionEvent&) {
    log_.emplace_back("event");
    client.reset();
  });
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1) + SubscriptionAck(2) + Trades(0, 1));
  ASSERT_TRUE(Until([&] { return client == nullptr; }));
  Settle();
  EXPECT_THAT(log_, ElementsAre("system", "system", "event"));
}

TEST_F(LiveEvents, HandlerMayConnectAnew) {
  const auto client = MakeWatched();
  bool again = false;
  client->OnSessionEvent([&](const SessionEvent& event) {
    log_.push_back("event " + std::to_string(event.subscription_id));
    if (std::exchange(again, true)) return;
    client->Close();
    Connect(*client);
    SubscribeTrades(*client);
    client->Start();
  });
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1) + SubscriptionAck(2) + Trades(0, 1));
  ASSERT_TRUE(Until([&] { return gateway_.accepted == 2 && gateway_.started; }));
  gateway_.Send(Header() + SubscriptionAck(1) + Trades(7, 1));
  ASSERT_TRUE(UntilLogged(6));
  EXPECT_THAT(log_,
              ElementsAre("system", "system", "event 1", "system", "event 1", "7"));
}

TEST_F(LiveEvents, HandlerMayThrow) {
  const auto client = MakeWatched();
  client->OnSessionEvent([&](const SessionEvent& event) {
    log_.push_back("event " + std::to_string(event.subscription_id));
    throw std::runtime_error{"on purpose"};
  });
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1) + SubscriptionAck(2) + Trades(0, 1));
  int threw = 0;
  ASSERT_TRUE(UntilDespiteThrows(threw, [&] { return log_.size() >= 5; }));
  EXPECT_EQ(threw, 2);
  EXPECT_THAT(log_, ElementsAre("system", "system", "event 1", "event 2", "0"));
}

TEST_F(LiveEvents, RecordHandlerThatThrowsLosesNoEvent) {
  const auto client = MakeWatched();
  client->OnRecord(Overload{
      [&](const SystemMsg&) { throw std::runtime_error{"on purpose"}; },
      [this](const TradeMsg& m) { log_.push_back(std::to_string(m.sequence)); }});
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1) + Trades(0, 1));
  int threw = 0;
  ASSERT_TRUE(UntilDespiteThrows(threw, [&] { return log_.size() >= 2; }));
  EXPECT_EQ(threw, 1);
  EXPECT_THAT(log_, ElementsAre("SubscriptionAck", "0"));
}

TEST_F(LiveEvents, FatalErrorIsToldBeforeTheEnd) {
  const auto client = MakeWatched();
  client->OnError([this](const Error& e) {
    errors_.push_back(e);
    log_.emplace_back("end");
  });
  Stream(*client);
  gateway_.Send(
      Header() + Trades(0, 1) +
      GatewayErrorRecord("key deactivated", GatewayErrorCode::ApiKeyDeactivated));
  gateway_.Fin();
  ASSERT_TRUE(UntilEnd());
  EXPECT_THAT(log_, ElementsAre("0", "error", "GatewayError", "end"));
  EXPECT_TRUE(events_[0].fatal);
  EXPECT_EQ(errors_[0].code, ErrorCode::GatewayError);
  EXPECT_THAT(errors_[0].message, HasSubstr("key deactivated"));
}

// ---- Subscriptions without an answer ------------------------------------------------

TEST_F(LiveEvents, SubscriptionWithoutAnAnswerIsToldOnce) {
  const auto client = MakeWatched();
  Stream(*client);  // subscription 1
  gateway_.Send(Header() + Trades(0, 1));
  ASSERT_TRUE(UntilLogged(1));
  Advance(9s);
  SubscribeTrades(*client);  // 2
  Advance(999ms);
  EXPECT_THAT(events_, IsEmpty());
  Advance(1ms);
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].kind, Kind::SubscriptionOverdue);
  EXPECT_EQ(events_[0].subscription_id, 1U);
  EXPECT_THAT(events_[0].message, HasSubstr("127.0.0.1"));
  EXPECT_THAT(events_[0].message, HasSubstr("10000 ms"));
  gateway_.Send(SubscriptionAck(2));
  ASSERT_TRUE(Until([&] { return events_.size() == 2; }));
  Advance(20s);
  EXPECT_EQ(events_.size(), 2U);
  EXPECT_EQ(client->GetState(), LiveClient::State::Streaming) << "the session goes on";
}

TEST_F(LiveEvents, AnAckOrARefusalIsAnAnswer) {
  const auto client = MakeWatched();
  Stream(*client);
  SubscribeTrades(*client);
  SubscribeTrades(*client);
  gateway_.Send(
      Header() + SubscriptionAck(2) +
      GatewayErrorRecord("no such schema", GatewayErrorCode::InvalidSubscription) +
      GatewayErrorRecord("Failed to resolve symbol X",
                         GatewayErrorCode::SymbolResolutionFailed));
  ASSERT_TRUE(Until([&] { return events_.size() == 3; }));
  Advance(10s);
  ASSERT_EQ(events_.size(), 4U) << "a symbol's failure does not answer for the rest";
  EXPECT_EQ(events_[3].kind, Kind::SubscriptionOverdue);
  EXPECT_EQ(events_[3].subscription_id, 3U)
      << "the refusal without a name was taken for the oldest one's";
}

TEST_F(LiveEvents, TheTimeForAnswersBeginsWithTheStream) {
  const auto client = MakeWatched();
  Connect(*client);
  SubscribeTrades(*client);
  ASSERT_TRUE(Until([&] { return client->GetState() == LiveClient::State::Ready; }));
  Advance(60s);
  EXPECT_THAT(events_, IsEmpty());
  client->Start();
  ASSERT_TRUE(Until([&] { return gateway_.started; }));
  Advance(9999ms);
  EXPECT_THAT(events_, IsEmpty());
  Advance(1ms);
  EXPECT_EQ(events_.size(), 1U);
}

TEST_F(LiveEvents, PausedTimeDoesNotCountForAnswers) {
  const auto client = MakeWatched();
  Stream(*client);
  gateway_.Send(Header());
  Settle();
  client->Pause();
  Advance(30s);
  client->Resume();
  Advance(9999ms);
  EXPECT_THAT(events_, IsEmpty());
  Advance(1ms);
  EXPECT_EQ(events_.size(), 1U);
}

TEST_F(LiveEvents, AnswersAreNotWaitedForWithoutATimeout) {
  const auto client = MakeWatched({.heartbeat_interval = 1800s, .ack_timeout = 0ms});
  Stream(*client);
  Advance(1000s);
  EXPECT_THAT(events_, IsEmpty());
}

// ---- Statistics ---------------------------------------------------------------------

TEST_F(LiveEvents, StatsCountWhatWasTaken) {
  const auto client = MakeWatched();
  Stream(*client);
  const auto bytes = Header() + Trades(0, 1000) + SubscriptionAck(1);
  gateway_.Send(bytes);
  ASSERT_TRUE(UntilLogged(1002));
  const auto stats = client->Stats();
  EXPECT_EQ(stats.records[static_cast<std::uint8_t>(RType::Mbp0)], 1000U);
  EXPECT_EQ(stats.records[static_cast<std::uint8_t>(RType::System)], 1U);
  EXPECT_EQ(stats.TotalRecords(), 1001U);
  EXPECT_EQ(stats.bytes, 1000 * sizeof(TradeMsg) + sizeof(SystemMsg));
  EXPECT_GE(stats.bytes_read, bytes.size()) << "the text phase counts too";
  EXPECT_GT(stats.reads, 2U);
  EXPECT_GE(stats.batches, 1U);
  EXPECT_LE(stats.batches, 1001U);
  EXPECT_GT(stats.polls, 0U);
  EXPECT_EQ(stats.buffered, 0U);
  EXPECT_EQ(stats.gateway_to_client.Count(), 0U) << "without ts_out";
}

TEST_F(LiveEvents, StatsTellOfPausesAndSilence) {
  const auto client = MakeWatched();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 1));
  ASSERT_TRUE(UntilLogged(1));
  Advance(2s);
  EXPECT_EQ(client->Stats().silence, 2s);
  client->Pause();
  client->Pause();
  Advance(3s);
  EXPECT_EQ(client->Stats().paused, 3s) << "the one that lasts counts";
  client->Resume();
  Advance(1s);
  client->Pause();
  Advance(4s);
  client->Resume();
  EXPECT_EQ(client->Stats().paused, 7s);
  EXPECT_EQ(client->Stats().pauses, 2U);
}

TEST_F(LiveEvents, StatsBeginAnewWithASession) {
  const auto client = MakeWatched();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 5));
  ASSERT_TRUE(UntilLogged(5));
  client->Close();
  EXPECT_EQ(client->Stats().TotalRecords(), 5U) << "readable when it is over";
  Stream(*client);
  EXPECT_EQ(client->Stats().TotalRecords(), 0U);
}

TEST_F(LiveEvents, LagIsMeasuredAtTheLastRecordOfABatch) {
  const auto client = MakeWatched({.ts_out = true});
  Stream(*client);
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  WithTsOut<TradeMsg> trade{test::Trade(1), {}};
  trade.rec.hd.length = sizeof(trade) / RecordHeader::kLengthMultiplier;
  trade.ts_out = UnixNanos{UnixNanos::duration{(now - 100h).count()}};
  trade.rec.ts_recv = UnixNanos{UnixNanos::duration{(now - 100h - 1ms).count()}};
  gateway_.Send(Header(true) + test::WireBytes(trade));
  ASSERT_TRUE(Until([&] { return client->Stats().TotalRecords() == 1; }));
  const auto stats = client->Stats();
  EXPECT_EQ(stats.gateway_to_client.Count(), 1U);
  EXPECT_GE(stats.gateway_to_client.Quantile(0.5), 100h);
  EXPECT_LE(stats.gateway_to_client.Quantile(0.5), 200h);
  EXPECT_GE(stats.venue_to_gateway.Quantile(1), 1ms);
  EXPECT_LT(stats.venue_to_gateway.Quantile(1), 2ms);
}

// Times are the peer's word. (The sum of all is checked by the sanitizers too.)
TEST_F(LiveEvents, TheLagOfAnyTwoTimesIsDefined) {
  const auto client = MakeWatched({.ts_out = true});
  Stream(*client);
  gateway_.Send(Header(true));
  constexpr std::uint64_t kHalf = std::uint64_t{1} << 63;
  struct Case {
    std::uint64_t ts_out;
    std::uint64_t ts_recv;
    std::size_t bucket;  // of venue_to_gateway
  };
  const std::vector<Case> cases{
      {kHalf, 0, 63},          {kHalf, kHalf - 1, 1},
      {kHalf + 5, 1, 63},      {kHalf - 1, 0, 63},
      {0, kHalf, 0},           {0, UINT64_MAX - 1, 0},
      {UINT64_MAX - 1, 0, 63}, {UINT64_MAX - 1, UINT64_MAX - 2, 1}};
  LatencyHistogram expected;
  std::uint64_t records = 0;
  for (const auto& c : cases) {
    WithTsOut<TradeMsg> trade{test::Trade(1), {}};
    trade.rec.hd.length = sizeof(trade) / RecordHeader::kLengthMultiplier;
    trade.ts_out = UnixNanos{UnixNanos::duration{c.ts_out}};
    trade.rec.ts_recv = UnixNanos{UnixNanos::duration{c.ts_recv}};
    gateway_.Send(test::WireBytes(trade));
    ++records;
    ASSERT_TRUE(Until([&] { return client->Stats().TotalRecords() == records; }));
    ++expected.counts[c.bucket];
    EXPECT_TRUE(
        std::ranges::equal(client->Stats().venue_to_gateway.counts, expected.counts))
        << c.ts_out << " " << c.ts_recv;
  }
  // What was sent far in the future came before it was sent.
  EXPECT_EQ(client->Stats().gateway_to_client.counts[0], 6U);
}

TEST(LatencyHistogram, KeepsBoundsThatDouble) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), 0ns);
  histogram.Add(-5ns);
  EXPECT_EQ(histogram.counts[0], 1U);
  EXPECT_EQ(histogram.Quantile(1), 0ns);
  for (int i = 0; i < 98; ++i) histogram.Add(1000ns);
  histogram.Add(std::chrono::nanoseconds::max());
  EXPECT_EQ(histogram.Count(), 100U);
  EXPECT_EQ(histogram.Quantile(0), 0ns);
  EXPECT_EQ(histogram.Quantile(0.5), 1023ns);
  EXPECT_EQ(histogram.Quantile(0.99), 1023ns);
  EXPECT_EQ(histogram.Quantile(1), std::chrono::nanoseconds::max());
  EXPECT_EQ(histogram.Quantile(7), std::chrono::nanoseconds::max());
}

}  // namespace
}  // namespace dbnloop
