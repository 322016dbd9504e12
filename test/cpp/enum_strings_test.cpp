// Every enum of the schema, both ways; the schema file itself is the table.
#include "dbnloop/enum_strings.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "dbnloop/format.hpp"
#include "dbnloop/publishers.hpp"
#include "support/source_dir.hpp"

namespace dbnloop {
namespace {

const nlohmann::json& Schemas() {
  static const auto json =
      nlohmann::json::parse(std::ifstream{test::SourceDir() / "schema/dbn.json"});
  return json;
}

template <typename E>
void BothWays(const std::string& name) {
  const nlohmann::json& definition = Schemas().at("enums").at(name);
  std::size_t count = 0;
  for (const auto& [value_name, value] : definition.at("values").items()) {
    const auto number = value.is_string()
                            ? static_cast<int>(value.template get<std::string>()[0])
                            : value.template get<int>();
    const auto want = static_cast<E>(number);
    const auto text = definition.contains("strings")
                          ? definition.at("strings").value(value_name, value_name)
                          : value_name;
    EXPECT_EQ(FromString<E>(text), want) << name << " " << text;
    EXPECT_EQ(std::string{TextOf(want)}, text) << name;
    ++count;
  }
  if (definition.contains("string_aliases")) {
    for (const auto& [value_name, aliases] : definition.at("string_aliases").items()) {
      for (const auto& alias : aliases) {
        EXPECT_TRUE(FromString<E>(alias.template get<std::string>())) << alias;
      }
    }
  }
  EXPECT_GT(count, 0U);
  for (const auto* unknown : {"", "nope", "MBO ", " mbo", "Unknown"}) {
    EXPECT_FALSE(FromString<E>(unknown)) << name << " " << unknown;
  }
}

TEST(EnumStrings, EveryEnumBothWays) {
  BothWays<RType>("RType");
  BothWays<Side>("Side");
  BothWays<Action>("Action");
  BothWays<InstrumentClass>("InstrumentClass");
  BothWays<MatchAlgorithm>("MatchAlgorithm");
  BothWays<UserDefinedInstrument>("UserDefinedInstrument");
  BothWays<SecurityUpdateAction>("SecurityUpdateAction");
  BothWays<SType>("SType");
  BothWays<Schema>("Schema");
  BothWays<Encoding>("Encoding");
  BothWays<Compression>("Compression");
  BothWays<StatType>("StatType");
  BothWays<StatUpdateAction>("StatUpdateAction");
  BothWays<StatusAction>("StatusAction");
  BothWays<StatusReason>("StatusReason");
  BothWays<TradingEvent>("TradingEvent");
  BothWays<TriState>("TriState");
  BothWays<VersionUpgradePolicy>("VersionUpgradePolicy");
  BothWays<GatewayErrorCode>("ErrorCode");
  BothWays<SystemCode>("SystemCode");
  BothWays<SlowReaderBehavior>("SlowReaderBehavior");
}

TEST(EnumStrings, OlderNamesAreAccepted) {
  EXPECT_EQ(FromString<SType>("native"), SType::RawSymbol);
  EXPECT_EQ(FromString<SType>("product_id"), SType::InstrumentId);
  EXPECT_EQ(FromString<Encoding>("dbz"), Encoding::Dbn);
}

TEST(Publishers, AreTheSchemas) {
  const auto& publishers = Schemas().at("publishers");
  ASSERT_EQ(Publishers().size(), publishers.size());
  for (const auto& p : publishers) {
    const auto* found = FindPublisher(p.at("id").get<std::uint16_t>());
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->name, p.at("name").get<std::string>());
    EXPECT_EQ(found->dataset, p.at("dataset").get<std::string>());
    EXPECT_EQ(found->venue, p.at("venue").get<std::string>());
  }
  EXPECT_EQ(FindPublisher(0), nullptr);
  EXPECT_EQ(FindPublisher(65535), nullptr);
  ASSERT_EQ(Datasets().size(), Schemas().at("datasets").size());
  ASSERT_EQ(Venues().size(), Schemas().at("venues").size());
  EXPECT_EQ(Datasets()[0], "GLBX.MDP3");
  EXPECT_EQ(Venues()[1], "XNAS");
}

TEST(Format, Prices) {
  PriceText room;
  EXPECT_EQ(FormatPrice(0, room), "0.000000000");
  EXPECT_EQ(FormatPrice(1, room), "0.000000001");
  EXPECT_EQ(FormatPrice(-1, room), "-0.000000001");
  EXPECT_EQ(FormatPrice(4'567'250'000'000, room), "4567.250000000");
  EXPECT_EQ(FormatPrice(-12'000'000'000, room), "-12.000000000");
  EXPECT_EQ(FormatPrice(kUndefPrice - 1, room), "9223372036.854775806");
  EXPECT_EQ(FormatPrice(std::numeric_limits<std::int64_t>::min(), room),
            "-9223372036.854775808");
  EXPECT_EQ(FormatPrice(kUndefPrice, room), "");
}

TEST(Format, Times) {
  TimeText room;
  const auto at = [](std::uint64_t n) { return UnixNanos{UnixNanos::duration{n}}; };
  EXPECT_EQ(FormatTime(at(0), room), "1970-01-01T00:00:00.000000000Z");
  // date -u -d @1709164799 → Wed Feb 28 23:59:59 UTC 2024
  EXPECT_EQ(FormatTime(at(1'709'164'799'999'999'999), room),
            "2024-02-28T23:59:59.999999999Z");
  EXPECT_EQ(FormatTime(at(1'709'164'800'000'000'000), room),
            "2024-02-29T00:00:00.000000000Z");
  EXPECT_EQ(FormatTime(at(kUndefTimestamp - 1), room),
            "2554-07-21T23:34:33.709551614Z");
  EXPECT_EQ(FormatTime(at(kUndefTimestamp), room), "");
  EXPECT_EQ(DateOf(at(1'709'164'799'999'999'999)), 20240228U);
  EXPECT_EQ(MidnightOf(20240229), at(1'709'164'800'000'000'000));
}

}  // namespace
}  // namespace dbnloop
