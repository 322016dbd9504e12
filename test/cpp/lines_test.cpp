#include "proto/lines.hpp"
#include "base/text.hpp"

#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/dbn_bytes.hpp"
#include "support/split.hpp"

namespace dbnloop::proto {
namespace {

std::vector<std::string> LinesOf(const test::Pieces& pieces) {
  LineReader reader;
  std::vector<std::string> lines;
  for (auto piece : pieces) {
    for (;;) {
      std::size_t taken = 0;
      const auto line = reader.Next(piece, taken);
      piece = piece.subspan(taken);
      if (!line) break;
      lines.emplace_back(*line);
    }
  }
  return lines;
}

TEST(LineReaderTest, GivesTheSameLinesHoweverTheyAreCut) {
  const auto input =
      test::BytesOfText("lsg_version=1\ncram=a\r\n\n\r\nsuccess=1|\nrest");
  const std::vector<std::string> expected{"lsg_version=1", "cram=a", "", "",
                                          "success=1|"};
  EXPECT_EQ(LinesOf({input}), expected);
  test::ExpectSameEventsHoweverCut(input, LinesOf);
}

TEST(LineReaderTest, TakesNothingBehindTheLine) {
  LineReader reader;
  std::size_t taken = 0;
  const auto line = reader.Next(test::BytesOfText("ok\nDBN\x03"), taken);
  EXPECT_EQ(line, "ok");
  EXPECT_EQ(taken, 3U);
  EXPECT_EQ(reader.Partial(), "");
}

TEST(LineReaderTest, KeepsWhatCameOfALine) {
  LineReader reader;
  std::size_t taken = 0;
  EXPECT_FALSE(reader.Next(test::BytesOfText("succ"), taken));
  EXPECT_EQ(taken, 4U);
  EXPECT_EQ(reader.Partial(), "succ");
}

TEST(LineReaderTest, ALineOfTheBoundIsFineAndOneByteMoreIsNot) {
  for (const std::size_t piece : {std::size_t{1 << 20}, std::size_t{1000}}) {
    for (const std::size_t length : {LineReader::kMaxLine, LineReader::kMaxLine + 1}) {
      LineReader reader;
      const auto input = test::BytesOfText(std::string(length, 'x') + "\n");
      std::optional<std::string_view> line;
      for (std::size_t at = 0; at < input.size() && !reader.TooLong();) {
        std::size_t taken = 0;
        line = reader.Next(
            std::span{input}.subspan(at, std::min(piece, input.size() - at)), taken);
        at += taken;
      }
      EXPECT_EQ(reader.TooLong(), length > LineReader::kMaxLine);
      EXPECT_EQ(line.has_value(), length == LineReader::kMaxLine);
    }
  }
}

TEST(ValueOfTest, IsTolerantOfOrderUnknownKeysAndTrailingBars) {
  EXPECT_EQ(ValueOf("success=1|session_id=5", "session_id"), "5");
  EXPECT_EQ(ValueOf("session_id=5|new=x|success=1|", "success"), "1");
  EXPECT_EQ(ValueOf("||success=1||", "success"), "1");
  EXPECT_EQ(ValueOf("noise|success=1", "success"), "1");
}

TEST(ValueOfTest, SplitsAPairAtItsFirstEqualsSign) {
  EXPECT_EQ(ValueOf("error=a=b", "error"), "a=b");
  EXPECT_EQ(ValueOf("error=", "error"), "");
}

TEST(ValueOfTest, ComparesWholeKeys) {
  EXPECT_EQ(ValueOf("xsuccess=1", "success"), std::nullopt);
  EXPECT_EQ(ValueOf("success", "success"), std::nullopt);
  EXPECT_EQ(ValueOf("", "success"), std::nullopt);
  EXPECT_EQ(ValueOf("a=success=1", "success"), std::nullopt);
}

TEST(QuotedTest, IsPrintableAndBounded) {
  EXPECT_EQ(base::Quoted("plain"), "'plain'");
  EXPECT_EQ(base::Quoted("a\nb\x1b[31m\xff"), "'a?b?[31m?'");
  EXPECT_LT(base::Quoted(std::string(10'000, 'x')).size(), 210U);
}

TEST(PrintableTest, IsBoundedBetweenTwoCharacters) {
  EXPECT_EQ(base::Printable("a\nb\x1b[31m\x7f"), "a b [31m ");
  EXPECT_EQ(base::Printable(std::string(1000, 'x')), std::string(1000, 'x'));
  for (const std::size_t before : {997U, 998U, 999U, 1000U}) {
    const std::string begin(before, 'x');
    EXPECT_EQ(base::Printable(begin + "€€"), begin + (before == 997 ? "€…" : "…"))
        << before;
  }
  EXPECT_EQ(base::Printable(std::string(2000, '\x80')).size(), 999U + 3U);  // not UTF-8
}

TEST(PrintableTest, LeavesNothingThatCommandsATerminal) {
  const auto blank = [](const std::string& text) {
    return base::Printable("a" + text + "b") == "a b";
  };
  std::vector<char32_t> bad{0x7F, 0x61C, 0x200E, 0x200F};
  for (char32_t c = 0; c < 0x20; ++c) bad.push_back(c);
  for (char32_t c = 0x80; c <= 0x9F; ++c) bad.push_back(c);
  for (char32_t c = 0x2028; c <= 0x202E; ++c) bad.push_back(c);
  for (char32_t c = 0x2066; c <= 0x2069; ++c) bad.push_back(c);
  for (const auto c : bad) {
    std::string text;
    base::AppendUtf8(text, c);
    EXPECT_TRUE(blank(text)) << std::hex << static_cast<unsigned>(c);
  }
  for (const auto* kept :
       {"é", "ß", "\u00A0", "€", "漢字", "עברית", "😀", "\u2027", "\u2030", "\u2070"}) {
    EXPECT_EQ(base::Printable(kept), kept);
  }
}

TEST(PrintableTest, IsUtf8WhateverComes) {
  EXPECT_EQ(base::Printable("\xff"
                            "a\xc2"
                            "b\xe2\x82"),
            "\uFFFD"
            "a\uFFFD"
            "b\uFFFD\uFFFD");
  EXPECT_EQ(base::Printable("\xc0\xaf\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(base::Printable("\xc2"), "\uFFFD") << "a C1 without its second byte";
}

}  // namespace
}  // namespace dbnloop::proto
