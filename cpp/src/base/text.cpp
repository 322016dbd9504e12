#include "base/text.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace dbnloop::base {

std::string LowerCase(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

bool IsUnprintable(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C || c == 0x200E ||
         c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F);
}

std::string Printable(std::string_view text, std::size_t most) {
  std::string out;
  while (!text.empty()) {
    const auto c = FirstUtf8Char(text);
    const auto shown = c.size == 0             ? std::string_view{"\uFFFD"}
                       : IsUnprintable(c.code) ? std::string_view{" "}
                                               : text.substr(0, c.size);
    if (out.size() + shown.size() > most) return out += "…";
    out += shown;
    text.remove_prefix(std::max<std::size_t>(c.size, 1));
  }
  return out;
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 200;
  std::string out = "'";
  for (const char c : text.substr(0, kMost)) {
    out += c >= 0x20 && c < 0x7F ? c : '?';
  }
  out += text.size() > kMost ? "…'" : "'";
  return out;
}

}  // namespace dbnloop::base
