#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dbnloop/live_client.hpp"
#include "support/client_fixture.hpp"
#include "support/dbn.hpp"
#include "support/scripted_gateway.hpp"

namespace dbnloop::test {

/// Lets tests see how much the parser holds.
class OpenLiveClient : public LiveClient {
 public:
  using LiveClient::LiveClient;
  [[nodiscard]] std::size_t Buffered() const { return parser_.buffered(); }
};

/// A client and a gateway.
class LiveFixture : public ClientFixture {
 protected:
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

  bool UntilEnd() {
    return Until([this] { return !errors_.empty(); });
  }

  ScriptedGateway gateway_{&reactor_};
  std::vector<std::string> states_;
  std::vector<Metadata> metadata_;
};

}  // namespace dbnloop::test
