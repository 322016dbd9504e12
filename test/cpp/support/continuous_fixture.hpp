#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dbnloop/continuous_client.hpp"
#include "support/client_fixture.hpp"
#include "support/market_gateway.hpp"

namespace dbnloop::test {

inline constexpr std::uint64_t kBegin = 1'700'000'000'000'000'000;

inline MarketGateway::Event MboEvent(std::uint32_t sequence, std::uint64_t clock) {
  auto mbo = Mbo(sequence);
  mbo.hd.ts_event = UnixNanos{UnixNanos::duration{clock}};
  mbo.ts_recv = UnixNanos{UnixNanos::duration{clock + 100}};
  return {WireBytes(mbo), Schema::Mbo, clock};
}

inline MarketGateway::Event TradeEvent(std::uint32_t sequence, std::uint64_t clock) {
  auto trade = Trade(sequence);
  trade.hd.ts_event = UnixNanos{UnixNanos::duration{clock}};
  trade.ts_recv = UnixNanos{UnixNanos::duration{clock + 50}};
  return {WireBytes(trade), Schema::Trades, clock};
}

/// Times that go back a little, that are equal, and records that are equal completely.
inline std::vector<MarketGateway::Event> SmallMarket(std::uint32_t count) {
  std::vector<MarketGateway::Event> events;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto back = i % 3 == 2 ? 150 : 0;
    const auto clock = kBegin + (i - i % 2) * 100 - back;
    events.push_back(
        MboEvent(i % 7 == 6 ? i - 1 : i, i % 7 == 6 ? events.back().clock : clock));
  }
  return events;
}

/// A continuous client of a market, and what it reported.
class ContinuousFixture : public ClientFixture {
 protected:
  void Open(std::vector<MarketGateway::Event> events) {
    gateway_ = std::make_unique<MarketGateway>(&reactor_, std::move(events));
  }
  static ContinuousOptions Options() {
    ContinuousOptions options;
    options.live.dataset = "GLBX.MDP3";
    options.live.buffer_size = 16 * 1024;
    options.memory = 64 * 1024;
    options.min_delay = options.max_delay = std::chrono::milliseconds{0};
    options.replay_limit = std::chrono::years{50};
    return options;
  }
  std::unique_ptr<ContinuousClient> Make(ContinuousOptions options = Options()) {
    options.gateway = "127.0.0.1";
    options.port = gateway_->port();
    auto client = std::make_unique<ContinuousClient>(&reactor_, std::string{kKey},
                                                     std::move(options));
    got_.clear();
    events_.clear();
    errors_.clear();
    client->OnRecord(Overload{
        [this](const MboMsg& m) { got_.push_back(WireBytes(m)); },
        [this](const TradeMsg& m) { got_.push_back(WireBytes(m)); },
        [this](const SymbolMappingMsg&) { ++mappings_; },
    });
    client->OnContinuity([this](const ContinuityEvent& e) { events_.push_back(e); });
    client->OnError([this](const Error& e) { errors_.push_back(e); });
    client->OnMetadata([this](const Metadata&) { ++metadata_; });
    return client;
  }
  static Subscription From(Schema schema, std::optional<std::uint64_t> start) {
    Subscription subscription{.dataset = "GLBX.MDP3",
                              .schema = schema,
                              .symbols = {std::string{kAllSymbols}},
                              .start = std::nullopt};
    if (start) subscription.start = UnixNanos{UnixNanos::duration{*start}};
    return subscription;
  }
  [[nodiscard]] std::size_t Count(ContinuityEvent::Kind kind) const {
    return static_cast<std::size_t>(
        std::ranges::count(events_, kind, &ContinuityEvent::kind));
  }
  [[nodiscard]] std::vector<std::string> Happened() const {
    std::vector<std::string> bytes;
    for (const auto& event : gateway_->events) bytes.push_back(event.bytes);
    return bytes;
  }
  // Runs until as many records came as happened, and a little longer.
  bool RunToEnd() {
    const bool came = Until([&] { return got_.size() >= gateway_->events.size(); });
    Settle();
    return came;
  }

  std::unique_ptr<MarketGateway> gateway_;
  std::vector<std::string> got_;
  std::vector<ContinuityEvent> events_;
  int mappings_ = 0;
  int metadata_ = 0;
};

}  // namespace dbnloop::test
