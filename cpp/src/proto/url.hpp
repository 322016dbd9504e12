#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dbnloop::proto {

/// http://host:port/path or https://…, taken apart.
struct Url {
  bool tls = true;
  std::string host;      ///< without the brackets of an IPv6 address
  int port = 443;        ///< given, or 443 for https and 80 for http
  std::string path;      ///< begins with '/', or is empty; with the query
  std::string userinfo;  ///< "user:password" as it stands, may be empty

  /// None when the text is no such URL.
  static std::optional<Url> Parse(std::string_view text);
  /// What the Host header says: the port only when it is not the scheme's.
  [[nodiscard]] std::string HostHeader() const;
  /// "host:port", with brackets around an IPv6 address.
  [[nodiscard]] std::string Authority() const;
};

/// Undoes %XX; a broken escape stays as it is.
[[nodiscard]] std::string PercentDecode(std::string_view text);

/// Whether a NO_PROXY list names the host, as curl reads it: "*" alone is all hosts;
/// else names, which stand for what is below them too ("a.com", ".a.com", "a.com."),
/// and addresses, or blocks of them ("10.0.0.1", "10.0.0.0/8", "[2001:db8::]/32"),
/// between commas or blanks. A port behind a name or an address ("a.com:8080"), which
/// curl does not know, bounds it to that port.
[[nodiscard]] bool NoProxyMatches(std::string_view list, std::string_view host,
                                  int port);

}  // namespace dbnloop::proto
