// Reactor::Defer, and the timer that an object owns.

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "dbnloop/exception.hpp"
#include "dbnloop/reactor.hpp"
#include "net/timer.hpp"
#include "support/allocations.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::IsReadable;

class Defer : public testing::Test {
 protected:
  Defer() {
    reactor_.SetClockForTest([this] { return now_; });
  }
  auto Note(int n) {
    return [this, n] { ran_.push_back(n); };
  }

  Reactor::Clock::time_point now_{1h};
  Reactor reactor_;
  std::vector<int> ran_;
};

TEST_F(Defer, RunsOnceInTheOrderOfTheCalls) {
  for (int i = 0; i < 5; ++i) reactor_.Defer(Note(i));
  EXPECT_TRUE(ran_.empty());
  EXPECT_EQ(reactor_.Poll(-1), 5) << "and the turn does not wait";
  EXPECT_EQ(ran_, (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(reactor_.Poll(0), 0);
}

TEST_F(Defer, RunsAfterReadyFdsAndBeforeTimersAndPostedTasks) {
  const test::SocketPair pair;
  test::Write(pair.b.get(), "x");
  reactor_.Post(Note(4));
  reactor_.After({}, Note(3));
  reactor_.Defer(Note(2));
  reactor_.Add(pair.a.get(), EPOLLIN, [this](std::uint32_t) { ran_.push_back(1); });
  EXPECT_EQ(reactor_.Poll(0), 4);
  EXPECT_EQ(ran_, (std::vector{1, 2, 3, 4}));
}

TEST_F(Defer, InsideACallbackMeansTheTurnAfter) {
  const test::SocketPair pair;
  test::Write(pair.b.get(), "x");
  reactor_.Add(pair.a.get(), EPOLLIN, [this, &pair](std::uint32_t) {
    test::ReadAll(pair.a.get());
    reactor_.Defer([this] {
      ran_.push_back(1);
      reactor_.Defer(Note(2));
    });
  });
  EXPECT_EQ(reactor_.Poll(-1), 1);
  EXPECT_TRUE(ran_.empty());
  EXPECT_EQ(reactor_.Poll(-1), 1);
  EXPECT_EQ(ran_, (std::vector{1}));
  EXPECT_EQ(reactor_.Poll(-1), 1);
  EXPECT_EQ(ran_, (std::vector{1, 2}));
}

TEST_F(Defer, CanBeCancelledAlsoByAnEarlierTask) {
  const auto first = reactor_.Defer(Note(1));
  Reactor::TimerId third = 0;
  reactor_.Defer([&] { EXPECT_TRUE(reactor_.Cancel(third)); });
  third = reactor_.Defer(Note(3));
  const auto last = reactor_.Defer(Note(4));
  EXPECT_TRUE(reactor_.Cancel(first));
  EXPECT_FALSE(reactor_.Cancel(first));
  EXPECT_TRUE(reactor_.Cancel(last));
  EXPECT_EQ(reactor_.Poll(-1), 1);
  EXPECT_FALSE(reactor_.Cancel(third));
  EXPECT_TRUE(ran_.empty());
  EXPECT_EQ(reactor_.Poll(0), 0);
}

TEST_F(Defer, ItsIdsAreNotThoseOfTimers) {
  const auto deferred = reactor_.Defer(Note(1));
  const auto timer = reactor_.After({}, Note(2));
  EXPECT_NE(deferred, timer);
  EXPECT_TRUE(reactor_.Cancel(timer));
  EXPECT_EQ(reactor_.Poll(-1), 1);
  EXPECT_EQ(ran_, (std::vector{1}));
}

TEST_F(Defer, WhatRemainsAfterAnExceptionRunsInTheNextTurnBeforeWhatIsNewer) {
  reactor_.Defer([this] {
    reactor_.Defer(Note(3));
    throw std::runtime_error{"a task's"};
  });
  reactor_.Defer(Note(1));
  reactor_.Defer(Note(2));
  EXPECT_THROW(reactor_.Poll(-1), std::runtime_error);
  EXPECT_EQ(reactor_.Poll(-1), 2);
  EXPECT_EQ(ran_, (std::vector{1, 2}));
  EXPECT_EQ(reactor_.Poll(-1), 1);
  EXPECT_EQ(ran_, (std::vector{1, 2, 3}));
}

TEST_F(Defer, ATaskThatAlwaysThrowsStarvesNobody) {
  struct Again {
    Reactor& reactor;
    void operator()() const {
      reactor.Defer(*this);
      throw std::runtime_error{"a task's"};
    }
  };
  reactor_.Defer(Again{reactor_});
  reactor_.Every(1ms, Note(1));
  int thrown = 0;
  for (int i = 0; i < 20; ++i) {
    now_ += 1ms;
    try {
      reactor_.Poll(-1);
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  EXPECT_GE(thrown, 9);
  EXPECT_GE(ran_.size(), 9U);
}

TEST_F(Defer, MakesTheReactorsFdReadable) {
  const int fd = reactor_.Fd();
  EXPECT_FALSE(IsReadable(fd));
  const auto id = reactor_.Defer(Note(1));
  EXPECT_TRUE(IsReadable(fd));
  reactor_.Cancel(id);
  EXPECT_FALSE(IsReadable(fd));
  reactor_.Defer([this] { reactor_.Defer(Note(2)); });
  EXPECT_EQ(reactor_.Poll(0), 1);
  EXPECT_TRUE(IsReadable(fd)) << "for the task that was deferred meanwhile";
  EXPECT_EQ(reactor_.Poll(0), 1);
  EXPECT_FALSE(IsReadable(fd));
}

TEST_F(Defer, AnEmptyTaskIsRefused) {
  EXPECT_THROW(reactor_.Defer(nullptr), Exception);
  EXPECT_EQ(reactor_.Poll(0), 0);
}

TEST_F(Defer, AllocatesNothingOnceThereIsRoom) {
  net::Timer timer{&reactor_};
  int runs = 0;
  const auto turn = [&] {
    timer.Defer([&runs] { ++runs; });
    reactor_.Poll(0);
  };
  turn();
  const auto before = test::AllocationCount();
  for (int i = 0; i < 100; ++i) turn();
  EXPECT_EQ(test::AllocationCount(), before);
  EXPECT_EQ(runs, 101);
}

TEST_F(Defer, CallsThatAreReplacedManyTimesInATurnTakeNoRoom) {
  net::Timer timer{&reactor_};
  timer.Defer(Note(1));
  const test::PeakMemory peak;
  for (int i = 0; i < 100'000; ++i) {
    timer.Disarm();
    timer.Defer(Note(2));
  }
  EXPECT_LT(peak.bytes(), 4096U);
  EXPECT_EQ(reactor_.Poll(0), 1);
  EXPECT_EQ(ran_, (std::vector{2}));
}

TEST_F(Defer, WhatItsTasksOwnMayDeferAndCancelWhenTheReactorGoes) {
  auto reactor = std::make_unique<Reactor>();
  struct Owned {
    Reactor* reactor;
    Reactor::TimerId id;
    ~Owned() {
      reactor->Cancel(id);
      reactor->Defer([] {});
    }
  };
  const auto id = reactor->Defer([] {});
  reactor->Defer([owned = std::make_unique<Owned>(reactor.get(), id)] {});
  reactor.reset();
}

// ---- net::Timer ---------------------------------------------------------------------

using OwnedTimer = Defer;

TEST_F(OwnedTimer, CancelsItsCallWhenItGoes) {
  {
    net::Timer later{&reactor_};
    net::Timer next{&reactor_};
    later.Arm(1ms, Note(1));
    next.Defer(Note(2));
    EXPECT_TRUE(later.armed());
    EXPECT_TRUE(next.armed());
  }
  now_ += 1s;
  EXPECT_EQ(reactor_.Poll(0), 0);
}

TEST_F(OwnedTimer, ArmingReplacesWhatWasPlanned) {
  net::Timer timer{&reactor_};
  timer.Arm(1ms, Note(1));
  timer.Arm(2ms, Note(2));
  timer.Defer(Note(3));
  EXPECT_EQ(reactor_.Poll(0), 1);
  timer.Defer(Note(4));
  timer.Arm(1ms, Note(5));
  now_ += 1s;
  EXPECT_EQ(reactor_.Poll(0), 1);
  EXPECT_EQ(ran_, (std::vector{3, 5}));
}

TEST_F(OwnedTimer, IsNotArmedInsideItsCallWhichMayArmItAgain) {
  net::Timer timer{&reactor_};
  timer.Arm(1ms, [&] {
    EXPECT_FALSE(timer.armed());
    timer.Arm(1ms, Note(2));
    EXPECT_TRUE(timer.armed());
  });
  for (int i = 0; i < 2; ++i) {
    now_ += 1ms;
    EXPECT_EQ(reactor_.Poll(0), 1);
  }
  EXPECT_EQ(ran_, (std::vector{2}));
  EXPECT_FALSE(timer.armed());
}

TEST_F(OwnedTimer, MayBeDestroyedInsideItsCall) {
  auto timer = std::make_unique<net::Timer>(&reactor_);
  timer->Defer([this, &timer, alive = std::make_unique<int>(7)] {
    timer.reset();
    ran_.push_back(*alive);
  });
  EXPECT_EQ(reactor_.Poll(0), 1);
  EXPECT_EQ(ran_, (std::vector{7}));
}

TEST_F(OwnedTimer, KeepsWhatWasPlannedWhenThereIsNoMemoryForTheNext) {
  if (!test::kCountsAllocations) GTEST_SKIP() << "a sanitizer has its own allocator";
  net::Timer timer{&reactor_};
  timer.Arm(1ms, Note(1));
  const auto arm = [&] { timer.Arm(2ms, [this, keep = std::make_unique<int>(2)] {}); };
  int refused = 0;
  for (std::size_t nth = 1;; ++nth) {
    test::FailingAllocation failing{nth};
    try {
      failing.In(arm);
      break;
    } catch (const std::bad_alloc&) {
      ++refused;
      ASSERT_TRUE(timer.armed());
    }
  }
  EXPECT_GT(refused, 0);
  timer.Arm(1ms, Note(3));
  now_ += 1ms;
  EXPECT_EQ(reactor_.Poll(0), 1);
  EXPECT_EQ(ran_, (std::vector{3}));
}

}  // namespace
}  // namespace dbnloop
