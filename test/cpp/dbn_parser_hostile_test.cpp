#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstring>
#include <limits>

#include "dbnloop/dbn_parser.hpp"
#include "support/dbn_bytes.hpp"
#include "support/split.hpp"

namespace dbnloop {
namespace {

using test::Bytes;
using test::Outcome;
using testing::AllOf;
using testing::HasSubstr;

Bytes Prelude(std::uint8_t version, std::uint32_t length) {
  Bytes out(8);
  std::memcpy(out.data(), "DBN", 3);
  out[3] = static_cast<std::byte>(version);
  std::memcpy(out.data() + 4, &length, sizeof(length));
  return out;
}

Metadata LargeMetadata() {
  auto metadata = test::LiveMetadata(3);
  for (int i = 0; i < 2000; ++i) metadata.symbols.push_back("SYM" + std::to_string(i));
  return metadata;
}

// ---- Records ------------------------------------------------------------------------

class ShortLengthTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(All, ShortLengthTest, testing::Values(0, 1, 2, 3));

TEST_P(ShortLengthTest, IsRefusedWithItsOffsetAfterEveryWholeRecordBefore) {
  auto stream = test::HeaderOf(test::LiveMetadata(3));
  test::Append(stream, test::RecordOf(RType::Mbo, 3, false, 1));
  test::Append(stream, test::RecordOf(RType::Mbo, 3, false, 2));
  const auto offset = stream.size();
  auto bad = test::RecordOf(RType::Mbo, 3, false, 3);
  bad[0] = static_cast<std::byte>(GetParam());
  test::Append(stream, bad);
  test::ExpectSameEventsHoweverCut(stream, [&](const test::Pieces& pieces) {
    const auto out = test::Parse(pieces);
    EXPECT_EQ(out.records.size(), 2U);
    EXPECT_EQ(out.code, ErrorCode::ParseError);
    EXPECT_THAT(out.message, AllOf(HasSubstr("byte " + std::to_string(offset)),
                                   HasSubstr(std::to_string(GetParam() * 4))));
    return out;
  });
}

TEST(HostileRecordTest, NothingIsHandedOutAfterAFault) {
  auto stream = test::HeaderOf(test::LiveMetadata(3));
  test::Append(stream, Bytes(56));
  DbnParser parser;
  Outcome out;
  test::Feed(parser, stream, out);
  ASSERT_EQ(parser.error().code, ErrorCode::ParseError);
  parser.Push(test::RecordOf(RType::Mbo, 3, false));
  EXPECT_TRUE(parser.Peek().empty());
  EXPECT_FALSE(parser.Pull());
  EXPECT_EQ(parser.Finish().message, parser.error().message);
}

TEST(HostileRecordTest, ManyRecordsOfOddSizeComeAlignedAndInOrder) {
  auto stream = test::HeaderOf(test::LiveMetadata(1));
  for (unsigned i = 0; i < 20'000; ++i) {
    test::Append(stream, test::RawRecord(test::kUnknownRType,
                                         i % 3 == 0 ? 20 : 16 + i % 7 * 4, i));
  }
  const auto out = test::Parse(stream);
  ASSERT_EQ(out.records.size(), 20'000U);
  for (unsigned i = 0; i < out.records.size(); ++i) {
    const auto size = i % 3 == 0 ? 20 : 16 + i % 7 * 4;
    ASSERT_EQ(out.records[i].bytes, test::RawRecord(test::kUnknownRType, size, i));
  }
}

// ---- End of input -------------------------------------------------------------------

TEST(EndOfInputTest, InsideARecordIsTruncatedAndSaysWhere) {
  auto stream = test::HeaderOf(test::LiveMetadata(3));
  const auto record = test::RecordOf(RType::Mbo, 3, false);
  test::Append(stream, record);
  const auto offset = stream.size();
  for (std::size_t cut = 1; cut < record.size(); ++cut) {
    auto part = stream;
    test::Append(part, std::span{record}.first(cut));
    const auto out = test::Parse(part);
    EXPECT_EQ(out.records.size(), 1U);
    EXPECT_EQ(out.code, ErrorCode::Truncated);
    EXPECT_THAT(out.message, AllOf(HasSubstr("byte " + std::to_string(offset)),
                                   HasSubstr(std::to_string(cut))));
  }
}

TEST(EndOfInputTest, InsideTheMetadataIsTruncated) {
  const auto header = test::HeaderOf(test::LiveMetadata(2));
  EXPECT_EQ(test::Parse(Bytes{}).code, ErrorCode::ParseError) << "nothing is not DBN";
  for (std::size_t cut = 1; cut < header.size(); ++cut) {
    const auto out = test::Parse(std::span{header}.first(cut));
    EXPECT_EQ(out.code, ErrorCode::Truncated) << "after " << cut << " bytes";
    EXPECT_THAT(out.message, HasSubstr("metadata"));
  }
  EXPECT_EQ(test::Parse(header).code, ErrorCode::None);
}

TEST(EndOfInputTest, BetweenRecordsIsFineAlsoWhileWholeOnesWaitToBeTaken) {
  auto options = ParserOptions{};
  options.fragment = ParserOptions::Fragment{};
  DbnParser parser{options};
  EXPECT_FALSE(parser.Finish()) << "an empty fragment";
  parser.Push(test::RecordOf(RType::Mbo, 3, false));
  parser.Push(test::RecordOf(RType::Mbp0, 3, false));
  EXPECT_FALSE(parser.Finish());
  parser.Push(std::vector{std::byte{14}});
  EXPECT_THAT(parser.Finish().message, HasSubstr("byte 104"));
}

// ---- What is no DBN -----------------------------------------------------------------

struct Garbage {
  std::string name;
  Bytes bytes;
  std::string says;
};

class GarbageTest : public testing::TestWithParam<Garbage> {};

INSTANTIATE_TEST_SUITE_P(
    All, GarbageTest,
    testing::Values(
        Garbage{"Http", test::BytesOfText("HTTP/1.1 400 Bad Request\r\n"),
                "'HTTP/1.1'"},
        Garbage{"ShortText", test::BytesOfText("no"), "'no'"},
        Garbage{"Zstd",
                {std::byte{0x28}, std::byte{0xB5}, std::byte{0x2F}, std::byte{0xFD},
                 std::byte{4}, std::byte{0}, std::byte{0}, std::byte{0}},
                "zstd-compressed"},
        Garbage{"Dbz",
                {std::byte{0x51}, std::byte{0x2A}, std::byte{0x4D}, std::byte{0x18},
                 std::byte{96}, std::byte{0}, std::byte{0}, std::byte{0}},
                "DBZ"},
        Garbage{"Binary", Bytes(8, std::byte{0x81}), "81 81 81 81"},
        Garbage{"Version0", Prelude(0, 120), "version 0 does not exist"},
        Garbage{"Version4", Prelude(4, 120), "version 4 is newer than supported"},
        Garbage{"ShortMetadata", Prelude(3, 99), "99 bytes, the least is 100"}),
    [](const auto& param) { return param.param.name; });

TEST_P(GarbageTest, IsRefusedAndTheMessageSaysWhatItIs) {
  const auto& [name, bytes, says] = GetParam();
  const auto out = test::Parse(bytes);
  EXPECT_EQ(out.code, ErrorCode::ParseError);
  EXPECT_THAT(out.message, HasSubstr(says));
  EXPECT_TRUE(out.records.empty());
  EXPECT_FALSE(out.metadata);
}

TEST(HostileMetadataTest, Version3CannotBecomeVersion2) {
  ParserOptions options;
  options.upgrade_policy = VersionUpgradePolicy::UpgradeToV2;
  const auto out = test::Parse(test::HeaderOf(test::LiveMetadata(3)), options);
  EXPECT_EQ(out.code, ErrorCode::InvalidArgument);
  EXPECT_THAT(out.message, HasSubstr("upgrade_policy"));
  EXPECT_FALSE(out.metadata);
}

TEST(HostileMetadataTest, LongerThanTheLimitIsRefusedAtOnce) {
  const auto out = test::Parse(Prelude(3, std::numeric_limits<std::uint32_t>::max()));
  EXPECT_EQ(out.code, ErrorCode::LimitExceeded);
  EXPECT_THAT(out.message, AllOf(HasSubstr("max_metadata"), HasSubstr("268435456")));

  const auto header = test::HeaderOf(test::LiveMetadata(3));
  ParserOptions options;
  options.max_metadata = header.size();
  EXPECT_EQ(test::Parse(header, options).code, ErrorCode::None);
  options.max_metadata = header.size() - 1;
  EXPECT_EQ(test::Parse(header, options).code, ErrorCode::LimitExceeded);
}

TEST(HostileMetadataTest, LargerThanTheBufferIsReadInWhateverPiecesItComes) {
  const auto metadata = LargeMetadata();
  auto stream = test::HeaderOf(metadata);
  ASSERT_GT(stream.size(), 8U * 16 * 1024);
  test::Append(stream, test::RecordOf(RType::Mbo, 3, false));
  ParserOptions options;
  options.buffer_size = 16 * 1024;
  for (const std::size_t piece : {1UL, 7UL, 1000UL, 16UL * 1024, 1UL << 20}) {
    test::Pieces pieces;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      pieces.push_back(
          std::span{stream}.subspan(at, std::min(piece, stream.size() - at)));
    }
    const auto out = test::Parse(pieces, options);
    EXPECT_EQ(out.code, ErrorCode::None) << out.message;
    ASSERT_TRUE(out.metadata);
    EXPECT_TRUE(*out.metadata == metadata);
    ASSERT_EQ(out.records.size(), 1U);
    EXPECT_EQ(out.records[0].bytes, test::RecordOf(RType::Mbo, 3, false));
  }
}

TEST(HostileMetadataTest, ResetForgetsTheFirstPartOfALargeOne) {
  const auto metadata = LargeMetadata();
  const auto header = test::HeaderOf(metadata);
  ParserOptions options;
  options.buffer_size = 16 * 1024;
  DbnParser parser{options};
  Outcome out;
  test::Feed(parser, std::span{header}.first(header.size() / 2), out);
  ASSERT_EQ(parser.metadata(), nullptr);
  parser.Reset();
  test::Feed(parser, header, out);
  ASSERT_NE(parser.metadata(), nullptr);
  EXPECT_TRUE(*parser.metadata() == metadata);
}

TEST(HostileMetadataTest, AClaimedLengthAllocatesNothingBeforeTheBytesCome) {
  ParserOptions options;
  options.buffer_size = 16 * 1024;
  DbnParser parser{options};
  const auto in_use = [] {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const auto before = in_use();
  parser.Push(Prelude(3, 200 << 20));
  EXPECT_TRUE(parser.Peek().empty());
  for (int i = 0; i < 4; ++i) {
    parser.Push(Bytes(16 * 1024));
    EXPECT_TRUE(parser.Peek().empty());
  }
  EXPECT_FALSE(parser.error());
  EXPECT_LT(in_use() - before, 1U << 20);
  EXPECT_THAT(parser.Finish().message, HasSubstr("metadata"));
}

}  // namespace
}  // namespace dbnloop
