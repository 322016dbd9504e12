#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace dbnloop::base {

template <typename Part>
void AppendPart(std::string& out, const Part& part) {
  if constexpr (std::same_as<Part, char>) {
    out += part;
  } else if constexpr (std::integral<Part>) {
    static_assert(!std::same_as<Part, bool>, "say it in words");
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), part).ptr);
  } else {
    out += std::string_view{part};
  }
}

/// The parts one after the other: texts, characters, and integers in decimal.
template <typename... Parts>
[[nodiscard]] std::string StrCat(const Parts&... parts) {
  std::string out;
  (AppendPart(out, parts), ...);
  return out;
}

}  // namespace dbnloop::base
