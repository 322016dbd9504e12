// A record, a batch and the metadata stay readable until their handler returns,
// whatever it does to its source. Meant for the address sanitizer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "dbnloop/data_source.hpp"
#include "support/dbn.hpp"

namespace dbnloop {
namespace {

using test::Header;
using test::Trades;
using testing::ElementsAre;

class Source : public DataSource {
 public:
  Source() : DataSource{nullptr, ParserOptions{}} { Start(); }
  void Start() override { BeginStream(); }
  void Stop() override { EndStream(); }
  void Pause() override { SetPaused(true); }
  void Resume() override { SetPaused(false); }
  void Deliver(const std::string& bytes) { DeliverBytes(test::AsBytes(bytes)); }
  bool Fail(Error error) { return DeliverError(std::move(error)); }
  [[nodiscard]] std::size_t Buffered() const { return parser_.buffered(); }
};

struct RecordLifetime : testing::Test {
  std::unique_ptr<Source> source = std::make_unique<Source>();
  std::vector<std::uint32_t> seen;
};

TEST_F(RecordLifetime, ARecordIsReadableAfterItsHandlerDestroyedTheSource) {
  source->OnRecord([this](const TradeMsg& m) {
    source.reset();
    seen.push_back(m.sequence);
  });
  source->Deliver(Header() + Trades(7, 3));
  EXPECT_THAT(seen, ElementsAre(7));
}

TEST_F(RecordLifetime, ARunIsReadableAfterItsHandlerDestroyedTheSource) {
  source->OnRecord([this](std::span<const TradeMsg> run) {
    source.reset();
    for (const auto& m : run) seen.push_back(m.sequence);
  });
  source->Deliver(Header() + Trades(7, 3) + test::WireBytes(test::Mbo(0)) +
                  Trades(10, 1));
  EXPECT_THAT(seen, ElementsAre(7, 8, 9));
}

TEST_F(RecordLifetime, ARecordIsReadableAfterANewStreamBegan) {
  source->OnRecord([this](const TradeMsg& m) {
    source->Stop();
    source->Start();
    seen.push_back(m.sequence);
  });
  source->Deliver(Header() + Trades(7, 3));
  EXPECT_EQ(source->Buffered(), 0U) << "nothing of the old stream is left or consumed";
  source->Deliver(Header() + Trades(20, 1));
  EXPECT_THAT(seen, ElementsAre(7, 20));
}

TEST_F(RecordLifetime, ABatchIsReadableAfterItsSinkDestroyedTheSource) {
  source->OnBatch([this](const RecordBatch& batch) {
    source.reset();
    const auto* trades = reinterpret_cast<const TradeMsg*>(batch.data);
    for (std::uint32_t i = 0; i < batch.runs[0].count; ++i) {
      seen.push_back(trades[i].sequence);
    }
    return std::size_t{0};
  });
  source->Deliver(Header() + Trades(7, 2));
  EXPECT_THAT(seen, ElementsAre(7, 8));
}

TEST_F(RecordLifetime, ASinkThatBeginsANewStreamTakesNothingFromIt) {
  source->OnBatch([this](const RecordBatch& batch) {
    source->Start();
    return batch.size;
  });
  source->Deliver(Header() + Trades(0, 5));
  EXPECT_EQ(source->Buffered(), 0U);
  source->OnRecord([this](const TradeMsg& m) { seen.push_back(m.sequence); });
  source->Deliver(Header() + Trades(20, 1));
  EXPECT_THAT(seen, ElementsAre(20));
}

TEST_F(RecordLifetime, MetadataIsReadableAfterItsHandlerDestroyedTheSource) {
  std::string dataset;
  source->OnMetadata([&, own = std::string(100, 'm')](const Metadata& m) {
    source.reset();
    dataset = m.dataset + own;  // its captures too
  });
  source->Deliver(Header() + Trades(0, 1));
  EXPECT_EQ(dataset.substr(0, 12), "GLBX.MDP3mmm");
}

TEST_F(RecordLifetime, AnErrorIsReadableAfterItsHandlerDestroyedTheSource) {
  std::string message;
  source->OnError([&, own = std::string(100, 'e')](const Error& e) {
    source.reset();
    message = e.message + own;
  });
  EXPECT_FALSE(source->Fail({ErrorCode::Timeout, std::string(50, 'x')}));
  EXPECT_EQ(message.size(), 150U);
}

TEST_F(RecordLifetime, AHandlerMayDestroyTheSourceReadTheRecordAndThrow) {
  source->OnRecord([this](const TradeMsg& m) {
    source.reset();
    seen.push_back(m.sequence);
    throw std::runtime_error{"afterwards"};
  });
  EXPECT_THROW(source->Deliver(Header() + Trades(7, 3)), std::runtime_error);
  EXPECT_THAT(seen, ElementsAre(7));
}

TEST_F(RecordLifetime, AReplacedHandlerKeepsItsCapturesUntilItReturns) {
  std::vector<std::uint32_t> second;
  source->OnRecord([&, own = std::string(100, 'x')](const TradeMsg& m) {
    source->OnRecord([&](const TradeMsg& later) { second.push_back(later.sequence); });
    seen.push_back(m.sequence + static_cast<std::uint32_t>(own.size()));
  });
  source->Deliver(Header() + Trades(0, 3));
  EXPECT_THAT(seen, ElementsAre(100));
  EXPECT_THAT(second, ElementsAre(1, 2));
}

}  // namespace
}  // namespace dbnloop
