// What differs between schemas: clocks, lateness, records that share an rtype, groups
// of one time, and policies.

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "client/continuous/evidence.hpp"
#include "support/continuous_fixture.hpp"

namespace dbnloop::test {
namespace {

using Event = MarketGateway::Event;
using Kind = ContinuityEvent::Kind;
using GapReason = ContinuityEvent::GapReason;
using testing::ElementsAre;

constexpr std::uint64_t kHour = std::uint64_t{3600} * 1'000'000'000;

// A record of a schema whose number is in its instrument.
template <typename T>
Event EventOf(Schema schema, std::uint32_t number, std::uint64_t clock) {
  auto record = Zeroed<T>(client::RTypeOf(schema));
  record.hd.instrument_id = number;
  record.hd.ts_event = UnixNanos{UnixNanos::duration{clock}};
  if constexpr (requires { record.ts_recv; }) {
    record.ts_recv = UnixNanos{UnixNanos::duration{clock}};
  }
  return {WireBytes(record), schema, clock};
}

class ContinuousSchemasTest : public ContinuousFixture {
 protected:
  // A client that notes whatever is market data.
  std::unique_ptr<ContinuousClient> MakeForAll(ContinuousOptions options = Options()) {
    auto client = Make(std::move(options));
    client->OnRecord([this](const Record& record) {
      if (!client::IsMarketData(record.Header().rtype)) return;
      got_.emplace_back(reinterpret_cast<const char*>(&record.Header()), record.Size());
    });
    return client;
  }
  void WantAll(std::size_t cut) {
    ASSERT_TRUE(RunToEnd()) << "cut after byte " << cut;
    ASSERT_TRUE(got_ == Happened()) << "cut after byte " << cut;
    ASSERT_EQ(Count(Kind::Gap), 0U) << "cut after byte " << cut;
  }
};

TEST_F(ContinuousSchemasTest, TheLatenessOfEverySchema) {
  constexpr auto kMinute = kHour / 60;
  const std::vector<std::tuple<RType, std::uint64_t, std::uint64_t>> kRows{
      {RType::Mbo, 10 * kMinute, client::kReceptionSkew},
      {RType::Mbp0, 10 * kMinute, client::kReceptionSkew},
      {RType::Mbp1, 10 * kMinute, client::kReceptionSkew},
      {RType::Mbp10, 10 * kMinute, client::kReceptionSkew},
      {RType::Ohlcv1M, 11 * kMinute, 11 * kMinute},
      {RType::Bbo1M, 11 * kMinute, 11 * kMinute},
      {RType::Cbbo1M, 11 * kMinute, 11 * kMinute},
      {RType::Ohlcv1H, 70 * kMinute, 70 * kMinute},
      {RType::Ohlcv1D, 24 * kHour + 10 * kMinute, 24 * kHour + 10 * kMinute},
      {RType::InstrumentDef, 20 * kHour, 20 * kHour},
      {RType::Statistics, 20 * kHour, 20 * kHour},
      {RType::Status, 20 * kHour, 20 * kHour},
      {RType::Imbalance, 20 * kHour, 20 * kHour}};
  for (const auto& [rtype, late, skew] : kRows) {
    EXPECT_EQ(client::LatenessOf(rtype), late) << static_cast<int>(rtype);
    EXPECT_EQ(client::SeamSkewOf(rtype), skew) << static_cast<int>(rtype);
  }
}

// What a venue publishes hours after the time that it is about is recovered although
// other schemas are far ahead, and nothing older is asked for.
TEST_F(ContinuousSchemasTest, WhatIsPublishedHoursLaterIsRecovered) {
  const auto run = [&]<typename T>(std::type_identity<T>, Schema schema) {
    SCOPED_TRACE(std::string{TextOf(schema)});
    std::vector<Event> events{EventOf<T>(schema, 1, kBegin)};
    for (std::uint32_t i = 0; i < 400; ++i) {
      events.push_back(MboEvent(i, kBegin + 30 * kHour + i));
    }
    for (std::uint32_t i = 0; i < 3; ++i) {  // while nobody is connected
      events.push_back(
          EventOf<T>(schema, 2 + i, kBegin + 30 * kHour - (19 - i) * kHour));
    }
    events.push_back(MboEvent(400, kBegin + 30 * kHour + 400));
    Open(std::move(events));
    gateway_->sessions = {{.live = 401, .away = 3, .cut = 10'000'000},
                          {.live = SIZE_MAX}};
    auto client = MakeForAll();
    client->Subscribe(From(Schema::Mbo, kBegin));
    client->Subscribe(From(schema, kBegin));
    client->Start();
    WantAll(0);
    ASSERT_EQ(gateway_->starts.size(), 2U);
    EXPECT_GE(gateway_->starts[0].value_or(0), kBegin + 29 * kHour);
    EXPECT_GE(gateway_->starts[1].value_or(0), kBegin + 10 * kHour);
  };
  run(std::type_identity<StatMsg>{}, Schema::Statistics);
  run(std::type_identity<InstrumentDefMsg>{}, Schema::Definition);
  run(std::type_identity<StatusMsg>{}, Schema::Status);
  run(std::type_identity<ImbalanceMsg>{}, Schema::Imbalance);
}

// Bars of one time that are more than what is kept, and equal ones among them.
TEST_F(ContinuousSchemasTest, AGroupOfOneTimeThatIsLargerThanWhatIsKept) {
  constexpr std::uint32_t kGroup = 3'000;
  constexpr auto kSize = sizeof(OhlcvMsg);
  static_assert(kGroup * kSize > 2 * 64 * 1024);
  std::vector<Event> events;
  for (std::uint32_t group = 0; group < 2; ++group) {
    for (std::uint32_t i = 0; i < kGroup; ++i) {
      events.push_back(EventOf<OhlcvMsg>(Schema::Ohlcv1D, i % 17 == 3 ? i - 1 : i,
                                         kBegin + group * 24 * kHour));
    }
  }
  for (const std::size_t records : {900, 1'500, 2'999, 3'000, 3'001, 4'600, 5'900}) {
    const auto cut = Header().size() + sizeof(SystemMsg) + records * kSize + 9;
    Open(events);
    gateway_->sessions = {{.live = 5'950, .away = 10, .cut = cut},
                          {.live = 10, .away = 5, .cut = cut + 40 * kSize},
                          {.live = SIZE_MAX}};
    auto client = MakeForAll();
    client->Subscribe(From(Schema::Ohlcv1D, kBegin));
    client->Start();
    WantAll(cut);
  }
}

TEST_F(ContinuousSchemasTest, SchemasThatShareAnRTypeAreRecoveredTogether) {
  std::vector<Event> events;
  for (std::uint32_t i = 0; i < 30; ++i) {
    events.push_back(EventOf<Mbp1Msg>(Schema::Mbp1, i, kBegin + i));
    // Each third one is a trade, which tbbo has as well: the same record.
    if (i % 3 == 0) events.push_back(EventOf<Mbp1Msg>(Schema::Tbbo, i, kBegin + i));
  }
  const auto sorted = [](std::vector<std::string> records) {
    std::ranges::sort(records);
    return records;
  };
  const auto header = Header().size() + 2 * sizeof(SystemMsg);
  for (std::size_t records = 0; records <= 30; ++records) {
    Open(events);
    gateway_->present = 6;
    gateway_->sessions = {
        {.live = 24, .away = 6, .cut = header + records * sizeof(Mbp1Msg)},
        {.live = SIZE_MAX}};
    auto client = MakeForAll();
    client->Subscribe(From(Schema::Mbp1, kBegin));
    client->Subscribe(From(Schema::Tbbo, kBegin));
    client->Start();
    ASSERT_TRUE(RunToEnd()) << records;
    ASSERT_TRUE(sorted(got_) == sorted(Happened())) << records;
    ASSERT_EQ(Count(Kind::Gap), 0U) << records;
  }
}

// Each schema is treated as its subscription says, whatever the others say.
TEST_F(ContinuousSchemasTest, EverySchemaHasItsOwnPolicy) {
  std::vector<Event> events;
  for (std::uint32_t i = 0; i < 40; ++i) {
    events.push_back(MboEvent(i, kBegin + 3 * i));
    events.push_back(TradeEvent(i, kBegin + 3 * i + 1));
    events.push_back(EventOf<OhlcvMsg>(Schema::Ohlcv1S, i, kBegin + 3 * i + 2));
  }
  Open(events);
  gateway_->sessions = {{.live = 60, .away = 30, .cut = 10'000'000},
                        {.live = SIZE_MAX}};
  auto client = MakeForAll();
  client->Subscribe(From(Schema::Mbo, std::nullopt), RecoveryPolicy::Snapshot);
  client->Subscribe(From(Schema::Trades, std::nullopt), RecoveryPolicy::Replay);
  client->Subscribe(From(Schema::Ohlcv1S, std::nullopt), RecoveryPolicy::Natural);
  client->Start();
  ASSERT_TRUE(Until([&] { return got_.size() >= 100; }));
  Settle();
  std::vector<std::string> want;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const bool away = i >= 60 && i < 90;
    if (!away || events[i].schema == Schema::Trades) want.push_back(events[i].bytes);
  }
  EXPECT_TRUE(got_ == want);
  std::vector<std::pair<Schema, GapReason>> gaps;
  for (const auto& event : events_) {
    if (event.kind == Kind::Gap) gaps.emplace_back(event.schema.value(), event.gap);
  }
  EXPECT_THAT(gaps, ElementsAre(std::pair{Schema::Mbo, GapReason::Policy},
                                std::pair{Schema::Ohlcv1S, GapReason::Policy}));
  ASSERT_EQ(gateway_->lines.size(), 3U);
  EXPECT_THAT(gateway_->lines[0], testing::HasSubstr("snapshot=1"));
  EXPECT_FALSE(gateway_->starts[0].has_value());
  EXPECT_TRUE(gateway_->starts[1].has_value());
  EXPECT_FALSE(gateway_->starts[2].has_value());
}

// A replay contains records without a time, which are newer than any start.
TEST_F(ContinuousSchemasTest, RecordsWithoutATimeComeOnce) {
  for (const auto& shape : {std::vector<int>{0}, {3, 4, 9}, {0, 1, 2, 3, 4, 5, 6}}) {
    auto events = SmallMarket(14);
    for (const auto at : shape) {
      events[at] = MboEvent(100 + at / 2, kUndefTimestamp);
    }
    for (const bool from_a_start : {true, false}) {
      for (std::size_t records = 0; records <= 8; ++records) {
        const auto cut = Header().size() + sizeof(SystemMsg) + records * sizeof(MboMsg);
        Open(events);
        gateway_->began = kBegin - 1000;
        gateway_->sessions = {{.live = 9, .away = 3, .cut = cut}, {.live = SIZE_MAX}};
        auto client = MakeForAll();
        const auto start = from_a_start ? std::optional{kBegin - 1000} : std::nullopt;
        client->Subscribe(From(Schema::Mbo, start));
        client->Start();
        WantAll(cut);
      }
    }
  }
}

}  // namespace
}  // namespace dbnloop::test
