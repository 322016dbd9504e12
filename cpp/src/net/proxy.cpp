#include "net/proxy.hpp"

#include <cstdlib>
#include <initializer_list>

#include "base/text.hpp"

namespace dbnloop::net {
namespace {

std::string_view Variable(std::string_view name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read only
  const char* value = std::getenv(std::string{name}.c_str());
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

// The first of the variables that says something; empty: none does.
std::string_view FirstOf(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (!Variable(name).empty()) return name;
  }
  return {};
}

}  // namespace

std::string_view ProxyVariable(const proto::Url& url) {
  const auto host = base::LowerCase(url.host);
  if (host == "localhost" || host == "::1" || host.starts_with("127.")) return {};
  const auto exceptions = FirstOf({"no_proxy", "NO_PROXY"});
  if (!exceptions.empty() &&
      proto::NoProxyMatches(Variable(exceptions), url.host, url.port)) {
    return {};
  }
  const auto own =
      url.tls ? FirstOf({"https_proxy", "HTTPS_PROXY"}) : FirstOf({"http_proxy"});
  return own.empty() ? FirstOf({"all_proxy", "ALL_PROXY"}) : own;
}

std::string ProxyFromEnvironment(const proto::Url& url) {
  const auto name = ProxyVariable(url);
  return name.empty() ? std::string{} : std::string{Variable(name)};
}

}  // namespace dbnloop::net
