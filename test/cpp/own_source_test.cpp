// A source that a user derives, beneath a binding that holds batches.

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "dbnloop/data_source.hpp"
#include "support/dbn.hpp"
#include "support/live_fixture.hpp"

namespace dbnloop {
namespace {

using test::Header;
using test::Trades;

class GrowingReplay : public DataSource {
 public:
  GrowingReplay(Reactor* reactor, std::string bytes)
      : DataSource{reactor, {.buffer_size = 16 * 1024, .fragment = std::nullopt}},
        all_{std::move(bytes)} {}
  void Start() override {
    BeginStream();
    bytes_ = std::as_bytes(std::span{all_});
    ScheduleDelivery();
  }
  void Stop() override { EndStream(); }
  void Pause() override { SetPaused(true); }
  void Resume() override { SetPaused(false); }
  void More(std::string_view more) { DeliverBytes(test::AsBytes(more)); }

 private:
  void ContinueDelivery() override { DeliverFrom(bytes_); }
  std::string all_;
  std::span<const std::byte> bytes_;
};

TEST(OwnSource, ReleaseContinuesWithTheRest) {
  Reactor reactor;
  GrowingReplay source{&reactor, Header() + Trades(0, 5000)};
  std::size_t records = 0;
  std::size_t held = 0;
  source.OnBatch([&](const RecordBatch& batch) {
    held = batch.size;
    records += batch.size / sizeof(TradeMsg);
    return std::size_t{0};
  });
  source.Start();
  for (int i = 0; i < 200 && records < 5000; ++i) {
    reactor.Poll(0);
    source.Release(std::exchange(held, 0));
  }
  EXPECT_EQ(records, 5000U);
}

TEST(OwnSource, BytesThatComeWhileABatchIsHeldDoNotMoveIt) {
  Reactor reactor;
  GrowingReplay source{&reactor, {}};
  RecordBatch held;
  source.OnBatch([&](const RecordBatch& batch) {
    held = batch;
    return std::size_t{0};
  });
  source.Start();
  source.More(Header() + Trades(0, 200));
  ASSERT_NE(held.size, 0U);
  source.Release(100 * sizeof(TradeMsg));
  reactor.Poll(0);
  const auto first = [&] {
    return reinterpret_cast<const TradeMsg*>(held.data)->sequence;
  };
  ASSERT_EQ(first(), 100U);
  source.More(Trades(200, 150));
  source.More(Trades(350, 150));
  EXPECT_EQ(first(), 100U);
}

}  // namespace
}  // namespace dbnloop
