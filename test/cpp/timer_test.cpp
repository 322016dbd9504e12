#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "dbnloop/exception.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;

class Timer : public testing::Test {
 protected:
  Timer() {
    reactor_.SetClockForTest([this] { return now_; });
  }
  int Advance(Reactor::Clock::duration by) {
    now_ += by;
    return reactor_.Poll(0);
  }

  Reactor::Clock::time_point now_{1h};
  Reactor reactor_;
  std::vector<int> ran_;
};

TEST_F(Timer, AfterRunsOnceAndNotEarly) {
  const auto id = reactor_.After(10ms, [&] { ran_.push_back(1); });
  EXPECT_NE(id, 0U);
  EXPECT_EQ(Advance(0ms), 0);
  EXPECT_EQ(Advance(10ms - 1ns), 0);
  EXPECT_EQ(Advance(1ns), 1);
  EXPECT_EQ(Advance(1h), 0);
  EXPECT_EQ(ran_.size(), 1U);
  EXPECT_FALSE(reactor_.Cancel(id));
}

TEST_F(Timer, TimersRunInTheOrderOfTheirDeadlines) {
  reactor_.After(30ms, [&] { ran_.push_back(3); });
  reactor_.After(10ms, [&] { ran_.push_back(1); });
  reactor_.After(20ms, [&] { ran_.push_back(2); });
  reactor_.After(20ms, [&] { ran_.push_back(22); });
  EXPECT_EQ(Advance(1s), 4);
  EXPECT_EQ(ran_, (std::vector{1, 2, 22, 3}));
}

TEST_F(Timer, EveryRunsEachPeriodAndDoesNotMakeUpForLateTurns) {
  const auto id = reactor_.Every(10ms, [&] { ran_.push_back(0); });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Advance(10ms), 1);
  EXPECT_EQ(Advance(1s), 1) << "once, though a hundred periods have passed";
  EXPECT_TRUE(reactor_.Cancel(id));
  EXPECT_FALSE(reactor_.Cancel(id));
  EXPECT_EQ(Advance(1s), 0);
}

TEST_F(Timer, NegativeDelayIsDueNow) {
  reactor_.After(-1h, [&] { ran_.push_back(1); });
  EXPECT_EQ(Advance(0ms), 1);
}

TEST_F(Timer, HugeDelaysDoNotOverflow) {
  reactor_.After(Reactor::Clock::duration::max(), [&] { ran_.push_back(1); });
  reactor_.Every(Reactor::Clock::duration::max(), [&] { ran_.push_back(2); });
  EXPECT_EQ(Advance(24h), 0);
}

TEST_F(Timer, MisuseIsRefused) {
  EXPECT_THROW(reactor_.After(1ms, nullptr), Exception);
  EXPECT_THROW(reactor_.Every(1ms, nullptr), Exception);
  EXPECT_THROW(reactor_.Every(0ms, [] {}), Exception);
  EXPECT_THROW(reactor_.Every(-1ms, [] {}), Exception);
  EXPECT_FALSE(reactor_.Cancel(0));
  EXPECT_FALSE(reactor_.Cancel(12345));
}

TEST_F(Timer, CancelledTimerDoesNotRun) {
  const auto id = reactor_.After(1ms, [&] { ran_.push_back(1); });
  EXPECT_TRUE(reactor_.Cancel(id));
  EXPECT_EQ(Advance(1s), 0);
}

TEST_F(Timer, PeriodicTimerMayCancelItself) {
  Reactor::TimerId id = 0;
  auto captured = std::make_shared<int>(7);
  id = reactor_.Every(1ms, [&, captured] {
    EXPECT_TRUE(reactor_.Cancel(id));
    ran_.push_back(*captured);  // what it captured lives until it returns
  });
  EXPECT_EQ(Advance(1ms), 1);
  EXPECT_EQ(Advance(1s), 0);
  EXPECT_EQ(ran_, std::vector{7});
  EXPECT_EQ(captured.use_count(), 1);
}

TEST_F(Timer, OneShotTimerIsGoneWhileItRuns) {
  Reactor::TimerId id = 0;
  id = reactor_.After(1ms, [&] { EXPECT_FALSE(reactor_.Cancel(id)); });
  EXPECT_EQ(Advance(1ms), 1);
}

TEST_F(Timer, CancellingAnotherDueTimerOfTheSameTurnKeepsItFromRunning) {
  Reactor::TimerId second = 0;
  reactor_.After(1ms, [&] {
    ran_.push_back(1);
    EXPECT_TRUE(reactor_.Cancel(second));
  });
  second = reactor_.After(2ms, [&] { ran_.push_back(2); });
  EXPECT_EQ(Advance(1s), 1);
  EXPECT_EQ(ran_, std::vector{1});
}

TEST_F(Timer, TimerAddedInACallbackRunsInALaterTurn) {
  reactor_.After(1ms, [&] {
    ran_.push_back(1);
    reactor_.After(0ms, [&] { ran_.push_back(2); });
  });
  EXPECT_EQ(Advance(1ms), 1);
  EXPECT_EQ(Advance(0ms), 1);
  EXPECT_EQ(ran_, (std::vector{1, 2}));
}

// One that is added over and over must not hold back what has been waiting.
TEST_F(Timer, ATimerThatAddsItselfAgainDoesNotStarveOthers) {
  std::function<void()> again = [&] {
    ran_.push_back(1);
    reactor_.After(0ms, again);
  };
  reactor_.After(0ms, again);
  reactor_.After(0ms, [&] { ran_.push_back(2); });
  EXPECT_EQ(Advance(1ms), 2);
  EXPECT_EQ(Advance(1ms), 1);
  EXPECT_EQ(ran_, (std::vector{1, 2, 1}));
}

// Inserted ahead of an older due timer in the heap, it must neither run nor block it.
TEST_F(Timer, ATimerAddedInACallbackDoesNotDelayOlderDueTimers) {
  reactor_.After(1ms, [&] {
    ran_.push_back(1);
    reactor_.After(-1h, [&] { ran_.push_back(3); });
  });
  now_ += 5ms;
  reactor_.After(10ms, [&] { ran_.push_back(2); });
  EXPECT_EQ(Advance(1s), 2);
  EXPECT_EQ(Advance(0ms), 1);
  EXPECT_EQ(ran_, (std::vector{1, 2, 3}));
}

TEST_F(Timer, NowIsTheTimeThatTheTurnBeganWith) {
  Reactor::Clock::time_point first;
  Reactor::Clock::time_point second;
  reactor_.After(1ms, [&] {
    first = reactor_.Now();
    now_ += 1s;
    second = reactor_.Now();
  });
  Advance(1ms);
  EXPECT_EQ(first, second);
  EXPECT_EQ(reactor_.Now(), now_) << "outside a turn: now";
}

TEST_F(Timer, ExceptionsLeaveOneShotTimersGoneAndPeriodicOnesAlive) {
  reactor_.After(1ms, [&] { throw std::runtime_error{"once"}; });
  const auto id = reactor_.Every(2ms, [&] {
    ran_.push_back(1);
    throw std::runtime_error{"each time"};
  });
  reactor_.After(3ms, [&] { ran_.push_back(2); });
  now_ += 3ms;
  EXPECT_THROW(reactor_.Poll(0), std::runtime_error);
  EXPECT_THROW(reactor_.Poll(0), std::runtime_error);
  EXPECT_EQ(reactor_.Poll(0), 1);
  EXPECT_EQ(ran_, (std::vector{1, 2}));
  now_ += 2ms;
  EXPECT_THROW(reactor_.Poll(0), std::runtime_error);
  EXPECT_TRUE(reactor_.Cancel(id));
  EXPECT_EQ(Advance(1s), 0);
}

TEST_F(Timer, TenThousandTimersWithMostCancelled) {
  std::vector<Reactor::TimerId> ids;
  for (int i = 0; i < 10'000; ++i) {
    ids.push_back(
        reactor_.After(std::chrono::microseconds{i}, [&, i] { ran_.push_back(i); }));
  }
  for (int i = 0; i < 10'000; ++i) {
    if (i % 10 == 0) continue;
    EXPECT_TRUE(reactor_.Cancel(ids[static_cast<std::size_t>(i)]));
  }
  EXPECT_EQ(Advance(1s), 1000);
  EXPECT_TRUE(std::ranges::is_sorted(ran_));
}

}  // namespace
}  // namespace dbnloop
