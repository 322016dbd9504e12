#include "net/dialer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <optional>

#include "support/dns_server.hpp"
#include "support/scripted_gateway.hpp"
#include "support/sockets.hpp"

namespace dbnloop::net {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

class DialerTest : public testing::Test {
 protected:
  DialerTest() {
    reactor_.SetClockForTest([this] { return now_; });
    listener_ = test::Listen(8);
    port_ = test::PortOf(listener_.get());
  }

  std::unique_ptr<Dialer> Make() {
    ResolverOptions options;
    options.servers = dns_.Endpoint();
    return std::make_unique<Dialer>(&reactor_, options);
  }
  void Dial(Dialer& dialer, const std::string& host) {
    dialer.Dial(host, port_, [this](Dialer::Result r) {
      EXPECT_FALSE(result_) << "the callback comes once";
      result_ = std::move(r);
    });
    EXPECT_FALSE(result_) << "never from inside Dial";
  }
  bool UntilResult() {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (!result_) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      reactor_.Poll(20);
    }
    return true;
  }
  [[nodiscard]] std::string At(const char* address) const {
    return std::string{address} + ":" + std::to_string(port_);
  }

  Reactor::Clock::time_point now_ = Reactor::Clock::now();
  Reactor reactor_;
  test::DnsServer dns_{&reactor_};
  ScopedFd listener_;
  int port_ = 0;
  std::optional<Dialer::Result> result_;
};

TEST_F(DialerTest, ConnectsToANumericAddress) {
  const auto dialer = Make();
  Dial(*dialer, "127.0.0.1");
  ASSERT_TRUE(UntilResult());
  EXPECT_FALSE(result_->error);
  EXPECT_EQ(result_->peer, At("127.0.0.1"));
  ScopedFd accepted{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  ASSERT_TRUE(accepted);
  EXPECT_TRUE(test::Write(result_->socket.get(), "hello"));
  EXPECT_EQ(test::ReadAll(accepted.get()), "hello");
  int nodelay = 0;
  socklen_t length = sizeof(nodelay);
  ::getsockopt(result_->socket.get(), IPPROTO_TCP, TCP_NODELAY, &nodelay, &length);
  EXPECT_NE(nodelay, 0) << "small lines must not wait";
}

TEST_F(DialerTest, ConnectsByName) {
  dns_.a = {"127.0.0.1"};
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  ASSERT_TRUE(UntilResult());
  EXPECT_FALSE(result_->error) << result_->error.message;
  EXPECT_EQ(result_->peer, At("127.0.0.1"));
}

TEST_F(DialerTest, ARefusedAddressIsFollowedByTheNext) {
  dns_.a = {"127.0.0.2", "127.0.0.1", "127.0.0.3"};  // only the second listens
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  ASSERT_TRUE(UntilResult());
  EXPECT_FALSE(result_->error) << result_->error.message;
  EXPECT_EQ(result_->peer, At("127.0.0.1"));
}

// An address that never answers: its listener's queue is full.
class SilentAddress {
 public:
  SilentAddress(const char* address, int port)
      : listener_{test::Listen(0, address, port)}, fill_{port, 3, address} {}

 private:
  ScopedFd listener_;
  test::ConnectAttempts fill_;
};

TEST_F(DialerTest, ASilentAddressGivesTheNextItsHeadStart) {
  const SilentAddress silent{"127.0.0.9", port_};
  dns_.aaaa = {"::ffff:127.0.0.9"};  // IPv6 comes first
  dns_.a = {"127.0.0.1"};
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  const auto waiting = "[::ffff:127.0.0.9]:" + std::to_string(port_) + ": no answer";
  while (dialer->Progress() != waiting) reactor_.Poll(1);
  now_ += Dialer::kHeadStart - 1ms;
  for (int i = 0; i < 20; ++i) reactor_.Poll(1);
  EXPECT_FALSE(result_);
  EXPECT_EQ(dialer->Progress(), waiting) << "the second has not begun";
  now_ += 1ms;
  ASSERT_TRUE(UntilResult());
  EXPECT_FALSE(result_->error) << result_->error.message;
  EXPECT_EQ(result_->peer, At("127.0.0.1"));
}

TEST_F(DialerTest, OfManyAddressesTheLastMayBeTheOne) {
  dns_.a.clear();
  for (int i = 2; i < 40; ++i) dns_.a.push_back("127.0.1." + std::to_string(i));
  dns_.a.emplace_back("127.0.0.1");
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  ASSERT_TRUE(UntilResult()) << "refused ones need no head start";
  EXPECT_EQ(result_->peer, At("127.0.0.1"));
}

TEST_F(DialerTest, SilentAddressesAreTriedSideBySideUntilOneAnswers) {
  const SilentAddress first{"127.0.0.8", port_};
  const SilentAddress second{"127.0.0.9", port_};
  dns_.a = {"127.0.0.8", "127.0.0.9", "127.0.0.1"};
  const auto dialer = Make();
  const auto before = test::OpenFds();
  Dial(*dialer, "gateway.example.com");
  for (int i = 0; i < 1000 && !result_; ++i) {
    reactor_.Poll(1);
    if (dialer->Progress().find("no answer") != std::string::npos) now_ += 250ms;
  }
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->peer, At("127.0.0.1"));
  EXPECT_LE(test::OpenFds(), before + 1) << "the others were closed";
}

TEST_F(DialerTest, AnAttemptEndsAtItsTimeButTheLastOneDoesNot) {
  const SilentAddress first{"127.0.0.8", port_};
  const SilentAddress second{"127.0.0.9", port_};
  dns_.a = {"127.0.0.8", "127.0.0.9"};
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  while (dialer->Progress().find("no answer") == std::string::npos) reactor_.Poll(1);
  for (const auto step : {250ms, 4750ms, 250ms, 60'000ms}) {
    now_ += step;
    for (int i = 0; i < 5; ++i) reactor_.Poll(0);
  }
  EXPECT_FALSE(result_) << "its owner's time decides";
  EXPECT_THAT(dialer->Progress(),
              AllOf(HasSubstr("timed out"), HasSubstr("no answer")));
}

TEST_F(DialerTest, TheSlowFamilyIsTriedWhenTheOtherFails) {
  dns_.slow_type = test::DnsServer::kAaaa;
  dns_.a = {"127.0.0.2"};  // nobody listens there
  dns_.aaaa = {"::ffff:127.0.0.1"};
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  while (dns_.Kept() == 0 || dns_.questions < 2) reactor_.Poll(1);
  for (int i = 0; i < 20; ++i) reactor_.Poll(1);
  now_ += Resolver::kResolutionDelay;
  while (dialer->Progress().find("refused") == std::string::npos) reactor_.Poll(1);
  EXPECT_FALSE(result_) << "there may be more addresses";
  dns_.Answer();
  ASSERT_TRUE(UntilResult());
  EXPECT_FALSE(result_->error) << result_->error.message;
  EXPECT_THAT(result_->peer, HasSubstr("127.0.0.1"));
}

TEST_F(DialerTest, TheErrorNamesEveryAddressAndItsReason) {
  listener_.Reset();
  dns_.a = {"127.0.0.2", "127.0.0.3"};
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  ASSERT_TRUE(UntilResult());
  EXPECT_FALSE(result_->socket);
  EXPECT_EQ(result_->error.code, ErrorCode::ConnectionFailed);
  EXPECT_EQ(result_->error.os_errno, ECONNREFUSED);
  EXPECT_THAT(result_->error.message,
              AllOf(HasSubstr("gateway.example.com port " + std::to_string(port_)),
                    HasSubstr(At("127.0.0.2") + ": Connection refused"),
                    HasSubstr(At("127.0.0.3") + ": Connection refused"),
                    HasSubstr(" ms)"), HasSubstr("check host")));
}

TEST_F(DialerTest, TheErrorOfVeryManyAddressesIsShort) {
  listener_.Reset();
  for (int i = 0; i < 1000; ++i) {
    dns_.a.push_back("127.1." + std::to_string(i / 250) + "." +
                     std::to_string(i % 250 + 1));
  }
  dns_.mode = test::DnsServer::Mode::Truncated;  // so many come by TCP
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  ASSERT_TRUE(UntilResult());
  EXPECT_THAT(result_->error.message, HasSubstr("refused and 984 more; check host"));
  EXPECT_LT(result_->error.message.size(), 2000U);
}

TEST_F(DialerTest, AnUnknownNameIsDnsResolutionFailed) {
  dns_.mode = test::DnsServer::Mode::NameError;
  const auto dialer = Make();
  Dial(*dialer, "nowhere.example.com");
  ASSERT_TRUE(UntilResult());
  EXPECT_EQ(result_->error.code, ErrorCode::DnsResolutionFailed);
}

TEST_F(DialerTest, ProgressSaysWhatIsBeingWaitedFor) {
  dns_.mode = test::DnsServer::Mode::Silent;
  const auto dialer = Make();
  Dial(*dialer, "gateway.example.com");
  reactor_.Poll(0);
  EXPECT_EQ(dialer->Progress(), "the name was still being looked up");
}

TEST_F(DialerTest, CancelAtAnyPointRunsNothingAndLeavesNoFd) {
  dns_.a = {"127.0.0.2", "127.0.0.1"};
  const auto before = test::OpenFds();
  for (int turns = 0; turns < 6; ++turns) {
    const auto dialer = Make();
    bool called = false;
    dialer->Dial("gateway.example.com", port_, [&](Dialer::Result) { called = true; });
    for (int i = 0; i < turns && !called; ++i) reactor_.Poll(20);
    if (called) break;
    dialer->Cancel();
    dialer->Cancel();
    for (int i = 0; i < 5; ++i) reactor_.Poll(0);
    EXPECT_FALSE(called);
    EXPECT_EQ(test::OpenFds(), before);
  }
  EXPECT_EQ(test::OpenFds(), before);
}

TEST_F(DialerTest, TheCallbackMayDestroyTheDialer) {
  for (const char* host : {"127.0.0.1", "127.0.0.2"}) {  // success, failure
    auto dialer = Make();
    bool called = false;
    dialer->Dial(host, port_, [&](Dialer::Result) {
      dialer.reset();
      called = true;
    });
    for (int i = 0; i < 100 && !called; ++i) reactor_.Poll(20);
    EXPECT_TRUE(called);
  }
}

TEST_F(DialerTest, TheCallbackMayDialAgain) {
  const auto dialer = Make();
  dialer->Dial("127.0.0.2", port_, [&](Dialer::Result r) {
    EXPECT_EQ(r.error.code, ErrorCode::ConnectionFailed);
    Dial(*dialer, "127.0.0.1");
  });
  ASSERT_TRUE(UntilResult());
  EXPECT_FALSE(result_->error);
}

TEST_F(DialerTest, ANewDialReplacesTheOld) {
  const auto dialer = Make();
  bool called = false;
  dialer->Dial("127.0.0.1", port_, [&](Dialer::Result) { called = true; });
  Dial(*dialer, "127.0.0.1");
  ASSERT_TRUE(UntilResult());
  for (int i = 0; i < 5; ++i) reactor_.Poll(0);
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace dbnloop::net
