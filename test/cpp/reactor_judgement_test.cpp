// A timer that judges an fd is right, however late the turn is.

#include "dbnloop/reactor.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "support/epoll_wait.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::SocketPair;
using test::Write;

// Or a timer that asks how long an fd was silent would not know what there is to read.
TEST(Reactor, ADueTimerRunsBehindEveryFdThatIsReadyHoweverMany) {
  Reactor reactor;
  const auto now = Reactor::Clock::now();
  reactor.SetClockForTest([=] { return now; });  // a turn's time does not pass
  std::vector<SocketPair> pairs(300);
  std::size_t read = 0;
  for (auto& pair : pairs) {
    reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
      test::ReadAll(pair.a.get());
      ++read;
    });
    Write(pair.b.get(), "x");
  }
  std::size_t read_before = 0;
  reactor.After({}, [&] { read_before = read; });
  reactor.Poll(0);
  EXPECT_EQ(read_before, pairs.size());
}

// A reactor whose clock stands still, and a timer that sees what was read before it
// ran.
class Judgement : public testing::Test {
 protected:
  Judgement() {
    reactor_.SetClockForTest([this] { return now_; });
    reactor_.Add(peer_.a.get(), EPOLLIN,
                 [this](std::uint32_t) { read_ += test::ReadAll(peer_.a.get()); });
  }
  void JudgeAfter(Reactor::Clock::duration delay) {
    reactor_.After(delay, [this] { judged_.emplace_back(read_); });
  }
  void AddThrower(Reactor::Callback throws) {
    reactor_.Add(thrower_.a.get(), EPOLLIN, std::move(throws));
    Write(thrower_.b.get(), "x");
  }

  Reactor::Clock::time_point now_ = Reactor::Clock::now();
  Reactor reactor_;
  SocketPair peer_;
  SocketPair thrower_;
  std::string read_;
  std::vector<std::string> judged_;
};

TEST_F(Judgement, ASignalIsNoAnswer) {
  JudgeAfter(1s);
  test::InterruptNextEpollWait([&] {
    now_ += 1h;
    Write(peer_.b.get(), "x");
  });
  reactor_.Poll(-1);
  reactor_.Poll(0);
  EXPECT_EQ(judged_, std::vector<std::string>{"x"});
}

TEST_F(Judgement, TheRestOfABatchIsNoAnswer) {
  SocketPair rest;
  AddThrower([&](std::uint32_t) {
    test::ReadAll(thrower_.a.get());
    throw std::runtime_error{"mine"};
  });
  int rests = 0;
  reactor_.Add(rest.a.get(), EPOLLIN, [&](std::uint32_t) {
    test::ReadAll(rest.a.get());
    ++rests;
  });
  Write(rest.b.get(), "x");
  JudgeAfter(1s);
  EXPECT_THROW(reactor_.Poll(0), std::runtime_error);
  EXPECT_EQ(rests, 0) << "the rest of the batch";
  now_ += 1h;
  Write(peer_.b.get(), "x");
  reactor_.Poll(0);
  EXPECT_EQ(rests, 1);
  reactor_.Poll(0);
  EXPECT_EQ(judged_, std::vector<std::string>{"x"});
}

TEST_F(Judgement, AnAnswerFromBeforeTheDeadlineIsNone) {
  JudgeAfter(1s);
  // The clock moves between the answer and the dispatch, as when the process is stopped
  // there.
  int reads = 0;
  reactor_.SetClockForTest([&] {
    if (++reads == 2) {
      now_ += 1h;
      Write(peer_.b.get(), "x");
    }
    return now_;
  });
  reactor_.Poll(0);
  reactor_.Poll(0);
  EXPECT_EQ(judged_, std::vector<std::string>{"x"});
}

TEST_F(Judgement, EpollIsAskedOnceMoreOnlyWhereATimerIsDue) {
  JudgeAfter(1s);
  const auto waits = [&] {
    const auto before = test::EpollWaits();
    reactor_.Poll(0);
    return test::EpollWaits() - before;
  };
  Write(peer_.b.get(), "x");
  EXPECT_EQ(waits(), 1U) << "no timer is due";
  EXPECT_EQ(waits(), 1U) << "nor anything else";
  now_ += 1s;
  EXPECT_EQ(waits(), 1U) << "it was due before epoll was asked";
  EXPECT_EQ(judged_.size(), 1U);
  JudgeAfter(1s);
  test::InterruptNextEpollWait([&] { now_ += 1s; });
  EXPECT_EQ(waits(), 2U) << "a signal came before the answer";
  EXPECT_EQ(judged_.size(), 2U);
}

// A callback that always throws keeps no timer from running, nor a task.
TEST_F(Judgement, IsNotPutOffByACallbackThatAlwaysThrows) {
  AddThrower([](std::uint32_t) { throw std::runtime_error{"always"}; });
  Write(peer_.b.get(), "x");
  JudgeAfter(1s);
  int tasks = 0;
  reactor_.Post([&] { ++tasks; });
  now_ += 1s;
  for (int turn = 0; turn < 8 && judged_.empty(); ++turn) {
    try {
      reactor_.Poll(0);
    } catch (const std::runtime_error&) {
    }
  }
  EXPECT_EQ(judged_, std::vector<std::string>{"x"});
  EXPECT_EQ(tasks, 1);
}

}  // namespace
}  // namespace dbnloop
