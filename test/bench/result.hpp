#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>

#include "dbnloop/record.hpp"

/// What a program that `make bench` runs counts, measures and prints. `run` describes
/// how it is called.
namespace dbnloop::bench {

/// The price that is summed: what a handler might do, and a check that it saw the
/// record.
template <typename T>
std::int64_t PriceOf(const T& record) {
  return record.price;
}
inline std::int64_t PriceOf(const OhlcvMsg& bar) { return bar.close; }
inline std::int64_t PriceOf(const InstrumentDefMsg& d) { return d.min_price_increment; }

struct Totals {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;

  template <typename T>
  void Take(const T& record) {
    ++records;
    sum += static_cast<std::uint64_t>(PriceOf(record));
  }
  template <typename T>
  void TakeRun(std::span<const T> run) {
    records += run.size();
    for (const auto& record : run) sum += static_cast<std::uint64_t>(PriceOf(record));
  }
  /// Takes a record whose type its header names.
  void TakeAny(const RecordHeader* hd) {
    switch (hd->rtype) {
      case RType::Mbo:
        return Take(*reinterpret_cast<const MboMsg*>(hd));
      case RType::Mbp0:
        return Take(*reinterpret_cast<const TradeMsg*>(hd));
      case RType::Mbp1:
        return Take(*reinterpret_cast<const Mbp1Msg*>(hd));
      case RType::Mbp10:
        return Take(*reinterpret_cast<const Mbp10Msg*>(hd));
      case RType::Ohlcv1S:
        return Take(*reinterpret_cast<const OhlcvMsg*>(hd));
      case RType::InstrumentDef:
        return Take(*reinterpret_cast<const InstrumentDefMsg*>(hd));
      default:
        return;
    }
  }
};

/// Wall time and the process's CPU time since its construction.
class Stopwatch {
 public:
  /// The line that the runner reads.
  void Print(const Totals& totals) const {
    const std::chrono::duration<double> wall =
        std::chrono::steady_clock::now() - began_;
    const double cpu = CpuSeconds() - cpu_;
    std::printf(R"({"records":%llu,"sum":%llu,"seconds":%.9f,"cpu":%.6f})"
                "\n",
                static_cast<unsigned long long>(totals.records),
                static_cast<unsigned long long>(totals.sum), wall.count(), cpu);
  }

 private:
  static double CpuSeconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  double cpu_ = CpuSeconds();
};

}  // namespace dbnloop::bench
