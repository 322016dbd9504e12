#include "dbnloop/symbol_map.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "dbnloop/format.hpp"
#include "support/fixtures.hpp"

namespace dbnloop {
namespace {

using testing::HasSubstr;
using testing::Optional;

Metadata Sample() {
  Metadata m;
  m.stype_in = SType::RawSymbol;
  m.stype_out = SType::InstrumentId;
  m.start = MidnightOf(20231229);
  m.end = MidnightOf(20240103);
  m.mappings = {{"ESH4",
                 {{20231229, 20231231, "10"},
                  {20231231, 20240101, ""},
                  {20240101, 20240103, "11"}}},
                {"NQH4", {{20231229, 20240103, "20"}, {20240102, 20240102, "10"}}}};
  return m;
}

TEST(TsSymbolMap, FindsByDay) {
  const auto map = TsSymbolMap::FromMetadata(Sample());
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->size(), 3U);
  struct Case {
    std::uint32_t id, date;
    std::optional<std::string_view> want;
  };
  for (const auto& c : std::vector<Case>{{10, 20231228, {}},
                                         {10, 20231229, "ESH4"},
                                         {10, 20231230, "ESH4"},
                                         {10, 20231231, {}},
                                         {11, 20231231, {}},
                                         {11, 20240101, "ESH4"},
                                         {11, 20240102, "ESH4"},
                                         {11, 20240103, {}},
                                         {20, 20240102, "NQH4"},
                                         {21, 20240102, {}}}) {
    EXPECT_EQ(map->Find(c.id, c.date), c.want) << c.id << " on " << c.date;
  }
  MboMsg mbo{};
  mbo.hd.instrument_id = 11;
  mbo.ts_recv = MidnightOf(20240101);
  EXPECT_THAT(map->FindFor(mbo), Optional(std::string_view{"ESH4"}));
  mbo.ts_recv = UnixNanos{
      UnixNanos::duration{MidnightOf(20240101).time_since_epoch().count() - 1}};
  EXPECT_EQ(map->FindFor(mbo), std::nullopt);
  mbo.ts_recv = UnixNanos{UnixNanos::duration{kUndefTimestamp}};
  EXPECT_EQ(map->FindFor(mbo), std::nullopt);
}

TEST(TsSymbolMap, LaterMappingsHoldAndIdsMayBeTheInput) {
  auto m = Sample();
  m.mappings = {{"A", {{20240101, 20240201, "1"}}}, {"B", {{20240110, 20240120, "1"}}}};
  auto map = TsSymbolMap::FromMetadata(m);
  EXPECT_THAT(map->Find(1, 20240109U), Optional(std::string_view{"A"}));
  EXPECT_THAT(map->Find(1, 20240110U), Optional(std::string_view{"B"}));
  EXPECT_THAT(map->Find(1, 20240120U), Optional(std::string_view{"A"}));
  m.stype_in = SType::InstrumentId;
  m.stype_out = SType::RawSymbol;
  m.mappings = {{"7", {{20240101, 20240201, "ESH4"}}}};
  map = TsSymbolMap::FromMetadata(m);
  EXPECT_THAT(map->Find(7, 20240115U), Optional(std::string_view{"ESH4"}));
}

TEST(SymbolMaps, RefuseWhatIsNoMapping) {
  auto m = Sample();
  m.mappings[0].intervals[0].symbol = "ten";
  EXPECT_THAT(TsSymbolMap::FromMetadata(m).error().message, HasSubstr("'ten'"));
  m.mappings[0].intervals[0] = {20240105, 20240101, "1"};
  EXPECT_THAT(TsSymbolMap::FromMetadata(m).error().message,
              HasSubstr("before it begins"));
  m = Sample();
  m.stype_out = SType::RawSymbol;
  EXPECT_EQ(TsSymbolMap::FromMetadata(m).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(PitSymbolMap::FromMetadata(m, 20240101).error().code,
            ErrorCode::InvalidArgument);
  for (const std::uint32_t day : {20231228U, 20240103U}) {
    EXPECT_THAT(PitSymbolMap::FromMetadata(Sample(), day).error().message,
                HasSubstr("outside the data"));
  }
}

TEST(PitSymbolMap, HoldsOneDayOrFollowsAStream) {
  const auto day = PitSymbolMap::FromMetadata(Sample(), 20240101);
  ASSERT_TRUE(day);
  EXPECT_THAT(day->Find(11), Optional(std::string_view{"ESH4"}));
  EXPECT_EQ(day->Find(10), std::nullopt);
  EXPECT_EQ(day->size(), 2U);

  PitSymbolMap live;
  SymbolMappingMsg mapping{};
  mapping.hd.length = sizeof(mapping) / 4;
  mapping.hd.rtype = RType::SymbolMapping;
  mapping.hd.instrument_id = 5;
  std::strcpy(mapping.stype_out_symbol.data(), "ESM4");
  EXPECT_TRUE(live.OnRecord(Record{&mapping.hd}));
  EXPECT_THAT(live.Find(5), Optional(std::string_view{"ESM4"}));
  mapping.stype_out_symbol.fill('x');  // no NUL at all
  EXPECT_TRUE(live.OnSymbolMapping(mapping));
  EXPECT_EQ(live.Find(5)->size(), mapping.stype_out_symbol.size());
  dbn::v1::SymbolMappingMsg old{};
  old.hd.length = sizeof(old) / 4;
  old.hd.rtype = RType::SymbolMapping;
  old.hd.instrument_id = 6;
  std::strcpy(old.stype_out_symbol.data(), "NQM4");
  EXPECT_TRUE(live.OnRecord(Record{&old.hd}));
  EXPECT_THAT(live.Find(6), Optional(std::string_view{"NQM4"}));
  old.hd.length = 5;
  EXPECT_FALSE(live.OnRecord(Record{&old.hd}));
  old.hd.rtype = RType::Mbo;
  EXPECT_FALSE(live.OnRecord(Record{&old.hd}));
}

class FixtureSymbols : public test::FixtureTest {};

// Every record of the real files with mappings finds its symbol.
TEST_P(FixtureSymbols, AreFound) {
  const auto out =
      test::Parse(test::Load(GetParam()),
                  test::OptionsOf(GetParam(), VersionUpgradePolicy::UpgradeToV3));
  if (!out.metadata) return;  // a fragment
  const auto map = TsSymbolMap::FromMetadata(*out.metadata);
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->size() == 0, out.metadata->mappings.empty());
  for (const auto& mapping : out.metadata->mappings) {
    for (const auto& interval : mapping.intervals) {
      if (interval.symbol.empty()) continue;
      const auto id = static_cast<std::uint32_t>(std::stoul(interval.symbol));
      EXPECT_TRUE(map->Find(id, interval.start_date));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(File, FixtureSymbols,
                         testing::ValuesIn(test::FixturesOrNone()), test::FixtureName);

}  // namespace
}  // namespace dbnloop
