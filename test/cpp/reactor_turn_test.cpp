// The bound of a turn: many fds, or long callbacks, keep nothing else from running.

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dbnloop/exception.hpp"
#include "dbnloop/reactor.hpp"
#include "support/epoll_wait.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::SocketPair;
using test::Write;

bool Holds(const std::vector<int>& numbers, int number) {
  return std::ranges::find(numbers, number) != numbers.end();
}

constexpr int kShare = 16;  // of callbacks that are longer than a turn

// A reactor with many fds that are always readable, whose callbacks take so long that
// each turn runs the least that it may.
class Turn : public testing::Test {
 protected:
  static constexpr int kFds = 10 * kShare;

  Turn() {
    reactor_.SetClockForTest([this] { return now_; });
    for (int i = 0; i < kFds; ++i) {
      Write(pairs_[At(i)].b.get(), "x");
      reactor_.Add(pairs_[At(i)].a.get(), EPOLLIN, [this, i](std::uint32_t) {
        now_ += Reactor::kTurnTime;
        served_.push_back(i);
      });
    }
  }
  static std::size_t At(int i) { return static_cast<std::size_t>(i); }
  std::vector<int> Turns(int count) {
    served_.clear();
    for (int i = 0; i < count; ++i) EXPECT_EQ(reactor_.Poll(-1), kShare);
    return served_;
  }

  Reactor::Clock::time_point now_{1h};
  Reactor reactor_;
  std::vector<SocketPair> pairs_{At(kFds)};
  std::vector<int> served_;
};

TEST_F(Turn, ServesItsShareOfFdsAndTheNextTurnsTheOthers) {
  const auto before = test::EpollWaits();
  auto first = Turns(kFds / kShare);
  EXPECT_EQ(test::EpollWaits() - before, 1U) << "the rest of an answer comes first";
  EXPECT_EQ(Turns(kFds / kShare), first) << "nobody's place in the round changes";
  std::ranges::sort(first);
  for (int i = 0; i < kFds; ++i) EXPECT_EQ(first[At(i)], i) << "each once in a round";
}

TEST_F(Turn, IsNotCutWhileItsTimeLasts) {
  for (int i = 0; i < kFds; ++i) {
    reactor_.Remove(pairs_[At(i)].a.get());
    reactor_.Add(pairs_[At(i)].a.get(), EPOLLIN,
                 [this](std::uint32_t) { now_ += Reactor::kTurnTime / kFds; });
  }
  EXPECT_EQ(reactor_.Poll(-1), kFds);
}

TEST_F(Turn, ServesTimersAndPostedTasksBetweenTheFds) {
  std::vector<std::size_t> timers;
  std::vector<std::size_t> tasks;
  reactor_.Every(1ms, [&] { timers.push_back(served_.size()); });
  reactor_.Post([&] { tasks.push_back(served_.size()); });
  now_ += 1s;
  EXPECT_EQ(reactor_.Poll(-1), kShare + 2);
  EXPECT_EQ(reactor_.Poll(-1), kShare + 1);
  EXPECT_EQ(reactor_.Poll(-1), kShare + 1);
  EXPECT_EQ(timers, (std::vector<std::size_t>{kShare, 2 * kShare, 3 * kShare}));
  EXPECT_EQ(tasks, (std::vector<std::size_t>{kShare}));
}

TEST_F(Turn, ATimerThatJudgesWaitsForAllThatWereReadyAndNoLonger) {
  std::vector<std::size_t> judged;
  reactor_.AfterFds(1ms, [&] { judged.push_back(served_.size()); });
  Turns(kShare / 2);
  now_ += 1s;
  for (int turn = 0; turn < 2 * kFds / kShare && judged.empty(); ++turn) {
    reactor_.Poll(-1);
  }
  // It was due within the first round: those that were ready then are the second one.
  EXPECT_EQ(judged, (std::vector<std::size_t>{2 * At(kFds)}));
}

TEST_F(Turn, DeferredTasksHaveAShareOfTheirOwn) {
  std::vector<int> tasks;
  for (int i = 0; i < 3 * kShare; ++i) {
    reactor_.Defer([&, i] {
      now_ += Reactor::kTurnTime;
      tasks.push_back(i);
    });
  }
  const auto last = reactor_.Defer([&] { tasks.push_back(-1); });
  EXPECT_EQ(reactor_.Poll(-1), 2 * kShare);
  reactor_.Defer([&] { tasks.push_back(3 * kShare); });
  EXPECT_TRUE(reactor_.Cancel(last)) << "it has not run yet";
  EXPECT_EQ(reactor_.Poll(-1), 2 * kShare);
  EXPECT_EQ(reactor_.Poll(-1), 2 * kShare);
  EXPECT_EQ(reactor_.Poll(-1), kShare + 1);
  for (int i = 0; i < 3 * kShare + 1; ++i) EXPECT_EQ(tasks[At(i)], i) << "in order";
}

TEST_F(Turn, AnFdThatBecomesReadyIsServedWithinTheNextRound) {
  Turns(1);
  SocketPair late;
  std::size_t served_before = 0;
  reactor_.Add(late.a.get(), EPOLLIN, [&](std::uint32_t) {
    test::ReadAll(late.a.get());
    served_before = served_.size();
  });
  Write(late.b.get(), "x");
  for (int turn = 0; turn < 3 * kFds / kShare && served_before == 0; ++turn) {
    reactor_.Poll(-1);
  }
  EXPECT_GE(served_before, At(kFds) - kShare);
  EXPECT_LE(served_before, At(2 * kFds));
}

TEST_F(Turn, WhatIsRemovedBetweenTwoTurnsIsNotServedNorIsTheNewOwnerOfItsNumber) {
  const auto first = Turns(1);
  int removed = 0;
  while (Holds(first, removed)) ++removed;
  const int fd = pairs_[At(removed)].a.get();
  reactor_.Remove(fd);
  pairs_[At(removed)] = {};
  SocketPair next;
  ASSERT_TRUE(next.a.get() == fd || next.b.get() == fd) << "the number is used again";
  bool called = false;
  reactor_.Add(fd, EPOLLIN, [&](std::uint32_t) { called = true; });
  for (int turn = 0; turn < kFds / kShare; ++turn) reactor_.Poll(0);
  EXPECT_FALSE(called);
  EXPECT_FALSE(Holds(served_, removed));
}

TEST_F(Turn, WhatAThrowLeavesIsServedLikeTheRest) {
  bool thrown = false;
  reactor_.Remove(pairs_[0].a.get());
  reactor_.Add(pairs_[0].a.get(), EPOLLIN, [&](std::uint32_t) {
    served_.push_back(0);
    if (!std::exchange(thrown, true)) throw std::runtime_error{"mine"};
  });
  for (int turn = 0; turn < kFds / kShare + 1; ++turn) {
    try {
      reactor_.Poll(0);
    } catch (const std::runtime_error&) {
    }
  }
  ASSERT_GE(served_.size(), At(kFds));
  served_.resize(At(kFds));
  std::ranges::sort(served_);
  EXPECT_EQ(std::ranges::unique(served_).size(), 0U) << "nobody had two before all one";
}

TEST_F(Turn, AForeignLoopSeesThatFdsWait) {
  const int fd = reactor_.Fd();
  for (int turn = 0; turn < 3; ++turn) {
    Turns(1);
    EXPECT_TRUE(test::IsReadable(fd));
  }
}

TEST(TurnYield, LeavesTheRestToTheNextTurn) {
  Reactor reactor;
  const Reactor::Clock::time_point now{1h};
  reactor.SetClockForTest([=] { return now; });
  std::vector<SocketPair> pairs(3 * kShare);
  for (auto& pair : pairs) {
    Write(pair.b.get(), "x");
    reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) { reactor.Yield(); });
  }
  for (int i = 0; i < 2; ++i) reactor.Defer([] {});
  EXPECT_EQ(reactor.Poll(0), 2) << "a callback and a deferred task";
  EXPECT_EQ(reactor.ReadyFds(), pairs.size());
  EXPECT_EQ(reactor.Poll(0), 2);
  EXPECT_EQ(reactor.Poll(0), 1);
}

// ---- Spin ---------------------------------------------------------------------------

TEST(Spin, AsksWithoutWaitingFirst) {
  Reactor reactor{{.spin = 200us}};
  const auto waits = [&](int timeout_ms) {
    const auto before = test::EpollWaits();
    reactor.Poll(timeout_ms);
    return test::EpollWaits() - before;
  };
  EXPECT_GT(waits(1), 1U) << "it spins, and waits for the rest of the time";
  EXPECT_EQ(waits(0), 1U) << "without time there is nothing to spin for";
  const SocketPair pair;
  reactor.Add(pair.a.get(), EPOLLIN, [](std::uint32_t) {});
  Write(pair.b.get(), "x");
  EXPECT_EQ(waits(-1), 1U) << "what is ready is seen at once";
}

// The clock of a test may stand still.
TEST(Spin, EndsWithTheTimeout) {
  Reactor reactor{{.spin = 1s}};
  reactor.SetClockForTest([] { return Reactor::Clock::time_point{1h}; });
  EXPECT_EQ(reactor.Poll(1), 0);
}

TEST(Spin, SeesTimersTasksAndWakeUps) {
  Reactor reactor{{.spin = 1s}};
  int ran = 0;
  reactor.Post([&] { ++ran; });
  EXPECT_EQ(reactor.Poll(-1), 1);
  reactor.After({}, [&] { ++ran; });
  EXPECT_EQ(reactor.Poll(-1), 1);
  reactor.Defer([&] { ++ran; });
  EXPECT_EQ(reactor.Poll(-1), 1);
  reactor.Wake();
  EXPECT_EQ(reactor.Poll(-1), 0);
  EXPECT_EQ(ran, 3);
}

TEST(Spin, IsRefusedOutsideItsRange) {
  for (const auto spin : {-1us, 1'000'001us}) {
    try {
      Reactor reactor{{.spin = spin}};
      FAIL() << spin.count();
    } catch (const Exception& e) {
      EXPECT_EQ(e.error().code, ErrorCode::InvalidArgument);
      EXPECT_NE(e.error().message.find("0 to 1000000 us"), std::string::npos)
          << e.error().message;
    }
  }
}

}  // namespace
}  // namespace dbnloop
