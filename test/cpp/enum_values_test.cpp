#include "dbnloop/enum_strings.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "dbnloop/error.hpp"
#include "support/enum_rows.gen.hpp"

#if DBNLOOP_HAS_DATABENTO_CPP
#include <databento/exceptions.hpp>
#endif

namespace dbnloop {
namespace {

// databento-cpp 0.65.0 forgot the strings of two values.
constexpr bool HasNoString([[maybe_unused]] const char* name,
                           [[maybe_unused]] int number) {
#if DBNLOOP_HAS_DATABENTO_CPP
  return (std::string_view{name} == "RType" && number == 0x11) ||
         (std::string_view{name} == "SType" && number == 2);
#else
  return false;
#endif
}

// Upper and lower case, cut, and with more around it.
std::vector<std::string> Spoiled(const std::string& text) {
  std::vector<std::string> out{text + " ", " " + text, text + '\0', text + "x",
                               text.substr(1)};
  auto swapped = text;
  for (auto& c : swapped) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) c ^= 0x20;
  }
  if (swapped != text) out.push_back(swapped);
  return out;
}

TEST(EnumValues, EveryValueBothWays) {
  int enums = 0;
  int values = 0;
  int without = 0;
  test::ForEachEnum([&]<typename E>(const char* name,
                                    const std::vector<test::EnumRow<E>>& rows,
                                    const std::vector<EnumText<E>>& aliases) {
    ++enums;
    const auto known = EnumValues<E>();
    ASSERT_EQ(known.size(), rows.size()) << name;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& [value, number, text] = rows[i];
      EXPECT_EQ(static_cast<int>(value), number) << name << " " << text;
      if (HasNoString(name, number)) {
        ++without;
        EXPECT_STREQ(ToString(value), "Unknown");
      } else {
        EXPECT_STREQ(ToString(value), text) << name;
      }
      EXPECT_STREQ(TextOf(value), text) << name;
      EXPECT_EQ(FromString<E>(text), value) << name << " " << text;
      EXPECT_EQ(known[i].value, value) << name;
      EXPECT_STREQ(known[i].text, text) << name;
      ++values;
    }
    for (const auto& [value, text] : aliases) {
      EXPECT_EQ(FromString<E>(text), value) << name << " " << text;
    }
    for (const auto& row : rows) {
      for (const auto& text : Spoiled(row.text)) {
        const auto found = FromString<E>(text);
        if (!found) continue;
        // Another value's string, as "ICE" cut from "XICE".
        EXPECT_NE(*found, row.value) << name << " " << text;
      }
    }
    for (const auto* unknown : {"", "Unknown", "unknown", "?", "0"}) {
      EXPECT_EQ(FromString<E>(unknown), std::nullopt) << name << " " << unknown;
    }
  });
  EXPECT_EQ(enums, 35);
  EXPECT_GT(values, 500);
#if DBNLOOP_HAS_DATABENTO_CPP
  EXPECT_EQ(without, 2);
#else
  EXPECT_EQ(without, 0);
#endif
}

TEST(EnumValues, ValuesThatAreNotKnownPrintAsUnknown) {
  EXPECT_STREQ(ToString(static_cast<Side>('?')), "Unknown");
  EXPECT_STREQ(ToString(static_cast<Schema>(999)), "Unknown");
  EXPECT_STREQ(ToString(static_cast<SType>(255)), "Unknown");
  EXPECT_STREQ(ToString(static_cast<StatType>(27)), "Unknown");
  EXPECT_STREQ(ToString(static_cast<Publisher>(0)), "Unknown");
  EXPECT_STREQ(ToString(static_cast<RollRule>(9)), "Unknown");
}

TEST(EnumValues, OlderNamesAreRead) {
  EXPECT_EQ(FromString<SType>("native"), SType::RawSymbol);
  EXPECT_EQ(FromString<SType>("product_id"), SType::InstrumentId);
  EXPECT_EQ(FromString<SType>("nasdaq"), SType::NasdaqSymbol);
  EXPECT_EQ(FromString<SType>("cms"), SType::CmsSymbol);
  EXPECT_EQ(FromString<Encoding>("dbz"), Encoding::Dbn);
}

TEST(EnumValues, OfPublishersAreTheTables) {
  ASSERT_EQ(EnumValues<Publisher>().size(), Publishers().size());
  for (const auto& [id, name] : EnumValues<Publisher>()) {
    const auto* const info = FindPublisher(id);
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(info->name, name);
    EXPECT_EQ(info->name, std::string{info->dataset} + "." + std::string{info->venue});
    const auto dataset = FromString<Dataset>(info->dataset);
    const auto venue = FromString<Venue>(info->venue);
    ASSERT_TRUE(dataset && venue) << name;
    EXPECT_EQ(Datasets()[static_cast<std::size_t>(*dataset) - 1], info->dataset);
    EXPECT_EQ(Venues()[static_cast<std::size_t>(*venue) - 1], info->venue);
#if DBNLOOP_HAS_DATABENTO_CPP
    EXPECT_EQ(databento::PublisherVenue(id), venue);
    EXPECT_EQ(databento::PublisherDataset(id), dataset);
#endif
  }
  EXPECT_EQ(FindPublisher(static_cast<Publisher>(0)), nullptr);
  RecordHeader header{};
  header.publisher_id = 1;
  EXPECT_EQ(header.Publisher(), Publisher::GlbxMdp3Glbx);
  EXPECT_EQ(Record{&header}.Publisher(), Publisher::GlbxMdp3Glbx);
}

}  // namespace
}  // namespace dbnloop

// Outside the namespace, as in a user's code.
namespace user {
namespace {

TEST(EnumValues, AreFoundFromAnyNamespace) {
  EXPECT_STREQ(dbnloop::ToString(dbnloop::Side::Bid), "Bid");
  EXPECT_STREQ(dbnloop::ToString(dbnloop::GatewayErrorCode::AuthFailed), "auth_failed");
  EXPECT_STREQ(dbnloop::ToString(dbnloop::HistoricalGateway::Bo1),
               "https://hist.databento.com");
  // Through the argument alone.
  EXPECT_STREQ(ToString(dbnloop::FeedMode::Live), "live");
  EXPECT_STREQ(ToString(dbnloop::Venue::Glbx), "GLBX");
  EXPECT_STREQ(ToString(dbnloop::Packaging::Zip), "zip");
  EXPECT_EQ(ToString(dbnloop::ErrorCode::AuthFailed), "AuthFailed");
}

#if DBNLOOP_HAS_DATABENTO_CPP
// Both libraries' names in one scope.
TEST(EnumValues, LiveBesideDatabentos) {
  using namespace databento;
  EXPECT_STREQ(ToString(Side::Bid), "Bid");
  EXPECT_EQ(FromString<Schema>("mbp-1"), Schema::Mbp1);
  EXPECT_EQ(dbnloop::FromString<Schema>("mbp-1"), Schema::Mbp1);
  EXPECT_EQ(dbnloop::FromString<Schema>("mbp-2"), std::nullopt);
  EXPECT_THROW((void)FromString<Schema>("mbp-2"), InvalidArgumentError);

  // Whatever databento-cpp reads, so do we, to the same value.
  const auto same = []<typename E>(std::type_identity<E>) {
    for (const auto& [value, text] : dbnloop::EnumValues<E>()) {
      if (std::string_view{text} == "ohlcv-deprecated") continue;  // it reads none
      EXPECT_EQ(databento::FromString<E>(text), value) << text;
    }
  };
  same(std::type_identity<FeedMode>{});
  same(std::type_identity<SplitDuration>{});
  same(std::type_identity<Delivery>{});
  same(std::type_identity<JobState>{});
  same(std::type_identity<DatasetCondition>{});
  same(std::type_identity<RType>{});
  same(std::type_identity<SType>{});
  same(std::type_identity<Schema>{});
  same(std::type_identity<Encoding>{});
  same(std::type_identity<Compression>{});
  same(std::type_identity<ErrorCode>{});
  same(std::type_identity<SystemCode>{});
  same(std::type_identity<Venue>{});
  same(std::type_identity<Dataset>{});
  same(std::type_identity<Publisher>{});
  for (const auto* text : {"native", "product_id", "nasdaq", "cms"}) {
    EXPECT_EQ(databento::FromString<SType>(text), dbnloop::FromString<SType>(text));
  }
}
#endif

}  // namespace
}  // namespace user
