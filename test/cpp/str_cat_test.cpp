#include "base/str_cat.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/throw.hpp"

namespace dbnloop::base {
namespace {

TEST(StrCat, JoinsTextsCharactersAndIntegers) {
  const std::string text = "text";
  EXPECT_EQ(StrCat("a ", text, ' ', std::string_view{"view"}, ": ", 7),
            "a text view: 7");
  EXPECT_EQ(StrCat(), "");
  EXPECT_EQ(StrCat(""), "");
}

TEST(StrCat, WritesIntegersOfEveryWidthInDecimal) {
  EXPECT_EQ(StrCat(std::numeric_limits<std::int64_t>::min(), ' ',
                   std::numeric_limits<std::uint64_t>::max()),
            "-9223372036854775808 18446744073709551615");
  EXPECT_EQ(StrCat(std::uint8_t{200}, ' ', std::int8_t{-1}, ' ', 0U), "200 -1 0")
      << "a byte is a number, not a character";
}

TEST(Throw, CarriesCodeMessageAndErrno) {
  try {
    Throw(ErrorCode::InvalidState, "words", 7);
  } catch (const Exception& e) {
    EXPECT_EQ(e.error().code, ErrorCode::InvalidState);
    EXPECT_EQ(e.error().message, "words");
    EXPECT_EQ(e.error().os_errno, 7);
  }
  errno = ENOENT;
  const auto error = SystemError("open x");
  EXPECT_EQ(error.code, ErrorCode::System);
  EXPECT_EQ(error.message, "open x: No such file or directory");
  EXPECT_EQ(error.os_errno, ENOENT);
}

}  // namespace
}  // namespace dbnloop::base
