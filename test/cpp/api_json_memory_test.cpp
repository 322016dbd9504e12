// What an answer costs in memory beside its text, however many values it holds.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>

#include "proto/api_json.hpp"
#include "support/allocations.hpp"

namespace dbnloop::proto {
namespace {

constexpr std::size_t kSize = 16 * 1024 * 1024;

// An answer of kSize bytes that holds an item as often as it can.
std::string Flat(const std::string& begin, const std::string& item,
                 const std::string& end) {
  auto text = begin + item;
  text.reserve(kSize);
  const auto one = "," + item;
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += one;
  for (const std::string* more : {&std::as_const(many), &one}) {
    while (text.size() + more->size() + end.size() < kSize) text += *more;
  }
  text.append(kSize - text.size() - end.size(), ' ');
  return text + end;
}

template <typename T>
ErrorCode ReadCode(const std::string& json) {
  const auto answer = ReadAnswer<T>("e", json);
  return answer ? ErrorCode::None : answer.error().code;
}

struct Repetition {
  const char* name;
  std::string begin;
  std::string item;
  std::string end;
  ErrorCode (*read)(const std::string&);
  ErrorCode want;
};
std::ostream& operator<<(std::ostream& out, const Repetition& c) {
  return out << c.name;
}

using Jobs = std::vector<BatchJob>;
using Texts = std::vector<std::string>;
constexpr auto kWrong = ErrorCode::ParseError;
constexpr auto kLarge = ErrorCode::LimitExceeded;

class ApiJsonMemory : public testing::TestWithParam<Repetition> {};

TEST_P(ApiJsonMemory, IsThreeTimesItsTextAtMost) {
  if (!test::kCountsAllocations) GTEST_SKIP() << "a sanitizer counts its own";
  const auto& c = GetParam();
  const auto text = Flat(c.begin, c.item, c.end);
  ASSERT_EQ(text.size(), kSize);
  const test::PeakMemory memory;
  EXPECT_EQ(c.read(text), c.want);
  EXPECT_LE(memory.bytes(), (kMaxAnswerMemory - 1) * kSize);
  if (c.want == kWrong) {
    EXPECT_LT(memory.bytes(), 64U * 1024) << "it ends at the first wrong type";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Flat, ApiJsonMemory,
    testing::Values(
        Repetition{"ZerosAsJobs", "[", "0", "]", &ReadCode<Jobs>, kWrong},
        Repetition{"ZerosAsTexts", "[", "0", "]", &ReadCode<Texts>, kWrong},
        Repetition{"ZerosInAnId", R"({"id":[)", "0", "]}", &ReadCode<BatchJob>, kWrong},
        Repetition{"ZerosAsAMember", R"([{"new":[)", "0", "]}]", &ReadCode<Jobs>,
                   kWrong},
        Repetition{"ZerosAsSymbols", R"({"symbols":[)", "0", "]}", &ReadCode<BatchJob>,
                   kLarge},
        Repetition{"CommasAsSymbols", R"({"symbols":")", ",,,,,,,,", "\"}",
                   &ReadCode<BatchJob>, kLarge},
        Repetition{"EmptyTexts", "[", "\"\"", "]", &ReadCode<Texts>, kLarge},
        Repetition{"EmptyObjects", "[", "{}", "]", &ReadCode<Jobs>, kWrong},
        Repetition{"ShortJobs", "[", R"({"id":"","state":"","ts_received":""})", "]",
                   &ReadCode<Jobs>, kLarge},
        Repetition{"EmptyLists", R"({"result":{"a":[)", "[]", "]}}",
                   &ReadCode<SymbologyResolution>, kWrong},
        Repetition{"Mappings", R"({"result":{)", R"("a":[{"d0":"","d1":"","s":""}])",
                   R"(},"partial":[],"not_found":[]})", &ReadCode<SymbologyResolution>,
                   kLarge},
        Repetition{"Prices", R"([{"mode":"m","unit_prices":{)", R"("a":1)", "}}]",
                   &ReadCode<std::vector<UnitPricesForMode>>, kLarge},
        Repetition{"Urls", R"([{"filename":"f","size":1,"hash":"","urls":{)",
                   R"("a":"")", "}}]", &ReadCode<std::vector<BatchFile>>, kLarge}),
    [](const auto& c) { return c.param.name; });

TEST(ApiJsonMemoryTest, AnswersAsTheServiceGivesThemAreRead) {
  std::string jobs = "[";
  std::string symbols = R"({"result":{)";
  for (int i = 0; i < 50'000; ++i) {
    const auto id = std::to_string(100'000 + i);
    jobs += (i == 0 ? "" : ",") + std::string{R"({"id":"GLBX-20261120-)"} + id +
            R"(","state":"done","ts_received":"2026-11-20T14:30:00.000000+00:00"})";
    symbols += (i == 0 ? "" : ",") + std::string{R"("SPY   261218C00)"} + id +
               R"(":[{"d0":"2026-11-20","d1":"2026-11-21","s":"1241)" + id + R"("}])";
  }
  const auto list = ReadAnswer<Jobs>("e", jobs + "]");
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->back().id, "GLBX-20261120-149999");
  const auto resolution = ReadAnswer<SymbologyResolution>(
      "e", symbols + R"(},"partial":[],"not_found":[]})");
  ASSERT_TRUE(resolution) << resolution.error().message;
  EXPECT_EQ(resolution->mappings.at("SPY   261218C00149999").at(0).symbol,
            "1241149999");
}

}  // namespace
}  // namespace dbnloop::proto
