// What a gateway says to a continuous client, and what the client makes of it.

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/continuous/trail.hpp"
#include "dbnloop/exception.hpp"
#include "support/allocations.hpp"
#include "support/continuous_fixture.hpp"
#include "support/scripted_http_server.hpp"

namespace dbnloop::test {
namespace {

using Kind = ContinuityEvent::Kind;
using State = ContinuousClient::State;
using testing::ElementsAre;
using testing::HasSubstr;

class ContinuousGatewayTest : public ContinuousFixture {
 protected:
  static Unsubscription Without(std::string symbol) {
    return {.dataset = {},
            .schema = Schema::Mbo,
            .stype_in = SType::RawSymbol,
            .symbols = {std::move(symbol)}};
  }
  // Refuses without saying what.
  void Refuse() {
    gateway_->Send(MarketGateway::Refusal(GatewayErrorCode::InvalidSubscription,
                                          "Invalid subscription"));
    Settle();
  }
  // A stream of `records` in a session that lasts.
  std::unique_ptr<ContinuousClient> Stream(std::uint32_t records) {
    Open(SmallMarket(records));
    auto client = Make();
    client->Subscribe(From(Schema::Mbo, kBegin - 1000));
    client->Start();
    EXPECT_TRUE(RunToEnd());
    return client;
  }
};

TEST_F(ContinuousGatewayTest, EveryStateIsReportedFromTheFirstOn) {
  Open(SmallMarket(8));
  gateway_->sessions = {{.live = 4, .cut = 1'000'000}, {.live = SIZE_MAX}};
  auto client = Make();
  std::vector<State> states;
  client->OnState([&](State state) {
    EXPECT_EQ(client->GetState(), state);
    states.push_back(state);
  });
  client->Subscribe(From(Schema::Mbo, std::nullopt));
  client->Start();
  EXPECT_THAT(states, ElementsAre(State::Connecting));
  ASSERT_TRUE(RunToEnd());
  client->Stop();
  ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
  client->Start();
  EXPECT_THAT(states, ElementsAre(State::Connecting, State::Live, State::Waiting,
                                  State::Connecting, State::Replaying, State::Live,
                                  State::Stopped, State::Connecting));
}

// Longer than what fits into nanoseconds.
TEST_F(ContinuousGatewayTest, EndlessLimitsAreLongOnes) {
  constexpr auto kEndless = std::chrono::milliseconds::max();
  auto options = Options();
  for (auto* limit :
       {&options.live.heartbeat_grace, &options.live.connect_timeout,
        &options.live.auth_timeout, &options.live.ack_timeout,
        &options.live.resolve_timeout, &options.history.connect_timeout,
        &options.history.resolve_timeout, &options.history.tls_timeout,
        &options.history.response_timeout, &options.history.idle_timeout}) {
    *limit = kEndless;
  }
  ScriptedHttpServer history{&reactor_};
  history.answer = [](const std::string&) { return HttpAnswer{}; };
  options.history.url = history.Url();
  options.history.proxy = "";
  Open(SmallMarket(10));
  gateway_->sessions = {{.live = 5, .away = 2, .cut = 1'000'000}, {.live = SIZE_MAX}};
  auto client = Make(options);
  client->Subscribe(From(Schema::Mbo, kBegin - 1000));
  client->Start();
  ASSERT_TRUE(RunToEnd());
  Advance(std::chrono::seconds{1});
  EXPECT_EQ(gateway_->accepted, 2) << "the session timed out";
  // A request that is never answered remains one.
  gateway_->present = 10;
  gateway_->retained = kBegin;
  client = Make(options);
  client->Subscribe(From(Schema::Mbo, kBegin - 1000));
  client->Start();
  ASSERT_TRUE(Until([&] { return !history.requests.empty(); }));
  Advance(std::chrono::seconds{1});
  EXPECT_EQ(client->GetState(), State::History);
  EXPECT_EQ(history.requests.size(), 1U);
}

TEST_F(ContinuousGatewayTest, OptionsOfItsSessionsThatAreOutOfRangeAreRefused) {
  Open({});
  const auto refused = [&](auto change) {
    auto options = Options();
    change(options);
    try {
      Make(std::move(options));
    } catch (const Exception& e) {
      return e.error().code;
    }
    return ErrorCode::None;
  };
  using O = ContinuousOptions;
  constexpr auto kRefused = ErrorCode::InvalidArgument;
  EXPECT_EQ(refused([](O& o) { o.live.ack_timeout = -std::chrono::seconds{1}; }),
            kRefused);
  EXPECT_EQ(refused([](O& o) { o.live.busy_poll = std::chrono::seconds{2}; }),
            kRefused);
  EXPECT_EQ(refused([](O& o) { o.live.dataset = "no such"; }),
            ErrorCode::InvalidDataset);
  EXPECT_EQ(refused([](O& o) { o.history.max_retries = -1; }), kRefused);
  EXPECT_EQ(refused([](O& o) { o.history.idle_timeout = -std::chrono::seconds{1}; }),
            kRefused);
  EXPECT_EQ(refused([](O&) {}), ErrorCode::None);
  EXPECT_THROW((ContinuousClient{&reactor_, "short", Options()}), Exception);
}

// Whatever of it cannot be used is found when history is needed.
TEST_F(ContinuousGatewayTest, AnUnusableOptionOfHistoryEndsTheStream) {
  for (const bool url : {true, false}) {
    Open(SmallMarket(10));
    gateway_->present = 10;
    gateway_->retained = kBegin;
    auto options = Options();
    options.history.url = url ? "no URL" : "https://127.0.0.1:1";
    options.history.proxy = url ? "" : "socks5://127.0.0.1:1";
    auto client = Make(options);
    client->Subscribe(From(Schema::Mbo, kBegin - 1000));
    client->Start();
    ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
    Settle();
    ASSERT_EQ(errors_.size(), 1U);
    EXPECT_EQ(errors_[0].code, ErrorCode::InvalidArgument) << errors_[0].message;
    EXPECT_EQ(client->GetState(), State::Stopped);
    EXPECT_EQ(gateway_->accepted, 1);
  }
}

// ---- Refusals -----------------------------------------------------------------------

TEST_F(ContinuousGatewayTest, ARefusedUnsubscriptionIsNoRefusedSubscription) {
  auto client = Stream(10);
  client->Unsubscribe(Without("ESZ6"));
  Settle();
  ASSERT_EQ(gateway_->lines.size(), 2U);
  Refuse();
  EXPECT_TRUE(errors_.empty());
  EXPECT_EQ(client->GetState(), State::Live);
  gateway_->Fin();
  ASSERT_TRUE(Until([&] { return gateway_->accepted == 2 && gateway_->started; }));
  Settle();
  EXPECT_EQ(client->GetState(), State::Live);
  // What remains of ALL_SYMBOLS is a subscription and an unsubscription.
  EXPECT_THAT(gateway_->lines,
              ElementsAre(HasSubstr("symbols=ALL_SYMBOLS"), HasSubstr("unsubscribe")));
  EXPECT_EQ(got_, Happened());
}

TEST_F(ContinuousGatewayTest, ARefusalWithoutANameConcernsTheSubscriptionOtherwise) {
  for (const bool acknowledged : {false, true}) {
    auto client = Stream(10);
    client->Unsubscribe(Without("ESZ6"));
    Settle();
    if (acknowledged) {
      gateway_->Send(MarketGateway::System(static_cast<SystemCode>(5),
                                           "Unsubscribe request for mbo succeeded"));
      Settle();
    } else {
      Refuse();
    }
    ASSERT_TRUE(errors_.empty());
    Refuse();
    ASSERT_EQ(errors_.size(), 1U) << "nothing is subscribed any more";
    EXPECT_EQ(errors_[0].code, ErrorCode::GatewayError);
    EXPECT_THAT(errors_[0].message, HasSubstr("every subscription"));
  }
}

// A refused subscription is missing from the next session. The other one of its schema
// is recovered as if it had been alone.
TEST_F(ContinuousGatewayTest, WhatWasRefusedIsNotAskedForAgain) {
  Open(SmallMarket(30));
  gateway_->refused = {2, 3};
  gateway_->sessions = {{.live = 20, .away = 5}, {.live = SIZE_MAX}};
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, kBegin - 1000));
  auto other = From(Schema::Mbo, kBegin - 1000);
  other.symbols = {"NONE"};
  client->Subscribe(other);
  client->Subscribe(From(Schema::Trades, kBegin - 1000));
  client->Start();
  ASSERT_TRUE(Until([&] { return got_.size() == 20; }));
  EXPECT_EQ(gateway_->lines.size(), 3U);
  gateway_->refused.clear();
  gateway_->Fin();
  ASSERT_TRUE(RunToEnd());
  EXPECT_THAT(gateway_->lines, ElementsAre(HasSubstr("symbols=ALL_SYMBOLS")));
  EXPECT_EQ(got_, Happened());
  EXPECT_EQ(client->GetState(), State::Live);
  EXPECT_EQ(Count(Kind::Gap), 0U);
  const auto recovered =
      std::ranges::find(events_, Kind::Recovered, &ContinuityEvent::kind);
  ASSERT_NE(recovered, events_.end());
  EXPECT_GT(recovered->dropped, 0U);
}

// They are reported, and change nothing any more.
TEST_F(ContinuousGatewayTest, WhatTheGatewaySaysAfterStopIsOnlyReported) {
  const std::vector<std::pair<GatewayErrorCode, std::string>> kMessages{
      {GatewayErrorCode::InvalidSubscription, "Invalid subscription"},
      {GatewayErrorCode::ReplayDataAgedOut, "replay of mbo aged out"},
      {GatewayErrorCode::SkippedRecordsAfterSlowReading, "skipped 3 records"},
      {GatewayErrorCode::AuthFailed, "no longer allowed"}};
  for (const auto& [code, text] : kMessages) {
    SCOPED_TRACE(text);
    auto client = Stream(10);
    gateway_->close_with_peer = false;
    std::vector<std::string> said;
    client->OnSessionEvent([&](const SessionEvent& e) { said.push_back(e.message); });
    client->Stop();
    ASSERT_TRUE(Until([&] { return gateway_->peer_closed; }));
    gateway_->Send(
        MarketGateway::Refusal(code, text) +
        MarketGateway::System(SystemCode::ReplayCompleted, "Finished mbo replay"));
    Settle();
    EXPECT_THAT(said, ElementsAre(text, "Finished mbo replay"));
    EXPECT_TRUE(errors_.empty());
    gateway_->Fin();
    ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
    Settle();
    ASSERT_EQ(errors_.size(), 1U);
    EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
    EXPECT_EQ(gateway_->accepted, 1);
    EXPECT_EQ(Count(Kind::Gap) + Count(Kind::Reconnecting), 0U);
  }
}

// ---- What is held and kept ----------------------------------------------------------

// The next session waits for a batch that a binding holds, and nothing else does: the
// clock of the fixture stands still.
TEST_F(ContinuousGatewayTest, TheReleaseOfAHeldBatchBeginsTheNextSession) {
  Open(SmallMarket(20));
  gateway_->sessions = {{.live = 12, .away = 3, .cut = 1'000'000}, {.live = SIZE_MAX}};
  auto client = Make();
  std::size_t held = 0;
  client->OnBatch(
      [&](const RecordBatch& batch) -> std::size_t {
        held = batch.size;
        const auto* at = reinterpret_cast<const char*>(batch.data);
        for (const auto& run : batch.runs) {
          for (std::size_t i = 0; i < run.count; ++i, at += run.record_size) {
            if (run.rtype == RType::Mbo) got_.emplace_back(at, run.record_size);
          }
        }
        return 0;
      },
      DataSource::BatchForm::Runs);
  client->Subscribe(From(Schema::Mbo, kBegin - 1000));
  client->Start();
  const auto holds = [&] { return held != 0; };
  ASSERT_TRUE(Until(holds));
  while (got_.size() < 12) {
    client->Release(std::exchange(held, 0));
    ASSERT_TRUE(Until(holds));
  }
  // The session ends, and the last batch of it is still held.
  for (int i = 0; i < 50; ++i) Settle();
  EXPECT_EQ(gateway_->accepted, 1);
  while (got_.size() < 20) {
    client->Release(std::exchange(held, 0));
    ASSERT_TRUE(Until(holds));
  }
  EXPECT_EQ(gateway_->accepted, 2);
  EXPECT_TRUE(got_ == Happened());
}

// However often nothing came of an attempt, what is known of the stream remains, and no
// memory is kept.
TEST(ContinuousTrail, AttemptsThatFailedLeaveNothing) {
  const auto header = Header();
  client::Trail trail{64 * 1024};
  DbnParser parser{ParserOptions{.buffer_size = 16 * 1024, .fragment = std::nullopt}};
  parser.SetKeeper(&trail);
  const auto push = [&](const std::string& bytes) {
    parser.Push(AsBytes(bytes));
    for (auto batch = parser.Peek(); !batch.empty(); batch = parser.Peek()) {
      for (const auto& run : batch.runs) trail.Count(run.rtype, run.count);
      parser.Consume(batch.size);
    }
  };
  push(header + WireBytes(Mbo(1)) + WireBytes(Mbo(2)));
  const auto attempt = [&](const std::string& bytes) {
    parser.Reset();
    push(bytes);
  };
  for (const auto& bytes : {std::string{}, header.substr(0, 20), header,
                            header + WireBytes(Mbo(3)).substr(0, 17)}) {
    attempt(bytes);
    const PeakMemory peak;
    for (int i = 0; i < 1'000; ++i) attempt(bytes);
    // Of one attempt; each trace of another one would be a kilobyte.
    EXPECT_LT(peak.bytes(), 100'000U);
    const auto known = trail.Collect(parser);
    ASSERT_EQ(known.rtypes.size(), 1U);
    EXPECT_EQ(known.rtypes.at(RType::Mbo).records.size(), 2U);
    EXPECT_TRUE(known.rtypes.at(RType::Mbo).complete);
  }
  parser.SetKeeper(nullptr);
}

}  // namespace
}  // namespace dbnloop::test
