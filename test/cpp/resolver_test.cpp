#include "net/resolver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
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
  // Everything that was answered, as one.
  Resolver::Answer Lookup(std::string_view host, ResolverOptions options = {}) {
    options.servers = server_.Endpoint();
    Resolver resolver{&reactor_, options};
    Resolver::Answer all{.last = false};
    resolver.Resolve(host, 13000, [&](Resolver::Answer answer) {
      EXPECT_FALSE(all.last) << "nothing comes behind the last answer";
      std::ranges::move(answer.addresses, std::back_inserter(all.addresses));
      all.last = answer.last;
      all.error = answer.error;
    });
    EXPECT_TRUE(all.addresses.empty() && !all.last) << "answered from inside Resolve";
    while (!all.last) reactor_.Poll(1000);
    return all;
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
  EXPECT_THAT(Texts(Lookup("192.0.2.7").addresses), ElementsAre("192.0.2.7:13000"));
  EXPECT_THAT(Texts(Lookup("::1").addresses), ElementsAre("[::1]:13000"));
  EXPECT_THAT(Texts(Lookup("[2001:db8::1]").addresses),
              ElementsAre("[2001:db8::1]:13000"));
  EXPECT_EQ(server_.questions, 0);
}

TEST_F(ResolverTest, BothFamiliesAreAsked) {
  server_.a = {"192.0.2.1", "192.0.2.2"};
  server_.aaaa = {"2001:db8::1"};
  const auto result = Lookup("gateway.example.com");
  ASSERT_FALSE(result.error) << result.error.message;
  const auto texts = Texts(result.addresses);
  ASSERT_EQ(texts.size(), 3U);
  EXPECT_EQ(texts[0], "[2001:db8::1]:13000");
  EXPECT_THAT(texts[1], HasSubstr("192.0.2."));
  EXPECT_THAT(texts[2], HasSubstr("192.0.2."));
}

TEST_F(ResolverTest, LocalhostComesFromTheHostsFile) {
  server_.mode = test::DnsServer::Mode::Silent;
  const auto result = Lookup("localhost");
  ASSERT_FALSE(result.error) << result.error.message;
  EXPECT_THAT(Texts(result.addresses), testing::Contains("127.0.0.1:13000"));
  EXPECT_EQ(server_.questions, 0);
}

TEST_F(ResolverTest, UnknownNameSaysTheNameAndTheReason) {
  server_.mode = test::DnsServer::Mode::NameError;
  const auto result = Lookup("no-such-host.example.com");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error.code, ErrorCode::DnsResolutionFailed);
  EXPECT_THAT(result.error.message, HasSubstr("'no-such-host.example.com'"));
  EXPECT_THAT(result.error.message, HasSubstr("check the spelling"));
}

TEST_F(ResolverTest, LostQuestionsAreAskedAgain) {
  server_.a = {"192.0.2.9"};
  server_.drop = 2;
  const auto result = Lookup("lossy.example.com", {.timeout = milliseconds{20000},
                                                   .attempt_timeout = milliseconds{20},
                                                   .tries = 6});
  ASSERT_FALSE(result.error) << result.error.message;
  EXPECT_THAT(Texts(result.addresses), ElementsAre("192.0.2.9:13000"));
  EXPECT_GE(server_.questions, 3);
}

TEST_F(ResolverTest, ATruncatedAnswerIsAskedForOverTcp) {
  server_.mode = test::DnsServer::Mode::Truncated;
  for (int i = 1; i <= 60; ++i) server_.a.push_back("192.0.2." + std::to_string(i));
  const auto result = Lookup("many.example.com");
  ASSERT_FALSE(result.error) << result.error.message;
  EXPECT_EQ(result.addresses.size(), 60U);
  EXPECT_GE(server_.tcp_questions, 1);
}

TEST_F(ResolverTest, AFailingServerSaysSo) {
  server_.mode = test::DnsServer::Mode::ServerFailure;
  const auto result =
      Lookup("gateway.example.com", {.attempt_timeout = milliseconds{20}, .tries = 1});
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error.message, HasSubstr("resolv.conf"));
}

TEST_F(ResolverTest, ANameWithoutAddressesIsAnError) {
  const auto result = Lookup("empty.example.com");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error.code, ErrorCode::DnsResolutionFailed);
}

// ---- One family is slow: a clock that stands still shows what is waited for ---------

class SlowFamilyTest : public ResolverTest {
 protected:
  SlowFamilyTest() {
    reactor_.SetClockForTest([this] { return now_; });
    server_.a = {"192.0.2.1"};
    server_.aaaa = {"2001:db8::1"};
  }
  void Begin(unsigned slow) {
    server_.slow_type = slow;
    resolver_.emplace(&reactor_, ResolverOptions{.servers = server_.Endpoint()});
    resolver_->Resolve("gateway.example.com", 1, [this](Resolver::Answer answer) {
      answers_.push_back(std::move(answer));
    });
    while (server_.questions < 2) reactor_.Poll(1000);
    for (int i = 0; i < 20; ++i) reactor_.Poll(1);
  }
  void Advance(milliseconds by) {
    now_ += by;
    for (int i = 0; i < 5; ++i) reactor_.Poll(0);
  }
  void AnswerAndWait() {
    server_.Answer();
    while (answers_.empty() || !answers_.back().last) reactor_.Poll(1000);
  }

  Reactor::Clock::time_point now_ = Reactor::Clock::now();
  std::vector<Resolver::Answer> answers_;
  std::optional<Resolver> resolver_;
};

TEST_F(SlowFamilyTest, IPv4WaitsALittleForIPv6) {
  Begin(test::DnsServer::kAaaa);
  Advance(milliseconds{49});
  EXPECT_TRUE(answers_.empty());
  Advance(milliseconds{1});
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_THAT(Texts(answers_[0].addresses), ElementsAre("192.0.2.1:1"));
  EXPECT_FALSE(answers_[0].last);
  AnswerAndWait();
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_THAT(Texts(answers_[1].addresses), ElementsAre("[2001:db8::1]:1"));
}

TEST_F(SlowFamilyTest, IPv6ComesInTimeWithinTheWait) {
  Begin(test::DnsServer::kAaaa);
  Advance(milliseconds{49});
  AnswerAndWait();
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_THAT(Texts(answers_[0].addresses),
              ElementsAre("[2001:db8::1]:1", "192.0.2.1:1"));
}

TEST_F(SlowFamilyTest, IPv6WaitsForNothing) {
  Begin(test::DnsServer::kA);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_THAT(Texts(answers_[0].addresses), ElementsAre("[2001:db8::1]:1"));
  AnswerAndWait();
  EXPECT_THAT(Texts(answers_[1].addresses), ElementsAre("192.0.2.1:1"));
}

TEST_F(SlowFamilyTest, TheOtherFamilyMayNeverAnswer) {
  Begin(test::DnsServer::kAaaa);
  Advance(milliseconds{50});
  ASSERT_EQ(answers_.size(), 1U);
  Advance(milliseconds{5000});
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_TRUE(answers_[1].last && answers_[1].addresses.empty());
  EXPECT_FALSE(answers_[1].error) << "there were addresses";
}

TEST_F(SlowFamilyTest, TheFirstAnswerMayCancelOrDestroy) {
  for (const bool destroy : {false, true}) {
    server_.slow_type = test::DnsServer::kAaaa;
    server_.questions = 0;
    resolver_.emplace(&reactor_, ResolverOptions{.servers = server_.Endpoint()});
    int answers = 0;
    resolver_->Resolve("gateway.example.com", 1, [&](const Resolver::Answer&) {
      ++answers;
      destroy ? resolver_.reset() : resolver_->Cancel();
    });
    while (server_.questions < 2) reactor_.Poll(1000);
    for (int i = 0; i < 20; ++i) reactor_.Poll(1);
    Advance(milliseconds{50});
    server_.Answer();
    for (int i = 0; i < 20; ++i) reactor_.Poll(1);
    EXPECT_EQ(answers, 1);
  }
}

// ---- The machine's own files, in namespaces where they are others -------------------

constexpr int kNotAllowed = 77;

bool PutInPlace(const std::string& file, const char* path) {
  return ::mount(file.c_str(), path, nullptr, MS_BIND, nullptr) == 0;
}

bool EnterNamespaces() {
  const int wanted = CLONE_NEWNS | CLONE_NEWNET;
  if (::unshare(wanted) != 0 && ::unshare(CLONE_NEWUSER | wanted) != 0) return false;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const ScopedFd any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq loopback{};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP;
  return ::ioctl(any.get(), SIOCSIFFLAGS, &loopback) == 0;
}

// What comes of "from-hosts" and "asked", or a code that says why nothing does.
int LookUpInNamespaces(const std::string& folder) {
  if (!EnterNamespaces() || !PutInPlace(folder + "/hosts", "/etc/hosts") ||
      !PutInPlace(folder + "/resolv.conf", "/etc/resolv.conf")) {
    return kNotAllowed;
  }
  Reactor reactor;
  test::DnsServer server{&reactor, 53};
  server.a = {"192.0.2.1"};
  Resolver resolver{&reactor};
  std::vector<std::string> found;
  for (const auto* name : {"from-hosts", "asked"}) {
    bool last = false;
    resolver.Resolve(name, 1, [&](const Resolver::Answer& answer) {
      for (const auto& address : answer.addresses) found.push_back(address.ToString());
      last = answer.last;
    });
    while (!last) reactor.Poll(1000);
    server.a = {"192.0.2.2"};
  }
  return found == std::vector<std::string>{"192.0.2.55:1", "192.0.2.2:1"} ? 0 : 1;
}

TEST(ResolverFiles, HostsAndResolvConfAreHonoured) {
  auto folder = (std::filesystem::temp_directory_path() / "dbnloop-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream{folder + "/hosts"} << "192.0.2.55 from-hosts\n";
  std::ofstream{folder + "/resolv.conf"} << "nameserver 127.0.0.1\n";
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::_exit(LookUpInNamespaces(folder));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == kNotAllowed) {
    GTEST_SKIP() << "this machine lets nobody make mount and network namespaces";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ResolverTest, BytesThatAreNoDnsAreNoAnswer) {
  server_.mode = test::DnsServer::Mode::Garbage;
  const auto result =
      Lookup("gateway.example.com", {.timeout = milliseconds{30}, .tries = 1});
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error.code, ErrorCode::DnsResolutionFailed);
}

TEST_F(ResolverTest, SilentServerEndsAtTheTimeout) {
  server_.mode = test::DnsServer::Mode::Silent;
  const auto result = Lookup(
      "slow.example.com",
      {.timeout = milliseconds{30}, .attempt_timeout = milliseconds{5000}, .tries = 1});
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error.code, ErrorCode::DnsResolutionFailed);
  EXPECT_THAT(result.error.message, HasSubstr("no answer in time"));
}

TEST_F(ResolverTest, CancelRunsNothingAndLeavesNoFd) {
  server_.mode = test::DnsServer::Mode::Silent;
  const auto before = OpenFds();
  bool called = false;
  {
    Resolver resolver{&reactor_, {.servers = server_.Endpoint()}};
    resolver.Resolve("hang.example.com", 1,
                     [&](const Resolver::Answer&) { called = true; });
    while (server_.questions == 0) reactor_.Poll(1000);
    resolver.Cancel();
    reactor_.Poll(0);
    resolver.Resolve("again.example.com", 1,
                     [&](const Resolver::Answer&) { called = true; });
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
  resolver->Resolve("gateway.example.com", 1, [&](const Resolver::Answer&) {
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
                  [&](const Resolver::Answer&) { hung_answered = true; });
  EXPECT_FALSE(Lookup("gateway.example.com").error);
  EXPECT_FALSE(hung_answered);
}

}  // namespace
}  // namespace dbnloop::net
