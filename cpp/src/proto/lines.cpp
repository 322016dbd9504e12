#include "proto/lines.hpp"

#include <algorithm>
#include <cstring>

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

std::string Printable(std::string_view text) {
  constexpr std::size_t kMost = 1000;
  auto end = std::min(kMost, text.size());
  // Not in the middle of a character of UTF-8, which has 4 bytes at most.
  for (int i = 0; i < 3 && end < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U) break;
    --end;
  }
  std::string out{text.substr(0, end)};
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = ' ';
  }
  if (end < text.size()) out += "…";
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
