#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace dbnloop::base {

/// A whole text as an unsigned decimal number; none when it is anything else, or too
/// large.
template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end is given.
  const auto [at, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc{} || at != end || text.empty()) return std::nullopt;
  return value;
}

}  // namespace dbnloop::base
