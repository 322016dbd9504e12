// The library's C++ clients, measured: receives a stream from a live gateway, a file or
// the historical API, sums the prices and prints one line (result.hpp).
//
//   receive live|continuous|file|historical FORM PORT|PATH RECORDS
//
// FORM is how the records reach the program: runs, overload, typed (mbo alone), record;
// for files also mmap (runs, from a mapping), and parser, which only finds the records.
// The file of SSL_CERT_FILE is trusted.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "bench/result.hpp"
#include "dbnloop/continuous_client.hpp"
#include "dbnloop/dbn_file_source.hpp"
#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/historical_client.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::bench {
namespace {

constexpr std::size_t kPiece = 64 * 1024;  // as the live client receives
constexpr const char* kKey = "db-benchbenchbenchbenchbench0000";

// Sets the record handler; false when there is no such form.
bool Handle(DataSource& source, std::string_view form, Totals& t) {
  if (form == "runs" || form == "mmap") {
    source.OnRecord(
        Overload{[&t](std::span<const MboMsg> run) { t.TakeRun(run); },
                 [&t](std::span<const TradeMsg> run) { t.TakeRun(run); },
                 [&t](std::span<const Mbp1Msg> run) { t.TakeRun(run); },
                 [&t](std::span<const Mbp10Msg> run) { t.TakeRun(run); },
                 [&t](std::span<const OhlcvMsg> run) { t.TakeRun(run); },
                 [&t](std::span<const InstrumentDefMsg> run) { t.TakeRun(run); }});
  } else if (form == "overload") {
    source.OnRecord(Overload{
        [&t](const MboMsg& m) { t.Take(m); }, [&t](const TradeMsg& m) { t.Take(m); },
        [&t](const Mbp1Msg& m) { t.Take(m); }, [&t](const Mbp10Msg& m) { t.Take(m); },
        [&t](const OhlcvMsg& m) { t.Take(m); },
        [&t](const InstrumentDefMsg& m) { t.Take(m); }, [](const auto&) {}});
  } else if (form == "typed") {
    source.OnRecord([&t](const MboMsg& m) { t.Take(m); });
  } else if (form == "record") {
    source.OnRecord([&t](const Record& r) { t.TakeAny(&r.Header()); });
  } else {
    return false;
  }
  return true;
}

/// Where a stream ended, and how.
struct End {
  bool reached = false;
  void Fail(const Error& e) {
    if (e.code != ErrorCode::ConnectionClosed) {
      std::fprintf(stderr, "receive: %s\n", e.message.c_str());
    }
    reached = true;
  }
};

int Live(std::string_view form, int port) {
  Reactor reactor;
  LiveClient client{&reactor, kKey};
  Totals totals;
  if (!Handle(client, form, totals)) return 2;
  End end;
  client.OnError([&](const Error& e) { end.Fail(e); });
  client.Connect("127.0.0.1", port);
  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo);
  client.Start();
  while (client.GetState() != LiveClient::State::Streaming && !end.reached) {
    reactor.Poll();
  }
  const Stopwatch watch;
  while (!end.reached) reactor.Poll();
  watch.Print(totals);
  return 0;
}

// Until the session breaks, with which a stream without a gap does not end.
int Continuous(std::string_view form, int port) {
  Reactor reactor;
  ContinuousOptions options;
  options.gateway = "127.0.0.1";
  options.port = port;
  ContinuousClient client{&reactor, kKey, options};
  Totals totals;
  if (!Handle(client, form, totals)) return 2;
  End end;
  client.OnError([&](const Error& e) { end.Fail(e); });
  client.OnContinuity([&](const ContinuityEvent& e) {
    if (e.kind == ContinuityEvent::Kind::Reconnecting) end.Fail(e.reason);
  });
  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo);
  client.Start();
  while (client.GetState() != ContinuousClient::State::Live && !end.reached) {
    reactor.Poll();
  }
  const Stopwatch watch;
  while (!end.reached) reactor.Poll();
  watch.Print(totals);
  return 0;
}

int Historical(std::string_view form, int port) {
  Reactor reactor;
  HistoricalOptions options;
  options.url = "https://127.0.0.1:" + std::to_string(port);
  if (const char* const ca = std::getenv("SSL_CERT_FILE")) options.ca_file = ca;
  options.proxy = "";
  HistoricalClient client{&reactor, kKey, options};
  Totals totals;
  if (!Handle(client, form, totals)) return 2;
  End end;
  client.OnComplete([&] { end.reached = true; });
  client.OnError([&](const Error& e) { end.Fail(e); });
  client.Request("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo, Timestamp{},
                 Timestamp{std::chrono::hours{1}});
  const Stopwatch watch;
  client.Start();
  while (!end.reached) reactor.Poll();
  watch.Print(totals);
  return 0;
}

// The records of a file, found and not delivered.
int Parser(const std::string& path) {
  const net::ScopedFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  Totals totals;
  DbnParser parser;
  const Stopwatch watch;
  for (ssize_t n = 1; n > 0;) {
    const auto room = parser.WritableSpan();
    n = ::read(fd.get(), room.data(), std::min(room.size(), kPiece));
    if (n > 0) parser.Commit(static_cast<std::size_t>(n));
    const auto batch = parser.Peek();
    for (const auto& run : batch.runs) totals.records += run.count;
    parser.Consume(batch.size);
  }
  watch.Print(totals);
  return 0;
}

int File(std::string_view form, const std::string& path) {
  if (form == "parser") return Parser(path);
  Reactor reactor;
  FileOptions options;
  options.use_mmap = form == "mmap";
  DbnFileSource source{&reactor, path, options};
  Totals totals;
  if (!Handle(source, form, totals)) return 2;
  End end;
  source.OnComplete([&] { end.reached = true; });
  source.OnError([&](const Error& e) { end.Fail(e); });
  const Stopwatch watch;
  source.Start();
  while (!end.reached) reactor.Poll();
  watch.Print(totals);
  return 0;
}

int Main(std::span<char* const> args) {
  if (args.size() != 5) return 2;
  const std::string_view transport = args[1];
  if (transport == "live") return Live(args[2], std::atoi(args[3]));
  if (transport == "continuous") return Continuous(args[2], std::atoi(args[3]));
  if (transport == "file") return File(args[2], args[3]);
  if (transport == "historical") return Historical(args[2], std::atoi(args[3]));
  return 2;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  try {
    const auto status = dbnloop::bench::Main({argv, static_cast<std::size_t>(argc)});
    if (status == 2) {
      std::fputs(
          "usage: receive live|continuous|file|historical FORM PORT|PATH RECORDS\n",
          stderr);
    }
    return status;
  } catch (const dbnloop::Exception& e) {
    std::fprintf(stderr, "receive: %s\n", e.what());
    return 1;
  }
}
