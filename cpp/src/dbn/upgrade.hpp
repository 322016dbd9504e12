#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dbnloop/record.hpp"

namespace dbnloop::codec {

/// Whether records of this rtype change when version `from` becomes `to`.
[[nodiscard]] bool NeedsUpgrade(RType rtype, std::uint8_t from,
                                std::uint8_t to) noexcept;

/// Writes the upgraded record to `out` (8-aligned, room for the largest record) and
/// returns its size in bytes, ts_out included. NeedsUpgrade must hold and `in` (of any
/// alignment) must be at least as long as its struct in version `from` (and ts_out).
std::size_t UpgradeRecord(const std::byte* in, std::uint8_t from, std::uint8_t to,
                          bool ts_out, std::byte* out) noexcept;

/// The code that a version-1 error's or system message's text stands for.
[[nodiscard]] GatewayErrorCode ErrorCodeOfText(std::string_view text) noexcept;
[[nodiscard]] SystemCode SystemCodeOfText(std::string_view text) noexcept;

}  // namespace dbnloop::codec
