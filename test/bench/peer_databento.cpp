// What the benchmarks measure as "databento-cpp": its blocking live client, or its
// reader of files, doing the same work as ours. See live_receive.cpp for what is
// printed.
//
//   peer_databento PORT RECORDS | peer_databento PATH

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
#include <limits>

namespace {

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Takes what `next` gives until null, or until `most` records came.
template <typename Next>
void Measure(std::uint64_t most, Next next) {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;
  const auto began = std::chrono::steady_clock::now();
  const auto cpu = CpuSeconds();
  while (records != most) {
    const databento::Record* const record = next();
    if (record == nullptr) break;
    if (const auto* const mbo = record->GetIf<databento::MboMsg>()) {
      ++records;
      sum += static_cast<std::uint64_t>(mbo->price);
    }
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  std::printf("%llu %llu %.6f %.6f\n", static_cast<unsigned long long>(records),
              static_cast<unsigned long long>(sum), wall.count(), CpuSeconds() - cpu);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) {
    databento::ConsoleLogReceiver log{databento::LogLevel::Warning};
    auto client =
        databento::LiveBuilder{}
            .SetLogReceiver(&log)
            .SetKey("db-benchbenchbenchbenchbench0000")
            .SetDataset("GLBX.MDP3")
            .SetAddress("127.0.0.1",
                        static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10)))
            .BuildBlocking();
    client.Subscribe({"ALL_SYMBOLS"}, databento::Schema::Mbo,
                     databento::SType::RawSymbol);
    client.Start();
    Measure(std::strtoull(argv[2], nullptr, 10), [&] { return &client.NextRecord(); });
    return 0;
  }
  if (argc != 2) return 2;
  databento::DbnStore store{argv[1]};
  Measure(std::numeric_limits<std::uint64_t>::max(),
          [&] { return store.NextRecord(); });
}
