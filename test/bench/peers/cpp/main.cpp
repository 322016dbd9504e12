// databento-cpp, measured as ../../receive.cpp measures ours: its blocking live client,
// its reader of files and, if it was built with HTTP, its historical client.
//
//   peer live|file|historical FORM PORT|PATH RECORDS
//
// FORM is next, which asks for each record, or callback (for files).

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <databento/dbn_store.hpp>
#include <databento/live.hpp>
#include <databento/live_blocking.hpp>
#include <databento/log.hpp>
#include <databento/record.hpp>
#include <string>
#include <string_view>
#ifdef PEER_WITH_HTTP
#include <databento/historical.hpp>
#endif

namespace {

using databento::RType;

constexpr const char* kKey = "db-benchbenchbenchbenchbench0000";

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Measurement {
 public:
  void Take(const databento::Record& r) {
    switch (r.RType()) {
      case RType::Mbo:
        return Add(r.Get<databento::MboMsg>().price);
      case RType::Mbp0:
        return Add(r.Get<databento::TradeMsg>().price);
      case RType::Mbp1:
        return Add(r.Get<databento::Mbp1Msg>().price);
      case RType::Mbp10:
        return Add(r.Get<databento::Mbp10Msg>().price);
      case RType::Ohlcv1S:
        return Add(r.Get<databento::OhlcvMsg>().close);
      case RType::InstrumentDef:
        return Add(r.Get<databento::InstrumentDefMsg>().min_price_increment);
      default:
        return;
    }
  }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  void Print() const {
    const std::chrono::duration<double> wall =
        std::chrono::steady_clock::now() - began_;
    const double cpu = CpuSeconds() - cpu_;
    std::printf("{\"records\":%llu,\"sum\":%llu,\"seconds\":%.9f,\"cpu\":%.6f}\n",
                static_cast<unsigned long long>(records_),
                static_cast<unsigned long long>(sum_), wall.count(), cpu);
  }

 private:
  void Add(std::int64_t price) {
    ++records_;
    sum_ += static_cast<std::uint64_t>(price);
  }

  std::uint64_t records_ = 0;
  std::uint64_t sum_ = 0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  double cpu_ = CpuSeconds();
};

void Live(std::uint16_t port, std::uint64_t records) {
  databento::ConsoleLogReceiver log{databento::LogLevel::Warning};
  auto client = databento::LiveBuilder{}
                    .SetLogReceiver(&log)
                    .SetKey(kKey)
                    .SetDataset("GLBX.MDP3")
                    .SetAddress("127.0.0.1", port)
                    .BuildBlocking();
  client.Subscribe({"ALL_SYMBOLS"}, databento::Schema::Mbo,
                   databento::SType::RawSymbol);
  client.Start();
  Measurement m;
  while (m.records() != records) m.Take(client.NextRecord());
  m.Print();
}

void File(const std::string& path, bool callback) {
  Measurement m;
  databento::DbnStore store{path};
  if (callback) {
    store.Replay([&m](const databento::Record& r) {
      m.Take(r);
      return databento::KeepGoing::Continue;
    });
  } else {
    while (const auto* const record = store.NextRecord()) m.Take(*record);
  }
  m.Print();
}

#ifdef PEER_WITH_HTTP
void Historical(std::uint16_t port) {
  databento::NullLogReceiver log;
  auto client = databento::HistoricalBuilder{}
                    .SetLogReceiver(&log)
                    .SetKey(kKey)
                    .SetAddress("https://127.0.0.1", port)
                    .SetHttpClientConfig([](httplib::Client& http) {
                      http.set_ca_cert_path(std::getenv("SSL_CERT_FILE"));
                    })
                    .Build();
  Measurement m;
  client.TimeseriesGetRange(
      "GLBX.MDP3", databento::DateTimeRange<std::string>{"2026-11-15", "2026-11-16"},
      {"ALL_SYMBOLS"}, databento::Schema::Mbo, [&m](const databento::Record& r) {
        m.Take(r);
        return databento::KeepGoing::Continue;
      });
  m.Print();
}
#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string_view transport = argv[1];
  const auto port = static_cast<std::uint16_t>(std::strtoul(argv[3], nullptr, 10));
  if (transport == "live") {
    Live(port, std::strtoull(argv[4], nullptr, 10));
  } else if (transport == "file") {
    File(argv[3], std::string_view{argv[2]} == "callback");
#ifdef PEER_WITH_HTTP
  } else if (transport == "historical") {
    Historical(port);
#endif
  } else {
    return 2;
  }
}
