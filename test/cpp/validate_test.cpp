#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dbnloop/enum_strings.hpp"
#include "proto/validate.hpp"
#include "support/thrown.hpp"

namespace dbnloop::proto {
namespace {

using test::Thrown;
using testing::HasSubstr;
using testing::Not;

Error OfSymbols(std::vector<std::string> symbols) {
  Subscription subscription;
  subscription.symbols = std::move(symbols);
  return Thrown([&] { ValidateSubscription(subscription); });
}

TEST(ValidateTest, AnApiKeyHas32PrintableAsciiCharacters) {
  const std::string good = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012";
  const auto error_of = [](std::string_view key) {
    return Thrown([&] { ValidateApiKey(key); });
  };
  EXPECT_FALSE(error_of(good));
  EXPECT_FALSE(error_of(std::string(32, 'x'))) << "the prefix is not asked for";
  for (auto bad : {std::string{}, good.substr(1), good + "3"}) {
    EXPECT_EQ(error_of(bad).code, ErrorCode::InvalidApiKey);
    EXPECT_THAT(error_of(bad).message, HasSubstr(std::to_string(bad.size())));
  }
  for (const char c : {'\n', ' ', '|', '\0', '\x7F', '\xE4'}) {
    auto bad = good;
    bad[7] = c;
    EXPECT_EQ(error_of(bad).code, ErrorCode::InvalidApiKey) << static_cast<int>(c);
    EXPECT_THAT(error_of(bad).message, Not(HasSubstr("HIJKL"))) << "shows the key";
  }
}

TEST(ValidateTest, ADatasetIsACodeOfAtMost15Characters) {
  const auto error_of = [](std::string_view dataset) {
    return Thrown([&] { ValidateDataset(dataset); });
  };
  for (const auto* good : {"GLBX.MDP3", "XNAS.ITCH", "A", "EQUS.MINI-X_012"}) {
    EXPECT_FALSE(error_of(good)) << good;
  }
  for (const auto* bad : {"", "GLBX MDP3", "GLBX|MDP3", "GLBX\nMDP3", "GLBX/MDP3",
                          "GLBX=MDP3", "\xC3\x84", "0123456789ABCDEF"}) {
    EXPECT_EQ(error_of(bad).code, ErrorCode::InvalidDataset) << bad;
    EXPECT_THAT(error_of(bad).message, HasSubstr("GLBX.MDP3"));
  }
}

TEST(ValidateTest, SymbolsArePrintableAndHaveAtMost70Characters) {
  for (const auto* good : {"ESZ6", "ES.FUT", "ES.c.0", "SPX   260116C05000000", "BRK/B",
                           "ALL_SYMBOLS", "12345", "a=b"}) {
    EXPECT_FALSE(OfSymbols({good})) << good;
  }
  EXPECT_FALSE(OfSymbols({std::string(70, 'x')}));
  for (const std::string& bad :
       {std::string(71, 'x'), std::string{}, std::string{"A|B"}, std::string{"A\nB"},
        std::string{"A\rB"}, std::string{"A,B"}, std::string{"A\tB"},
        std::string{"A\0B", 3}, std::string{"\x7F"}, std::string{"\xC3\x84"},
        std::string{" A"}, std::string{"A "}}) {
    EXPECT_EQ(OfSymbols({"OK", bad}).code, ErrorCode::InvalidSymbol) << bad;
  }
  EXPECT_THAT(OfSymbols({"A|B"}).message, HasSubstr("'A|B'")) << "says which";
}

TEST(ValidateTest, EveryKnownSchemaAndSymbologyMayBeAskedFor) {
  Subscription subscription;
  subscription.symbols = {"ES.FUT"};
  const auto check = [&] { ValidateSubscription(subscription); };
  for (const auto& [schema, text] : EnumValues<Schema>()) {
    subscription.schema = schema;
    EXPECT_FALSE(Thrown(check)) << text;
  }
  for (const auto& [stype, text] : EnumValues<SType>()) {
    subscription.stype_in = stype;
    subscription.symbols = {stype == SType::InstrumentId ? "12345" : "ES.FUT"};
    EXPECT_FALSE(Thrown(check)) << text;
  }
}

TEST(ValidateTest, ASubscriptionNeedsSymbolsAndAllSymbolsStandsAlone) {
  EXPECT_EQ(OfSymbols({}).code, ErrorCode::InvalidSymbol);
  EXPECT_EQ(OfSymbols({"ALL_SYMBOLS", "ESZ6"}).code, ErrorCode::InvalidSymbol);
  EXPECT_EQ(OfSymbols({"ESZ6", "ALL_SYMBOLS"}).code, ErrorCode::InvalidSymbol);
  EXPECT_THAT(OfSymbols({"ESZ6", "ALL_SYMBOLS"}).message, HasSubstr("cannot be mixed"));
}

TEST(ValidateTest, ASnapshotIsForMboAndWithoutStart) {
  Subscription subscription;
  subscription.symbols = {"ESZ6"};
  subscription.snapshot = true;
  const auto check = [&] { ValidateSubscription(subscription); };
  EXPECT_EQ(Thrown(check).code, ErrorCode::InvalidArgument) << "schema trades";
  subscription.schema = Schema::Mbo;
  EXPECT_FALSE(Thrown(check));
  subscription.start = UnixNanos{};
  EXPECT_EQ(Thrown(check).code, ErrorCode::InvalidArgument);
  subscription.snapshot = false;
  EXPECT_FALSE(Thrown(check));
}

TEST(ValidateTest, NumbersThatAreNoSchemaOrSymbologyAreRefused) {
  Subscription subscription;
  subscription.symbols = {"ESZ6"};
  subscription.schema = static_cast<Schema>(999);
  EXPECT_EQ(Thrown([&] { ValidateSubscription(subscription); }).code,
            ErrorCode::InvalidSchema);
  subscription.schema = Schema::Mbo;
  subscription.stype_in = static_cast<SType>(200);
  EXPECT_EQ(Thrown([&] { ValidateSubscription(subscription); }).code,
            ErrorCode::InvalidArgument);
  subscription.stype_in = SType::RawSymbol;
  subscription.dataset = "A|B";
  EXPECT_EQ(Thrown([&] { ValidateSubscription(subscription); }).code,
            ErrorCode::InvalidDataset);
}

TEST(GatewayHostTest, IsDerivedFromTheDataset) {
  EXPECT_EQ(GatewayHost("GLBX.MDP3"), "glbx-mdp3.lsg.databento.com");
  EXPECT_EQ(GatewayHost("xnas.itch"), "xnas-itch.lsg.databento.com");
}

TEST(ErrorCodeTest, EveryCodeHasItsName) {
  EXPECT_EQ(ToString(ErrorCode::None), "None");
  EXPECT_EQ(ToString(ErrorCode::ConnectionFailed), "ConnectionFailed");
  EXPECT_EQ(ToString(ErrorCode::HandlerFailed), "HandlerFailed");
  EXPECT_EQ(ToString(ErrorCode::Truncated), "Truncated");
  EXPECT_EQ(ToString(ErrorCode::ChecksumMismatch), "ChecksumMismatch");
  for (std::uint32_t i = 0;
       i <= static_cast<std::uint32_t>(ErrorCode::ChecksumMismatch); ++i) {
    EXPECT_NE(ToString(static_cast<ErrorCode>(i)), "Unknown") << i;
  }
  EXPECT_EQ(ToString(static_cast<ErrorCode>(9999)), "Unknown");
}

}  // namespace
}  // namespace dbnloop::proto
