#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dbnloop::proto {

/// Cuts bytes into lines that end with LF (a CR before it is dropped). A line that came
/// in pieces is joined; its length is bounded.
class LineReader {
 public:
  static constexpr std::size_t kMaxLine = 64 * 1024;

  /// Takes bytes up to and with the next LF and gives the line, valid until the next
  /// call; none when more bytes are wanted, or when TooLong. Adds what it took to
  /// `taken`.
  std::optional<std::string_view> Next(std::span<const std::byte> bytes,
                                       std::size_t& taken);
  [[nodiscard]] bool TooLong() const noexcept { return too_long_; }
  /// What came of a line that is not complete yet.
  [[nodiscard]] std::string_view Partial() const noexcept {
    return done_ ? std::string_view{} : line_;
  }

 private:
  std::string line_;
  bool done_ = true;
  bool too_long_ = false;
};

/// The value of `key` in `key=value|key=value…`; none when it is not there. Unknown
/// keys and a trailing '|' are fine. A pair is split at its first '='.
std::optional<std::string_view> ValueOf(std::string_view line, std::string_view key);

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

}  // namespace dbnloop::proto
