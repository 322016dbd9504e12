// Several DBN streams in one input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <tuple>

#include "dbnloop/dbn_parser.hpp"
#include "support/dbn_bytes.hpp"
#include "support/split.hpp"

namespace dbnloop {
namespace {

using test::Bytes;
using testing::HasSubstr;

Bytes StreamOf(const Metadata& metadata, unsigned seed) {
  auto out = test::HeaderOf(metadata);
  for (const auto rtype :
       {RType::Mbo, RType::Mbo, RType::InstrumentDef, RType::System}) {
    test::Append(out, test::RecordOf(rtype, metadata.version, metadata.ts_out, seed++));
  }
  return out;
}

Metadata WithSymbol(std::uint8_t version, bool ts_out, const char* symbol) {
  auto metadata = test::LiveMetadata(version, ts_out);
  metadata.symbols = {symbol};
  return metadata;
}

class ConcatenationTest
    : public testing::TestWithParam<std::tuple<std::uint8_t, bool>> {};
INSTANTIATE_TEST_SUITE_P(All, ConcatenationTest,
                         testing::Combine(testing::Values(1, 2, 3), testing::Bool()));

TEST_P(ConcatenationTest, IsReadOnWithTheMetadataOfEachStream) {
  const auto [version, ts_out] = GetParam();
  const auto one = StreamOf(WithSymbol(version, ts_out, "ONE"), 1);
  const auto two = StreamOf(WithSymbol(version, ts_out, "TWO"), 9);
  auto both = one;
  test::Append(both, two);

  const auto first = test::Parse(one);
  const auto second = test::Parse(two);
  const auto out = test::Parse(both);
  EXPECT_EQ(out.code, ErrorCode::None) << out.message;
  EXPECT_THAT(out.metadata->symbols, testing::ElementsAre("TWO"));
  auto records = first.records;
  records.insert(records.end(), second.records.begin(), second.records.end());
  EXPECT_TRUE(out.records == records);
  test::ExpectSameEventsHoweverCut(
      both, [](const test::Pieces& pieces) { return test::Parse(pieces); });

  DbnParser parser;
  ASSERT_EQ(parser.Push(both), both.size());
  for (int i = 1; i <= 8; ++i) {
    ASSERT_TRUE(parser.Pull());
    EXPECT_EQ(parser.headers(), i <= 4 ? 1U : 2U);
    EXPECT_EQ(parser.metadata()->symbols[0], i <= 4 ? "ONE" : "TWO");
  }
  EXPECT_FALSE(parser.Pull());
  EXPECT_EQ(parser.offset(), both.size());
}

TEST_P(ConcatenationTest, OfStreamsThatDifferSaysWhereTheOtherBegins) {
  const auto [version, ts_out] = GetParam();
  const auto one = StreamOf(WithSymbol(version, ts_out, "ONE"), 1);
  std::vector<Metadata> others(4, test::LiveMetadata(version, ts_out));
  others[0].dataset = "XNAS.ITCH";
  others[1].schema = Schema::Mbo;
  others[2].version = version == 3 ? 2 : 3;
  others[3].ts_out = !ts_out;
  for (const auto& other : others) {
    auto both = one;
    test::Append(both, StreamOf(other, 9));
    const auto out = test::Parse(both);
    EXPECT_EQ(out.records.size(), 4U);
    EXPECT_EQ(out.code, ErrorCode::ParseError);
    EXPECT_THAT(out.message, HasSubstr("at byte " + std::to_string(one.size()) +
                                       " another DBN stream begins"));
    test::ExpectSameEventsHoweverCut(
        both, [](const test::Pieces& pieces) { return test::Parse(pieces); });
  }
}

TEST_P(ConcatenationTest, WithABadHeaderSaysWhereThatBegins) {
  const auto [version, ts_out] = GetParam();
  const auto one = StreamOf(WithSymbol(version, ts_out, "ONE"), 1);
  for (const auto& [offset, value, words] :
       std::vector<std::tuple<std::size_t, int, const char*>>{
           {3, 4, "DBN version 4 is newer"},
           {4, 9, "the least is 100"},
           {7, 0x40, "exceeds the limit"},
           {108, 1, "schema_definition_length"}}) {
    auto both = one;
    test::Append(both, one);
    if (offset == 4) both[one.size() + 5] = std::byte{0};
    both[one.size() + offset] = static_cast<std::byte>(value);
    const auto out = test::Parse(both);
    EXPECT_EQ(out.records.size(), 4U);
    EXPECT_THAT(out.message,
                testing::AllOf(HasSubstr("at byte " + std::to_string(one.size()) +
                                         " another DBN stream begins"),
                               HasSubstr(words)));
  }
}

// A header is told from a record by "DBN" and a version: the rtype alone says nothing.
TEST(RecordsThatResembleAHeader, AreRecords) {
  auto stream = test::HeaderOf(test::LiveMetadata(3));
  std::size_t count = 0;
  for (const char* begin : {"DBX\x03", "DBN", "DB\0\x03", "\x28\xB5\x2F\xFC"}) {
    for (int i = 0; i < 9; ++i, ++count) {
      auto record = test::RawRecord(test::kUnknownRType, begin[0] == 'D' ? 272 : 160);
      std::memcpy(record.data(), begin, 4);
      test::Append(stream, record);
    }
  }
  const auto out = test::Parse(stream);
  EXPECT_EQ(out.code, ErrorCode::None) << out.message;
  EXPECT_EQ(out.records.size(), count);
  auto twice = stream;
  test::Append(twice, stream);
  EXPECT_EQ(test::Parse(twice).records.size(), 2 * count);
}

TEST(MetadataLargerThanTheBuffer, MayFollowRecords) {
  auto metadata = test::LiveMetadata(3);
  const auto one = StreamOf(metadata, 1);
  for (int i = 0; i < 500; ++i) metadata.symbols.push_back("S" + std::to_string(i));
  auto both = one;
  test::Append(both, StreamOf(metadata, 9));
  ParserOptions options;
  options.buffer_size = 16 * 1024;
  const auto out = test::Parse(both, options);
  EXPECT_EQ(out.code, ErrorCode::None) << out.message;
  EXPECT_EQ(out.records.size(), 8U);
  EXPECT_EQ(out.metadata->symbols.size(), 500U);
  auto cut = test::Parse(std::span{both}.first(one.size() + 30'000), options);
  EXPECT_THAT(cut.message, HasSubstr("DBN metadata that begins at byte " +
                                     std::to_string(one.size()) + ", after 30000"));
}

}  // namespace
}  // namespace dbnloop
