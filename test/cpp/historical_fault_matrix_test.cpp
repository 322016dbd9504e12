// Every state of a historical stream × every fault, with TLS and without: the right
// error, once; every whole record before it, once and in order; no fd left, no spin;
// the client usable again; the reactor and its other clients unharmed.

#include <gmock/gmock.h>

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/adversity.hpp"
#include "support/dns_server.hpp"
#include "support/historical_fixture.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Header;
using test::ScriptedHttpServer;
using test::Trades;
using Then = test::HttpAnswer::Then;

// Where the stream stands when the fault comes.
enum class At {
  Resolving,    // the name's server was asked and has not answered
  Connecting,   // to an address that does not answer
  Tunnel,       // a proxy was asked for one
  InTunnel,     // it has said half of its answer
  Handshake,    // the server has said nothing of TLS
  InHandshake,  // 100 bytes of it
  Requested,    // the request is with the server
  InHead,       // half of the response's head
  Head,         // all of it
  InMetadata,   // a frame of zstd with half of the header
  Streaming,    // the header and five records, in whole frames and chunks
  InRecord,     // a frame with a part of the sixth
  InChunkLine,  // and a part of the next chunk's size
  InChunk,      // that, and a part of the chunk
  InZstd,       // a chunk that ends within its frame
  InLastChunk,  // everything but the last two bytes
  Paused,       // five records delivered, all others sent
};

enum class Fault {
  Fin,
  CloseNotify,  // TLS says that nothing follows
  Rst,
  Stall,
  ByteByByte,     // the rest of the response, in order
  InPieces,       // the same, seven bytes a turn
  SignalStorm,    // the same, while signals interrupt system calls
  NoFds,          // the same, while no fd can be opened
  Informational,  // the same, after responses 100 and 103
  Garbage,        // bytes that are nothing, within TLS; no DNS
  RawGarbage,     // the same, on the wire
  OtherProtocol,
  Refused,   // status 500; no such name
  Redirect,  // elsewhere
  EndlessHead,
  EndlessChunkLine,
  EndlessTrailer,
  HugeChunk,
  NotZstd,
  HugeMetadata,
  WrongVersion,
  EmptyMetadata,
  ZeroLength,   // a record of no bytes
  ShortRecord,  // a record shorter than its header
  UserStops,
  UserDestroys,
  HandlerStops,
  HandlerPauses,
  HandlerDestroys,
  HandlerThrows,
  HandlerStarts,  // anew
};

constexpr std::array kStates = {std::pair{At::Resolving, "Resolving"},
                                std::pair{At::Connecting, "Connecting"},
                                std::pair{At::Tunnel, "Tunnel"},
                                std::pair{At::InTunnel, "InTunnel"},
                                std::pair{At::Handshake, "Handshake"},
                                std::pair{At::InHandshake, "InHandshake"},
                                std::pair{At::Requested, "Requested"},
                                std::pair{At::InHead, "InHead"},
                                std::pair{At::Head, "Head"},
                                std::pair{At::InMetadata, "InMetadata"},
                                std::pair{At::Streaming, "Streaming"},
                                std::pair{At::InRecord, "InRecord"},
                                std::pair{At::InChunkLine, "InChunkLine"},
                                std::pair{At::InChunk, "InChunk"},
                                std::pair{At::InZstd, "InZstd"},
                                std::pair{At::InLastChunk, "InLastChunk"},
                                std::pair{At::Paused, "Paused"}};
constexpr std::array kFaults = {std::pair{Fault::Fin, "Fin"},
                                std::pair{Fault::CloseNotify, "CloseNotify"},
                                std::pair{Fault::Rst, "Rst"},
                                std::pair{Fault::Stall, "Stall"},
                                std::pair{Fault::ByteByByte, "ByteByByte"},
                                std::pair{Fault::InPieces, "InPieces"},
                                std::pair{Fault::SignalStorm, "SignalStorm"},
                                std::pair{Fault::NoFds, "NoFds"},
                                std::pair{Fault::Informational, "Informational"},
                                std::pair{Fault::Garbage, "Garbage"},
                                std::pair{Fault::RawGarbage, "RawGarbage"},
                                std::pair{Fault::OtherProtocol, "OtherProtocol"},
                                std::pair{Fault::Refused, "Refused"},
                                std::pair{Fault::Redirect, "Redirect"},
                                std::pair{Fault::EndlessHead, "EndlessHead"},
                                std::pair{Fault::EndlessChunkLine, "EndlessChunkLine"},
                                std::pair{Fault::EndlessTrailer, "EndlessTrailer"},
                                std::pair{Fault::HugeChunk, "HugeChunk"},
                                std::pair{Fault::NotZstd, "NotZstd"},
                                std::pair{Fault::HugeMetadata, "HugeMetadata"},
                                std::pair{Fault::WrongVersion, "WrongVersion"},
                                std::pair{Fault::EmptyMetadata, "EmptyMetadata"},
                                std::pair{Fault::ZeroLength, "ZeroLength"},
                                std::pair{Fault::ShortRecord, "ShortRecord"},
                                std::pair{Fault::UserStops, "UserStops"},
                                std::pair{Fault::UserDestroys, "UserDestroys"},
                                std::pair{Fault::HandlerStops, "HandlerStops"},
                                std::pair{Fault::HandlerPauses, "HandlerPauses"},
                                std::pair{Fault::HandlerDestroys, "HandlerDestroys"},
                                std::pair{Fault::HandlerThrows, "HandlerThrows"},
                                std::pair{Fault::HandlerStarts, "HandlerStarts"}};

struct Cell {
  At at;
  Fault fault;
  bool tls;
  std::string name;
};
std::ostream& operator<<(std::ostream& out, const Cell& cell) {
  return out << cell.name;
}

constexpr std::uint32_t kBefore = 5;   // records that came before the fault
constexpr std::uint32_t kInAll = 200;  // records of a stream without a fault

// How a stream must end: complete, with an error, or (gone) without a word.
struct Outcome {
  enum { Fails, Completes, Gone } end = Completes;
  ErrorCode code = ErrorCode::None;
  std::uint32_t records = kInAll;
};

Outcome Fails(ErrorCode code, std::uint32_t records) {
  return {Outcome::Fails, code, records};
}

bool BeforeTls(At at) { return at <= At::InHandshake; }
bool InProxy(At at) { return at == At::Tunnel || at == At::InTunnel; }
// Where the next byte begins a chunk.
bool BeforeChunk(At at) {
  return at == At::Head || at == At::InMetadata || at == At::Streaming ||
         at == At::InRecord || at == At::InZstd || at == At::Paused;
}
std::uint32_t Delivered(At at) {
  if (at < At::Streaming) return 0;
  return at == At::InLastChunk || at == At::Paused ? kInAll : kBefore;
}

// What is not HTTP, or not this part of it.
ErrorCode AtNonsense(At at) {
  if (at == At::Resolving) return ErrorCode::DnsResolutionFailed;
  if (at == At::Handshake || at == At::InHandshake)
    return ErrorCode::TlsHandshakeFailed;
  return at == At::InChunk ? ErrorCode::DecompressionError : ErrorCode::HttpError;
}

Outcome Expected(At at, Fault fault) {
  const auto delivered = Delivered(at);
  switch (fault) {
    case Fault::Fin:
    case Fault::CloseNotify:
      if (InProxy(at)) return Fails(ErrorCode::ConnectionFailed, 0);
      [[fallthrough]];
    case Fault::Rst:
      return Fails(BeforeTls(at) && !InProxy(at) ? ErrorCode::TlsHandshakeFailed
                                                 : ErrorCode::ConnectionClosed,
                   delivered);
    case Fault::Stall:
      return Fails(
          at == At::Resolving ? ErrorCode::DnsResolutionFailed : ErrorCode::Timeout,
          delivered);
    case Fault::ByteByByte:
    case Fault::InPieces:
    case Fault::SignalStorm:
    case Fault::NoFds:
      if (at == At::Resolving && fault == Fault::NoFds) {
        return Fails(ErrorCode::ConnectionFailed, 0);
      }
      [[fallthrough]];
    case Fault::Informational:
    case Fault::HandlerPauses:
    case Fault::HandlerThrows:
    case Fault::HandlerStarts:
      return {};
    case Fault::RawGarbage:
      if (at >= At::Requested) return Fails(ErrorCode::ConnectionClosed, delivered);
      [[fallthrough]];
    case Fault::Garbage:
    case Fault::OtherProtocol:
      return Fails(AtNonsense(at), delivered);
    case Fault::Refused:
      if (at == At::Resolving) return Fails(ErrorCode::DnsResolutionFailed, 0);
      [[fallthrough]];
    case Fault::Redirect:
      return Fails(InProxy(at) ? ErrorCode::ConnectionFailed : ErrorCode::HttpError, 0);
    case Fault::EndlessHead:
    case Fault::EndlessChunkLine:
    case Fault::EndlessTrailer:
      return Fails(ErrorCode::LimitExceeded, delivered);
    case Fault::HugeChunk:
      return Fails(ErrorCode::HttpError, delivered);
    case Fault::NotZstd:
      return Fails(ErrorCode::DecompressionError, delivered);
    case Fault::HugeMetadata:
      return Fails(ErrorCode::LimitExceeded, 0);
    case Fault::WrongVersion:
    case Fault::EmptyMetadata:
    case Fault::ZeroLength:
    case Fault::ShortRecord:
      return Fails(ErrorCode::ParseError, delivered);
    case Fault::UserStops:
      return Fails(ErrorCode::Cancelled, at == At::Paused ? kBefore : delivered);
    case Fault::HandlerStops:
      return Fails(ErrorCode::Cancelled, delivered);
    case Fault::UserDestroys:
    case Fault::HandlerDestroys:
      return {Outcome::Gone, ErrorCode::None, at == At::Paused ? kBefore : delivered};
  }
  return {};
}

// What cannot be, or is another cell under another name.
bool MakesSense(At at, Fault fault, bool tls) {
  const bool in_handler = fault >= Fault::HandlerStops;
  const bool by_user = fault == Fault::UserStops || fault == Fault::UserDestroys;
  if (at == At::Connecting) return tls && (fault == Fault::Stall || by_user);
  if (at == At::Resolving) {
    const bool rest_follows = fault >= Fault::ByteByByte && fault <= Fault::NoFds;
    return fault == Fault::Stall || fault == Fault::Garbage ||
           fault == Fault::Refused || rest_follows || by_user || in_handler;
  }
  if (BeforeTls(at) && !tls) return false;
  switch (fault) {
    case Fault::CloseNotify:
      return tls && at >= At::Requested;
    case Fault::RawGarbage:
      return tls;
    case Fault::Garbage:
      return at >= At::Requested;
    case Fault::Informational:
      return at == At::Requested;
    case Fault::OtherProtocol:
    case Fault::Refused:
    case Fault::Redirect:
      return at == At::Requested || at == At::Tunnel;
    case Fault::EndlessHead:
      return at == At::Requested || at == At::InHead || InProxy(at);
    case Fault::EndlessChunkLine:
    case Fault::EndlessTrailer:
    case Fault::HugeChunk:
      return BeforeChunk(at);
    case Fault::NotZstd:
      return at == At::Head || at == At::Streaming || at == At::InRecord;
    case Fault::HugeMetadata:
    case Fault::WrongVersion:
    case Fault::EmptyMetadata:
      return at == At::Head;
    case Fault::ZeroLength:
    case Fault::ShortRecord:
      return at == At::Streaming;
    default:  // a handler acts in the next record, of which there must be one
      return !in_handler || (at != At::InLastChunk && at != At::Paused);
  }
}

std::vector<Cell> Cells() {
  std::vector<Cell> cells;
  for (const bool tls : {true, false}) {
    for (const auto& [at, state] : kStates) {
      for (const auto& [fault, name] : kFaults) {
        if (!MakesSense(at, fault, tls)) continue;
        cells.push_back({at, fault, tls,
                         std::string{tls ? "Tls_" : "Plain_"} + state + "_" + name});
      }
    }
  }
  return cells;
}

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

class HistoricalFaultMatrix : public test::HistoricalFixture,
                              public testing::WithParamInterface<Cell> {
 protected:
  HistoricalFaultMatrix() {
    names_.a = {"127.0.0.1"};
    server_.answer = [](const std::string&) { return test::HttpAnswer{}; };
  }

  void MakeClient() {
    auto options = Options(server_);
    const auto at = GetParam().at;
    if (at == At::Connecting) {
      options.url = "https://127.0.0.10:" + std::to_string(full_port_);
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
      if (auto act = std::exchange(act_, nullptr)) act();
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
  // Handlers may throw: the exception passes to the caller of Poll, who goes on.
  template <typename F>
  bool Until(F&& done) {
    for (;;) {
      try {
        return HistoricalFixture::Until(done);
      } catch (const std::runtime_error&) {
      }
    }
  }
  void Turn() {
    for (int i = 0; i < 5; ++i) {
      try {
        reactor_.Poll(1);
      } catch (const std::runtime_error&) {
      }
    }
  }

  // With nothing to do, a turn waits.
  void ExpectNoSpin() {
    int busy = 0;
    for (int i = 0; i < 10; ++i) busy += reactor_.Poll(1) > 0 ? 1 : 0;
    EXPECT_LE(busy, 5) << "turns that found something, of ten";
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

  void AnswerNameWith(test::DnsServer::Mode mode) {
    names_.mode = mode;
    names_.Answer();
    Turn();
    // Bytes that are nothing are no answer: the true one may follow.
    if (mode == test::DnsServer::Mode::Garbage) Wait();
  }

  void Commit(Fault fault) {
    const bool resolving = GetParam().at == At::Resolving;
    const auto garbage = "\xFF\xFE\x01\xFC" + std::string(4000, '\xF9') + "\n";
    const auto endless = std::string(1024 * 1024, 'a');
    switch (fault) {
      case Fault::Fin:
        return EndNow(Then::Truncate);
      case Fault::CloseNotify:
        return server_.End(Then::Close);
      case Fault::Rst:
        return EndNow(Then::Reset);
      case Fault::Stall:
        return Wait();
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
        if (resolving) return AnswerNameWith(test::DnsServer::Mode::Garbage);
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
        if (resolving) return AnswerNameWith(test::DnsServer::Mode::NameError);
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
        return SayAtLast(
            Chunk(test::Zstd("DBN\x03\xFF\xFF\xFF\xFF" + std::string(1000, 'x'))));
      case Fault::WrongVersion: {
        auto header = Header();
        header[3] = 9;
        return SayAtLast(Chunk(test::Zstd(header + Trades(0, 3))));
      }
      case Fault::EmptyMetadata:
        return SayAtLast(
            Chunk(test::Zstd(std::string{"DBN\x03\0\0\0\0", 8} + Trades(0, 3))));
      case Fault::ZeroLength:
        return SayAtLast(Chunk(test::Zstd(std::string(16, '\0'))));
      case Fault::ShortRecord:
        return SayAtLast(Chunk(test::Zstd("\x03" + std::string(15, '\xA0'))));
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
        act_ = [] { throw std::runtime_error{"on purpose"}; };
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
  // Longer than any timeout.
  void Wait() {
    for (int i = 0; i < 300; ++i) {
      now_ += 1s;
      Settle();
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

  test::DnsServer names_{&reactor_};
  net::ScopedFd full_ = test::Listen(0, "127.0.0.10");
  int full_port_ = test::PortOf(full_.get());
  test::ConnectAttempts fill_{full_port_, 3, "127.0.0.10"};
  ScriptedHttpServer server_{&reactor_, GetParam().tls ? &good_ : nullptr};
  Response response_;
  std::unique_ptr<HistoricalClient> client_;
  std::size_t said_ = 0;
  std::function<void()> act_;
  std::optional<test::SignalStorm> storm_;
  std::optional<test::NoFds> no_fds_;
};

TEST_P(HistoricalFaultMatrix, EndsAsItMust) {
  const auto [at, fault, tls, name] = GetParam();
  const auto expected = Expected(at, fault);

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
      Wait();
    }
  }
  if (expected.end != Outcome::Gone) {
    ASSERT_TRUE(Until([&] { return completed_ != 0 || !errors_.empty(); }))
        << sequences_.size() << " records came";
  } else {
    ASSERT_TRUE(Until([&] { return client_ == nullptr; }));
  }
  storm_.reset();
  no_fds_.reset();
  Turn();

  ExpectNoSpin();

  EXPECT_EQ(completed_, expected.end == Outcome::Completes ? 1 : 0);
  ASSERT_EQ(errors_.size(), expected.end == Outcome::Fails ? 1U : 0U)
      << (errors_.empty() ? "" : errors_[0].message);
  if (!errors_.empty()) {
    EXPECT_EQ(ToString(errors_[0].code), ToString(expected.code)) << errors_[0].message;
    const auto* const host = at == At::Resolving ? "hist.example.com:" : "127.0.0.1";
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

INSTANTIATE_TEST_SUITE_P(Cells, HistoricalFaultMatrix, testing::ValuesIn(Cells()),
                         [](const auto& cell) { return cell.param.name; });

}  // namespace
}  // namespace dbnloop
