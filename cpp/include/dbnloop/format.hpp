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

/// Formats a fixed-point price (1 unit = 1e-9) exactly, with nine decimals, e.g.
/// "-0.250000000"; empty when it is undefined (kUndefPrice). The result lies in `room`;
/// nothing is allocated.
std::string_view FormatPrice(std::int64_t price, PriceText& room) noexcept;

/// Converts a fixed-point price to the nearest floating-point number; NaN when it is
/// undefined (kUndefPrice).
[[nodiscard]] constexpr double PriceToDouble(std::int64_t price) noexcept {
  if (price == kUndefPrice) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(price) / static_cast<double>(kFixedPriceScale);
}

/// Formats a time as ISO 8601 in UTC with nanoseconds, e.g.
/// "2026-11-23T14:30:00.000000001Z"; empty when it is undefined (kUndefTimestamp). The
/// result lies in `room`; nothing is allocated.
std::string_view FormatTime(UnixNanos time, TimeText& room) noexcept;

/// Formats flags as ToString(FlagSet) does, e.g. "LAST | MBP (144)"; the number alone
/// when no known flag is set. The result lies in `room`; nothing is allocated.
std::string_view FormatFlags(FlagSet flags, FlagsText& room) noexcept;

/// The UTC day of a time as yyyymmdd, e.g. 20261123; 0 when the time is undefined
/// (kUndefTimestamp).
[[nodiscard]] std::uint32_t DateOf(UnixNanos time) noexcept;
/// Midnight UTC of a day given as yyyymmdd.
[[nodiscard]] UnixNanos MidnightOf(std::uint32_t date) noexcept;

/// The index timestamp, by which records are sorted and merged, and on whose day
/// symbols are looked up: ts_recv if the record has one, otherwise ts_event. May be
/// kUndefTimestamp. For a record that is too short for its ts_recv it is ts_event.
[[nodiscard]] UnixNanos IndexTs(const Record& record) noexcept;

}  // namespace dbnloop
