// The library starts no thread, and nobody on its behalf does.

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>

#include "dbnloop/live_client.hpp"
#include "support/dns_server.hpp"
#include "support/historical_fixture.hpp"

namespace dbnloop {
namespace {

using test::Header;
using test::Trades;

class Threads : public test::HistoricalFixture {
 protected:
  static std::ptrdiff_t Count() {
    return std::distance(std::filesystem::directory_iterator{"/proc/self/task"},
                         std::filesystem::directory_iterator{});
  }
  /// Turns until `done`; no turn may leave another thread behind.
  template <typename F>
  bool UntilAlone(F&& done) {
    return Until([&] {
      EXPECT_EQ(Count(), before_);
      return HasFailure() || done();
    });
  }

  const std::ptrdiff_t before_ = Count();  // a sanitizer has one of its own
  test::DnsServer names_{&reactor_};
};

TEST_F(Threads, ALiveSessionByNameStartsNone) {
  names_.a = {"127.0.0.1"};
  test::ScriptedGateway gateway{&reactor_};
  gateway.on_start = test::Zstd(Header() + Trades(0, 100));
  LiveClient client{&reactor_,
                    std::string{test::kKey},
                    {.dataset = "GLBX.MDP3",
                     .compression = Compression::Zstd,
                     .name_servers = names_.Endpoint()}};
  std::uint32_t records = 0;
  client.OnRecord([&](const TradeMsg&) { ++records; });
  client.Connect("gateway.example.com", gateway.port());
  client.Subscribe("GLBX.MDP3", "ESM5", Schema::Trades);
  client.Start();
  EXPECT_TRUE(UntilAlone([&] { return records == 100; }));
}

TEST_F(Threads, AHistoricalStreamByNameStartsNone) {
  names_.a = {"127.0.0.1"};
  test::ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return test::HttpAnswer{
        test::ScriptedHttpServer::Chunked(test::Zstd(Header() + Trades(0, 100)), 1000)};
  };
  auto options = Options(server);
  options.url = server.Url("hist.example.com");
  options.name_servers = names_.Endpoint();
  const auto client = Make(options);
  RequestTrades(*client);
  client->Start();
  EXPECT_TRUE(UntilAlone([&] { return completed_ == 1; }));
  EXPECT_EQ(sequences_.size(), 100U);
}

}  // namespace
}  // namespace dbnloop
