#pragma once

// For enum_tables.gen.cpp alone: elsewhere the tables are empty.

#include <algorithm>
#include <array>
#include <functional>

#include "dbnloop/enum_strings.hpp"

namespace dbnloop {
namespace detail {

/// Sorted by value; specialised for every enum.
template <typename E>
constexpr std::array<EnumText<E>, 0> kTexts{};
template <typename E>
constexpr std::array<EnumText<E>, 0> kAliases{};

}  // namespace detail

template <NamedEnum E>
const char* TextOf(E value) noexcept {
  const auto& texts = detail::kTexts<E>;
  const auto it =
      std::ranges::lower_bound(texts, value, std::less{}, &EnumText<E>::value);
  return it != texts.end() && it->value == value ? it->text : "Unknown";
}

template <NamedEnum E>
std::span<const EnumText<E>> EnumValues() noexcept {
  return detail::kTexts<E>;
}

template <NamedEnum E>
std::optional<E> FromString(std::string_view text) noexcept {
  for (const auto& row : detail::kTexts<E>) {
    if (text == row.text) return row.value;
  }
  for (const auto& row : detail::kAliases<E>) {
    if (text == row.text) return row.value;
  }
  return std::nullopt;
}

}  // namespace dbnloop
