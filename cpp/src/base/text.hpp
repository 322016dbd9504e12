#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dbnloop::base {

/// Lower-cases ASCII letters, independent of the locale.
std::string LowerCase(std::string_view text);

/// The most bytes of a peer's text that a message repeats.
inline constexpr std::size_t kMostPrinted = 1000;

/// For messages: a peer's own words, cut behind `most` bytes. What could command a
/// terminal, break a line or turn its direction (the control characters C0, DEL and C1,
/// the separators U+2028 and U+2029, bidirectional marks, overrides and isolates) is a
/// blank; bytes that are not UTF-8 are U+FFFD.
std::string Printable(std::string_view text, std::size_t most = kMostPrinted);

/// Whether a character is one of those that Printable makes a blank.
[[nodiscard]] bool IsUnprintable(char32_t c) noexcept;

/// For messages: what a peer sent, printable and bounded, in quotes.
std::string Quoted(std::string_view text);

}  // namespace dbnloop::base
