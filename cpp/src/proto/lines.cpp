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

}  // namespace dbnloop::proto
