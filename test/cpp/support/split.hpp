#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <vector>

namespace dbnloop::test {

using Pieces = std::vector<std::span<const std::byte>>;

/// The split test: `run` takes a protocol's input in pieces and returns its events. The
/// same input whole, byte by byte, and cut at every offset must give the same events.
template <typename Run>
void ExpectSameEventsHoweverCut(std::span<const std::byte> input, Run run) {
  const auto whole = run(Pieces{input});

  Pieces bytes;
  for (std::size_t i = 0; i < input.size(); ++i) bytes.push_back(input.subspan(i, 1));
  EXPECT_TRUE(run(bytes) == whole) << "byte by byte";

  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    ASSERT_TRUE(run(Pieces{input.first(cut), input.subspan(cut)}) == whole)
        << "cut at byte " << cut << " of " << input.size();
  }
}

}  // namespace dbnloop::test
