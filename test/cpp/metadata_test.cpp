#include "dbnloop/metadata.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "support/dbn_bytes.hpp"

namespace dbnloop {
namespace {

using test::Bytes;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kFixedEnd = 112;  // where the symbol lists begin
constexpr std::uint32_t kHuge = std::numeric_limits<std::uint32_t>::max();

// Writes headers byte by byte from the format's table of offsets, not by the encoder.
class HeaderBuilder {
 public:
  explicit HeaderBuilder(std::uint8_t version)
      : version_{version}, symbol_size_{version == 1 ? 22U : 71U}, bytes_(kFixedEnd) {
    std::memcpy(bytes_.data(), "DBN", 3);
    At<std::uint8_t>(3, version);
    std::memcpy(bytes_.data() + 8, "XNAS.ITCH", 9);
    At<std::uint16_t>(24, 1);  // mbp-1
    At<std::uint64_t>(26, 1'600'000'000'000'000'001);
    At<std::uint64_t>(34, 1'600'086'400'000'000'002);
    At<std::uint64_t>(42, 1234);
    const std::size_t shift = version == 1 ? 8 : 0;
    if (version == 1) At<std::uint64_t>(50, 99);
    At<std::uint8_t>(50 + shift, 1);  // raw_symbol
    At<std::uint8_t>(51 + shift, 0);  // instrument_id
    At<std::uint8_t>(52 + shift, 1);
    if (version > 1) At<std::uint16_t>(53, 71);
  }

  template <typename T>
  HeaderBuilder& At(std::size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(value));
    return *this;
  }
  HeaderBuilder& U32(std::uint32_t value) {
    bytes_.resize(bytes_.size() + 4);
    return At(bytes_.size() - 4, value);
  }
  HeaderBuilder& Symbol(std::string_view text) {
    bytes_.resize(bytes_.size() + symbol_size_);
    std::memcpy(bytes_.data() + bytes_.size() - symbol_size_, text.data(), text.size());
    return *this;
  }
  HeaderBuilder& Padding(std::size_t count, std::uint8_t value) {
    bytes_.resize(bytes_.size() + count, static_cast<std::byte>(value));
    return *this;
  }
  // Two symbols, one partial, none not found, one mapping of two intervals.
  HeaderBuilder& Lists() {
    U32(2).Symbol("AAPL").Symbol("MSFT").U32(1).Symbol("MSFT").U32(0);
    U32(1).Symbol("AAPL").U32(2);
    U32(20200913).U32(20200914).Symbol("32");
    return U32(20200914).U32(20200915).Symbol("");
  }
  HeaderBuilder& NoLists() { return U32(0).U32(0).U32(0).U32(0); }
  Bytes Build() {
    At<std::uint32_t>(4, static_cast<std::uint32_t>(bytes_.size() - 8));
    return bytes_;
  }

 private:
  std::uint8_t version_;
  std::size_t symbol_size_;
  Bytes bytes_;
};

class MetadataTest : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(Versions, MetadataTest, testing::Values(1, 2, 3));

TEST_P(MetadataTest, EveryFieldIsReadFromItsOffset) {
  const auto m = Metadata::Decode(HeaderBuilder{GetParam()}.Lists().Build());
  ASSERT_TRUE(m) << m.error().message;
  EXPECT_EQ(m->version, GetParam());
  EXPECT_EQ(m->dataset, "XNAS.ITCH");
  EXPECT_EQ(m->schema, Schema::Mbp1);
  EXPECT_EQ(m->start.time_since_epoch().count(), 1'600'000'000'000'000'001U);
  EXPECT_EQ(m->end->time_since_epoch().count(), 1'600'086'400'000'000'002U);
  EXPECT_EQ(m->limit, 1234U);
  EXPECT_EQ(m->stype_in, SType::RawSymbol);
  EXPECT_EQ(m->stype_out, SType::InstrumentId);
  EXPECT_TRUE(m->ts_out);
  EXPECT_EQ(m->symbol_cstr_len, GetParam() == 1 ? 22U : 71U);
  EXPECT_THAT(m->symbols, ElementsAre("AAPL", "MSFT"));
  EXPECT_THAT(m->partial, ElementsAre("MSFT"));
  EXPECT_TRUE(m->not_found.empty());
  ASSERT_EQ(m->mappings.size(), 1U);
  EXPECT_EQ(m->mappings[0].raw_symbol, "AAPL");
  EXPECT_THAT(m->mappings[0].intervals,
              ElementsAre(MappingInterval{20200913, 20200914, "32"},
                          MappingInterval{20200914, 20200915, ""}));
}

TEST_P(MetadataTest, ValuesThatMeanNoneAreNone) {
  HeaderBuilder live{GetParam()};
  live.Padding(16, 0);
  live.At<std::uint16_t>(24, 0xFFFF);
  live.At<std::uint64_t>(34, std::numeric_limits<std::uint64_t>::max());
  live.At<std::uint8_t>(GetParam() == 1 ? 58 : 50, 0xFF);
  const auto m = Metadata::Decode(live.Build());
  ASSERT_TRUE(m) << m.error().message;
  EXPECT_FALSE(m->schema);
  EXPECT_FALSE(m->stype_in);
  EXPECT_FALSE(m->end);

  live.At<std::uint64_t>(34, 0);
  EXPECT_FALSE(Metadata::Decode(live.Build())->end);
}

TEST_P(MetadataTest, WhatStandsBehindTheListsIsSkipped) {
  const auto plain = Metadata::Decode(HeaderBuilder{GetParam()}.Lists().Build());
  const auto padded =
      Metadata::Decode(HeaderBuilder{GetParam()}.Lists().Padding(13, 0xAB).Build());
  ASSERT_TRUE(padded) << padded.error().message;
  EXPECT_TRUE(*padded == *plain);
}

TEST_P(MetadataTest, BytesBehindTheHeaderAreNotItsOwn) {
  auto bytes = HeaderBuilder{GetParam()}.Lists().Build();
  bytes.resize(bytes.size() + 56, std::byte{7});
  EXPECT_TRUE(Metadata::Decode(bytes));
}

TEST_P(MetadataTest, CutOffAnywhereIsAnError) {
  const auto bytes = HeaderBuilder{GetParam()}.Lists().Build();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto m = Metadata::Decode(std::span{bytes}.first(n));
    ASSERT_FALSE(m) << n;
    EXPECT_EQ(m.error().code, ErrorCode::Truncated);
    EXPECT_THAT(m.error().message, HasSubstr("cut off"));
  }
}

// The same, with a length that agrees: the lists pass the header's own end.
TEST_P(MetadataTest, ListsThatPassTheEndAreAnError) {
  const auto bytes = HeaderBuilder{GetParam()}.Lists().Build();
  for (std::size_t n = 108; n < bytes.size(); ++n) {
    Bytes cut{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)};
    const auto length = static_cast<std::uint32_t>(n - 8);
    std::memcpy(cut.data() + 4, &length, sizeof(length));
    const auto m = Metadata::Decode(cut);
    ASSERT_FALSE(m) << n;
    EXPECT_THAT(m.error().message, HasSubstr("byte "));
  }
}

TEST_P(MetadataTest, AHugeCountIsRefusedBeforeAnythingIsAllocated) {
  using Make = void (*)(HeaderBuilder&);
  const std::initializer_list<Make> cases{
      [](HeaderBuilder& b) { b.U32(kHuge); },
      [](HeaderBuilder& b) { b.U32(0).U32(kHuge); },
      [](HeaderBuilder& b) { b.U32(0).U32(0).U32(kHuge); },
      [](HeaderBuilder& b) { b.U32(0).U32(0).U32(0).U32(kHuge); },
      [](HeaderBuilder& b) { b.U32(0).U32(0).U32(0).U32(1).Symbol("A").U32(kHuge); },
      // One more than there is room for.
      [](HeaderBuilder& b) { b.U32(2).Symbol("A"); },
  };
  for (const auto make : cases) {
    HeaderBuilder builder{GetParam()};
    make(builder);
    const auto m = Metadata::Decode(builder.Padding(20, 0).Build());
    ASSERT_FALSE(m);
    EXPECT_EQ(m.error().code, ErrorCode::ParseError);
    EXPECT_THAT(m.error().message, HasSubstr("items of"));
  }
}

TEST_P(MetadataTest, ASchemaDefinitionIsRefused) {
  auto bytes = HeaderBuilder{GetParam()}.Lists().Build();
  bytes[108] = std::byte{4};
  const auto m = Metadata::Decode(bytes);
  ASSERT_FALSE(m);
  EXPECT_THAT(m.error().message, HasSubstr("schema_definition_length is 4"));
}

TEST_P(MetadataTest, AFieldWithoutNulIsTakenWhole) {
  auto bytes = HeaderBuilder{GetParam()}.Lists().Build();
  std::memset(bytes.data() + 8, 'x', 16);
  EXPECT_EQ(Metadata::Decode(bytes)->dataset, std::string(16, 'x'));
}

TEST_P(MetadataTest, WhatTheEncoderWritesIsReadBack) {
  auto metadata = *Metadata::Decode(HeaderBuilder{GetParam()}.Lists().Build());
  const auto bytes = EncodeMetadata(metadata);
  ASSERT_TRUE(bytes);
  if (GetParam() == 3) {
    EXPECT_EQ(bytes->size() % 8, 0U);
  }
  EXPECT_TRUE(*Metadata::Decode(*bytes) == metadata);
}

TEST(MetadataSymbolLengthTest, ShorterThanAnyVersionsIsRefused) {
  for (const std::uint16_t length : {0, 1, 21}) {
    const auto m = Metadata::Decode(
        HeaderBuilder{2}.Lists().At<std::uint16_t>(53, length).Build());
    ASSERT_FALSE(m);
    EXPECT_THAT(m.error().message,
                HasSubstr("symbol_cstr_len is " + std::to_string(length)));
  }
}

TEST(MetadataSymbolLengthTest, DoesNotMatterWithoutSymbols) {
  for (const std::uint16_t length : {0, 1, 21, 0xFFFF}) {
    const auto m = Metadata::Decode(
        HeaderBuilder{3}.NoLists().At<std::uint16_t>(53, length).Build());
    ASSERT_TRUE(m) << m.error().message;
    EXPECT_EQ(m->symbol_cstr_len, length);
    EXPECT_TRUE(m->symbols.empty() && m->mappings.empty());
  }
}

TEST(MetadataUpgradeTest, ChangesVersionAndSymbolLengthAndDropsTheRecordCount) {
  struct Case {
    std::uint8_t version;
    VersionUpgradePolicy policy;
    std::uint8_t target;
  };
  using enum VersionUpgradePolicy;
  for (const auto& [version, policy, target] :
       {Case{1, AsIs, 1}, Case{2, AsIs, 2}, Case{3, AsIs, 3}, Case{1, UpgradeToV2, 2},
        Case{2, UpgradeToV2, 2}, Case{1, UpgradeToV3, 3}, Case{2, UpgradeToV3, 3},
        Case{3, UpgradeToV3, 3}}) {
    const auto before = *Metadata::Decode(HeaderBuilder{version}.Lists().Build());
    auto after = before;
    after.Upgrade(policy);
    EXPECT_EQ(after.version, target);
    EXPECT_EQ(after.symbol_cstr_len, target == 1 ? 22U : 71U);
    // A field of version 1 alone.
    EXPECT_EQ(after.record_count.has_value(), target == 1);
    after.record_count = before.record_count;
    after.version = before.version;
    after.symbol_cstr_len = before.symbol_cstr_len;
    EXPECT_TRUE(after == before);
  }
}

}  // namespace
}  // namespace dbnloop
