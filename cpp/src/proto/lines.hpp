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

}  // namespace dbnloop::proto
