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

// What this build's ToString gives: databento-cpp 0.65.0 forgot two values, spells two
// as they were before, and does not have the newest.
template <typename E>
const char* PrintedText(const test::EnumRow<E>& row) {
#if DBNLOOP_HAS_DATABENTO_CPP
  return row.databento_text;
#else
  return row.text;
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
  int differ = 0;
  test::ForEachEnum([&]<typename E>(const char* name,
                                    const std::vector<test::EnumRow<E>>& rows,
                                    const std::vector<EnumText<E>>& aliases) {
    ++enums;
    const auto known = EnumValues<E>();
    ASSERT_EQ(known.size(), rows.size()) << name;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& [value, number, text, databento_text] = rows[i];
      EXPECT_EQ(static_cast<int>(value), number) << name << " " << text;
      EXPECT_STREQ(ToString(value), PrintedText(rows[i])) << name;
      differ += std::string_view{databento_text} == text ? 0 : 1;
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
  EXPECT_EQ(differ, 16);
}

// By number, because databento-cpp 0.65.0 has other names or none for them.
TEST(EnumValues, TheNewestAreKnownWhateverTheTypes) {
  constexpr SystemCode kUnsubscribeAck{5};
  EXPECT_STREQ(TextOf(kUnsubscribeAck), "unsubscribe_ack");
  EXPECT_EQ(FromString<SystemCode>("unsubscribe_ack"), kUnsubscribeAck);
  EXPECT_STREQ(TextOf(SecurityUpdateAction{'~'}), "Invalid");
  EXPECT_STREQ(TextOf(Venue{68}), "CDEF");
  EXPECT_STREQ(TextOf(Venue{72}), "DBIX");
  EXPECT_STREQ(TextOf(Dataset{53}), "DBIX.CORE");
  EXPECT_STREQ(TextOf(Publisher{142}), "MAIN.CGIF.CDEF");
  std::uint16_t id = 145;
  for (const auto* venue :
       {"MAIN", "MSCI", "FTSE", "INAV", "MSTAR", "CCCY", "CGI", "CDEF"}) {
    const auto* const publisher = FindPublisher(++id);
    ASSERT_NE(publisher, nullptr) << id;
    EXPECT_EQ(publisher->dataset, "DBIX.CORE");
    EXPECT_EQ(publisher->venue, venue);
    EXPECT_EQ(publisher->name, std::string{"DBIX.CORE."} + venue);
    EXPECT_EQ(TextOf(Publisher{id}), publisher->name);
  }
  EXPECT_EQ(id, Publishers().size());
  EXPECT_EQ(Datasets().size(), 53U);
  EXPECT_EQ(Venues().size(), 72U);
#if !DBNLOOP_HAS_DATABENTO_CPP
  EXPECT_EQ(SystemCode::UnsubscribeAck, kUnsubscribeAck);
  EXPECT_EQ(SecurityUpdateAction::Invalid, SecurityUpdateAction{'~'});
  EXPECT_EQ(Publisher::MainCgifCdef, Publisher{142});
  EXPECT_EQ(Publisher::DbixCoreCdef, Publisher{153});
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
    constexpr auto kLastOfTheirs = databento::Publisher::XoseItchXose;
    if (id > kLastOfTheirs) continue;
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

  // What both read is the same value.
  const auto same = []<typename E>(std::type_identity<E>) {
    for (const auto& [value, text] : dbnloop::EnumValues<E>()) {
      // It reads no ohlcv-deprecated, and nothing that is newer than it.
      const std::string_view name{text};
      if (name != ToString(value) && name != "smart") continue;
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
