// Every cut of a stream: what was handed out equals what happened, once and in order.

#include "dbnloop/continuous_client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "dbnloop/exception.hpp"
#include "dbnloop/stream_end.hpp"
#include "support/continuous_fixture.hpp"

namespace dbnloop::test {
namespace {

using Event = MarketGateway::Event;
using Kind = ContinuityEvent::Kind;

class ContinuousTest : public ContinuousFixture {};

TEST_F(ContinuousTest, EveryCutByteIsMended) {
  const std::vector<std::pair<std::size_t, std::size_t>> kShapes{
      {0, 0}, {3, 5}, {1, 9}};
  for (const auto& [live_after, away] : kShapes) {
    std::size_t size = SIZE_MAX;
    for (std::size_t cut = 0; cut <= size; ++cut) {
      Open(SmallMarket(14));
      gateway_->present = 2;
      gateway_->sessions = {{.live = 8, .away = away, .cut = cut}, {.live = SIZE_MAX}};
      auto client = Make();
      client->Subscribe(From(Schema::Mbo, kBegin - 1000));
      client->Start();
      ASSERT_TRUE(Until([&] { return gateway_->started; }));
      if (size == SIZE_MAX) size = gateway_->sent;
      ASSERT_TRUE(RunToEnd()) << "cut after byte " << cut;
      ASSERT_EQ(got_, Happened()) << "cut after byte " << cut;
      ASSERT_EQ(Count(Kind::Gap), 0U) << "cut after byte " << cut;
    }
  }
}

// The times that the gateway appends differ, and the compressed bytes too.
TEST_F(ContinuousTest, CutsOfACompressedStreamWithTsOutAreMended) {
  std::size_t size = SIZE_MAX;
  for (std::size_t cut = 0; cut <= size; cut += 3) {
    Open(SmallMarket(14));
    gateway_->ts_out = gateway_->zstd = true;
    gateway_->present = 2;
    gateway_->sessions = {{.live = 8, .away = 2, .cut = cut}, {.live = SIZE_MAX}};
    auto options = Options();
    options.live.ts_out = true;
    options.live.compression = Compression::Zstd;
    auto client = Make(options);
    client->Subscribe(From(Schema::Mbo, kBegin - 1000));
    client->Start();
    ASSERT_TRUE(Until([&] { return gateway_->started; }));
    if (size == SIZE_MAX) size = gateway_->sent;
    ASSERT_TRUE(RunToEnd()) << "cut after byte " << cut;
    auto happened = Happened();
    for (auto& bytes : happened) bytes[0] = static_cast<char>(bytes[0] + 2);
    ASSERT_EQ(got_, happened) << "cut after byte " << cut;
    ASSERT_EQ(Count(Kind::Gap), 0U) << "cut after byte " << cut;
  }
}

TEST_F(ContinuousTest, EveryPairOfCutsIsMended) {
  constexpr std::uint32_t kRecords = 16;
  constexpr std::size_t kSize = sizeof(MboMsg);
  std::size_t pairs = 0;
  for (std::size_t first = 0; first <= 8; ++first) {
    for (std::size_t second = 0;; ++second) {
      Open(SmallMarket(kRecords));
      const auto header = Header().size() + sizeof(SystemMsg);
      gateway_->present = 3;
      gateway_->sessions = {{.live = 5, .away = 2, .cut = header + first * kSize},
                            {.live = 4, .away = 1, .cut = header + second * kSize},
                            {.live = SIZE_MAX}};
      auto client = Make();
      client->Subscribe(From(Schema::Mbo, kBegin - 1000));
      client->Start();
      ASSERT_TRUE(RunToEnd()) << first << ", " << second;
      ASSERT_EQ(got_, Happened()) << first << ", " << second;
      ASSERT_EQ(Count(Kind::Gap), 0U) << first << ", " << second;
      ++pairs;
      if (second >= kRecords) break;
    }
  }
  EXPECT_EQ(pairs, 9U * (kRecords + 1));
}

// More than is kept: what left the memory is not handed out again either.
TEST_F(ContinuousTest, CutsOfALongStreamAreMended) {
  for (std::size_t cut = 1'000; cut < 9'000; cut += 373) {
    Open(SmallMarket(10'000));
    gateway_->sessions = {
        {.live = 9'000, .away = 300, .cut = Header().size() + cut * sizeof(MboMsg) + 7},
        {.live = 20, .away = 3, .cut = 40'000 + cut},
        {.live = SIZE_MAX}};
    auto client = Make();
    client->Subscribe(From(Schema::Mbo, kBegin - 1000));
    client->Start();
    ASSERT_TRUE(RunToEnd()) << cut;
    ASSERT_EQ(got_, Happened()) << cut;
    ASSERT_EQ(Count(Kind::Gap), 0U) << cut;
    if (cut > 6'000) {
      EXPECT_LT(gateway_->replayed, 9'000U) << "everything was replayed";
    }
  }
}

TEST_F(ContinuousTest, AQuietSchemaIsNotReplayedForHours) {
  std::vector<Event> events;
  constexpr std::uint64_t kHour = std::uint64_t{3600} * 1'000'000'000;
  events.push_back(TradeEvent(1, kBegin));
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    events.push_back(MboEvent(i, kBegin + 5 * kHour + i * 1000));
  }
  Open(std::move(events));
  gateway_->sessions = {{.live = 4'000, .away = 100, .cut = 3'000 * sizeof(MboMsg)},
                        {.live = SIZE_MAX}};
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, kBegin));
  client->Subscribe(From(Schema::Trades, kBegin));
  client->Start();
  ASSERT_TRUE(RunToEnd());
  EXPECT_EQ(got_, Happened());
  ASSERT_EQ(gateway_->starts.size(), 2U);
  EXPECT_GT(gateway_->starts[1].value_or(0), kBegin + 4 * kHour);
  ASSERT_EQ(Count(Kind::Recovered), 2U);
}

TEST_F(ContinuousTest, AReplayThatOmitsARecordIsAGap) {
  Open(SmallMarket(40));
  gateway_->sessions = {
      {.live = 20,
       .away = 5,
       .cut = Header().size() + sizeof(SystemMsg) + 10 * sizeof(MboMsg)},
      {.live = SIZE_MAX}};
  gateway_->omit = {5};
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, std::nullopt));
  client->Start();
  ASSERT_TRUE(RunToEnd());
  EXPECT_EQ(got_, Happened());
  ASSERT_EQ(Count(Kind::Gap), 1U);
  const auto gap = *std::ranges::find(events_, Kind::Gap, &ContinuityEvent::kind);
  EXPECT_EQ(gap.gap, ContinuityEvent::GapReason::Contradiction);
  EXPECT_EQ(gap.schema, Schema::Mbo);
  EXPECT_EQ(gap.from.time_since_epoch().count(), gateway_->events[5].clock);
  EXPECT_GE(gap.to, gap.from);
}

TEST_F(ContinuousTest, AReplayThatClaimsToBeCompleteEarlyIsAGap) {
  Open(SmallMarket(40));
  gateway_->sessions = {
      {.live = 20,
       .away = 5,
       .cut = Header().size() + sizeof(SystemMsg) + 10 * sizeof(MboMsg)},
      {.live = SIZE_MAX}};
  gateway_->claim_after = 3;
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, std::nullopt));
  client->Start();
  ASSERT_TRUE(Until([&] { return Count(Kind::CaughtUp) == 1; }));
  ASSERT_EQ(Count(Kind::Gap), 1U);
  const auto gap = *std::ranges::find(events_, Kind::Gap, &ContinuityEvent::kind);
  EXPECT_LE(gap.from.time_since_epoch().count(), gateway_->events[9].clock);
  EXPECT_GE(gap.to.time_since_epoch().count(), gateway_->events[19].clock);
}

TEST_F(ContinuousTest, APositionContinuesInAnotherClient) {
  constexpr std::size_t kRecords = 30;
  for (std::size_t stop = 1; stop < kRecords; ++stop) {
    Open(SmallMarket(kRecords));
    gateway_->sessions = {{.live = kRecords, .away = 0}, {.live = SIZE_MAX}};
    auto client = Make();
    auto* const first = client.get();
    client->OnRecord([&, first](const MboMsg& m) {
      got_.push_back(WireBytes(m));
      if (got_.size() == stop) first->Pause();
    });
    client->Subscribe(From(Schema::Mbo, kBegin - 1000));
    client->Start();
    ASSERT_TRUE(Until([&] { return client->IsPaused(); }));
    const auto position = client->Position();
    const auto before = got_;
    client = Make();
    client->Subscribe(From(Schema::Mbo, kBegin - 1000));
    client->ResumeFrom(position);
    client->Start();
    ASSERT_TRUE(Until([&] { return before.size() + got_.size() >= kRecords; })) << stop;
    Settle();
    got_.insert(got_.begin(), before.begin(), before.end());
    ASSERT_EQ(got_, Happened()) << stop;
  }
}

// A file that a capture wrote, cut anywhere: its end is a position.
TEST_F(ContinuousTest, AFileIsAPosition) {
  const auto events = SmallMarket(4'000);
  std::string file = Header();
  const auto header = file.size();
  for (const auto& event : events) file += event.bytes;
  for (std::size_t cut = header; cut < header + 3 * sizeof(MboMsg); ++cut) {
    StreamEnd end{64 * 1024};
    end.Push(AsBytes(std::string_view{file}.substr(0, cut)));
    EXPECT_EQ(end.Records(), (cut - header) / sizeof(MboMsg));
    EXPECT_EQ(end.Complete(), cut - (cut - header) % sizeof(MboMsg));
  }
  for (const std::size_t cut : {1, 2, 5, 100, 1'999, 3'500, 3'990}) {
    StreamEnd end{64 * 1024};
    const auto bytes = std::string_view{file}.substr(0, header + cut * sizeof(MboMsg));
    for (std::size_t at = 0; at < bytes.size(); at += 1'000) {
      end.Push(AsBytes(bytes.substr(at, 1'000)));
    }
    Open(events);
    gateway_->present = 3'995;
    auto client = Make();
    client->Subscribe(From(Schema::Mbo, std::nullopt));
    client->ResumeFrom(end.Position());
    client->Start();
    ASSERT_TRUE(Until([&] { return cut + got_.size() >= events.size(); })) << cut;
    Settle();
    auto happened = Happened();
    happened.erase(happened.begin(),
                   happened.begin() + static_cast<std::ptrdiff_t>(cut));
    ASSERT_EQ(got_, happened) << cut;
    EXPECT_EQ(Count(Kind::Gap), 0U);
  }
}

TEST_F(ContinuousTest, WhatIsNoDbnHasNoPosition) {
  StreamEnd end;
  EXPECT_THROW((void)end.Position(), Exception);
  EXPECT_THROW(end.Push(AsBytes("no DBN at all, and long enough")), Exception);
  EXPECT_THROW(StreamEnd{1}, Exception);
}

TEST_F(ContinuousTest, APositionThatDoesNotFitIsRefused) {
  Open(SmallMarket(5));
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, kBegin));
  client->Start();
  ASSERT_TRUE(RunToEnd());
  const auto position = client->Position();
  const auto refused = [&](std::vector<std::byte> bytes, std::string_view why) {
    auto other = Make();
    try {
      other->ResumeFrom(bytes);
      ADD_FAILURE() << "accepted what " << why;
    } catch (const Exception& e) {
      EXPECT_EQ(e.error().code, ErrorCode::InvalidArgument);
      EXPECT_NE(e.error().message.find(why), std::string::npos) << e.error().message;
    }
  };
  refused({}, "is not one");
  for (std::size_t i = 0; i < position.size(); ++i) {
    auto damaged = position;
    damaged[i] ^= std::byte{1};
    auto other = Make();
    EXPECT_THROW(other->ResumeFrom(damaged), Exception) << i;
    auto cut = position;
    cut.resize(i);
    EXPECT_THROW(other->ResumeFrom(cut), Exception) << i;
  }
  auto newer = position;
  newer[7] = std::byte{9};
  refused(newer, "version 9");
  auto options = Options();
  options.live.dataset = "XNAS.ITCH";
  auto foreign = Make(options);
  EXPECT_THROW(foreign->ResumeFrom(position), Exception);
}

TEST_F(ContinuousTest, RepeatedMappingsAndMetadataAreNotNews) {
  Open(SmallMarket(30));
  auto mapping = Zeroed<SymbolMappingMsg>(RType::SymbolMapping);
  mapping.hd.instrument_id = 7;
  mapping.stype_out_symbol[0] = 'A';
  gateway_->symbol_mapping = WireBytes(mapping);
  gateway_->sessions = {{.live = 20, .away = 5, .cut = 1'500},
                        {.live = 2, .away = 1, .cut = 1'600},
                        {.live = SIZE_MAX}};
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, std::nullopt));
  client->Start();
  ASSERT_TRUE(RunToEnd());
  EXPECT_EQ(got_, Happened());
  EXPECT_EQ(mappings_, 1);
  EXPECT_EQ(metadata_, 1);
}

TEST_F(ContinuousTest, TheNaturalPolicyReportsItsGap) {
  Open(SmallMarket(30));
  gateway_->sessions = {{.live = 10, .away = 5, .cut = 1'000'000}, {.live = SIZE_MAX}};
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, std::nullopt), RecoveryPolicy::Natural);
  client->Start();
  ASSERT_TRUE(Until([&] { return got_.size() == 25; }));
  ASSERT_EQ(Count(Kind::Gap), 1U);
  EXPECT_FALSE(gateway_->starts[0].has_value());
  const auto gap = *std::ranges::find(events_, Kind::Gap, &ContinuityEvent::kind);
  EXPECT_EQ(gap.gap, ContinuityEvent::GapReason::Policy);
  std::uint64_t latest = 0;
  for (int i = 0; i < 10; ++i) latest = std::max(latest, gateway_->events[i].clock);
  EXPECT_EQ(gap.from.time_since_epoch().count(), latest);
}

// What was unsubscribed is not subscribed again, and is in no replay.
TEST_F(ContinuousTest, AReconnectRestoresWhatIsStillSubscribed) {
  std::vector<Event> events;
  for (std::uint32_t i = 0; i < 20; ++i) {
    events.push_back(i % 2 == 0 ? MboEvent(i, kBegin + i) : TradeEvent(i, kBegin + i));
  }
  Open(std::move(events));
  gateway_->sessions = {{.live = 10, .away = 4}, {.live = SIZE_MAX}};
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, kBegin));
  client->Subscribe(From(Schema::Trades, kBegin));
  client->Start();
  ASSERT_TRUE(Until([&] { return got_.size() == 10; }));
  client->Unsubscribe({.dataset = {},
                       .schema = Schema::Trades,
                       .stype_in = SType::RawSymbol,
                       .symbols = {std::string{kAllSymbols}}});
  ASSERT_EQ(client->Subscriptions().size(), 1U);
  Settle();
  gateway_->Fin();
  ASSERT_TRUE(Until([&] { return got_.size() == 15; }));
  Settle();
  EXPECT_EQ(got_.size(), 15U);
  EXPECT_EQ(gateway_->starts.size(), 1U);
  EXPECT_THROW(
      client->Unsubscribe({.dataset = {}, .schema = Schema::Status, .symbols = {"ES"}}),
      Exception);
}

// Each session breaks before its replay has brought anything new.
TEST_F(ContinuousTest, AReplayThatAlwaysBreaksGetsShorter) {
  Open(SmallMarket(100));
  gateway_->present = 100;
  gateway_->sessions.assign(
      20, {.live = 0,
           .away = 0,
           .cut = Header().size() + sizeof(SystemMsg) + 60 * sizeof(MboMsg)});
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, kBegin - 1000));
  client->Start();
  ASSERT_TRUE(Until([&] { return got_.size() >= gateway_->events.size(); }));
  EXPECT_EQ(got_, Happened());
  EXPECT_LT(gateway_->accepted, 15);
}

TEST_F(ContinuousTest, StopEndsItOnce) {
  Open(SmallMarket(5));
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, kBegin));
  client->Start();
  ASSERT_TRUE(RunToEnd());
  client->Stop();
  ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
  Settle();
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
  EXPECT_EQ(client->GetState(), ContinuousClient::State::Stopped);
}

TEST_F(ContinuousTest, ARefusedKeyEndsItAtOnce) {
  Open(SmallMarket(5));
  gateway_->auth_response = "success=0|error=no such key\n";
  auto client = Make();
  client->Subscribe(From(Schema::Mbo, kBegin));
  client->Start();
  ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
  EXPECT_EQ(errors_[0].code, ErrorCode::AuthFailed);
  EXPECT_EQ(gateway_->accepted, 1);
}

TEST_F(ContinuousTest, EveryByteOfTheHandshakeMayBeItsLast) {
  const std::string text = "success=1|session_id=4711\n";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    Open(SmallMarket(12));
    gateway_->sessions = {{.live = 6, .away = 2, .cut = 900}, {.live = SIZE_MAX}};
    auto client = Make();
    client->Subscribe(From(Schema::Mbo, kBegin - 1000));
    client->Start();
    // The first reconnect meets a gateway that closes inside its answer.
    client->OnState([&, n = 0](ContinuousClient::State state) mutable {
      if (state != ContinuousClient::State::Connecting) return;
      gateway_->auth_response = ++n == 1 ? text.substr(0, cut) + "\0" : text;
    });
    ASSERT_TRUE(
        Until([&] { return gateway_->accepted >= 2 && gateway_->Connected(); }));
    ASSERT_TRUE(Until([&] { return !gateway_->auth.empty() || got_.size() >= 12; }));
    if (got_.size() < 12 && !gateway_->started) gateway_->Fin();
    ASSERT_TRUE(RunToEnd()) << cut;
    ASSERT_EQ(got_, Happened()) << cut;
  }
}

}  // namespace
}  // namespace dbnloop::test
