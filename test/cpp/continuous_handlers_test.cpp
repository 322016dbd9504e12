// Whatever a handler of a continuous client does to it, at whatever event.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dbnloop/continuous_client.hpp"
#include "support/client_fixture.hpp"
#include "support/market_gateway.hpp"

namespace dbnloop::test {
namespace {

using Event = MarketGateway::Event;

constexpr std::uint64_t kOpening = 1'700'000'000'000'000'000;
constexpr std::uint32_t kTotal = 24;

class ContinuousHandlersTest : public ClientFixture {
 protected:
  // A stream with a break, a replay that lacks a record, and one that aged out, whose
  // every handler calls Note.
  void Open(bool aged_out) {
    client_.reset();
    std::vector<Event> events;
    for (std::uint32_t i = 0; i < kTotal; ++i) {
      auto mbo = Mbo(i);
      mbo.hd.ts_event = UnixNanos{UnixNanos::duration{kOpening + i}};
      mbo.ts_recv = mbo.hd.ts_event;
      events.push_back({WireBytes(mbo), Schema::Mbo, kOpening + i});
    }
    gateway_ = std::make_unique<MarketGateway>(&reactor_, std::move(events));
    auto mapping = Zeroed<SymbolMappingMsg>(RType::SymbolMapping);
    mapping.hd.instrument_id = 7;
    gateway_->symbol_mapping = WireBytes(mapping);
    gateway_->present = 4;
    gateway_->omit = {6};
    gateway_->sessions = {{.live = 8, .away = 2, .cut = 1'900}, {.live = SIZE_MAX}};
    if (aged_out) gateway_->retained = kOpening + 3;
    ContinuousOptions options;
    options.live.dataset = "GLBX.MDP3";
    options.live.buffer_size = 16 * 1024;
    options.memory = 64 * 1024;
    options.min_delay = options.max_delay = std::chrono::milliseconds{0};
    options.replay_limit = std::chrono::years{50};
    options.gateway = "127.0.0.1";
    options.port = gateway_->port();
    // Refuses every request for history at once.
    options.history.url = "http://127.0.0.1:1";
    client_ = std::make_unique<ContinuousClient>(&reactor_, std::string{kKey},
                                                 std::move(options));
    calls_ = records_ = ends_ = 0;
    client_->OnRecord([this](const MboMsg&) {
      ++records_;
      Note("record");
    });
    client_->OnMetadata([this](const Metadata&) { Note("metadata"); });
    client_->OnSessionEvent([this](const SessionEvent& e) {
      const auto message = e.message;
      Note("session event");
      EXPECT_EQ(e.message, message);
    });
    client_->OnContinuity([this](const ContinuityEvent& e) {
      const auto why = e.reason.message;
      Note(ToString(e.kind));
      EXPECT_EQ(e.reason.message, why);
    });
    client_->OnState([this](ContinuousClient::State s) { Note(ToString(s)); });
    client_->OnError([this](const Error& e) {
      ++ends_;
      const auto message = e.message;
      Note("error");
      EXPECT_EQ(e.message, message);
    });
    client_->Subscribe({.dataset = "GLBX.MDP3",
                        .schema = Schema::Mbo,
                        .symbols = {std::string{kAllSymbols}},
                        .start = UnixNanos{UnixNanos::duration{kOpening}}});
  }

  void Note(std::string_view what) {
    seen_.emplace(what);
    if (calls_ + 1 == act_at_) acted_in_ = what;
    if (++calls_ == act_at_) act_();
  }
  // Runs it with `act` at each handler call in turn; returns how many calls there are.
  void AtEveryCall(bool aged_out, std::function<void()> act,
                   std::function<void()> check) {
    act_ = std::move(act);
    for (act_at_ = 1;; ++act_at_) {
      // While history cannot be reached there are ever more attempts.
      if (aged_out && act_at_ > 60) break;
      ASSERT_LT(act_at_, 200);
      Open(aged_out);
      client_->Start();
      for (int i = 0; i < 400 && client_ != nullptr; ++i) {
        Settle();
        if (client_ == nullptr) break;
        if (records_ >= 60 || (aged_out && i > 60)) break;
        if (client_->GetState() == ContinuousClient::State::Stopped) break;
        if (client_->GetState() == ContinuousClient::State::Live && i > 30) break;
        reactor_.Poll(1);
      }
      if (calls_ < act_at_) break;
      check();
      if (HasFailure()) FAIL() << "at call " << act_at_ << ", in " << acted_in_;
      client_.reset();
      Settle();
    }
    EXPECT_GT(act_at_, 20);
  }

  std::unique_ptr<MarketGateway> gateway_;
  std::unique_ptr<ContinuousClient> client_;
  std::function<void()> act_ = [] {};
  int act_at_ = 0;
  int calls_ = 0;
  int records_ = 0;
  int ends_ = 0;
  std::string acted_in_;
  std::set<std::string, std::less<>> seen_;
};

TEST_F(ContinuousHandlersTest, EveryHandlerMayDestroyTheClient) {
  for (const bool aged_out : {false, true}) {
    AtEveryCall(
        aged_out, [this] { client_.reset(); }, [this] { EXPECT_EQ(calls_, act_at_); });
  }
  for (const auto* const what :
       {"record", "metadata", "session event", "Reconnecting", "Recovered", "CaughtUp",
        "Gap", "Connecting", "Replaying", "Waiting", "Live", "History"}) {
    EXPECT_TRUE(seen_.contains(what)) << what;
  }
}

TEST_F(ContinuousHandlersTest, EveryHandlerMayStopTheClient) {
  for (const bool aged_out : {false, true}) {
    AtEveryCall(
        aged_out, [this] { client_->Stop(); },
        [this] {
          EXPECT_TRUE(Until([&] { return ends_ > 0; })) << act_at_;
          Settle();
          EXPECT_EQ(ends_, 1);
          EXPECT_EQ(client_->GetState(), ContinuousClient::State::Stopped);
        });
  }
}

TEST_F(ContinuousHandlersTest, EveryHandlerMayPauseTheClient) {
  AtEveryCall(
      false, [this] { client_->Pause(); },
      [this] {
        EXPECT_TRUE(client_->IsPaused());
        client_->Resume();
        EXPECT_TRUE(Until([&] {
          return client_->GetState() == ContinuousClient::State::Live &&
                 records_ >= static_cast<int>(kTotal);
        })) << act_at_;
      });
}

}  // namespace
}  // namespace dbnloop::test
