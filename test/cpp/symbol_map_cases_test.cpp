#include "dbnloop/symbol_map.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

#include "dbnloop/format.hpp"
#include "support/dbn.hpp"
#include "support/fixtures.hpp"

namespace dbnloop {
namespace {

using test::FixtureTest;
using test::Time;
using test::Zeroed;
using testing::HasSubstr;

constexpr std::uint64_t kDay = 86'400'000'000'000;

std::string Or(std::optional<std::string_view> symbol) {
  return std::string{symbol.value_or("-")};
}

// 2023-07-01 to 2023-08-01; ids change within a mapping and pass from one to another.
Metadata ByRawSymbol() {
  Metadata metadata;
  metadata.start = Time(1'688'169'600'000'000'000);
  metadata.end = Time(1'690'848'000'000'000'000);
  metadata.stype_in = SType::RawSymbol;
  metadata.mappings = {
      {"AAPL", {{20230701, 20230801, "32"}}},
      {"TSLA",
       {{20230701, 20230703, "10221"},
        {20230703, 20230705, "10213"},
        {20230705, 20230706, ""},  // a gap, as older headers have them
        {20230706, 20230706, "77"},
        {20230731, 20230801, "10163"}}},
      {"PLTR", {{20230710, 20230720, "10221"}}},
  };
  return metadata;
}

Metadata ById() {
  Metadata metadata = ByRawSymbol();
  metadata.stype_in = SType::InstrumentId;
  metadata.stype_out = SType::RawSymbol;
  metadata.mappings = {
      {"32", {{20230701, 20230801, "AAPL"}}},
      {"10221", {{20230701, 20230703, "TSLA"}, {20230710, 20230720, "PLTR"}}},
      {"10213", {{20230703, 20230705, "TSLA"}, {20230705, 20230706, ""}}},
      {"77", {{20230706, 20230706, "TSLA"}}},
      {"10163", {{20230731, 20230801, "TSLA"}}},
  };
  return metadata;
}

struct LookUp {
  std::uint32_t date;
  std::uint32_t id;
  const char* want;
};

constexpr LookUp kLookUps[] = {
    {20230701, 32, "AAPL"},    {20230715, 32, "AAPL"},    {20230731, 32, "AAPL"},
    {20230701, 10221, "TSLA"}, {20230702, 10221, "TSLA"}, {20230703, 10221, "-"},
    {20230709, 10221, "-"},    {20230710, 10221, "PLTR"}, {20230719, 10221, "PLTR"},
    {20230720, 10221, "-"},    {20230703, 10213, "TSLA"}, {20230704, 10213, "TSLA"},
    {20230705, 10213, "-"},    {20230706, 77, "-"},       {20230731, 10163, "TSLA"},
    {20230730, 10163, "-"},    {20230715, 1, "-"},
};

TEST(TsSymbolMap, FindsByDateAndIdFromEitherSide) {
  for (const auto& metadata : {ByRawSymbol(), ById()}) {
    const auto map = TsSymbolMap::FromMetadata(metadata);
    ASSERT_TRUE(map) << map.error().message;
    for (const auto& [date, id, want] : kLookUps) {
      EXPECT_EQ(Or(map->Find(id, date)), want) << id << " on " << date;
    }
    EXPECT_EQ(Or(map->Find(32, 20230630U)), "-");
    EXPECT_EQ(Or(map->Find(32, 20230801U)), "-");
    EXPECT_EQ(map->size(), 4U);
    EXPECT_EQ(map->IntervalCount(), 5U);
  }
}

TEST(TsSymbolMap, LooksRecordsUpOnTheDateOfTheirIndexTime) {
  const auto map = *TsSymbolMap::FromMetadata(ByRawSymbol());
  auto trade = Zeroed<TradeMsg>(RType::Mbp0);
  trade.hd.instrument_id = 10221;
  const auto midnight = Time(1'688'342'400'000'000'000);  // 2023-07-03
  trade.hd.ts_event = midnight;
  trade.ts_recv = midnight - UnixNanos::duration{1};
  const Record record{&trade.hd};
  EXPECT_EQ(Or(map.FindFor(record)), "TSLA");
  trade.ts_recv = midnight;
  EXPECT_EQ(Or(map.FindFor(record)), "-");
  trade.ts_recv = Time(kUndefTimestamp);
  EXPECT_EQ(Or(map.FindFor(record)), "-");

  auto bar = Zeroed<OhlcvMsg>(RType::Ohlcv1D);
  bar.hd.instrument_id = 10221;
  bar.hd.ts_event = midnight - UnixNanos::duration{1};
  EXPECT_EQ(Or(map.FindFor(Record{&bar.hd})), "TSLA");
}

TEST(TsSymbolMap, EmptyMetadataGivesAnEmptyMap) {
  const auto map = TsSymbolMap::FromMetadata(Metadata{});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->size(), 0U);
  EXPECT_EQ(Or(map->Find(1, 20230701U)), "-");
  EXPECT_EQ(TsSymbolMap{}.size(), 0U);
}

TEST(TsSymbolMap, AGapIsNoMappingWhateverItsDates) {
  auto metadata = ByRawSymbol();
  metadata.mappings = {{"AAPL", {{20230801, 20230701, ""}, {20230701, 20230801, "2"}}}};
  const auto symbols = TsSymbolMap::FromMetadata(metadata);
  ASSERT_TRUE(symbols) << symbols.error().message;
  EXPECT_EQ(Or(symbols->Find(2, 20230701U)), "AAPL");
}

// Where stype_out is instrument ids, the mapping goes that way, whatever stype_in is.
TEST(SymbolMaps, BothSidesIdsMapTowardsStypeOut) {
  Metadata metadata = ByRawSymbol();
  metadata.stype_in = SType::InstrumentId;
  metadata.mappings = {{"1", {{20230701, 20230801, "2"}}}};
  EXPECT_EQ(Or(TsSymbolMap::FromMetadata(metadata)->Find(2, 20230701U)), "1");
  EXPECT_EQ(Or(PitSymbolMap::FromMetadata(metadata, 20230701)->Find(2)), "1");
  metadata.stype_in.reset();
  EXPECT_EQ(Or(TsSymbolMap::FromMetadata(metadata)->Find(2, 20230701U)), "1");
}

struct Bad {
  const char* name;
  void (*spoil)(Metadata&);
  const char* says;
  ErrorCode code = ErrorCode::ParseError;
  bool only_ts = false;
};

constexpr Bad kBad[] = {
    {"NoIds", [](Metadata& m) { m.stype_out = SType::Parent; },
     "raw_symbol to parent: one side of the mappings must be instrument_id",
     ErrorCode::InvalidArgument},
    {"MixedIn",
     [](Metadata& m) {
       m.stype_in.reset();
       m.stype_out = SType::RawSymbol;
     },
     "mixed symbologies to raw_symbol", ErrorCode::InvalidArgument},
    {"Letters", [](Metadata& m) { m.mappings[0].intervals[0].symbol = "3x"; },
     "mapping of 'AAPL' has '3x' as an instrument id"},
    {"Negative", [](Metadata& m) { m.mappings[0].intervals[0].symbol = "-3"; }, "'-3'"},
    {"TooLarge", [](Metadata& m) { m.mappings[0].intervals[0].symbol = "4294967296"; },
     "'4294967296'"},
    {"EndsBeforeItBegins",
     [](Metadata& m) { m.mappings[0].intervals[0].end_date = 20230630; },
     "mapping of 'AAPL' ends (20230630) before it begins (20230701)",
     ErrorCode::ParseError, true},
};

class BadSymbolMapTest : public testing::TestWithParam<Bad> {};
INSTANTIATE_TEST_SUITE_P(Each, BadSymbolMapTest, testing::ValuesIn(kBad),
                         [](const auto& info) { return std::string{info.param.name}; });

TEST_P(BadSymbolMapTest, IsRefusedInWords) {
  auto metadata = ByRawSymbol();
  GetParam().spoil(metadata);
  const auto ts = TsSymbolMap::FromMetadata(metadata);
  ASSERT_FALSE(ts);
  EXPECT_EQ(ts.error().code, GetParam().code);
  EXPECT_THAT(ts.error().message, HasSubstr(GetParam().says));
  const auto pit = PitSymbolMap::FromMetadata(metadata, 20230701);
  EXPECT_EQ(pit.has_value(), GetParam().only_ts);
  if (!pit) {
    EXPECT_EQ(pit.error().message, ts.error().message);
  }
}

// Day by day, the later interval in the header counts: what intervals must come to.
TEST(TsSymbolMap, OverlapsAreWhatWritingDayByDayGives) {
  std::mt19937 random{7};
  const auto upTo = [&](std::uint32_t n) {
    return static_cast<std::uint32_t>(random() % n);
  };
  for (int round = 0; round < 300; ++round) {
    Metadata metadata;
    metadata.stype_in = SType::RawSymbol;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> days;
    const auto mappings = 1 + upTo(12);
    for (std::uint32_t m = 0; m < mappings; ++m) {
      SymbolMapping mapping{"S" + std::to_string(upTo(9)), {}};
      for (std::uint32_t i = upTo(4) + 1; i > 0; --i) {
        const auto start = 20230701 + upTo(28);
        const auto end = start + upTo(30 - (start - 20230701));
        const auto id = 1 + upTo(3);
        mapping.intervals.push_back({start, end, std::to_string(id)});
        for (auto day = start; day < end; ++day) days[{day, id}] = mapping.raw_symbol;
      }
      metadata.mappings.push_back(mapping);
    }
    const auto map = TsSymbolMap::FromMetadata(metadata);
    ASSERT_TRUE(map);
    for (std::uint32_t day = 20230630; day <= 20230731; ++day) {
      for (std::uint32_t id = 1; id <= 3; ++id) {
        const auto want = days.find({day, id});
        ASSERT_EQ(Or(map->Find(id, day)), want == days.end() ? "-" : want->second)
            << "round " << round << ", " << id << " on " << day;
      }
    }
  }
}

TEST(PitSymbolMap, TakesTheIntervalsOfItsDate) {
  for (const auto& metadata : {ByRawSymbol(), ById()}) {
    for (const auto& [date, id, want] : kLookUps) {
      const auto map = PitSymbolMap::FromMetadata(metadata, date);
      ASSERT_TRUE(map) << map.error().message;
      EXPECT_EQ(Or(map->Find(id)), want) << id << " on " << date;
    }
  }
}

TEST(PitSymbolMap, TakesTheFirstIntervalOfAMapping) {
  auto metadata = ByRawSymbol();
  metadata.mappings = {
      {"A", {{20230701, 20230710, "1"}, {20230705, 20230712, "2"}}},
      {"B", {{20230701, 20230710, ""}, {20230705, 20230712, "3"}}},
  };
  const auto map = *PitSymbolMap::FromMetadata(metadata, 20230706);
  EXPECT_EQ(Or(map.Find(1)), "A");
  EXPECT_EQ(Or(map.Find(2)), "-");
  EXPECT_EQ(Or(map.Find(3)), "-");
  EXPECT_EQ(map.size(), 1U);
  EXPECT_EQ(Or(PitSymbolMap::FromMetadata(metadata, 20230711)->Find(2)), "A");
}

TEST(PitSymbolMap, RefusesDatesOutsideTheData) {
  struct Case {
    std::uint32_t date;
    std::uint64_t start;
    std::optional<std::uint64_t> end;
    bool ok;
  };
  constexpr std::uint64_t kJuly = 1'688'169'600'000'000'000;  // 2023-07-01
  constexpr Case kCases[] = {
      {20230630, kJuly, kJuly + 31 * kDay, false},
      {20230701, kJuly, kJuly + 31 * kDay, true},
      {20230701, kJuly + kDay - 1, kJuly + 31 * kDay, true},  // begins late on that day
      {20230701, kJuly + kDay, kJuly + 31 * kDay, false},
      {20230731, kJuly, kJuly + 31 * kDay, true},
      {20230801, kJuly, kJuly + 31 * kDay, false},  // its midnight is the end
      {20230801, kJuly, kJuly + 31 * kDay + 1, true},
      {20230801, kJuly, std::nullopt, true},  // open
      {99991231, kJuly, std::nullopt, true},
      {99991231, kJuly, kJuly + kDay, false},
      {20230229, 0, std::nullopt, false},  // no dates
      {20231301, 0, std::nullopt, false},
      {0, 0, std::nullopt, false},
      {4'294'967'295, 0, std::nullopt, false},
  };
  for (const auto& [date, start, end, ok] : kCases) {
    Metadata metadata;
    metadata.start = Time(start);
    if (end) metadata.end = Time(*end);
    EXPECT_EQ(PitSymbolMap::FromMetadata(metadata, date).has_value(), ok) << date;
  }
}

template <typename T>
T Mapping(std::uint32_t id, std::string_view in, std::string_view out) {
  auto record = Zeroed<T>(RType::SymbolMapping);
  record.hd.instrument_id = id;
  in.copy(record.stype_in_symbol.data(), record.stype_in_symbol.size());
  out.copy(record.stype_out_symbol.data(), record.stype_out_symbol.size());
  return record;
}

TEST(PitSymbolMap, FollowsALiveStreamOfEitherLayout) {
  PitSymbolMap map;
  EXPECT_EQ(map.size(), 0U);
  auto older = Mapping<v1::SymbolMappingMsg>(10, "CL.FUT", "CLF7");
  auto newer = Mapping<SymbolMappingMsg>(9, "GC.c.0", "GCG7");
  EXPECT_TRUE(map.OnRecord(Record{&older.hd}));
  EXPECT_TRUE(map.OnRecord(Record{&newer.hd}));
  EXPECT_EQ(Or(map.Find(10)), "CLF7");
  EXPECT_EQ(Or(map.Find(9)), "GCG7");

  // With a ts_out behind it, the older layout is still the older one.
  WithTsOut with_ts_out{Mapping<v1::SymbolMappingMsg>(10, "CL.FUT", "CLG7"), Time(1)};
  EXPECT_TRUE(map.OnRecord(Record{&with_ts_out.rec.hd}));
  EXPECT_EQ(Or(map.Find(10)), "CLG7");

  // A symbol that fills its field has no NUL.
  const std::string full(newer.stype_out_symbol.size(), 'x');
  EXPECT_TRUE(map.OnSymbolMapping(Mapping<SymbolMappingMsg>(9, "", full)));
  EXPECT_EQ(Or(map.Find(9)), full);

  auto trade = Zeroed<TradeMsg>(RType::Mbp0);
  trade.hd.instrument_id = 9;
  EXPECT_FALSE(map.OnRecord(Record{&trade.hd}));
  EXPECT_EQ(Or(map.Find(Record{&trade.hd})), full);

  auto cut = Mapping<v1::SymbolMappingMsg>(11, "", "Z");
  --cut.hd.length;
  EXPECT_FALSE(map.OnRecord(Record{&cut.hd}));
  EXPECT_EQ(map.size(), 2U);
  map.Insert(11, "ZN");
  EXPECT_EQ(Or(map.Find(11)), "ZN");
}

// Of every real file: each record's symbol is that of a walk over the header's
// mappings.
class SymbolMapCases : public FixtureTest {};

TEST_P(SymbolMapCases, NamesEveryRecord) {
  const auto outcome = test::Parse(
      test::Load(GetParam()), test::OptionsOf(GetParam(), VersionUpgradePolicy::AsIs));
  if (!outcome.metadata) GTEST_SKIP() << "a fragment has no header";
  const auto& metadata = *outcome.metadata;
  const auto ts = TsSymbolMap::FromMetadata(metadata);
  ASSERT_TRUE(ts) << ts.error().message;
  for (const auto& seen : outcome.records) {
    auto bytes = seen.bytes;
    const Record record{reinterpret_cast<RecordHeader*>(bytes.data())};
    const auto date = DateOf(IndexTs(record));
    const auto id = std::to_string(record.Header().instrument_id);
    std::string want = "-";
    for (const auto& mapping : metadata.mappings) {
      for (const auto& i : mapping.intervals) {
        if (i.start_date <= date && date < i.end_date && i.symbol == id) {
          want = mapping.raw_symbol;
        }
      }
    }
    EXPECT_EQ(Or(ts->FindFor(record)), want) << id << " on " << date;
    const auto pit = PitSymbolMap::FromMetadata(metadata, date);
    if (pit) {
      EXPECT_EQ(Or(pit->Find(record)), want) << id << " on " << date;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(File, SymbolMapCases,
                         testing::ValuesIn(test::FixturesOrNone()), test::FixtureName);

}  // namespace
}  // namespace dbnloop
