#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// Room for FormatPrice.
using PriceText = std::array<char, 24>;
/// Room for FormatTime.
using TimeText = std::array<char, 32>;

/// Room for FormatFlags.
using FlagsText = std::array<char, 88>;

/// A fixed price (1 unit = 1e-9) as an exact decimal number with nine decimals, e.g.
/// "-0.250000000"; empty when it is not set (kUndefPrice). Lies in `room`; allocates
/// nothing.
std::string_view FormatPrice(std::int64_t price, PriceText& room) noexcept;

/// A fixed price as the nearest floating-point number; NaN when it is not set
/// (kUndefPrice).
[[nodiscard]] constexpr double PriceToDouble(std::int64_t price) noexcept {
  if (price == kUndefPrice) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(price) / static_cast<double>(kFixedPriceScale);
}

/// ISO 8601 in UTC with nanoseconds, e.g. "2026-11-23T14:30:00.000000001Z"; empty when
/// it is not set (kUndefTimestamp). Lies in `room`; allocates nothing.
std::string_view FormatTime(UnixNanos time, TimeText& room) noexcept;

/// Flags as ToString(FlagSet) gives them, e.g. "LAST | MBP (144)"; the number alone
/// when no known flag is set. Lies in `room`; allocates nothing.
std::string_view FormatFlags(FlagSet flags, FlagsText& room) noexcept;

/// The UTC day of a time as yyyymmdd, e.g. 20261123; 0 when it is not set
/// (kUndefTimestamp).
[[nodiscard]] std::uint32_t DateOf(UnixNanos time) noexcept;
/// Midnight UTC of a day yyyymmdd.
[[nodiscard]] UnixNanos MidnightOf(std::uint32_t date) noexcept;

/// The time by which records are sorted and merged, and on whose day symbols are looked
/// up: ts_recv where the record has one, else ts_event. May be kUndefTimestamp. A
/// record that is too short for its ts_recv gives ts_event.
[[nodiscard]] UnixNanos IndexTs(const Record& record) noexcept;

}  // namespace dbnloop
