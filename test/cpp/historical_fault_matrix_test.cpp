// Every state of a historical stream × every fault, with TLS and without: the right
// error, once; every whole record before it, once and in order; no fd left, no spin;
// the client usable again; the reactor and its other clients unharmed.

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/historical_faults.hpp"
#include "support/historical_fixture.hpp"

namespace dbnloop::test::historical_faults {
namespace {

using namespace std::chrono_literals;
using Then = HttpAnswer::Then;

std::string Chunk(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string size;
  for (auto n = bytes.size(); n != 0; n /= 16) size.insert(0, 1, kHex[n % 16]);
  return size + "\r\n" + std::string{bytes} + "\r\n";
}

// A response without a fault, and where its parts end.
struct Response {
  std::string bytes;
  std::map<At, std::size_t> ends;

  Response() {
    bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    ends[At::Requested] = 0;
    ends[At::InHead] = bytes.size() / 2;
    ends[At::Head] = bytes.size();
    const auto header = Header();
    const auto records = Trades(kBefore, kInAll - kBefore);
    constexpr std::size_t kPart = 20;
    bytes += Chunk(test::Zstd(header.substr(0, header.size() / 2)));
    ends[At::InMetadata] = bytes.size();
    bytes += Chunk(test::Zstd(header.substr(header.size() / 2) + Trades(0, kBefore)));
    ends[At::Streaming] = bytes.size();
    bytes += Chunk(test::Zstd(records.substr(0, kPart)));
    ends[At::InRecord] = bytes.size();
    const auto rest = test::Zstd(records.substr(kPart));
    const auto chunk = Chunk(rest.substr(0, rest.size() / 2));
    ends[At::InChunkLine] = bytes.size() + 1;
    ends[At::InChunk] = bytes.size() + chunk.find('\n') + 3;
    bytes += chunk;
    ends[At::InZstd] = bytes.size();
    bytes += Chunk(rest.substr(rest.size() / 2));
    ends[At::Paused] = bytes.size();
    bytes += "0\r\n\r\n";
    ends[At::InLastChunk] = bytes.size() - 2;
  }
};

class HistoricalFaultMatrix : public test::FaultMatrix<test::HistoricalFixture, Cell> {
 protected:
  HistoricalFaultMatrix() {
    server_.answer = [](const std::string&) { return test::HttpAnswer{}; };
  }

  void MakeClient() {
    auto options = Options(server_);
    const auto at = GetParam().at;
    if (at == At::Connecting) {
      options.url =
          std::string{"https://"} + kFullHost + ":" + std::to_string(full_port_);
    }
    if (at == At::Resolving) {
      names_.mode = test::DnsServer::Mode::Keep;
      options.url = server_.Url("hist.example.com");
      options.name_servers = names_.Endpoint();
    }
    if (InProxy(at)) {
      options.proxy = "http://127.0.0.1:" + std::to_string(server_.port());
      server_.proxy = true;
    }
    client_ = Make(options);
    client_->OnRecord([this](const TradeMsg& m) {
      sequences_.push_back(m.sequence);
      Act();
    });
    RequestTrades(*client_);
  }

  void SayUpTo(std::size_t end, std::size_t piece = 0) {
    server_.Send(std::string_view{response_.bytes}.substr(said_, end - said_), piece);
    said_ = end;
  }

  bool Reach(At at) {
    if (BeforeTls(at) && at != At::Resolving) server_.Allow(0);
    client_->Start();
    switch (at) {
      case At::Resolving:
        return Until([&] { return names_.Kept() == 2; });
      case At::Connecting:
        Turn();
        return errors_.empty();
      case At::Tunnel:
      case At::InTunnel:
        if (!Until([&] { return server_.requests.size() == 1; })) return false;
        if (at == At::InTunnel) server_.Allow(9);
        Turn();
        return true;
      case At::Handshake:
      case At::InHandshake:
        if (!Until([&] { return server_.Unsent() > 500; })) return false;
        if (at == At::InHandshake) server_.Allow(100);
        Turn();
        return true;
      default:
        break;
    }
    if (!Until([&] { return server_.requests.size() == 1; })) return false;
    const auto before = at == At::Paused ? At::Streaming : at;
    SayUpTo(response_.ends.at(before));
    const auto records = at == At::Paused ? kBefore : Delivered(at);
    if (!Until([&] { return sequences_.size() >= records; })) return false;
    if (at == At::Paused) {
      client_->Pause();
      SayUpTo(response_.ends.at(at));
    }
    Turn();
    return sequences_.size() == records;
  }

  // ---- The faults -------------------------------------------------------------------

  void SayTheRest(std::size_t piece = 0) {
    const auto at = GetParam().at;
    if (at == At::Resolving) names_.Answer();
    if (BeforeTls(at)) {
      server_.Allow(std::nullopt);
      const std::size_t requests = InProxy(at) ? 2 : 1;
      ASSERT_TRUE(Until(
          [&] { return server_.requests.size() == requests || !errors_.empty(); }));
    }
    SayUpTo(response_.bytes.size(), piece);
  }
  void SayAtLast(const std::string& bytes) {
    server_.Allow(std::nullopt);
    server_.Send(bytes);
    server_.End(Then::Close);
  }
  // Within TLS, or before it what the peer says in the clear.
  void SayInPlace(const std::string& bytes) {
    server_.Allow(std::nullopt);
    if (!BeforeTls(GetParam().at)) return SayAtLast(bytes);
    server_.SendRaw(bytes);
    server_.End(Then::Truncate);
  }
  // The peer's pending bytes are lost with it.
  void EndNow(Then then) {
    server_.Forget();
    server_.End(then);
  }

  void Commit(Fault fault) {
    const bool resolving = GetParam().at == At::Resolving;
    const auto garbage = test::hostile::Garbage();
    const auto endless = test::hostile::Endless();
    switch (fault) {
      case Fault::Fin:
        return EndNow(Then::Truncate);
      case Fault::CloseNotify:
        return server_.End(Then::Close);
      case Fault::Rst:
        return EndNow(Then::Reset);
      case Fault::Stall:
        return Wait(kLong);
      case Fault::ByteByByte:
        return SayTheRest(1);
      case Fault::InPieces:
        return SayTheRest(7);
      case Fault::SignalStorm:
        storm_.emplace();
        return SayTheRest(100);
      case Fault::NoFds:
        no_fds_.emplace();
        return SayTheRest();
      case Fault::Informational:
        server_.Send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: y\r\n\r\n");
        return SayTheRest();
      case Fault::Garbage:
        if (resolving) return AnswerNameWith(test::DnsServer::Mode::Garbage, kLong);
        return SayAtLast(garbage);
      case Fault::RawGarbage:
        server_.Forget();
        server_.Allow(std::nullopt);
        server_.SendRaw(garbage);
        return server_.End(Then::Truncate);
      case Fault::OtherProtocol:
        server_.Forget();
        return SayInPlace("SSH-2.0-OpenSSH_9.2\r\n");
      case Fault::Refused:
        if (resolving) return AnswerNameWith(test::DnsServer::Mode::NameError, 0s);
        server_.Forget();
        return SayInPlace(ScriptedHttpServer::Response(500, "{}"));
      case Fault::Redirect:
        server_.Forget();
        return SayInPlace(
            ScriptedHttpServer::Response(302, "", "Location: https://x\r\n"));
      case Fault::EndlessHead:
        if (GetParam().at == At::InTunnel) {
          server_.Forget();
          return SayInPlace(" OK\r\nX: " + endless);
        }
        if (GetParam().at == At::InHead) return SayAtLast(endless);
        server_.Forget();
        return SayInPlace("HTTP/1.1 200 OK\r\nX: " + endless);
      case Fault::EndlessChunkLine:
        return SayAtLast("5;x=" + endless);
      case Fault::EndlessTrailer:
        return SayAtLast("0\r\nX: " + endless);
      case Fault::HugeChunk:
        return SayAtLast("fffffffffffffffff\r\n" + endless);
      case Fault::NotZstd:
        return SayAtLast(Chunk("plainly not"));
      case Fault::HugeMetadata:
        return SayAtLast(Chunk(test::Zstd(test::hostile::HugeMetadata())));
      case Fault::WrongVersion:
        return SayAtLast(Chunk(test::Zstd(test::hostile::WrongVersion())));
      case Fault::EmptyMetadata:
        return SayAtLast(Chunk(test::Zstd(test::hostile::EmptyMetadata())));
      case Fault::ZeroLength:
        return SayAtLast(Chunk(test::Zstd(test::hostile::ZeroLength())));
      case Fault::ShortRecord:
        return SayAtLast(Chunk(test::Zstd(test::hostile::ShortRecord())));
      case Fault::UserStops:
        return client_->Stop();
      case Fault::UserDestroys:
        return client_.reset();
      case Fault::HandlerStops:
        act_ = [this] { client_->Stop(); };
        return SayTheRest();
      case Fault::HandlerPauses:
        act_ = [this] {
          client_->Pause();
          reactor_.After({}, [this] { client_->Resume(); });
        };
        return SayTheRest();
      case Fault::HandlerDestroys:
        act_ = [this] { client_.reset(); };
        return SayTheRest();
      case Fault::HandlerThrows:
        act_ = Throw;
        return SayTheRest();
      case Fault::HandlerStarts:
        act_ = [this] {
          client_->Stop();
          sequences_.clear();
          Answer();
          client_->Start();
        };
        return SayTheRest();
    }
  }
  // From now on requests are answered at once.
  void Answer() {
    names_.mode = test::DnsServer::Mode::Answer;
    server_.Allow(std::nullopt);
    server_.answer = [this](const std::string&) {
      return test::HttpAnswer{response_.bytes};
    };
  }

  static constexpr auto kLong = 300s;  // longer than any timeout

  ScriptedHttpServer server_{&reactor_, GetParam().tls ? &good_ : nullptr};
  Response response_;
  std::unique_ptr<HistoricalClient> client_;
  std::size_t said_ = 0;
};

TEST_P(HistoricalFaultMatrix, EndsAsItMust) {
  const auto& [at, fault, name, tls] = GetParam();
  const auto expected = test::historical_faults::Expected(at, fault);

  // Another stream on the same reactor, which must not notice.
  ScriptedHttpServer other_server{&reactor_};
  other_server.answer = [](const std::string&) { return test::HttpAnswer{}; };
  std::vector<std::uint32_t> other_records;
  int other_completed = 0;
  auto other_options = Options(other_server);
  other_options.idle_timeout = 0s;
  HistoricalClient other{&reactor_, std::string{test::kKey}, other_options};
  other.OnRecord([&](const TradeMsg& m) { other_records.push_back(m.sequence); });
  other.OnComplete([&] { ++other_completed; });
  RequestTrades(other);
  other.Start();
  ASSERT_TRUE(Until([&] { return other_server.requests.size() == 1; }));
  const auto half = response_.ends.at(At::Streaming);
  other_server.Send(response_.bytes.substr(0, half));
  ASSERT_TRUE(Until([&] { return other_records.size() == kBefore; }));

  const auto fds = test::OpenFds();
  MakeClient();
  ASSERT_TRUE(Reach(at));
  ASSERT_TRUE(errors_.empty()) << errors_[0].message;
  Commit(fault);
  if (at == At::Paused && client_ != nullptr) {
    Turn();
    ASSERT_TRUE(errors_.empty() || fault == Fault::UserStops) << errors_[0].message;
    ASSERT_EQ(sequences_.size(), kBefore) << "came while it is paused";
    // A server that says a byte a turn keeps the loop busy.
    if (fault != Fault::ByteByByte && fault != Fault::InPieces) ExpectNoSpin();
    client_->Resume();
    if (fault == Fault::Stall) {
      ASSERT_TRUE(Until([&] { return sequences_.size() == kInAll; }));
      Wait(kLong);
    }
  }
  if (expected.end != Outcome::Gone) {
    ASSERT_TRUE(Until([&] { return completed_ != 0 || !errors_.empty(); }))
        << sequences_.size() << " records came";
  } else {
    ASSERT_TRUE(Until([&] { return client_ == nullptr; }));
  }
  EndAdversity();

  ExpectNoSpin();

  EXPECT_EQ(completed_, expected.end == Outcome::Completes ? 1 : 0);
  ASSERT_EQ(errors_.size(), expected.end == Outcome::Fails ? 1U : 0U)
      << (errors_.empty() ? "" : errors_[0].message);
  if (!errors_.empty()) {
    EXPECT_EQ(ToString(errors_[0].code), ToString(expected.code)) << errors_[0].message;
    const auto* const host = at == At::Resolving    ? "hist.example.com:"
                             : at == At::Connecting ? kFullHost
                                                    : "127.0.0.1";
    EXPECT_THAT(errors_[0].message, testing::HasSubstr(host));
    if (fault == Fault::Stall) {
      EXPECT_THAT(errors_[0].message, testing::HasSubstr(" ms"));
    }
  }
  EXPECT_EQ(sequences_.size(), expected.records + (fault == Fault::HandlerStops ||
                                                   fault == Fault::HandlerDestroys));
  EXPECT_EQ(sequences_, Numbers(0, static_cast<std::uint32_t>(sequences_.size())));

  // The client goes on, where there is a server.
  if (client_ != nullptr && at != At::Connecting) {
    Answer();
    sequences_.clear();
    completed_ = 0;
    client_->Start();
    ASSERT_TRUE(Until([&] { return completed_ == 1; }));
    EXPECT_EQ(sequences_, Numbers(0, kInAll));
  }

  client_.reset();
  ASSERT_TRUE(Until([&] { return server_.open() == 0; }));
  EXPECT_EQ(test::OpenFds(), fds);

  other_server.Send(response_.bytes.substr(half));
  EXPECT_TRUE(Until([&] { return other_completed == 1; }));
  EXPECT_EQ(other_records, Numbers(0, kInAll));
}

INSTANTIATE_TEST_SUITE_P(Cells, HistoricalFaultMatrix,
                         testing::ValuesIn(test::historical_faults::Cells()),
                         [](const auto& cell) { return cell.param.name; });

}  // namespace
}  // namespace dbnloop::test::historical_faults
