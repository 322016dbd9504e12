// A reactor within another loop: its fd.

#include "dbnloop/reactor.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "support/epoll_wait.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::IsReadable;
using test::SocketPair;
using test::Write;

TEST(Reactor, FdIsReadableWhenAWatchedFdIs) {
  Reactor reactor;
  SocketPair pair;
  reactor.Add(pair.a.get(), EPOLLIN,
              [&](std::uint32_t) { test::ReadAll(pair.a.get()); });
  EXPECT_FALSE(IsReadable(reactor.Fd()));
  Write(pair.b.get(), "x");
  EXPECT_TRUE(IsReadable(reactor.Fd()));
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_FALSE(IsReadable(reactor.Fd()));
}

TEST(Reactor, FdIsReadableWhenATaskIsPosted) {
  Reactor reactor;
  EXPECT_FALSE(IsReadable(reactor.Fd()));
  std::thread{[&] { reactor.Post([] {}); }}.join();
  EXPECT_TRUE(IsReadable(reactor.Fd()));
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_FALSE(IsReadable(reactor.Fd()));
}

TEST(Reactor, FdIsReadableWhenATimerIsDue) {
  Reactor reactor;
  int ran = 0;
  reactor.After(1ms, [&] { ++ran; });  // before Fd was ever asked for
  ASSERT_TRUE(IsReadable(reactor.Fd(), 10'000));
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_FALSE(IsReadable(reactor.Fd()));
  reactor.After(1ms, [&] { ++ran; });  // and after
  ASSERT_TRUE(IsReadable(reactor.Fd(), 10'000));
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_FALSE(IsReadable(reactor.Fd()));
  EXPECT_EQ(ran, 2);
}

TEST(Reactor, FdFollowsPeriodicAndCancelledTimers) {
  Reactor reactor;
  int ran = 0;
  const auto id = reactor.Every(1ms, [&] { ++ran; });
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(IsReadable(reactor.Fd(), 10'000));
    EXPECT_EQ(reactor.Poll(0), 1);
  }
  ASSERT_TRUE(IsReadable(reactor.Fd(), 10'000));
  reactor.Cancel(id);
  EXPECT_FALSE(IsReadable(reactor.Fd()));
  EXPECT_EQ(reactor.Poll(0), 0);
  EXPECT_EQ(ran, 3);
}

TEST(Reactor, FdNestsInAnotherEpoll) {
  Reactor reactor;
  const net::ScopedFd outer{::epoll_create1(EPOLL_CLOEXEC)};
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(::epoll_ctl(outer.get(), EPOLL_CTL_ADD, reactor.Fd(), &event), 0);
  const auto ready = [&](int timeout) {
    epoll_event out{};
    return ::epoll_wait(outer.get(), &out, 1, timeout) == 1;
  };
  SocketPair pair;
  reactor.Add(pair.a.get(), EPOLLIN,
              [&](std::uint32_t) { test::ReadAll(pair.a.get()); });
  EXPECT_FALSE(ready(0));
  Write(pair.b.get(), "x");
  EXPECT_TRUE(ready(0));
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_FALSE(ready(0));
  reactor.Post([] {});
  EXPECT_TRUE(ready(0));
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_FALSE(ready(0));
  reactor.After(1ms, [] {});
  EXPECT_TRUE(ready(10'000));
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_FALSE(ready(0));
}

TEST(Reactor, AReactorNestsInAReactor) {
  Reactor outer;
  Reactor inner;
  int ran = 0;
  outer.Add(inner.Fd(), EPOLLIN, [&](std::uint32_t) { inner.Poll(0); });
  inner.After(1ms, [&] { ++ran; });
  inner.Post([&] { ++ran; });
  while (ran < 2) outer.Poll(-1);
  EXPECT_EQ(outer.Poll(0), 0);
  outer.Remove(inner.Fd());
}

}  // namespace
}  // namespace dbnloop
