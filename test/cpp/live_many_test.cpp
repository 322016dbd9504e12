// Many clients on one reactor, of which half hang: the others must not notice.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/dns_server.hpp"
#include "support/live_fixture.hpp"

namespace dbnloop {
namespace {

using test::Header;
using test::Trades;

class LiveMany : public test::LiveFixture {};

// One that looks a name up at a server that never answers, one that connects to an
// address that never answers, and two that are served, 25 times over.
TEST_F(LiveMany, FiftyThatHangDoNotDelayFiftyOthers) {
  constexpr std::uint32_t kRecords = 200;
  constexpr int kEach = 25;
  test::DnsServer silent{&reactor_};
  silent.mode = test::DnsServer::Mode::Silent;
  test::DnsServer names{&reactor_};
  names.a = {"127.0.0.1"};
  const auto full = test::Listen(0, "127.0.0.9");
  const int full_port = test::PortOf(full.get());
  const test::ConnectAttempts fill{full_port, 3, "127.0.0.9"};

  struct Member {
    std::unique_ptr<test::ScriptedGateway> gateway;
    std::unique_ptr<LiveClient> client;
    std::uint32_t next = 0;
    Error end;
  };
  std::vector<Member> hanging(2 * kEach);
  std::vector<Member> served(2 * kEach);
  const auto make = [&](Member& member, const std::string& servers) {
    member.client = std::make_unique<LiveClient>(
        &reactor_, std::string{test::kKey},
        LiveOptions{.dataset = "GLBX.MDP3", .name_servers = servers});
    member.client->OnRecord([&](const TradeMsg& m) {
      EXPECT_EQ(m.sequence, member.next) << "each once and in order";
      ++member.next;
    });
    member.client->OnError([&](const Error& e) { member.end = e; });
    SubscribeTrades(*member.client);
    member.client->Start();
  };
  for (int i = 0; i < 2 * kEach; ++i) {
    auto& hung = hanging[static_cast<std::size_t>(i)];
    make(hung, silent.Endpoint());
    i % 2 == 0 ? hung.client->Connect("hang.example.com", 13000)
               : hung.client->Connect("127.0.0.9", full_port);
    auto& good = served[static_cast<std::size_t>(i)];
    make(good, names.Endpoint());
    good.gateway = std::make_unique<test::ScriptedGateway>(&reactor_);
    good.gateway->on_start = Header() + Trades(0, kRecords);
    good.client->Connect("gateway.example.com", good.gateway->port());
  }

  // The clock stands still: nothing that hangs can have come to its end.
  ASSERT_TRUE(Until([&] {
    return std::ranges::all_of(served,
                               [](const Member& m) { return m.next == kRecords; });
  }));
  for (auto& member : hanging) {
    EXPECT_FALSE(member.end);
    EXPECT_EQ(member.client->GetState(), LiveClient::State::Connecting);
  }

  // Then their time passes, and the others still stream.
  Advance(std::chrono::seconds{6});
  Advance(std::chrono::seconds{6});
  for (std::size_t i = 0; i < hanging.size(); ++i) {
    EXPECT_EQ(hanging[i].end.code,
              i % 2 == 0 ? ErrorCode::DnsResolutionFailed : ErrorCode::Timeout)
        << hanging[i].end.message;
  }
  for (auto& member : served) member.gateway->Send(Trades(kRecords, 1));
  EXPECT_TRUE(Until([&] {
    return std::ranges::all_of(served,
                               [](const Member& m) { return m.next == kRecords + 1; });
  }));
}

// A loop that its user kept busy for an hour reads what came meanwhile before it calls
// anybody silent.
TEST_F(LiveMany, ALoopThatWasBusyTakesNoneOfThemForSilent) {
  struct Member {
    std::unique_ptr<test::ScriptedGateway> gateway;
    std::unique_ptr<LiveClient> client;
  };
  std::vector<Member> members(100);
  std::size_t records = 0;
  for (auto& [gateway, client] : members) {
    gateway = std::make_unique<test::ScriptedGateway>(&reactor_);
    gateway->on_start = Header();
    client = Make();
    client->OnRecord([&](const TradeMsg&) { ++records; });
    client->Connect("127.0.0.1", gateway->port());
    SubscribeTrades(*client);
    client->Start();
  }
  ASSERT_TRUE(Until([&] {
    return std::ranges::all_of(members, [](const Member& m) {
      return m.client->GetState() == LiveClient::State::Streaming && m.gateway->started;
    });
  }));
  Settle();
  for (auto& member : members) member.gateway->Send(Trades(0, 1));
  Advance(std::chrono::hours{1});
  EXPECT_EQ(records, members.size());
  EXPECT_TRUE(errors_.empty()) << errors_.size() << ": " << errors_[0].message;
}

}  // namespace
}  // namespace dbnloop
