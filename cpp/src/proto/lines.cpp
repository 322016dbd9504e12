#include "proto/lines.hpp"

#include <algorithm>
#include <cstring>

#include "proto/utf8.hpp"

namespace dbnloop::proto {

std::optional<std::string_view> LineReader::Next(std::span<const std::byte> bytes,
                                                 std::size_t& taken) {
  if (done_) {
    line_.clear();
    done_ = false;
  }
  const auto end = std::ranges::find(bytes, std::byte{'\n'});
  const auto length = static_cast<std::size_t>(end - bytes.begin());
  if (too_long_ || line_.size() + length > kMaxLine) {
    too_long_ = true;
    return std::nullopt;
  }
  line_.append(reinterpret_cast<const char*>(bytes.data()), length);
  taken += length;
  if (end == bytes.end()) return std::nullopt;
  ++taken;
  done_ = true;
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<std::string_view> ValueOf(std::string_view line, std::string_view key) {
  while (!line.empty()) {
    const auto pair = line.substr(0, line.find('|'));
    line.remove_prefix(std::min(line.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == key) {
      return pair.substr(equals + 1);
    }
  }
  return std::nullopt;
}

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

}  // namespace dbnloop::proto
