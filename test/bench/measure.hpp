#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <span>
#include <vector>

#include "dbnloop/record.hpp"

namespace dbnloop::bench {

/// One run of one way.
struct Sample {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;  // of prices: what a handler might do, and a check
  double seconds = 0;
  double cpu = 0;

  void Take(std::span<const MboMsg> run) {
    records += run.size();
    for (const auto& m : run) sum += static_cast<std::uint64_t>(m.price);
  }
};

inline double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Stopwatch {
 public:
  void Note(Sample& sample) const {
    const std::chrono::duration<double> wall =
        std::chrono::steady_clock::now() - began_;
    sample.seconds = wall.count();
    sample.cpu = CpuSeconds() - cpu_;
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  double cpu_ = CpuSeconds();
};

/// A way to do the same work; the first of several is what the others are held against.
struct Way {
  const char* name;
  std::function<Sample()> run;
  std::vector<double> cpu_ns = {};
  std::vector<double> rate = {};
};

inline double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Runs the ways in turn, `rounds` times, and prints medians. False when one did not
/// give `expected` records.
inline bool Compare(const char* title, int rounds, std::uint64_t expected,
                    std::vector<Way>& ways) {
  for (int round = 0; round < rounds; ++round) {
    for (auto& way : ways) {
      const auto sample = way.run();
      if (sample.records != expected) {
        std::fprintf(stderr, "%s: %llu records instead of %llu\n", way.name,
                     static_cast<unsigned long long>(sample.records),
                     static_cast<unsigned long long>(expected));
        return false;
      }
      way.cpu_ns.push_back(sample.cpu * 1e9 / static_cast<double>(sample.records));
      way.rate.push_back(static_cast<double>(sample.records) / sample.seconds / 1e6);
    }
  }
  std::printf("%s, mbo, %llu records, median of %d interleaved rounds\n", title,
              static_cast<unsigned long long>(expected), rounds);
  std::printf("%-20s %14s %12s %12s\n", "", "CPU ns/record", "M records/s",
              "CPU / first");
  for (const auto& way : ways) {
    std::printf("%-20s %14.2f %12.1f %12.2f\n", way.name, Median(way.cpu_ns),
                Median(way.rate), Median(way.cpu_ns) / Median(ways[0].cpu_ns));
  }
  return true;
}

}  // namespace dbnloop::bench
