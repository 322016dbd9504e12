// Parsers that lend each other their memory.

#include "dbn/parser_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "support/allocations.hpp"
#include "support/dbn_bytes.hpp"
#include "support/split.hpp"

namespace dbnloop {
namespace {

using test::Bytes;
using test::Outcome;

Bytes SomeStream(std::uint8_t version) {
  auto bytes = test::HeaderOf(test::LiveMetadata(version));
  unsigned seed = 0;
  for (const auto rtype : {RType::Mbo, RType::Mbo, RType::InstrumentDef, RType::Mbp0,
                           RType::SymbolMapping, RType::Mbo}) {
    test::Append(bytes, test::RecordOf(rtype, version, false, ++seed));
  }
  test::Append(bytes, test::RawRecord(test::kUnknownRType, 1020));
  test::Append(bytes, test::RawRecord(test::kUnknownRType, 20));
  test::Append(bytes, test::RecordOf(RType::Mbo, version, false, ++seed));
  return bytes;
}

class ParserMemory : public testing::Test {
 protected:
  std::shared_ptr<DbnParser::Pool> pool_ = std::make_shared<DbnParser::Pool>();
};

// Between any two bytes another stream may use the memory.
TEST_F(ParserMemory, ChangesHandsBetweenTwoPiecesUnnoticed) {
  const auto other_bytes = SomeStream(2);
  for (const std::uint8_t version : {1, 2, 3}) {
    const auto bytes = SomeStream(version);
    const auto alone = test::Parse(bytes);
    test::ExpectSameEventsHoweverCut(bytes, [&](const test::Pieces& pieces) {
      DbnParser parser{{}, pool_};
      DbnParser other{{}, pool_};
      Outcome out;
      Outcome rest;
      std::span<const std::byte> left{other_bytes};
      for (const auto piece : pieces) {
        test::Feed(parser, piece, out);
        parser.Rest();
        const auto size = std::min(piece.size(), left.size());
        test::Feed(other, left.first(size), rest);
        left = left.subspan(size);
        other.Rest();
      }
      test::End(parser, out);
      EXPECT_TRUE(out == alone) << "unlike a parser with memory of its own";
      return out;
    });
  }
}

TEST_F(ParserMemory, IsThatOfTheParserThatRestedLast) {
  DbnParser one{{}, pool_};
  DbnParser two{{}, pool_};
  ParserOptions smaller;
  smaller.buffer_size = 16 * 1024;
  DbnParser three{smaller, pool_};
  const auto* const lent = one.WritableSpan().data();
  EXPECT_NE(two.WritableSpan().data(), lent) << "in use";
  two.Rest();
  one.Rest();
  EXPECT_NE(three.WritableSpan().data(), lent) << "of another size";
  EXPECT_EQ(two.WritableSpan().data(), lent);
}

TEST_F(ParserMemory, StaysWhereMoreThanAPartOfARecordIsHeld) {
  const auto bytes = SomeStream(3);
  DbnParser parser{{}, pool_};
  ASSERT_EQ(parser.Push(bytes), bytes.size());
  const auto held = parser.Peek();
  ASSERT_GT(held.size, 1024U);
  parser.Rest();
  DbnParser other{{}, pool_};
  const auto room = other.WritableSpan();
  std::ranges::fill(room, std::byte{0xFF});
  Outcome out;
  test::TakeAll(parser, out);
  test::End(parser, out);
  EXPECT_TRUE(out == test::Parse(bytes));
}

TEST_F(ParserMemory, IsWhatAPartOfARecordIsReportedFrom) {
  auto bytes = SomeStream(3);
  bytes.resize(bytes.size() - 10);
  Outcome out;
  DbnParser parser{{}, pool_};
  test::Feed(parser, bytes, out);
  const auto error = parser.Finish();
  const auto buffered = parser.buffered();
  EXPECT_EQ(error.code, ErrorCode::Truncated);
  parser.Rest();
  EXPECT_EQ(parser.Finish().message, error.message);
  EXPECT_EQ(parser.buffered(), buffered);
  EXPECT_TRUE(parser.Peek().empty());
  parser.Rest();
  parser.Reset();
  EXPECT_EQ(parser.buffered(), 0U);
  EXPECT_TRUE(parser.Peek().empty());
}

TEST_F(ParserMemory, IsAllocatedOnce) {
  std::vector<std::unique_ptr<DbnParser>> parsers(100);
  for (auto& parser : parsers) {
    parser = std::make_unique<DbnParser>(ParserOptions{}, pool_);
  }
  const auto turn = [&] {
    for (auto& parser : parsers) {
      EXPECT_FALSE(parser->WritableSpan().empty());
      parser->Rest();
    }
  };
  turn();
  const auto before = test::AllocationCount();
  turn();
  EXPECT_EQ(test::AllocationCount(), before);
}

}  // namespace
}  // namespace dbnloop
