#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "dbnloop/record.hpp"

namespace dbnloop::detail {

struct FlagName {
  FlagSet::Repr flag;
  std::string_view name;
};

/// From the highest bit down, as they are printed. Bit 0 has no name.
inline constexpr std::array<FlagName, 7> kFlagNames{{
    {FlagSet::kLast, "LAST"},
    {FlagSet::kTob, "TOB"},
    {FlagSet::kSnapshot, "SNAPSHOT"},
    {FlagSet::kMbp, "MBP"},
    {FlagSet::kBadTsRecv, "BAD_TS_RECV"},
    {FlagSet::kMaybeBadBook, "MAYBE_BAD_BOOK"},
    {FlagSet::kPublisherSpecific, "PUBLISHER_SPECIFIC"},
}};
inline constexpr FlagSet::Repr kKnownFlags = 0xFE;

/// Bytes of all names with " | " between them and " (255)" behind.
constexpr std::size_t LongestFlags() {
  std::size_t size = 6;
  for (const auto& [flag, name] : kFlagNames) size += name.size() + 3;
  return size - 3;
}

}  // namespace dbnloop::detail
