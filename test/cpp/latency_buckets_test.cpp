// The histogram of the benchmarks against exact quantiles.

#include "bench/latency_buckets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace dbnloop::bench {
namespace {

void ExpectQuantilesOf(std::vector<std::int64_t> values) {
  LatencyBuckets buckets;
  for (const auto value : values) buckets.Add(value);
  std::ranges::sort(values);
  for (const double q : {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto at =
        std::min(static_cast<std::size_t>(q * static_cast<double>(values.size())),
                 values.size() - 1);
    const auto exact = static_cast<double>(values[at]);
    const auto got = static_cast<double>(buckets.Quantile(q));
    EXPECT_GE(got, exact) << "q " << q;
    EXPECT_LE(got, exact * 1.032) << "q " << q;
  }
  EXPECT_EQ(buckets.Count(), values.size());
  EXPECT_EQ(buckets.Max(), static_cast<std::uint64_t>(values.back()));
}

TEST(LatencyBuckets, AreThreePercentWideAtMost) {
  std::mt19937_64 random{1};
  std::vector<std::int64_t> values(100'000);
  // Over eighteen decades, as many in each.
  std::uniform_real_distribution<double> exponent{0, 18};
  for (auto& value : values) {
    value = static_cast<std::int64_t>(std::pow(10, exponent(random)));
  }
  ExpectQuantilesOf(values);
  // What a latency looks like: most around 15 us, and a long tail.
  std::lognormal_distribution<double> usual{9.6, 0.4};
  for (auto& value : values) value = static_cast<std::int64_t>(usual(random));
  for (std::size_t i = 0; i < values.size(); i += 500) values[i] *= 100;
  ExpectQuantilesOf(values);
}

TEST(LatencyBuckets, OfSmallValuesAreExact) {
  for (std::int64_t value = 0; value < 64; ++value) {
    LatencyBuckets buckets;
    buckets.Add(value);
    EXPECT_EQ(buckets.Quantile(0.5), static_cast<std::uint64_t>(value));
  }
}

TEST(LatencyBuckets, TakeEveryValue) {
  LatencyBuckets buckets;
  buckets.Add(-5);
  EXPECT_EQ(buckets.Quantile(1), 0U);
  for (int bit = 0; bit < 63; ++bit) {
    const auto power = std::int64_t{1} << bit;
    ExpectQuantilesOf({power - 1, power, power + 1});
  }
  const auto greatest = std::numeric_limits<std::int64_t>::max();
  buckets.Add(greatest);
  EXPECT_EQ(buckets.Quantile(1), static_cast<std::uint64_t>(greatest));
}

TEST(LatencyBuckets, OfTwoHistogramsAddUp) {
  LatencyBuckets all;
  LatencyBuckets one;
  all.Add(10);
  one.Add(20);
  one.Add(30);
  all.Add(one);
  EXPECT_EQ(all.Count(), 3U);
  EXPECT_EQ(all.Quantile(0), 10U);
  EXPECT_EQ(all.Quantile(0.5), 20U);
  EXPECT_EQ(all.Quantile(1), 30U);
  EXPECT_EQ(LatencyBuckets{}.Quantile(0.5), 0U);
}

}  // namespace
}  // namespace dbnloop::bench
