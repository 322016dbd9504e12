// The process is away for longer than every limit, once, at each turn of a session in
// which everything else goes well. Its peers are not: what they say lies in the
// sockets. Nothing may end whose bytes are there.

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <tuple>

#include "dbnloop/historical_client.hpp"
#include "dbnloop/live_client.hpp"
#include "support/dbn.hpp"
#include "support/dns_server.hpp"
#include "support/epoll_wait.hpp"
#include "support/historical_fixture.hpp"
#include "support/scripted_gateway.hpp"
#include "support/scripted_http_server.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kStreamed = 2000;
constexpr auto kAway = 10min;

enum class Away {
  Stopped,       // epoll_wait is interrupted, as by SIGSTOP and SIGCONT
  Busy,          // between two turns
  Threw,         // a callback throws before, and leaves the rest of its batch
  HandlerThrew,  // so does a handler of records
  Resumed,       // the source was paused, and resumed before
};
constexpr const char* kAways[] = {"Stopped", "Busy", "Threw", "HandlerThrew",
                                  "Resumed"};

enum class StreamKind { Live, LiveZstd, LiveByName, Http, Https, Proxied, Download };
constexpr const char* kKinds[] = {"Live",  "LiveZstd", "LiveByName", "Http",
                                  "Https", "Proxied",  "Download"};

struct World {
  World() {
    reactor.SetClockForTest([this] { return now; });
  }
  Reactor::Clock::time_point now = Reactor::Clock::now();
  Reactor others;  // the peers', who are never away
  Reactor reactor;

  void SettleOthers() {
    for (int quiet = 0; quiet < 3;) quiet = others.Poll(0) == 0 ? quiet + 1 : 0;
  }
  void GoAway() {
    SettleOthers();
    now += kAway;
  }
};

// A client with its peer, and what came of it.
class Session {
 public:
  virtual ~Session() = default;
  virtual DataSource* source() = 0;
  [[nodiscard]] virtual bool Over() const = 0;
  virtual void Check() const = 0;

  bool throws = false;  // the next record's handler

 protected:
  void Watch(DataSource& source) {
    source.OnRecord([this](const TradeMsg& m) {
      sequences_.push_back(m.sequence);
      if (std::exchange(throws, false)) throw std::runtime_error{"mine"};
    });
    source.OnError([this](const Error& e) { errors_.push_back(e); });
  }
  void CheckRecords() const {
    for (const auto& error : errors_) ADD_FAILURE() << error.message;
    ASSERT_EQ(sequences_.size(), kStreamed);
    for (std::uint32_t i = 0; i < kStreamed; ++i) ASSERT_EQ(sequences_[i], i);
  }

  std::vector<std::uint32_t> sequences_;
  std::vector<Error> errors_;
};

class LiveSession final : public Session {
 public:
  LiveSession(World& world, Compression compression, bool by_name)
      : dns_{&world.others},
        gateway_{&world.others},
        client_{&world.reactor,
                std::string{test::kKey},
                {.dataset = "GLBX.MDP3",
                 .heartbeat_interval = 5s,
                 .heartbeat_grace = 0ms,
                 .compression = compression,
                 .connect_timeout = 1s,
                 .resolve_timeout = 1s,
                 .auth_timeout = 1s,
                 .ack_timeout = 1s,
                 .name_servers = by_name ? dns_.Endpoint() : ""}} {
    dns_.a = {"127.0.0.1"};
    gateway_.on_start =
        test::Header() + test::Trades(0, kStreamed) + test::SubscriptionAck(1);
    if (compression == Compression::Zstd) {
      gateway_.on_start = test::Zstd(gateway_.on_start);
    }
    Watch(client_);
    client_.OnSessionEvent(
        [this](const SessionEvent& e) { events_.push_back(e.kind); });
    client_.Subscribe("GLBX.MDP3", "ESM5", Schema::Trades);
    client_.Connect(by_name ? "gateway.test" : "127.0.0.1", gateway_.port());
    client_.Start();
  }
  DataSource* source() override { return &client_; }
  [[nodiscard]] bool Over() const override {
    return !errors_.empty() || !events_.empty();
  }
  void Check() const override {
    CheckRecords();
    EXPECT_THAT(events_, testing::ElementsAre(SessionEvent::Kind::SubscriptionAck));
  }

 private:
  test::DnsServer dns_;
  test::ScriptedGateway gateway_;
  LiveClient client_;
  std::vector<SessionEvent::Kind> events_;
};

const test::TempFolder& Folder() {
  static const test::TempFolder folder;
  return folder;
}

const test::Identity& Server() {
  static const test::Identity server = [] {
    const auto ca = test::MakeIdentity({.name = "test authority", .authority = true});
    Folder().Write("ca.pem", ca.Pem());
    return test::MakeIdentity({.name = "good", .alternative_names = "IP:127.0.0.1"},
                              &ca);
  }();
  return server;
}

class HistoricalSession final : public Session {
 public:
  HistoricalSession(World& world, StreamKind kind)
      : download_{kind == StreamKind::Download},
        server_{&world.others, kind == StreamKind::Http ? nullptr : &Server()} {
    body_ = test::Zstd(test::Header() + test::Trades(0, kStreamed));
    server_.proxy = kind == StreamKind::Proxied;
    server_.answer = [this](const std::string&) {
      return test::HttpAnswer{.bytes = test::ScriptedHttpServer::Chunked(body_, 500),
                              .piece = 700};
    };
    HistoricalOptions options;
    options.url = server_.Url();
    options.ca_file = Folder().Path("ca.pem");
    options.proxy =
        server_.proxy ? "http://127.0.0.1:" + std::to_string(server_.port()) : "";
    for (auto* limit :
         {&options.connect_timeout, &options.resolve_timeout, &options.tls_timeout,
          &options.response_timeout, &options.idle_timeout}) {
      *limit = 1s;
    }
    client_ = std::make_unique<HistoricalClient>(&world.reactor,
                                                 std::string{test::kKey}, options);
    Watch(*client_);
    client_->OnComplete([this] { complete_ = true; });
    if (download_) {
      Download();
    } else {
      client_->Request("GLBX.MDP3", "ESM5", Schema::Trades, UnixNanos{},
                       UnixNanos{std::chrono::hours{1}});
      client_->Start();
    }
  }
  // A download is not paused.
  DataSource* source() override { return download_ ? nullptr : client_.get(); }
  [[nodiscard]] bool Over() const override {
    return complete_ || !errors_.empty() || result_;
  }
  void Check() const override {
    if (!download_) return CheckRecords();
    ASSERT_TRUE(*result_) << result_->error().message;
    EXPECT_EQ(Folder().Read("file"), body_);
  }

 private:
  void Download() {
    DownloadRequest request;
    request.url_path = "/v0/batch/download/file";
    request.path = Folder().Path("file");
    request.overwrite = true;
    client_->Download(
        request,
        [this](const DownloadProgress&) {
          if (std::exchange(throws, false)) throw std::runtime_error{"mine"};
        },
        [this](auto result) { result_ = std::move(result); });
  }

  bool download_;
  std::string body_;
  test::ScriptedHttpServer server_;
  std::unique_ptr<HistoricalClient> client_;
  bool complete_ = false;
  std::optional<std::expected<DownloadResult, Error>> result_;
};

class Absence : public testing::TestWithParam<std::tuple<StreamKind, Away>> {
 protected:
  static std::unique_ptr<Session> Make(World& world, StreamKind kind) {
    switch (kind) {
      case StreamKind::Live:
        return std::make_unique<LiveSession>(world, Compression::None, false);
      case StreamKind::LiveZstd:
        return std::make_unique<LiveSession>(world, Compression::Zstd, false);
      case StreamKind::LiveByName:
        return std::make_unique<LiveSession>(world, Compression::None, true);
      default:
        return std::make_unique<HistoricalSession>(world, kind);
    }
  }

  static void Turn(World& world) {
    try {
      world.reactor.Poll(0);
    } catch (const std::runtime_error&) {
    }
  }

  // Runs a session that is away in turn `at`; false when it was over before.
  static bool AwayAt(int at) {
    const auto [kind, away] = GetParam();
    World world;
    const auto session = Make(world, kind);
    test::SocketPair throwers[2];
    for (auto& pair : throwers) {
      world.reactor.Add(pair.a.get(), EPOLLIN, [&](std::uint32_t) {
        test::ReadAll(pair.a.get());
        throw std::runtime_error{"mine"};
      });
    }
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    bool went = false;
    for (int turn = 0; !session->Over(); ++turn) {
      if (std::chrono::steady_clock::now() > give_up) {
        ADD_FAILURE() << "it does not end";
        return false;
      }
      world.others.Poll(0);
      if (turn != at) {
        const bool armed = session->throws;
        Turn(world);
        if (armed && !session->throws) world.GoAway();
        continue;
      }
      went = true;
      switch (away) {
        case Away::Stopped:
          test::InterruptNextEpollWait([&] { world.GoAway(); });
          break;
        case Away::Busy:
          world.GoAway();
          break;
        case Away::Threw:
          for (auto& pair : throwers) test::Write(pair.b.get(), "x");
          Turn(world);
          world.GoAway();
          break;
        case Away::HandlerThrew:
          session->throws = true;
          break;
        case Away::Resumed:
          if (session->source() == nullptr) return false;
          session->source()->Pause();
          world.SettleOthers();
          for (int i = 0; i < 3; ++i) Turn(world);
          session->source()->Resume();
          world.GoAway();
          break;
      }
      Turn(world);
    }
    session->Check();
    return went;
  }
};

TEST_P(Absence, AtAnyTurnEndsNothingWhoseBytesAreThere) {
  int at = 0;
  while (AwayAt(at) && !HasFailure()) ++at;
  EXPECT_FALSE(HasFailure()) << "away in turn " << at;
  if (std::get<1>(GetParam()) != Away::Resumed) {
    EXPECT_GE(at, 4) << "turns";
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Absence,
    testing::Combine(testing::Values(StreamKind::Live, StreamKind::LiveZstd,
                                     StreamKind::LiveByName, StreamKind::Http,
                                     StreamKind::Https, StreamKind::Proxied,
                                     StreamKind::Download),
                     testing::Values(Away::Stopped, Away::Busy, Away::Threw,
                                     Away::HandlerThrew, Away::Resumed)),
    [](const auto& param) {
      return std::string{kKinds[static_cast<int>(std::get<0>(param.param))]} +
             kAways[static_cast<int>(std::get<1>(param.param))];
    });

}  // namespace
}  // namespace dbnloop
