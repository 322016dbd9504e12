#include "proto/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/number.hpp"
#include "base/text.hpp"

namespace dbnloop::proto {
namespace {

constexpr int kHttps = 443;
constexpr int kHttp = 80;

std::optional<int> Port(std::string_view text) {
  const auto port = base::ParseNumber<std::uint16_t>(text);
  if (!port || *port == 0) return std::nullopt;
  return *port;
}

bool IsHost(std::string_view host, bool brackets) {
  return !host.empty() && std::ranges::all_of(host, [brackets](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c == '.' || c == '-' || c == '_' || (brackets && (c == ':' || c == '%'));
  });
}

int Nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// An IPv4 or IPv6 address: 4 or 16 bytes. None for a name.
std::optional<std::string> AddressBytes(std::string text) {
  if (text.starts_with('[') && text.ends_with(']'))
    text = text.substr(1, text.size() - 2);
  text.resize(std::min(text.find('%'), text.size()));  // a zone is not compared
  for (const auto& [family, size] :
       {std::pair{AF_INET, 4U}, std::pair{AF_INET6, 16U}}) {
    std::string bytes(size, '\0');
    if (::inet_pton(family, text.c_str(), bytes.data()) == 1) return bytes;
  }
  return std::nullopt;
}

// Whether "10.0.0.0/8" or an address alone holds an address.
bool BlockHolds(std::string_view block, const std::string& address) {
  const auto slash = std::min(block.find('/'), block.size());
  auto network = std::string{block.substr(0, slash)};
  if (network.starts_with('[') && !network.ends_with(']')) {
    network += ']';  // "[2001:db8::/32]"
    if (block.ends_with(']')) block.remove_suffix(1);
  }
  const auto bytes = AddressBytes(network);
  if (!bytes || bytes->size() != address.size()) return false;
  auto bits = address.size() * 8;
  if (slash != block.size()) {
    const auto length = base::ParseNumber<std::size_t>(block.substr(slash + 1));
    if (!length || *length > bits) return false;
    if (*length != 0) bits = *length;  // curl takes 0 for all of them
  }
  if (address.compare(0, bits / 8, *bytes, 0, bits / 8) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto differing =
      static_cast<unsigned char>(address[bits / 8] ^ (*bytes)[bits / 8]);
  return differing >> (8 - bits % 8) == 0;
}

// A name, and all below it.
bool DomainHolds(std::string_view domain, std::string_view name) {
  if (domain.starts_with('.')) domain.remove_prefix(1);
  if (domain.ends_with('.')) domain.remove_suffix(1);
  if (name.ends_with('.')) name.remove_suffix(1);
  if (domain.empty() || !name.ends_with(domain)) return false;
  const auto before = name.size() - domain.size();
  return before == 0 || name[before - 1] == '.';
}

}  // namespace

std::optional<Url> Url::Parse(std::string_view text) {
  Url url;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const auto scheme = base::LowerCase(text.substr(0, scheme_end));
  if (scheme == "https") {
    url.tls = true;
  } else if (scheme == "http") {
    url.tls = false;
  } else {
    return std::nullopt;
  }
  text.remove_prefix(scheme_end + 3);
  const auto slash = std::min(text.find_first_of("/?#"), text.size());
  url.path = text.substr(slash);
  auto authority = text.substr(0, slash);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    url.userinfo = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  url.port = url.tls ? kHttps : kHttp;
  const bool brackets = authority.starts_with('[');
  auto rest = authority;
  if (brackets) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    url.host = authority.substr(1, close - 1);
    rest = authority.substr(close + 1);
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    rest = authority.substr(colon);
  }
  if (!rest.empty()) {
    if (!rest.starts_with(':')) return std::nullopt;
    const auto port = Port(rest.substr(1));
    if (!port) return std::nullopt;
    url.port = *port;
  }
  // Between brackets only IPv6: Authority writes them around nothing else.
  if (!IsHost(url.host, brackets)) return std::nullopt;
  if (brackets && url.host.find(':') == std::string::npos) return std::nullopt;
  const bool plain =
      std::ranges::all_of(url.path, [](char c) { return c > 0x20 && c < 0x7F; });
  if (!plain || url.path.find('#') != std::string::npos) return std::nullopt;
  return url;
}

std::string Url::Authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Url::HostHeader() const {
  auto out = Authority();
  if (port == (tls ? kHttps : kHttp)) out.resize(out.rfind(':'));
  return out;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && Nibble(text[i + 1]) >= 0 &&
        Nibble(text[i + 2]) >= 0) {
      out += static_cast<char>(Nibble(text[i + 1]) * 16 + Nibble(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool NoProxyMatches(std::string_view list, std::string_view host, int port) {
  if (list == "*") return true;
  const auto name = base::LowerCase(host);
  const auto address = AddressBytes(name);
  while (!list.empty()) {
    const auto end = std::min(list.find_first_of(", \t"), list.size());
    auto entry = base::LowerCase(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    // The colons of an IPv6 address are more than one, or within brackets.
    const auto colon = entry.rfind(':');
    if (colon != std::string::npos &&
        (entry.find(':') == colon || (colon != 0 && entry[colon - 1] == ']'))) {
      if (entry.substr(colon + 1) != std::to_string(port)) continue;
      entry.resize(colon);
    }
    if (address ? BlockHolds(entry, *address) : DomainHolds(entry, name)) return true;
  }
  return false;
}

}  // namespace dbnloop::proto
