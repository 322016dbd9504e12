#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
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
  std::string name;
  std::function<Sample()> run;
  std::vector<double> cpu_ns = {};
  std::vector<double> rate = {};
};

/// Another program that does the same work: it counts mbo records, sums their prices
/// and prints "RECORDS SUM SECONDS CPU_SECONDS".
struct OtherProgram {
  std::string name;
  std::string command;
};

inline Sample RunProgram(const std::string& command) {
  Sample sample;
  unsigned long long records = 0;
  unsigned long long sum = 0;
  auto* const out = ::popen(command.c_str(), "r");
  if (out == nullptr || std::fscanf(out, "%llu %llu %lf %lf", &records, &sum,
                                    &sample.seconds, &sample.cpu) != 4) {
    std::fprintf(stderr, "%s: no result\n", command.c_str());
    std::exit(1);
  }
  ::pclose(out);
  sample.records = records;
  sample.sum = sum;
  return sample;
}

/// [ROUNDS [MIB [NAME=PROGRAM]...]]
struct Arguments {
  int rounds = 5;
  std::uint64_t mib = 512;
  std::vector<OtherProgram> programs;

  Arguments(int argc, char** argv) {
    if (argc > 1) rounds = std::max(std::atoi(argv[1]), 1);
    if (argc > 2) mib = std::strtoull(argv[2], nullptr, 10);
    for (int i = 3; i < argc; ++i) {
      const std::string given{argv[i]};
      const auto cut = given.find('=');
      if (cut == std::string::npos) {
        std::fprintf(stderr, "'%s' is no NAME=PROGRAM\n", argv[i]);
        std::exit(2);
      }
      programs.push_back({given.substr(0, cut), given.substr(cut + 1)});
    }
  }
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
        std::fprintf(stderr, "%s: %llu records instead of %llu\n", way.name.c_str(),
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
  std::printf("%-20s %14s %12s %12s %12s\n", "", "CPU ns/record", "CPU / first",
              "M records/s", "rate / first");
  for (const auto& way : ways) {
    const auto cpu_ns = Median(way.cpu_ns);
    const auto rate = Median(way.rate);
    std::printf("%-20s %14.2f %12.2f %12.1f %12.2f\n", way.name.c_str(), cpu_ns,
                cpu_ns / Median(ways[0].cpu_ns), rate, rate / Median(ways[0].rate));
  }
  return true;
}

}  // namespace dbnloop::bench
