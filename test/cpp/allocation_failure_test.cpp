// Memory that cannot be had: each allocation of a session fails in turn. What came
// before stands, the failure is told (by bad_alloc to the caller, or by an error),
// nothing is left behind, and whoever goes on polling gets to an end.

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../../capi/src/handles.hpp"
#include "dbnloop.h"
#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/live_client.hpp"
#include "proto/gateway_session.hpp"
#include "support/allocations.hpp"
#include "support/continuous_fixture.hpp"
#include "support/dns_server.hpp"
#include "support/historical_fixture.hpp"
#include "support/scripted_gateway.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using test::FailingAllocation;
using test::Header;
using test::Trades;

constexpr std::uint32_t kTrades = 50;

class AllocationFailure : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::kCountsAllocations) {
      GTEST_SKIP() << "a sanitizer has its own allocator";
    }
  }
  // What a run saw.
  struct Seen {
    std::vector<std::uint32_t> sequences;
    std::vector<Error> errors;
    int bad_allocs = 0;
    [[nodiscard]] bool Ended() const {
      return !errors.empty() || sequences.size() == kTrades;
    }
  };
  static void Check(const Seen& seen, std::size_t nth) {
    EXPECT_TRUE(seen.Ended() || seen.bad_allocs != 0)
        << "stuck behind allocation " << nth << " after " << seen.sequences.size()
        << " records";
    EXPECT_LE(seen.errors.size(), 1U) << nth;
    for (std::uint32_t i = 0; i < seen.sequences.size(); ++i) {
      ASSERT_EQ(seen.sequences[i], i) << "allocation " << nth;
    }
    if (seen.errors.empty() && seen.bad_allocs == 0) {
      EXPECT_EQ(seen.sequences.size(), kTrades) << nth;
    }
  }
  // Runs with the first allocation failing, then the second, until there are no more.
  template <typename Run>
  static std::size_t ForEach(Run&& run) {
    for (std::size_t nth = 1;; ++nth) {
      FailingAllocation failing{nth};
      run(failing, nth);
      if (testing::Test::HasFatalFailure() || !failing.Happened()) return nth - 1;
    }
  }

  // A session on a reactor of its own, whose peer lives on another: the peer's memory
  // never fails. Gives the number of allocations.
  template <typename Client, typename Make, typename Begin>
  static std::size_t Sessions(Reactor& others, Make&& make, Begin&& begin) {
    const auto fds = test::OpenFds();
    return ForEach([&](FailingAllocation& failing, std::size_t nth) {
      Seen seen;
      seen.sequences.reserve(kTrades);
      seen.errors.reserve(4);
      std::unique_ptr<Reactor> reactor;
      std::unique_ptr<Client> client;
      auto now = Reactor::Clock::now();
      const auto attempt = [&](auto&& f) {
        try {
          failing.In(f);
        } catch (const std::bad_alloc&) {
          ++seen.bad_allocs;
        } catch (const Exception& e) {
          seen.errors.push_back(e.error());
        }
      };
      attempt([&] {
        reactor = std::make_unique<Reactor>();
        reactor->SetClockForTest([&now] { return now; });
        client = make(reactor.get());
        client->OnError([&](const Error& e) { seen.errors.push_back(e); });
        client->OnRecord(
            [&](const TradeMsg& m) { seen.sequences.push_back(m.sequence); });
        begin(*client);
      });
      // A session whose beginning failed is not waited for.
      const bool began = seen.bad_allocs == 0 && seen.errors.empty();
      for (int i = 0; began && i < 2000 && !seen.Ended(); ++i) {
        others.Poll(0);
        attempt([&] { reactor->Poll(i < 20 ? 1 : 0); });
        if (i >= 20) now += std::chrono::seconds{1};  // what is stuck times out
      }
      EXPECT_TRUE(!began || seen.Ended()) << "stuck behind allocation " << nth;
      Check(seen, nth);
      // What goes needs no memory: a destructor that throws ends the process.
      FailingAllocation{1}.In([&] {
        client.reset();
        reactor.reset();
      });
      for (int i = 0; i < 100 && test::OpenFds() != fds; ++i) others.Poll(1);
      ASSERT_EQ(test::OpenFds(), fds) << nth;
    });
  }
};

TEST_F(AllocationFailure, InTheParser) {
  Metadata metadata = *Metadata::Decode(test::AsBytes(Header()));
  for (int i = 0; i < 2000; ++i) metadata.symbols.push_back("SYM" + std::to_string(i));
  const auto encoded = *EncodeMetadata(metadata);
  const std::string large{reinterpret_cast<const char*>(encoded.data()),
                          encoded.size()};
  for (const auto& header : {Header(), large}) {
    const auto stream = header + Trades(0, kTrades);
    const auto count = ForEach([&](FailingAllocation& failing, std::size_t nth) {
      Seen seen;
      failing.In([&] {
        try {
          ParserOptions options;
          options.buffer_size = 16 * 1024;
          DbnParser parser{options};
          auto rest = test::AsBytes(stream);
          while (!rest.empty() && !parser.error()) {
            rest = rest.subspan(parser.Push(rest));
            while (const auto record = parser.Pull()) {
              seen.sequences.push_back(record->Get<TradeMsg>().sequence);
            }
          }
          if (parser.error()) seen.errors.push_back(parser.error());
        } catch (const std::bad_alloc&) {
          ++seen.bad_allocs;
        }
      });
      Check(seen, nth);
    });
    EXPECT_GT(count, 5U);
  }
}

// What could not be added is not watched, and taking away needs no memory.
TEST_F(AllocationFailure, InTheReactor) {
  const auto count = ForEach([&](FailingAllocation& failing, std::size_t nth) {
    Reactor reactor;
    std::vector<test::SocketPair> pairs(20);
    for (auto& pair : pairs) {
      const int fd = pair.a.get();
      try {
        failing.In([&] { reactor.Add(fd, EPOLLIN, [](std::uint32_t) {}); });
      } catch (const std::bad_alloc&) {
        EXPECT_FALSE(reactor.Contains(fd)) << nth;
        reactor.Add(fd, EPOLLIN, [](std::uint32_t) {});
      }
      Reactor::TimerId timer = 0;
      try {
        failing.In([&] { timer = reactor.After({}, [] { FAIL(); }); });
      } catch (const std::bad_alloc&) {
      }
      FailingAllocation{1}.In([&] {
        reactor.Cancel(timer);
        reactor.Remove(fd);
        reactor.Remove(fd);
      });
      test::Write(pair.b.get(), "x");
    }
    EXPECT_EQ(reactor.Poll(0), 0) << nth;
    for (auto& pair : pairs) {
      reactor.Add(pair.a.get(), EPOLLIN, [](std::uint32_t) {});
    }
    FailingAllocation{1}.In([&] {
      for (auto& pair : pairs) reactor.Remove(pair.a.get());
    });
    EXPECT_EQ(reactor.Poll(0), 0) << nth;
  });
  EXPECT_GT(count, 20U);
}

// A client that could not be made leaves nothing of it in its reactor.
TEST_F(AllocationFailure, InClientsOfTheCApi) {
  const auto make = [&](auto create, auto free) {
    return ForEach([&](FailingAllocation& failing, std::size_t nth) {
      dbnloop_reactor* reactor = nullptr;
      ASSERT_EQ(dbnloop_reactor_new(&reactor, nullptr), DBNLOOP_OK);
      decltype(free(nullptr), create(reactor).second) client = nullptr;
      dbnloop_status status = DBNLOOP_OK;
      failing.In([&] { std::tie(status, client) = create(reactor); });
      EXPECT_EQ(status, failing.Happened() ? DBNLOOP_OUT_OF_MEMORY : DBNLOOP_OK) << nth;
      EXPECT_EQ(reactor->sources.size(), client == nullptr ? 0U : 1U) << nth;
      free(client);
      dbnloop_reactor_free(reactor);
    });
  };
  EXPECT_GT(make(
                [](dbnloop_reactor* reactor) {
                  dbnloop_live* client = nullptr;
                  const auto status = dbnloop_live_new(reactor, test::kKey.data(), 32,
                                                       nullptr, &client, nullptr);
                  return std::pair{status, client};
                },
                dbnloop_live_free),
            10U);
  EXPECT_GT(make(
                [](dbnloop_reactor* reactor) {
                  dbnloop_file* file = nullptr;
                  const auto status =
                      dbnloop_file_new(reactor, "-", 1, nullptr, &file, nullptr);
                  return std::pair{status, file};
                },
                dbnloop_file_free),
            10U);
}

TEST_F(AllocationFailure, InALiveSession) {
  Reactor others;
  test::DnsServer names{&others};
  names.a = {"127.0.0.1"};
  test::ScriptedGateway gateway{&others};
  const auto stream = Header() + Trades(0, kTrades);
  for (const auto* host : {"127.0.0.1", "gateway.example.com"}) {
    SCOPED_TRACE(host);
    const bool by_name = host[0] == 'g';
    gateway.on_start = by_name ? test::Zstd(stream) : stream;
    const auto count = Sessions<LiveClient>(
        others,
        [&](Reactor* reactor) {
          LiveOptions options;
          options.dataset = "GLBX.MDP3";
          options.name_servers = names.Endpoint();
          if (by_name) options.compression = Compression::Zstd;
          return std::make_unique<LiveClient>(reactor, std::string{test::kKey},
                                              options);
        },
        [&](LiveClient& client) {
          client.Connect(host, gateway.port());
          client.Subscribe("GLBX.MDP3", "ESM5,NQM5", Schema::Trades);
          client.Unsubscribe("GLBX.MDP3", "NQM5", Schema::Trades);
          client.Start();
        });
    EXPECT_GT(count, 50U);
  }
}

// A request is queued and in the set of subscriptions, or neither.
TEST_F(AllocationFailure, InARequestToTheGateway) {
  const std::string gateway = "lsg\ncram=a\nsuccess=1\n";
  const Subscription all{.dataset = {}, .symbols = {"ALL_SYMBOLS"}, .start = {}};
  const Unsubscription some{
      .dataset = {}, .symbols = std::vector<std::string>(600, std::string(40, 'A'))};
  for (const bool accepted : {false, true}) {
    const auto count = ForEach([&](FailingAllocation& failing, std::size_t nth) {
      LiveOptions options;
      options.dataset = "GLBX.MDP3";
      proto::GatewaySession session{base::ToSecret(std::string{test::kKey}), options};
      if (accepted) session.Receive(std::as_bytes(std::span{gateway}));
      std::size_t made = 0;
      try {
        failing.In([&] {
          session.Subscribe(all);
          ++made;
          session.Unsubscribe(some);
          ++made;
        });
      } catch (const std::bad_alloc&) {
        EXPECT_TRUE(failing.Happened());
      }
      if (!accepted) session.Receive(std::as_bytes(std::span{gateway}));
      const auto lines = std::ranges::count(session.Output(), '\n');
      EXPECT_EQ(lines, made == 0 ? 1 : made == 1 ? 2 : 4) << "allocation " << nth;
      EXPECT_EQ(session.subscriptions().Effective().size(), made) << nth;
    });
    EXPECT_GT(count, 4U);
  }
}

TEST_F(AllocationFailure, InAHistoricalStream) {
  Reactor others;
  test::ScriptedHttpServer server{&others};
  server.answer = [](const std::string&) {
    return test::HttpAnswer{test::ScriptedHttpServer::Chunked(
        test::Zstd(Header() + Trades(0, kTrades)), 100)};
  };
  const auto count = Sessions<HistoricalClient>(
      others,
      [&](Reactor* reactor) {
        HistoricalOptions options;
        options.url = server.Url();
        options.proxy = "";
        return std::make_unique<HistoricalClient>(reactor, std::string{test::kKey},
                                                  options);
      },
      [&](HistoricalClient& client) {
        client.Request("GLBX.MDP3", "ESM5", Schema::Trades, UnixNanos{},
                       UnixNanos{std::chrono::hours{1}});
        client.Start();
      });
  EXPECT_GT(count, 50U);
}

// Memory that fails at a break, in a replay, and in what follows.
TEST_F(AllocationFailure, InAContinuousStream) {
  Reactor others;
  std::vector<test::MarketGateway::Event> events;
  for (std::uint32_t i = 0; i < kTrades; ++i) {
    events.push_back(test::TradeEvent(i, test::kBegin + i));
  }
  test::MarketGateway gateway{&others, std::move(events)};
  const auto count = Sessions<ContinuousClient>(
      others,
      [&](Reactor* reactor) {
        gateway.present = 5;
        gateway.sessions = {{.live = 20, .away = 10, .cut = 1'000}, {.live = SIZE_MAX}};
        ContinuousOptions options;
        options.live.dataset = "GLBX.MDP3";
        options.live.buffer_size = 16 * 1024;
        options.gateway = "127.0.0.1";
        options.port = gateway.port();
        options.replay_limit = std::chrono::years{50};
        return std::make_unique<ContinuousClient>(reactor, std::string{test::kKey},
                                                  options);
      },
      [&](ContinuousClient& client) {
        client.Subscribe({.dataset = "GLBX.MDP3",
                          .schema = Schema::Trades,
                          .symbols = {std::string{kAllSymbols}},
                          .start = UnixNanos{UnixNanos::duration{test::kBegin}}});
        client.Start();
      });
  EXPECT_GT(count, 100U);
}

}  // namespace
}  // namespace dbnloop
