#include "net/resolver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/dns_server.hpp"

namespace dbnloop::net {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

std::size_t OpenFds() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

class ResolverTest : public testing::Test {
 protected:
  Resolver::Result Lookup(std::string_view host, ResolverOptions options = {}) {
    options.servers = server_.Endpoint();
    Resolver resolver{&reactor_, options};
    std::optional<Resolver::Result> result;
    resolver.Resolve(host, 13000, [&](Resolver::Result r) { result = std::move(r); });
    EXPECT_FALSE(result.has_value()) << "answered from inside Resolve";
    while (!result) reactor_.Poll(1000);
    return *result;
  }

  static std::vector<std::string> Texts(const std::vector<Address>& addresses) {
    std::vector<std::string> texts;
    for (const auto& address : addresses) texts.push_back(address.ToString());
    return texts;
  }

  Reactor reactor_;
  test::DnsServer server_{&reactor_};
};

TEST_F(ResolverTest, NumericAddressesNeedNoServer) {
  server_.mode = test::DnsServer::Mode::Silent;
  EXPECT_THAT(Texts(*Lookup("192.0.2.7")), ElementsAre("192.0.2.7:13000"));
  EXPECT_THAT(Texts(*Lookup("::1")), ElementsAre("[::1]:13000"));
  EXPECT_THAT(Texts(*Lookup("[2001:db8::1]")), ElementsAre("[2001:db8::1]:13000"));
  EXPECT_EQ(server_.questions, 0);
}

TEST_F(ResolverTest, BothFamiliesAreAskedAndInterleaved) {
  server_.a = {"192.0.2.1", "192.0.2.2"};
  server_.aaaa = {"2001:db8::1"};
  const auto result = Lookup("gateway.example.com");
  ASSERT_TRUE(result.has_value()) << result.error().message;
  const auto texts = Texts(*result);
  ASSERT_EQ(texts.size(), 3U);
  EXPECT_EQ(texts[0], "[2001:db8::1]:13000");
  EXPECT_THAT(texts[1], HasSubstr("192.0.2."));
  EXPECT_THAT(texts[2], HasSubstr("192.0.2."));
}

TEST_F(ResolverTest, LocalhostComesFromTheHostsFile) {
  server_.mode = test::DnsServer::Mode::Silent;
  const auto result = Lookup("localhost");
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_THAT(Texts(*result), testing::Contains("127.0.0.1:13000"));
  EXPECT_EQ(server_.questions, 0);
}

TEST_F(ResolverTest, UnknownNameSaysTheNameAndTheReason) {
  server_.mode = test::DnsServer::Mode::NameError;
  const auto result = Lookup("no-such-host.example.com");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::DnsResolutionFailed);
  EXPECT_THAT(result.error().message, HasSubstr("'no-such-host.example.com'"));
  EXPECT_THAT(result.error().message, HasSubstr("check the spelling"));
}

TEST_F(ResolverTest, LostQuestionsAreAskedAgain) {
  server_.a = {"192.0.2.9"};
  server_.drop = 2;
  const auto result = Lookup("lossy.example.com", {.timeout = milliseconds{20000},
                                                   .attempt_timeout = milliseconds{20},
                                                   .tries = 6});
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_THAT(Texts(*result), ElementsAre("192.0.2.9:13000"));
  EXPECT_GE(server_.questions, 3);
}

TEST_F(ResolverTest, SilentServerEndsAtTheTimeout) {
  server_.mode = test::DnsServer::Mode::Silent;
  const auto result = Lookup(
      "slow.example.com",
      {.timeout = milliseconds{30}, .attempt_timeout = milliseconds{5000}, .tries = 1});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::DnsResolutionFailed);
  EXPECT_THAT(result.error().message, HasSubstr("no answer in time"));
}

TEST_F(ResolverTest, CancelRunsNothingAndLeavesNoFd) {
  server_.mode = test::DnsServer::Mode::Silent;
  const auto before = OpenFds();
  bool called = false;
  {
    Resolver resolver{&reactor_, {.servers = server_.Endpoint()}};
    resolver.Resolve("hang.example.com", 1, [&](Resolver::Result) { called = true; });
    while (server_.questions == 0) reactor_.Poll(1000);
    resolver.Cancel();
    reactor_.Poll(0);
    resolver.Resolve("again.example.com", 1, [&](Resolver::Result) { called = true; });
  }
  while (reactor_.Poll(0) > 0) {
  }
  EXPECT_FALSE(called);
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(ResolverTest, TheCallbackMayDestroyTheResolver) {
  server_.a = {"192.0.2.1"};
  auto resolver = std::make_unique<Resolver>(
      &reactor_, ResolverOptions{.servers = server_.Endpoint()});
  bool called = false;
  resolver->Resolve("gateway.example.com", 1, [&](Resolver::Result) {
    called = true;
    resolver.reset();
  });
  while (!called) reactor_.Poll(1000);
  EXPECT_EQ(resolver, nullptr);
}

TEST_F(ResolverTest, AHangingLookupDoesNotDelayAnother) {
  test::DnsServer silent{&reactor_};
  silent.mode = test::DnsServer::Mode::Silent;
  server_.a = {"192.0.2.1"};
  Resolver hanging{&reactor_, {.servers = silent.Endpoint()}};
  bool hung_answered = false;
  hanging.Resolve("hang.example.com", 1,
                  [&](Resolver::Result) { hung_answered = true; });
  EXPECT_TRUE(Lookup("gateway.example.com").has_value());
  EXPECT_FALSE(hung_answered);
}

}  // namespace
}  // namespace dbnloop::net
