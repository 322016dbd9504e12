#pragma once

#include <chrono>
#include <cstdint>

#include "dbnloop/record.hpp"

namespace dbnloop::base {

/// Nanoseconds since the Unix epoch.
[[nodiscard]] constexpr std::uint64_t NanosOf(UnixNanos time) noexcept {
  return time.time_since_epoch().count();
}
/// The same; 0 for a time that is undefined.
[[nodiscard]] constexpr std::uint64_t NanosOrZero(UnixNanos time) noexcept {
  return NanosOf(time) == kUndefTimestamp ? 0 : NanosOf(time);
}
[[nodiscard]] constexpr UnixNanos TimeOf(std::uint64_t nanos) noexcept {
  return UnixNanos{UnixNanos::duration{nanos}};
}
/// What the system's clock says.
[[nodiscard]] inline UnixNanos SystemNow() {
  using std::chrono::nanoseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return TimeOf(
      static_cast<std::uint64_t>(std::chrono::duration_cast<nanoseconds>(now).count()));
}

}  // namespace dbnloop::base
