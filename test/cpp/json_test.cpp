// What of a document is JSON, and what its values are, compared with a library that
// reads it in another way.
#include "proto/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace dbnloop::proto {
namespace {

// The value again, made of what the views say.
nlohmann::json Rebuilt(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::Text: {
      const auto text = value.String();
      EXPECT_EQ(text.size(), value.StringSize());
      EXPECT_TRUE(value.Is(text));
      EXPECT_FALSE(value.Is(text + "x"));
      return text;
    }
    case Json::Kind::List: {
      auto list = nlohmann::json::array();
      value.EachItem([&](const Json& item) { list.push_back(Rebuilt(item)); });
      EXPECT_EQ(list.size(), value.Count());
      return list;
    }
    case Json::Kind::Object: {
      auto object = nlohmann::json::object();
      std::size_t count = 0;
      value.EachMember([&](const Json& key, const Json& member) {
        object[key.String()] = Rebuilt(member);
        ++count;
      });
      EXPECT_EQ(count, value.Count());
      return object;
    }
    default:
      return nlohmann::json::parse(value.raw());
  }
}

void Compare(const std::string& text) {
  // It skips a mark that RFC 8259 does not want.
  if (text.starts_with("\xEF\xBB\xBF")) return;
  const auto parsed = Json::Parse(text);
  if (!parsed && parsed.error() == Json::Fault::TooDeep) return;
  const auto theirs = nlohmann::json::parse(text, nullptr, false);
  // A number that no double holds is one of JSON all the same.
  const bool huge = text.find_first_of("eE") != std::string::npos || text.size() > 300;
  if (parsed.has_value() != !theirs.is_discarded() && huge && parsed) return;
  ASSERT_EQ(parsed.has_value(), !theirs.is_discarded()) << text;
  if (parsed) {
    EXPECT_EQ(Rebuilt(*parsed), theirs) << text;
  }
}

const std::vector<std::string>& Documents() {
  static const std::vector<std::string> documents{
      "null",
      "true",
      " false ",
      "0",
      "-0",
      "-1.5e+3",
      "\"\"",
      "[]",
      "{}",
      "[ ]",
      "{ }",
      "[[],{}]",
      R"({"a":1,"b":[true,null,"x"],"a":{"c":-0.25}})",
      R"(["\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00", "é€😀"])",
      "[1 , 2\t,\n3\r]",
      R"({"":{"":[""]}})",
      R"([{"a":[1,[2,[3]]]},[[[]]],"]}"])",
      R"({"id":"J","state":"done","ts_received":"2026-11-20T00:00:00Z"})"};
  return documents;
}

TEST(JsonTest, IsReadAsAnotherLibraryReadsIt) {
  for (const auto& text : Documents()) {
    EXPECT_TRUE(Json::Parse(text)) << text;
    Compare(text);
  }
}

TEST(JsonTest, IsRefusedWhereAnotherLibraryRefusesIt) {
  const auto text = [](std::string_view inner) {
    return "\"" + std::string{inner} + "\"";
  };
  for (const auto& bad : std::vector<std::string>{"",
                                                  " ",
                                                  "nul",
                                                  "nulll",
                                                  "True",
                                                  "01",
                                                  "-",
                                                  "+1",
                                                  "1.",
                                                  ".5",
                                                  "1e",
                                                  "1e+",
                                                  "[",
                                                  "]",
                                                  "[1",
                                                  "[1,]",
                                                  "[,1]",
                                                  "[1 2]",
                                                  "{",
                                                  "{\"a\"}",
                                                  "{\"a\":}",
                                                  "{a:1}",
                                                  "{\"a\":1,}",
                                                  "{\"a\":1 \"b\":2}",
                                                  "{1:2}",
                                                  "[}",
                                                  "{]",
                                                  "[]]",
                                                  "\"",
                                                  "'a'",
                                                  text("\\x"),
                                                  text("\\u12"),
                                                  text("\\u12g4"),
                                                  text("\\ud800"),
                                                  text("\\udc00\\ud800"),
                                                  text("\\ud800\\u0041"),
                                                  text("\n"),
                                                  text("\x01"),
                                                  text("\xff"),
                                                  text("\xc0\xaf"),
                                                  text("\xed\xa0\x80"),
                                                  text("\xf4\x90\x80\x80"),
                                                  text("\xe2\x82"),
                                                  "1 1",
                                                  "[] x",
                                                  std::string{"[\0]", 3}}) {
    EXPECT_FALSE(Json::Parse(bad)) << bad;
    Compare(bad);
  }
}

// Whatever is cut out of a document, doubled or changed in it.
TEST(JsonTest, IsJudgedAsAnotherLibraryJudgesSpoiledDocuments) {
  std::mt19937 random{7};
  const std::string pieces = "[]{}\",:\\u0eE+-.1ntf \xe2\x82\xac\xff";
  for (int round = 0; round < 20'000; ++round) {
    auto text = Documents()[random() % Documents().size()];
    for (unsigned i = random() % 3; i <= 3 && !text.empty(); ++i) {
      const auto at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text.erase(at, 1 + random() % 3);
          break;
        case 1:
          text[at] = pieces[random() % pieces.size()];
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 8));
      }
    }
    ASSERT_NO_FATAL_FAILURE(Compare(text));
  }
}

TEST(JsonTest, NestsSixtyFourDeep) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(Json::Parse(nested(64)));
  for (const std::size_t depth : {65U, 1'000'000U}) {
    const auto parsed = Json::Parse(nested(depth));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error(), Json::Fault::TooDeep);
  }
}

TEST(JsonTest, TheLastOfEqualKeysCounts) {
  const auto json = Json::Parse(R"({"a":1,"\u0061":2,"ab":3})");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->Find("a")->raw(), "2");
  EXPECT_FALSE(json->Find("b"));
}

}  // namespace
}  // namespace dbnloop::proto
