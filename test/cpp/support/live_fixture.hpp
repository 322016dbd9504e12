#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "dbnloop/live_client.hpp"
#include "support/dbn.hpp"
#include "support/scripted_gateway.hpp"

namespace dbnloop::test {

/// Lets tests see how much the parser holds.
class OpenLiveClient : public LiveClient {
 public:
  using LiveClient::LiveClient;
  [[nodiscard]] std::size_t Buffered() const { return parser_.buffered(); }
};

/// A client, a gateway and a clock that stands still unless the test moves it.
class LiveFixture : public testing::Test {
 protected:
  LiveFixture() {
    reactor_.SetClockForTest([this] { return now_; });
  }

  /// A client whose states, records (by sequence) and errors are noted.
  std::unique_ptr<OpenLiveClient> Make(LiveOptions options = {}) {
    if (options.dataset.empty()) options.dataset = "GLBX.MDP3";
    return MakeAsIs(std::move(options));
  }
  std::unique_ptr<OpenLiveClient> MakeAsIs(LiveOptions options) {
    auto client = std::make_unique<OpenLiveClient>(&reactor_, std::string{kKey},
                                                   std::move(options));
    client->OnState([this](LiveClient::State s) { states_.emplace_back(ToString(s)); });
    client->OnError([this](const Error& e) { errors_.push_back(e); });
    client->OnMetadata([this](const Metadata& m) { metadata_.push_back(m); });
    client->OnRecord([this](const TradeMsg& m) { sequences_.push_back(m.sequence); });
    return client;
  }
  void Connect(LiveClient& client) { client.Connect("127.0.0.1", gateway_.port()); }
  static void SubscribeTrades(LiveClient& client) {
    client.Subscribe("GLBX.MDP3", "ESM5", Schema::Trades);
  }
  /// Connects, subscribes and starts; returns when the gateway has seen the start.
  void Stream(LiveClient& client) {
    Connect(client);
    SubscribeTrades(client);
    client.Start();
    ASSERT_TRUE(Until([&] {
      return gateway_.started && client.GetState() == LiveClient::State::Streaming;
    }));
  }

  /// Turns until `done`; false when that does not come to pass.
  template <typename F>
  bool Until(F&& done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      reactor_.Poll(20);
    }
    return true;
  }
  /// As Until, counting the runtime_errors that handlers throw on the way.
  template <typename F>
  bool UntilDespiteThrows(int& threw, F&& done) {
    for (;;) {
      try {
        return Until(done);
      } catch (const std::runtime_error&) {
        ++threw;
      }
    }
  }
  /// Turns until nothing is ready.
  void Settle() {
    for (int i = 0; i < 100'000 && reactor_.Poll(0) > 0; ++i) {
    }
  }
  /// Moves the clock and turns until nothing is ready.
  void Advance(Reactor::Clock::duration by) {
    now_ += by;
    Settle();
  }
  bool UntilEnd() {
    return Until([this] { return !errors_.empty(); });
  }

  static std::vector<std::uint32_t> Numbers(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < count; ++i) numbers.push_back(first + i);
    return numbers;
  }

  Reactor::Clock::time_point now_ = Reactor::Clock::now();
  Reactor reactor_;
  ScriptedGateway gateway_{&reactor_};
  std::vector<std::string> states_;
  std::vector<Error> errors_;
  std::vector<Metadata> metadata_;
  std::vector<std::uint32_t> sequences_;
};

}  // namespace dbnloop::test
