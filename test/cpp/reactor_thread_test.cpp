// What other threads may do: Stop, Wake and Post.

#include "dbnloop/reactor.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "support/sockets.hpp"
#include "support/thrown.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Thrown;

// Rule 4.
TEST(Reactor, StopBeforeRunIsRemembered) {
  Reactor reactor;
  reactor.Stop();
  reactor.Run();  // returns at once
  int ran = 0;
  reactor.Post([&] {
    ++ran;
    reactor.Stop();
  });
  reactor.Run();  // the first Stop was used up
  EXPECT_EQ(ran, 1);
}

TEST(Reactor, StopEndsRunFromAnotherThread) {
  Reactor reactor;
  std::thread thread{[&] { reactor.Stop(); }};
  reactor.Run();
  thread.join();
}

TEST(Reactor, StopWakesAWaitingPoll) {
  Reactor reactor;
  std::thread thread{[&] { reactor.Stop(); }};
  EXPECT_EQ(reactor.Poll(-1), 0);
  thread.join();
}

TEST(Reactor, WakeEndsAWaitingPollAndNotRun) {
  Reactor reactor;
  std::thread thread{[&] { reactor.Wake(); }};
  EXPECT_EQ(reactor.Poll(-1), 0);
  thread.join();
  reactor.Wake();
  EXPECT_EQ(reactor.Poll(-1), 0) << "a Wake before Poll is remembered";
  EXPECT_EQ(reactor.Poll(0), 0);
  // Run continues until Stop, with a turn for each Wake.
  const auto before = reactor.Polls();
  int turns = 0;
  struct Waker {
    Reactor& reactor;
    int& turns;
    void operator()() const {
      if (++turns == 3) return reactor.Stop();
      reactor.Post(*this);
    }
  };
  reactor.Wake();
  reactor.Post(Waker{reactor, turns});
  reactor.Run();
  EXPECT_EQ(turns, 3);
  EXPECT_GE(reactor.Polls() - before, 3U);
}

TEST(Reactor, PostsOfManyThreadsRunOnceAndInEachThreadsOrder) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 500;
  Reactor reactor;
  std::vector<int> last(kThreads, -1);
  bool ordered = true;
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        reactor.Post([&, t, i] {
          ordered =
              ordered && std::exchange(last[static_cast<std::size_t>(t)], i) == i - 1;
          if (++ran == kThreads * kTasks) reactor.Stop();
        });
      }
    });
  }
  reactor.Run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ran, kThreads * kTasks);
  EXPECT_TRUE(ordered);
}

TEST(Reactor, TaskPostedByATaskRunsInTheTurnAfter) {
  Reactor reactor;
  int ran = 0;
  reactor.Post([&] { reactor.Post([&] { ++ran; }); });
  EXPECT_EQ(reactor.Poll(-1), 1);
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(reactor.Poll(-1), 1);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(reactor.Poll(0), 0);
}

TEST(Reactor, AnEmptyTaskIsRefused) {
  Reactor reactor;
  EXPECT_EQ(Thrown([&] { reactor.Post(nullptr); }).code, ErrorCode::InvalidArgument);
  EXPECT_EQ(reactor.Poll(0), 0);
}

// A Stop that overtakes a task ends Run; the task is not lost.
TEST(Reactor, ATaskThatStopOvertookRunsInTheNextTurn) {
  Reactor reactor;
  int ran = 0;
  std::thread thread{[&] {
    reactor.Stop();
    reactor.Post([&] { ++ran; });
  }};
  reactor.Run();
  thread.join();
  reactor.Poll(0);
  EXPECT_EQ(ran, 1);
}

TEST(Reactor, StopAndPostAreAllowedInsideCallbacks) {
  Reactor reactor;
  int ran = 0;
  reactor.After({}, [&] {
    reactor.Post([&] {
      ++ran;
      reactor.Stop();
    });
  });
  reactor.Run();
  EXPECT_EQ(ran, 1);
}

// Each would wait without end if a wake-up were lost.
TEST(Reactor, AWakeUpAfterATurnThatThrewEndsTheNextWait) {
  Reactor reactor;
  reactor.Wake();
  reactor.After({}, [] { throw std::runtime_error{"x"}; });
  EXPECT_THROW(reactor.Poll(0), std::runtime_error);
  reactor.Wake();
  EXPECT_EQ(reactor.Poll(-1), 0);
}

TEST(Reactor, AWakeUpInsideATurnThatWasWokenEndsTheNextWait) {
  Reactor reactor;
  reactor.Wake();
  reactor.After({}, [&] { reactor.Wake(); });
  reactor.Poll(0);
  EXPECT_EQ(reactor.Poll(-1), 0);
}

TEST(Reactor, AWakeUpBesideACallbackThatThrewEndsTheNextWait) {
  Reactor reactor;
  const test::SocketPair pair;
  test::Write(pair.b.get(), "x");
  reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
    test::ReadAll(pair.a.get());
    throw std::runtime_error{"x"};
  });
  reactor.Wake();
  EXPECT_THROW(reactor.Poll(0), std::runtime_error);
  reactor.Wake();
  EXPECT_EQ(reactor.Poll(-1), 0);
}

}  // namespace
}  // namespace dbnloop
