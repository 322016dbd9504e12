#pragma once

#include <string>
#include <string_view>

#include "proto/url.hpp"

namespace dbnloop::net {

/// The proxy that the environment asks for (https_proxy, HTTPS_PROXY, http_proxy,
/// all_proxy, ALL_PROXY; no_proxy, NO_PROXY), as curl reads them: HTTP_PROXY in
/// capitals is ignored. Empty if no proxy is set, and always for this machine itself,
/// which a proxy does not reach.
[[nodiscard]] std::string ProxyFromEnvironment(const proto::Url& url);
/// The name of the variable that sets the proxy; empty when no proxy is set.
[[nodiscard]] std::string_view ProxyVariable(const proto::Url& url);

}  // namespace dbnloop::net
