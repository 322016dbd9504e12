#include "dbnloop/reactor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/sockets.hpp"
#include "support/thrown.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::SocketPair;
using test::Thrown;
using test::Write;

TEST(Reactor, CallsBackWhatIsReady) {
  Reactor reactor;
  SocketPair pair;
  std::string got;
  reactor.Add(pair.a.get(), EPOLLIN,
              [&](std::uint32_t) { got += test::ReadAll(pair.a.get()); });
  EXPECT_EQ(reactor.Poll(0), 0);
  Write(pair.b.get(), "ping");
  EXPECT_EQ(reactor.Poll(-1), 1);
  EXPECT_EQ(got, "ping");
  EXPECT_EQ(reactor.Poll(0), 0);
}

TEST(Reactor, AddModifyRemoveRefuseMisuse) {
  Reactor reactor;
  SocketPair pair;
  const int fd = pair.a.get();
  const auto ignore = [](std::uint32_t) {};
  EXPECT_EQ(Thrown([&] { reactor.Add(-1, EPOLLIN, ignore); }).code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(Thrown([&] { reactor.Add(fd, EPOLLIN, nullptr); }).code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(Thrown([&] { reactor.Modify(fd, EPOLLIN); }).code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(Thrown([&] { reactor.Add(1 << 20, EPOLLIN, ignore); }).code,
            ErrorCode::System);
  EXPECT_FALSE(reactor.Contains(1 << 20));
  reactor.Add(fd, EPOLLIN, ignore);
  EXPECT_TRUE(reactor.Contains(fd));
  EXPECT_EQ(Thrown([&] { reactor.Add(fd, EPOLLIN, ignore); }).code,
            ErrorCode::InvalidArgument);
  reactor.Remove(fd);
  reactor.Remove(fd);
  EXPECT_FALSE(reactor.Contains(fd));
}

TEST(Reactor, ModifyChangesTheInterest) {
  Reactor reactor;
  SocketPair pair;
  std::uint32_t seen = 0;
  reactor.Add(pair.a.get(), EPOLLOUT, [&](std::uint32_t events) { seen = events; });
  Write(pair.b.get(), "x");
  reactor.Poll(0);
  EXPECT_EQ(seen, EPOLLOUT);
  reactor.Modify(pair.a.get(), EPOLLIN);
  reactor.Poll(0);
  EXPECT_EQ(seen, EPOLLIN);
}

// Whichever callback runs first takes the other's interest back: what the batch holds
// of it is not told any more.
TEST(Reactor, ModifyInsideACallbackHoldsForTheBatchToo) {
  for (const std::uint32_t interest : {std::uint32_t{0}, std::uint32_t{EPOLLRDHUP}}) {
    Reactor reactor;
    SocketPair pairs[2];
    int ran = 0;
    for (int i = 0; i < 2; ++i) {
      reactor.Add(pairs[i].a.get(), EPOLLIN, [&, i](std::uint32_t) {
        ++ran;
        test::ReadAll(pairs[i].a.get());
        reactor.Modify(pairs[1 - i].a.get(), interest);
      });
      Write(pairs[i].b.get(), "x");
    }
    EXPECT_EQ(reactor.Poll(0), 1);
    EXPECT_EQ(ran, 1);
    // Asked for again, it comes: nothing is lost.
    for (auto& pair : pairs) reactor.Modify(pair.a.get(), EPOLLIN);
    EXPECT_EQ(reactor.Poll(0), 1);
    EXPECT_EQ(ran, 2);
  }
}

TEST(Reactor, ACallbackMayModifyItself) {
  Reactor reactor;
  SocketPair pair;
  std::vector<std::uint32_t> seen;
  reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t events) {
    seen.push_back(events);
    reactor.Modify(pair.a.get(), events == EPOLLIN ? EPOLLOUT : EPOLLIN);
  });
  Write(pair.b.get(), "x");
  for (int turn = 0; turn < 3; ++turn) EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{EPOLLIN, EPOLLOUT, EPOLLIN}));
}

// Rule 1. Whichever callback runs first removes and closes the other fd; its number is
// taken at once by a silent socket. The other's event of this batch is nobody's.
TEST(Reactor, StaleEventOfTheSameBatchIsNotGivenToTheNewOwnerOfTheFd) {
  Reactor reactor;
  SocketPair pairs[2];
  SocketPair silent;
  int ran = 0;
  int stale = 0;
  for (int i = 0; i < 2; ++i) {
    reactor.Add(pairs[i].a.get(), EPOLLIN, [&, i](std::uint32_t) {
      ++ran;
      auto& other = pairs[1 - i].a;
      const int number = other.get();
      reactor.Remove(number);
      other.Reset();
      ASSERT_EQ(::dup3(silent.a.get(), number, O_CLOEXEC), number);
      other = net::ScopedFd{number};
      reactor.Add(number, EPOLLIN, [&](std::uint32_t) { ++stale; });
      test::ReadAll(pairs[i].a.get());
    });
  }
  Write(pairs[0].b.get(), "x");
  Write(pairs[1].b.get(), "x");
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(stale, 0);
  // The new owner's own events do arrive.
  Write(silent.b.get(), "y");
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(stale, 1);
}

TEST(Reactor, RemovedFdIsSilentWithinTheSameBatch) {
  Reactor reactor;
  SocketPair pairs[2];
  int ran = 0;
  for (int i = 0; i < 2; ++i) {
    reactor.Add(pairs[i].a.get(), EPOLLIN, [&, i](std::uint32_t) {
      ++ran;
      reactor.Remove(pairs[1 - i].a.get());
    });
    Write(pairs[i].b.get(), "x");
  }
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(ran, 1);
}

// Rule 2: what a callback captured lives until it returns, though it removed itself.
TEST(Reactor, CallbackMayRemoveItselfAndDeleteItsOwner) {
  struct Owner {
    Reactor* reactor;
    SocketPair pair;
    ~Owner() { reactor->Remove(pair.a.get()); }
  };
  Reactor reactor;
  auto owner = std::make_unique<Owner>(&reactor);
  auto captured = std::make_shared<std::string>("still here");
  std::weak_ptr<std::string> watch = captured;
  std::string seen;
  reactor.Add(owner->pair.a.get(), EPOLLIN,
              [&owner, &seen, captured = std::move(captured)](std::uint32_t) {
                owner.reset();
                seen = *captured;
              });
  Write(owner->pair.b.get(), "x");
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(seen, "still here");
  EXPECT_EQ(owner, nullptr);
  EXPECT_TRUE(watch.expired()) << "the callback is freed after the batch";
  EXPECT_EQ(reactor.Poll(0), 0);
}

TEST(Reactor, CallbackMayReplaceItself) {
  Reactor reactor;
  SocketPair pair;
  std::vector<int> order;
  reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
    order.push_back(1);
    reactor.Remove(pair.a.get());
    reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
      order.push_back(2);
      test::ReadAll(pair.a.get());
    });
  });
  Write(pair.b.get(), "x");
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(reactor.Poll(0), 0);
  EXPECT_EQ(order, (std::vector{1, 2}));
}

// Rule 3.
TEST(Reactor, PollAndRunInsideAnyCallbackAreRefused) {
  Reactor reactor;
  SocketPair pair;
  std::vector<ErrorCode> codes;
  const auto nest = [&] {
    codes.push_back(Thrown([&] { reactor.Poll(0); }).code);
    codes.push_back(Thrown([&] { reactor.Run(); }).code);
  };
  reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
    nest();
    reactor.Remove(pair.a.get());
  });
  reactor.After({}, nest);
  reactor.Post(nest);
  Write(pair.b.get(), "x");
  EXPECT_EQ(reactor.Poll(-1), 3);
  EXPECT_EQ(codes, std::vector(6, ErrorCode::InvalidState));
  EXPECT_EQ(reactor.Poll(0), 0) << "the reactor is usable afterwards";
}

// Rule 5. Go's runtime sends SIGURG all the time; here far more often.
TEST(Reactor, SignalsAreZeroEvents) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGURG, &action, &before), 0);  // no SA_RESTART
  Reactor reactor;
  SocketPair pair;
  std::string got;
  reactor.Add(pair.a.get(), EPOLLIN,
              [&](std::uint32_t) { got += test::ReadAll(pair.a.get()); });
  std::atomic<bool> done{false};
  std::thread storm{[&, target = ::pthread_self()] {
    while (!done) ::pthread_kill(target, SIGURG);
  }};
  int interrupted = 0;
  while (interrupted < 100) {
    // With nothing ready only a signal ends an unlimited wait.
    if (reactor.Poll(-1) == 0) ++interrupted;
  }
  for (int i = 0; i < 1000; ++i) {
    Write(pair.b.get(), "x");
    while (got.size() < static_cast<std::size_t>(i) + 1) reactor.Poll(-1);
  }
  done = true;
  storm.join();
  ::sigaction(SIGURG, &before, nullptr);
  EXPECT_EQ(got, std::string(1000, 'x'));
}

TEST(Reactor, TimeoutsRoundUpSoThatNoTurnIsSpentForNothing) {
  Reactor reactor;
  for (int i = 1; i <= 20; ++i) {
    bool fired = false;
    int turns = 0;
    reactor.After(i * 100us, [&] { fired = true; });
    while (!fired) {
      reactor.Poll(-1);
      ++turns;
    }
    EXPECT_EQ(turns, 1) << "a delay of " << i * 100 << " us";
  }
}

// Rule 6: the last bytes and the hang-up come in one event; reading finds both.
TEST(Reactor, BytesBeforeAHangUpCanBeRead) {
  Reactor reactor;
  SocketPair pair;
  std::string got;
  std::uint32_t seen = 0;
  reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t events) {
    seen = events;
    got = test::ReadAll(pair.a.get());
    reactor.Remove(pair.a.get());
  });
  Write(pair.b.get(), "last words");
  pair.b.Reset();
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(seen, EPOLLIN | EPOLLHUP);
  EXPECT_EQ(got, "last words");
}

// Rule 7: why a paused socket must be removed and not merely modified.
TEST(Reactor, InterestZeroStillReportsAHangUpAndRemoveSilencesIt) {
  Reactor reactor;
  SocketPair pair;
  int ran = 0;
  reactor.Add(pair.a.get(), 0, [&](std::uint32_t) { ++ran; });
  pair.b.Reset();
  EXPECT_EQ(reactor.Poll(0), 1);
  EXPECT_EQ(reactor.Poll(0), 1);
  reactor.Remove(pair.a.get());
  EXPECT_EQ(reactor.Poll(0), 0);
  EXPECT_EQ(ran, 2);
}

TEST(Reactor, ExceptionsPassThroughAndTheRestOfTheBatchStillRuns) {
  Reactor reactor;
  SocketPair pairs[3];
  int ran = 0;
  for (auto& pair : pairs) {
    reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
      test::ReadAll(pair.a.get());
      if (++ran == 1) throw std::runtime_error{"mine"};
    });
    Write(pair.b.get(), "x");
  }
  EXPECT_THROW(reactor.Poll(0), std::runtime_error);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(reactor.Poll(0), 2);
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(reactor.Poll(0), 0);
}

TEST(Reactor, ACallbackThatAlwaysThrowsStarvesNobody) {
  Reactor reactor;
  SocketPair bad;
  SocketPair good;
  int served = 0;
  reactor.Add(bad.a.get(), EPOLLIN,
              [](std::uint32_t) { throw std::runtime_error{"always"}; });
  reactor.Add(good.a.get(), EPOLLIN, [&](std::uint32_t) {
    ++served;
    reactor.Remove(good.a.get());
  });
  Write(bad.b.get(), "x");
  Write(good.b.get(), "x");
  for (int turn = 0; turn < 4 && served == 0; ++turn) {
    try {
      reactor.Poll(0);
    } catch (const std::runtime_error&) {
    }
  }
  EXPECT_EQ(served, 1);
}

TEST(Reactor, PostedTasksBehindOneThatThrewStillRunInOrder) {
  Reactor reactor;
  std::vector<int> order;
  reactor.Post([&] { order.push_back(1); });
  reactor.Post([&] { throw std::runtime_error{"mine"}; });
  reactor.Post([&] { order.push_back(2); });
  reactor.Post([&] { order.push_back(3); });
  EXPECT_THROW(reactor.Poll(-1), std::runtime_error);
  EXPECT_EQ(reactor.Poll(-1), 2);
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(Reactor, AWakeUpSurvivesAThrowingCallback) {
  Reactor reactor;
  SocketPair pair;
  reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
    reactor.Remove(pair.a.get());
    throw std::runtime_error{"mine"};
  });
  Write(pair.b.get(), "x");
  int ran = 0;
  reactor.Post([&] { ++ran; });
  EXPECT_THROW(reactor.Poll(-1), std::runtime_error);
  EXPECT_EQ(reactor.Poll(-1), 1);
  EXPECT_EQ(ran, 1);
}

// ---- Fork ---------------------------------------------------------------------------

// The epoll instance is the parent's too.
TEST(Reactor, AChildOfForkThatDropsItTakesNothingFromTheParent) {
  auto reactor = std::make_unique<Reactor>();
  SocketPair pair;
  int ran = 0;
  reactor->Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
    test::ReadAll(pair.a.get());
    ++ran;
  });
  EXPECT_FALSE(reactor->InChild());
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool refused = reactor->InChild();
    refused =
        refused && Thrown([&] { reactor->Poll(0); }).code == ErrorCode::InvalidState;
    refused =
        refused && Thrown([&] { reactor->Run(); }).code == ErrorCode::InvalidState;
    refused = refused && Thrown([&] { reactor->Modify(pair.a.get(), 0); }).code ==
                             ErrorCode::InvalidState;
    refused = refused && Thrown([&] {
                           reactor->Add(pair.b.get(), EPOLLIN, [](std::uint32_t) {});
                         }).code == ErrorCode::InvalidState;
    refused = refused &&
              Thrown([&] { reactor->Post([] {}); }).code == ErrorCode::InvalidState;
    refused =
        refused && Thrown([&] { (void)reactor->Fd(); }).code == ErrorCode::InvalidState;
    reactor->Stop();
    reactor->Remove(pair.a.get());
    reactor.reset();
    Reactor own;
    own.Post([&] { refused = refused && !own.InChild(); });
    ::_exit(own.Poll(0) == 1 && refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(reactor->Poll(0), 0) << "the child's Stop woke it";
  Write(pair.b.get(), "x");
  EXPECT_EQ(reactor->Poll(0), 1);
  EXPECT_EQ(ran, 1);
}

// Callbacks, timers and tasks may be the last owners of what deregisters itself.
TEST(Reactor, WhatItsCallbacksOwnMayDeregisterWhenTheReactorGoes) {
  struct Owner {
    Reactor* reactor;
    SocketPair pair;
    SocketPair other;
    Reactor::TimerId timer = 0;
    int* gone;
    Owner(Reactor* r, int* g) : reactor{r}, gone{g} {
      reactor->Add(other.a.get(), EPOLLIN, [](std::uint32_t) {});
      timer = reactor->Every(1h, [] {});
    }
    ~Owner() {
      reactor->Remove(pair.a.get());
      reactor->Remove(other.a.get());
      reactor->Cancel(timer);
      ++*gone;
    }
  };
  int gone = 0;
  {
    Reactor reactor;
    for (int i = 0; i < 3; ++i) {
      auto watched = std::make_shared<Owner>(&reactor, &gone);
      const int fd = watched->pair.a.get();
      reactor.Add(fd, EPOLLIN, [watched](std::uint32_t) {});
      reactor.After(1h, [timed = std::make_unique<Owner>(&reactor, &gone)] {});
      reactor.Post([posted = std::make_unique<Owner>(&reactor, &gone)] {});
    }
  }
  EXPECT_EQ(gone, 9);
}

TEST(Reactor, LeavesNoFdBehind) {
  const auto before = test::OpenFds();
  {
    Reactor reactor;
    [[maybe_unused]] const int fd = reactor.Fd();
    reactor.After(1h, [] {});
    EXPECT_GT(test::OpenFds(), before);
  }
  EXPECT_EQ(test::OpenFds(), before);
}

}  // namespace
}  // namespace dbnloop
