#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "dbnloop/error.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop::proto {

inline constexpr std::size_t kPreludeSize = 8;  ///< magic, version, length
inline constexpr std::size_t kFixedSize = 100;  ///< behind the prelude, every version
inline constexpr std::size_t kDatasetSize = 16;
inline constexpr std::size_t kSymbolSizeV1 = 22;
inline constexpr std::uint16_t kNoSchema = 0xFFFF;
inline constexpr std::uint8_t kNoSType = 0xFF;

/// The whole header's size in bytes, from its first 8. Truncated when they are fewer;
/// ParseError says what they are instead, as far as that can be seen.
std::expected<std::size_t, Error> MetadataSize(std::span<const std::byte> prelude);

/// The version that records of `version` have after the policy.
constexpr std::uint8_t TargetVersion(std::uint8_t version,
                                     VersionUpgradePolicy policy) {
  if (policy == VersionUpgradePolicy::UpgradeToV2 && version < 2) return 2;
  if (policy == VersionUpgradePolicy::UpgradeToV3 && version < 3) return 3;
  return version;
}

}  // namespace dbnloop::proto
