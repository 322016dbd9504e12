// Back pressure and fairness: Pause, floods, clients side by side.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>
#include <vector>

#include "net/scoped_fd.hpp"
#include "support/allocations.hpp"
#include "support/live_fixture.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Header;
using test::Trades;
using testing::IsEmpty;

class LiveFlow : public test::LiveFixture {};

// As a binding does: a batch waits for Release. `held` is its size.
void HoldBatches(LiveClient& client, std::size_t& held) {
  client.OnBatch([&held](const RecordBatch& batch) {
    held = batch.size;
    return std::size_t{0};
  });
}

constexpr std::uint32_t kFlood = 500'000;  // 24 MB: more than all socket buffers hold

TEST_F(LiveFlow, PauseHoldsAndResumeLosesAndRepeatsNothing) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 10));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 10; }));
  client->Pause();
  EXPECT_TRUE(client->IsPaused());
  gateway_.Send(Trades(10, 10));
  Settle();
  EXPECT_EQ(sequences_.size(), 10U);
  client->Resume();
  EXPECT_FALSE(client->IsPaused());
  EXPECT_EQ(sequences_.size(), 10U) << "Resume delivers nothing from inside";
  ASSERT_TRUE(Until([&] { return sequences_.size() == 20; }));
  EXPECT_EQ(sequences_, Numbers(0, 20));
}

// From the socket to the handler, and to a binding's batches: no allocation per turn.
// The gateway has a reactor of its own, whose memory does not count.
TEST(LiveStream, AllocatesNothing) {
  if (!test::kCountsAllocations) GTEST_SKIP() << "a sanitizer has its own allocator";
  constexpr std::uint32_t kCount = 50'000;
  for (const bool batches : {false, true}) {
    Reactor others;
    test::ScriptedGateway gateway{&others};
    gateway.on_start = Header() + Trades(0, 1);
    Reactor reactor;
    LiveClient client{&reactor, std::string{test::kKey}};
    std::size_t taken = 0;
    std::size_t held = 0;
    if (batches) {
      client.OnBatch([&](const RecordBatch& batch) {
        held = batch.size;
        return std::size_t{0};
      });
    } else {
      client.OnRecord([&](std::span<const TradeMsg> run) { taken += run.size(); });
    }
    client.Connect("127.0.0.1", gateway.port());
    client.Subscribe("GLBX.MDP3", "ESM5", Schema::Trades);
    client.Start();
    std::size_t allocations = 0;
    const auto until = [&](std::size_t count) {
      const auto give_up = std::chrono::steady_clock::now() + 20s;
      while (taken < count && std::chrono::steady_clock::now() < give_up) {
        others.Poll(0);
        const auto before = test::AllocationCount();
        reactor.Poll(0);
        taken += held / sizeof(TradeMsg);
        client.Release(std::exchange(held, 0));
        allocations += test::AllocationCount() - before;
      }
      return taken >= count;
    };
    ASSERT_TRUE(until(1));
    gateway.Send(Trades(1, kCount));
    allocations = 0;
    ASSERT_TRUE(until(1 + kCount)) << taken;
    EXPECT_EQ(allocations, 0U) << (batches ? "batches" : "records");
  }
}

TEST_F(LiveFlow, APausedFloodKeepsMemoryBounded) {
  LiveOptions options;
  options.buffer_size = 16 * 1024;
  const auto client = Make(options);
  std::size_t pauses = 0;
  client->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence % 50'000 == 7) {
      client->Pause();
      ++pauses;
    }
  });
  Stream(*client);
  gateway_.Send(Header() + Trades(0, kFlood));
  while (sequences_.size() < kFlood) {
    const auto before = sequences_.size();
    ASSERT_TRUE(
        Until([&] { return client->IsPaused() || sequences_.size() == kFlood; }));
    EXPECT_GT(sequences_.size(), before);
    const auto held = sequences_.size();
    Settle();
    EXPECT_EQ(sequences_.size(), held) << "no record after the one that paused";
    EXPECT_LE(client->Buffered(), options.buffer_size);
    if (pauses == 1) {
      EXPECT_GT(gateway_.Unsent(), 0U) << "TCP holds the peer back";
    }
    client->Resume();
  }
  EXPECT_EQ(pauses, 10U);
  EXPECT_EQ(sequences_, Numbers(0, kFlood));
}

TEST_F(LiveFlow, PauseBeforeConnectLetsTheHandshakePassAndHoldsTheRecords) {
  gateway_.after_auth = Header() + Trades(0, 3);
  const auto client = Make();
  client->Pause();
  Stream(*client);
  Settle();
  EXPECT_THAT(sequences_, IsEmpty());
  client->Resume();
  ASSERT_TRUE(Until([&] { return sequences_.size() == 3; }));
}

TEST_F(LiveFlow, PauseHoldsWhatTheDecompressorHolds) {
  LiveOptions options;
  options.compression = Compression::Zstd;
  options.buffer_size = 16 * 1024;
  const auto client = Make(options);
  client->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence % 10'000 == 0) client->Pause();
  });
  Stream(*client);
  gateway_.Send(test::Zstd(Header() + Trades(0, 100'000)));
  gateway_.Fin();  // the socket will not become readable for the rest
  while (errors_.empty()) {
    ASSERT_TRUE(Until([&] { return client->IsPaused() || !errors_.empty(); }));
    const auto held = sequences_.size();
    Settle();
    ASSERT_EQ(sequences_.size(), held);
    client->Resume();
  }
  EXPECT_EQ(sequences_, Numbers(0, 100'000));
}

// Rule 7: interest 0 would report the reset in every turn.
TEST_F(LiveFlow, APausedSocketWithAResetDoesNotSpin) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 5));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 5; }));
  client->Pause();
  gateway_.Send(Trades(5, 5));
  gateway_.Rst();
  Settle();
  int turns = 0;
  for (int i = 0; i < 100; ++i) turns += reactor_.Poll(0);
  EXPECT_EQ(turns, 0);
  EXPECT_FALSE(test::IsReadable(reactor_.Fd())) << "nor does a foreign loop";
  EXPECT_THAT(errors_, IsEmpty());
  client->Resume();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(sequences_, Numbers(0, 10)) << "the records before the reset come first";
  EXPECT_EQ(errors_[0].os_errno, ECONNRESET);
}

TEST_F(LiveFlow, APausedSocketWithAnEndDoesNotSpin) {
  const auto client = Make();
  Stream(*client);
  client->Pause();
  gateway_.Send(Header() + Trades(0, 5));
  gateway_.Fin();
  Settle();
  EXPECT_EQ(reactor_.Poll(0), 0);
  EXPECT_THAT(errors_, IsEmpty());
  client->Resume();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(sequences_, Numbers(0, 5));
}

TEST_F(LiveFlow, AnIdleSessionTakesNoTurns) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 5));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 5; }));
  Settle();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(reactor_.Poll(0), 0);
}

TEST_F(LiveFlow, AFloodStarvesNoTimers) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, kFlood));
  std::size_t timers = 0;
  std::size_t most_between = 0;
  std::size_t last = 0;
  std::function<void()> again = [&] {
    ++timers;
    most_between = std::max(most_between, sequences_.size() - last);
    last = sequences_.size();
    if (sequences_.size() < kFlood) reactor_.After({}, again);
  };
  again();
  ASSERT_TRUE(Until([&] { return sequences_.size() == kFlood; }));
  EXPECT_GT(timers, 5U);
  EXPECT_LE(most_between * sizeof(TradeMsg), 4U << 20) << "bytes per turn are bounded";
}

TEST_F(LiveFlow, AFloodedClientDoesNotStarveAnother) {
  test::ScriptedGateway calm{&reactor_};
  const auto flooded = Make();
  Stream(*flooded);
  const auto other = Make();
  std::vector<std::uint32_t> seen;
  std::size_t flood_seen = 0;
  other->OnRecord([&](const TradeMsg& m) { seen.push_back(m.sequence); });
  flooded->OnRecord([&](std::span<const TradeMsg> run) { flood_seen += run.size(); });
  other->Connect("127.0.0.1", calm.port());
  other->Start();
  ASSERT_TRUE(Until([&] { return calm.started; }));
  calm.Send(Header());
  gateway_.Send(Header() + Trades(0, kFlood));
  // One record each time, while the flood runs: it must arrive after few turns.
  std::uint32_t sent = 0;
  while (flood_seen < kFlood) {
    calm.Send(Trades(sent++, 1));
    int turns = 0;
    while (seen.size() < sent && turns < 10) {
      reactor_.Poll(20);
      ++turns;
    }
    ASSERT_EQ(seen.size(), sent) << "after " << flood_seen << " records of the flood";
  }
  EXPECT_GT(sent, 5U);
  EXPECT_EQ(seen, Numbers(0, sent));
}

// Where very many fds are ready each session has one read in its turn, and otherwise
// some more.
TEST_F(LiveFlow, InACrowdEachTurnHasOneRead) {
  constexpr std::size_t kCrowd = 1024;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur < 2 * kCrowd) GTEST_SKIP() << "too few fds are allowed";
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, kFlood));
  const auto most_reads = [&](int turns) {
    std::uint64_t most = 0;
    for (int i = 0; i < turns; ++i) {
      const auto before = client->Stats().reads;
      reactor_.Poll(0);
      most = std::max(most, client->Stats().reads - before);
    }
    return most;
  };
  ASSERT_TRUE(Until([&] { return !sequences_.empty(); }));
  EXPECT_GT(most_reads(20), 1U);

  // One event that is always there, under very many fds.
  const net::ScopedFd ready{::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)};
  std::vector<net::ScopedFd> crowd;
  for (std::size_t i = 0; i <= kCrowd; ++i) {
    crowd.emplace_back(::fcntl(ready.get(), F_DUPFD_CLOEXEC, 0));
    ASSERT_TRUE(crowd.back());
    reactor_.Add(crowd.back().get(), EPOLLIN, [](std::uint32_t) {});
  }
  reactor_.Poll(0);  // the number of fds that were ready is known from now on
  const auto before = sequences_.size();
  EXPECT_EQ(most_reads(10), 1U);
  EXPECT_GT(sequences_.size(), before);
  for (const auto& fd : crowd) reactor_.Remove(fd.get());
}

TEST_F(LiveFlow, TwoClientsEndIndependently) {
  test::ScriptedGateway second{&reactor_};
  const auto one = Make();
  Stream(*one);
  const auto two = Make();
  std::size_t seen = 0;
  two->OnRecord([&](const TradeMsg&) { ++seen; });
  std::vector<Error> ends;
  two->OnError([&](const Error& e) { ends.push_back(e); });
  two->Connect("127.0.0.1", second.port());
  two->Start();
  ASSERT_TRUE(Until([&] { return second.started; }));
  gateway_.Rst();
  ASSERT_TRUE(UntilEnd());
  EXPECT_THAT(ends, IsEmpty());
  second.Send(Header() + Trades(0, 3));
  ASSERT_TRUE(Until([&] { return seen == 3; }));
}

// A binding that holds a batch across turns.

TEST_F(LiveFlow, AHeldBatchHoldsTheSocketWithoutSpinning) {
  const auto client = Make();
  std::size_t taken = 0;
  std::size_t held = 0;
  HoldBatches(*client, held);
  Stream(*client);
  gateway_.Send(Header() + Trades(0, kFlood));
  while (taken < kFlood * sizeof(TradeMsg)) {
    ASSERT_TRUE(Until([&] { return held != 0; }));
    if (taken < 1'000'000) {
      Settle();
      EXPECT_EQ(reactor_.Poll(0), 0) << "a held batch takes no turns";
      EXPECT_LE(client->Buffered(), LiveOptions{}.buffer_size);
    }
    taken += held;
    client->Release(std::exchange(held, 0));
  }
  EXPECT_EQ(taken, kFlood * sizeof(TradeMsg));
}

TEST_F(LiveFlow, AHeldBatchHasWhatSeveralReadsBrought) {
  const auto client = Make();
  std::size_t held = 0;
  HoldBatches(*client, held);
  Stream(*client);
  gateway_.Send(Header() + Trades(0, kFlood));
  ASSERT_TRUE(Until([&] { return held != 0; }));
  Settle();  // the socket is full
  const auto reads = client->Stats().reads;
  client->Release(std::exchange(held, 0));
  ASSERT_TRUE(Until([&] { return held != 0; }));
  EXPECT_GT(client->Stats().reads - reads, 1U);
  EXPECT_GT(held, 64U * 1024);
}

// The end was read with the records that are held.
TEST_F(LiveFlow, AHeldBatchThatIsTheLastIsFollowedByTheEnd) {
  constexpr std::uint32_t kCount = 3000;  // more than one read, less than a buffer
  const auto client = Make();
  std::size_t held = 0;
  HoldBatches(*client, held);
  Stream(*client);
  std::size_t taken = 0;
  gateway_.Send(Header() + Trades(0, kCount));
  gateway_.Fin();
  while (taken < kCount * sizeof(TradeMsg)) {
    ASSERT_TRUE(Until([&] { return held != 0; }));
    Settle();
    EXPECT_EQ(reactor_.Poll(0), 0);
    EXPECT_THAT(errors_, IsEmpty());
    taken += held;
    client->Release(std::exchange(held, 0));
  }
  ASSERT_TRUE(UntilEnd());
}

TEST_F(LiveFlow, AHeldBatchOfAResetSocketDoesNotSpin) {
  const auto client = Make();
  std::size_t held = 0;
  HoldBatches(*client, held);
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 5));
  ASSERT_TRUE(Until([&] { return held != 0; }));
  gateway_.Rst();
  Settle();
  EXPECT_EQ(reactor_.Poll(0), 0);
  EXPECT_THAT(errors_, IsEmpty());
  client->Release(held);
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(errors_[0].os_errno, ECONNRESET);
}

TEST_F(LiveFlow, AHeldBatchDoesNotMakeTheGatewaySilent) {
  const auto client = Make();
  std::size_t held = 0;
  HoldBatches(*client, held);
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 5));
  ASSERT_TRUE(Until([&] { return held != 0; }));
  Advance(10min);
  client->Release(held);
  Advance(34s);
  EXPECT_THAT(errors_, IsEmpty());
  Advance(36s);
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::HeartbeatTimeout);
}

// Without MSG_NOSIGNAL this would end the process.
TEST_F(LiveFlow, SubscribingToADeadConnectionTellsTheEndInTheLoop) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 5));
  gateway_.Rst();
  for (int i = 0; i < 3; ++i) {
    client->Subscribe("GLBX.MDP3", "NQM5", Schema::Trades);
    EXPECT_THAT(errors_, IsEmpty());
  }
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(sequences_, Numbers(0, 5));
}

// The peer reads nothing: what is queued waits for room and is not lost.
TEST_F(LiveFlow, SubscriptionsWaitForRoomInTheSocket) {
  const auto client = Make();
  Stream(*client);
  Subscription many;
  for (int i = 0; i < 2000; ++i) {
    many.symbols.push_back("A" + std::string(20, 'X') + std::to_string(i));
  }
  for (int i = 0; i < 100; ++i) client->Subscribe(many);  // 5 MB
  ASSERT_TRUE(Until([&] { return gateway_.lines.size() == 1 + 100 * 4; }));
  EXPECT_THAT(gateway_.lines.back(), testing::EndsWith("|is_last=1"));
  EXPECT_EQ(reactor_.Poll(0), 0) << "no interest in writing is left";
}

}  // namespace
}  // namespace dbnloop
