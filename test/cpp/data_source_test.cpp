#include "dbnloop/data_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "support/dbn.hpp"

namespace dbnloop {
namespace {

using test::Header;
using test::Trades;
using testing::ElementsAre;
using testing::IsEmpty;

// The smallest source: bytes in memory, delivered when the test says so.
class MemorySource : public DataSource {
 public:
  explicit MemorySource(Reactor* reactor)
      : DataSource{reactor,
                   ParserOptions{.buffer_size = 16 * 1024, .fragment = std::nullopt}} {}

  void Start() override { BeginStream(); }
  void Stop() override { EndStream(); }
  void Pause() override { SetPaused(true); }
  void Resume() override { SetPaused(false); }

  std::size_t Deliver(std::string_view bytes) {
    return DeliverBytes(test::AsBytes(bytes));
  }
  void Fail(ErrorCode code) { DeliverError({code, "as the test wants"}); }
  using DataSource::ScheduleDelivery;
};

class DataSourceTest : public testing::Test {
 protected:
  DataSourceTest() {
    source_.OnRecord([this](const TradeMsg& m) { seen_.push_back(m.sequence); });
    source_.Start();
  }
  // Whether a delivery was scheduled, which has run then.
  bool Turn() { return reactor_.Poll(0) != 0; }

  Reactor reactor_;
  std::vector<std::uint32_t> seen_;
  MemorySource source_{&reactor_};
};

TEST_F(DataSourceTest, DeliversMoreThanItsBufferHolds) {
  const auto bytes = Header() + Trades(0, 5000);
  EXPECT_EQ(source_.Deliver(bytes), bytes.size());
  ASSERT_EQ(seen_.size(), 5000U);
  EXPECT_EQ(seen_.back(), 4999U);
}

TEST_F(DataSourceTest, MetadataComesOnceAndBeforeTheRecords) {
  int told = 0;
  source_.OnMetadata([&](const Metadata& m) {
    ++told;
    EXPECT_EQ(m.dataset, "GLBX.MDP3");
    EXPECT_THAT(seen_, IsEmpty());
  });
  source_.Deliver(Header());
  EXPECT_EQ(told, 1) << "without waiting for a record";
  source_.Deliver(Trades(0, 3));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(seen_.size(), 3U);
}

TEST_F(DataSourceTest, WithoutHandlersBytesAreTakenAndDropped) {
  MemorySource source{&reactor_};
  source.Start();
  const auto bytes = Header() + Trades(0, 5000);
  EXPECT_EQ(source.Deliver(bytes), bytes.size());
  source.Fail(ErrorCode::ConnectionClosed);
}

TEST_F(DataSourceTest, PauseLeavesTheRestToTheCaller) {
  source_.OnRecord([this](const TradeMsg& m) {
    seen_.push_back(m.sequence);
    if (m.sequence == 1) source_.Pause();
  });
  const auto bytes = Header() + Trades(0, 5000);
  auto taken = source_.Deliver(bytes);
  EXPECT_LT(taken, bytes.size());
  EXPECT_THAT(seen_, ElementsAre(0, 1));
  EXPECT_FALSE(Turn());
  source_.Resume();
  EXPECT_THAT(seen_, ElementsAre(0, 1)) << "not from inside Resume";
  EXPECT_TRUE(Turn());
  EXPECT_GT(seen_.size(), 2U);
  taken += source_.Deliver(std::string_view{bytes}.substr(taken));
  EXPECT_EQ(taken, bytes.size());
  EXPECT_EQ(seen_.size(), 5000U);
}

TEST_F(DataSourceTest, StopEndsDeliveryUntilTheNextStream) {
  source_.Deliver(Header() + Trades(0, 2));
  source_.Stop();
  source_.Deliver(Trades(2, 2));
  EXPECT_EQ(seen_.size(), 2U);
  source_.Start();
  source_.Deliver(Header() + Trades(10, 1));
  EXPECT_THAT(seen_, ElementsAre(0, 1, 10));
}

TEST_F(DataSourceTest, AThrownRecordIsNotRepeatedAndTheRestIsScheduled) {
  source_.OnRecord([this](const TradeMsg& m) {
    seen_.push_back(m.sequence);
    if (m.sequence == 1) throw std::runtime_error{"mine"};
  });
  EXPECT_THROW(source_.Deliver(Header() + Trades(0, 4)), std::runtime_error);
  EXPECT_TRUE(Turn());
  EXPECT_THAT(seen_, ElementsAre(0, 1, 2, 3));
}

TEST_F(DataSourceTest, AThrownRunIsNotRepeated) {
  std::vector<std::size_t> runs;
  source_.OnRecord([&](std::span<const TradeMsg> run) {
    runs.push_back(run.size());
    if (runs.size() == 1) throw std::runtime_error{"mine"};
  });
  EXPECT_THROW(source_.Deliver(Header() + Trades(0, 4)), std::runtime_error);
  Turn();
  source_.Deliver(Trades(4, 2));
  EXPECT_THAT(runs, ElementsAre(4, 2));
}

TEST_F(DataSourceTest, HandlersMayBeMoveOnly) {
  auto count = std::make_unique<int>(0);
  const int& seen = *count;
  source_.OnRecord([count = std::move(count)](const TradeMsg&) mutable { ++*count; });
  source_.Deliver(Header() + Trades(0, 3));
  EXPECT_EQ(seen, 3);
}

TEST_F(DataSourceTest, HandlersKeepTheirState) {
  struct Counter {
    int* out;
    int own = 0;
    void operator()(const TradeMsg&) { *out = ++own; }
  };
  int out = 0;
  source_.OnRecord(Counter{&out});
  source_.Deliver(Header() + Trades(0, 3));
  source_.Deliver(Trades(3, 4));
  EXPECT_EQ(out, 7);
}

TEST_F(DataSourceTest, ASinkOfBatchesMayTakeAll) {
  std::size_t bytes = 0;
  source_.OnBatch([&](const RecordBatch& batch) {
    bytes += batch.size;
    return batch.size;
  });
  source_.Deliver(Header() + Trades(0, 10));
  EXPECT_EQ(bytes, 10 * sizeof(TradeMsg));
  source_.Deliver(Trades(10, 1));
  EXPECT_EQ(bytes, 11 * sizeof(TradeMsg)) << "nothing is held";
}

TEST_F(DataSourceTest, ASinkMayHoldABatchUntilItIsReleased) {
  std::vector<std::size_t> sizes;
  source_.OnBatch([&](const RecordBatch& batch) {
    sizes.push_back(batch.size / sizeof(TradeMsg));
    return std::size_t{0};
  });
  source_.Deliver(Header() + Trades(0, 4));
  EXPECT_EQ(source_.Deliver(Trades(4, 2)), 0U) << "the batch may not move";
  EXPECT_THAT(sizes, ElementsAre(4)) << "nothing more while it is held";
  EXPECT_EQ(source_.Stats().TotalRecords(), 0U);
  source_.Release(3 * sizeof(TradeMsg));
  EXPECT_EQ(source_.Stats().TotalRecords(), 3U);
  EXPECT_THAT(sizes, ElementsAre(4)) << "never from inside Release";
  EXPECT_TRUE(Turn());
  EXPECT_THAT(sizes, ElementsAre(4, 1)) << "the last of the first four";
  source_.Release(1'000'000);  // more than is held means all of it
  EXPECT_TRUE(Turn()) << "the source may have more";
  source_.Release(48);  // nothing is held: nothing happens
  source_.Deliver(Trades(6, 1));
  EXPECT_THAT(sizes, ElementsAre(4, 1, 1));
}

TEST_F(DataSourceTest, ASinkThatClaimsTooMuchIsBounded) {
  std::size_t seen = 0;
  source_.OnBatch([&](const RecordBatch& batch) {
    seen += batch.size / sizeof(TradeMsg);
    return batch.size * 10;
  });
  source_.Deliver(Header() + Trades(0, 3));
  source_.Deliver(Trades(3, 3));
  EXPECT_EQ(seen, 6U);
}

TEST_F(DataSourceTest, ASinkMayDestroyTheSource) {
  auto source = std::make_unique<MemorySource>(&reactor_);
  source->Start();
  source->OnBatch([&](const RecordBatch& batch) {
    const auto size = batch.size;
    source.reset();
    return size;
  });
  source->Deliver(Header() + Trades(0, 3));
  EXPECT_EQ(source, nullptr);
}

TEST_F(DataSourceTest, AnErrorReachesTheLastHandlerThatWasSet) {
  std::vector<int> called;
  source_.OnError([&](const Error&) { called.push_back(1); });
  source_.OnError([&](const Error& e) {
    called.push_back(2);
    EXPECT_EQ(e.code, ErrorCode::Cancelled);
  });
  source_.Fail(ErrorCode::Cancelled);
  EXPECT_THAT(called, ElementsAre(2));
}

TEST_F(DataSourceTest, HandlersMayBeTakenBack) {
  source_.OnError([](const Error&) { FAIL(); });
  source_.OnMetadata([](const Metadata&) { FAIL(); });
  source_.OnError(nullptr);
  source_.OnMetadata(std::move_only_function<void(const Metadata&)>{});
  source_.Deliver(Header() + Trades(0, 2));
  source_.Fail(ErrorCode::Cancelled);
  EXPECT_THAT(seen_, ElementsAre(0, 1));
}

TEST_F(DataSourceTest, ADeliveryIsScheduledOnceHoweverOftenItIsAskedFor) {
  source_.Pause();
  source_.Deliver(Header() + Trades(0, 2));
  source_.Resume();
  source_.ScheduleDelivery();
  EXPECT_EQ(reactor_.Poll(0), 1);
  EXPECT_THAT(seen_, ElementsAre(0, 1));
  EXPECT_EQ(reactor_.Poll(0), 0);
}

TEST_F(DataSourceTest, AScheduledDeliveryEndsWithTheStreamAndWithTheSource) {
  source_.ScheduleDelivery();
  source_.Stop();
  EXPECT_EQ(reactor_.Poll(0), 0);
  {
    MemorySource source{&reactor_};
    source.ScheduleDelivery();
  }
  EXPECT_EQ(reactor_.Poll(0), 0);
}

TEST_F(DataSourceTest, StatisticsCountWhatWasConsumedAndWhatIsLeft) {
  source_.OnRecord([this](const TradeMsg& m) {
    if (m.sequence == 2) source_.Pause();
  });
  source_.Deliver(Header() + Trades(0, 5));
  const auto stats = source_.Stats();
  EXPECT_EQ(stats.TotalRecords(), 3U);
  EXPECT_EQ(stats.bytes, 3 * sizeof(TradeMsg));
  EXPECT_EQ(stats.buffered, 2 * sizeof(TradeMsg));
  EXPECT_EQ(stats.batches, 1U);
  EXPECT_EQ(stats.pauses, 1U);
}

// Meant for the thread sanitizer: another thread reads everything that any thread may
// read, while this one delivers, pauses and begins streams.
TEST_F(DataSourceTest, AnyThreadMayReadStatisticsAndThePause) {
  std::atomic<bool> done{false};
  std::atomic<bool> began{false};
  std::thread reader{[&] {
    std::uint64_t looks = 0;
    while (!done.load() || looks == 0) {
      const auto stats = source_.Stats();
      ASSERT_LE(stats.TotalRecords(), 300U);
      ASSERT_GE(stats.paused.count(), 0);
      ASSERT_LT(stats.paused, std::chrono::hours{1});
      ASSERT_LT(stats.silence, std::chrono::hours{1});
      ASSERT_LT(stats.polls, 1'000'000U);
      static_cast<void>(source_.IsPaused());
      ++looks;
      began = true;
    }
  }};
  while (!began.load()) std::this_thread::yield();
  for (int stream = 0; stream < 200; ++stream) {
    source_.Start();
    source_.Deliver(Header() + Trades(0, 100));
    source_.Pause();
    source_.Deliver(Trades(100, 100));
    source_.Resume();
    reactor_.Poll(0);
    source_.Deliver(Trades(200, 100));
    EXPECT_EQ(source_.Stats().TotalRecords(), 300U);
  }
  done = true;
  reader.join();
}

}  // namespace
}  // namespace dbnloop
