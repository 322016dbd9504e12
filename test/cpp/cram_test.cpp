#include "proto/cram.hpp"

#include <gtest/gtest.h>

namespace dbnloop::proto {
namespace {

TEST(CramTest, GivesTheReplyOfTheKnownExample) {
  EXPECT_EQ(
      CramReply("0123456789abcdefghijklmnopqrstuv", "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012"),
      "f0f36e23543121486f20e6964311a4cd2415814fa391fb78aef90c13d8085bf9-YZ012");
}

TEST(CramTest, IsSixtyFourHexDigitsADashAndTheLastFiveCharactersOfTheKey) {
  const auto reply = CramReply("c", "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012");
  EXPECT_EQ(reply.size(), 64U + 1 + 5);
  EXPECT_EQ(reply.find_first_not_of("0123456789abcdef"), 64U);
  EXPECT_EQ(reply.substr(64), "-YZ012");
}

TEST(CramTest, DependsOnChallengeAndKey) {
  EXPECT_NE(CramReply("a", "key00"), CramReply("b", "key00"));
  EXPECT_NE(CramReply("a", "key00"), CramReply("a", "kez00"));
}

}  // namespace
}  // namespace dbnloop::proto
