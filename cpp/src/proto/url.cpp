#include "proto/url.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "proto/lines.hpp"
#include "proto/number.hpp"

namespace dbnloop::proto {
namespace {

constexpr int kHttps = 443;
constexpr int kHttp = 80;

std::optional<int> Port(std::string_view text) {
  const auto port = ParseNumber<std::uint16_t>(text);
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

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): read only
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

std::string_view FirstOf(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto value = Variable(name); !value.empty()) return value;
  }
  return {};
}

}  // namespace

std::optional<Url> Url::Parse(std::string_view text) {
  Url url;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const auto scheme = LowerCase(text.substr(0, scheme_end));
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
  const auto name = LowerCase(host);
  while (!list.empty()) {
    const auto comma = std::min(list.find_first_of(", "), list.size());
    auto entry = LowerCase(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (entry == "*") return true;
    if (const auto colon = entry.rfind(':');
        colon != std::string::npos && entry.find(':') == colon) {
      if (entry.substr(colon + 1) != std::to_string(port)) continue;
      entry.resize(colon);
    }
    if (entry.starts_with('.')) entry.erase(0, 1);
    if (entry.empty()) continue;
    if (name == entry || name.ends_with("." + entry)) return true;
  }
  return false;
}

std::string ProxyFromEnvironment(const Url& url) {
  const auto host = LowerCase(url.host);
  if (host == "localhost" || host == "::1" || host.starts_with("127.")) return {};
  if (NoProxyMatches(FirstOf({"no_proxy", "NO_PROXY"}), url.host, url.port)) return {};
  auto proxy =
      url.tls ? FirstOf({"https_proxy", "HTTPS_PROXY"}) : FirstOf({"http_proxy"});
  if (proxy.empty()) proxy = FirstOf({"all_proxy", "ALL_PROXY"});
  return std::string{proxy};
}

}  // namespace dbnloop::proto
