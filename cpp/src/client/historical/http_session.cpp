#include "client/historical/http_session.hpp"

#include <algorithm>
#include <utility>

#include "dbnloop/exception.hpp"
#include "dbnloop/version.hpp"
#include "net/proxy.hpp"

namespace dbnloop {
namespace {

constexpr std::size_t kMostIdle = 4;

[[noreturn]] void Refuse(std::string message) {
  throw Exception{{ErrorCode::InvalidArgument, std::move(message)}};
}

proto::Url ServerOf(const HistoricalOptions& options) {
  auto url = proto::Url::Parse(options.url);
  if (!url || !url->userinfo.empty() || url->path.size() > 1) {
    Refuse("the historical API's URL must look like https://host:port, without a path");
  }
  return *url;
}

std::optional<proto::Url> ProxyOf(const HistoricalOptions& options,
                                  const proto::Url& server) {
  auto text = options.proxy ? *options.proxy : net::ProxyFromEnvironment(server);
  if (text.empty()) return std::nullopt;
  if (text.find("://") == std::string::npos) text.insert(0, "http://");
  auto url = proto::Url::Parse(text);
  if (url && !url->tls) return url;
  // The text may hold a password: no more than its scheme is repeated.
  const auto scheme = text.substr(0, text.find("://"));
  const bool word =
      scheme != "http" && !scheme.empty() && std::ranges::all_of(scheme, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      });
  std::string message = options.proxy ? "the option proxy"
                                      : "the environment variable " +
                                            std::string{net::ProxyVariable(server)};
  message += word ? " asks for a proxy of the kind " + scheme +
                        ", but only HTTP proxies are supported: it"
                  : " does not name a proxy: it";
  message += " must look like http://[user:password@]host:port";
  if (!options.proxy) {
    message += "; unset it, add " + server.host +
               " to NO_PROXY, or set the option proxy (empty: no proxy)";
  }
  Refuse(std::move(message));
}

}  // namespace

HttpSession::HttpSession(Reactor* reactor, base::SecretString api_key,
                         const HistoricalOptions& options)
    : reactor_{reactor},
      api_key_{std::move(api_key)},
      user_agent_{"dbnloop/" + std::string{kVersion}} {
  if (!options.user_agent_extension.empty()) {
    user_agent_ += " " + options.user_agent_extension;
  }
  options_.url = ServerOf(options);
  options_.proxy = ProxyOf(options, options_.url);
  if (options_.proxy) redact_.AddProxy(*options_.proxy);
  options_.resolver.timeout = options.resolve_timeout;
  options_.resolver.servers = options.name_servers;
  options_.connect_timeout = options.connect_timeout;
  options_.tls_timeout = options.tls_timeout;
  options_.response_timeout = options.response_timeout;
  options_.idle_timeout = options.idle_timeout;
  if (options_.url.tls) tls_.emplace(net::TlsOptions{options.ca_file, options.ca_dir});
}

HttpSession::~HttpSession() = default;

proto::HttpRequest HttpSession::Get(std::string_view endpoint,
                                    const proto::Params& params) const {
  auto path = "/v0/" + std::string{endpoint};
  if (!params.empty()) path += "?" + proto::FormEncode(params);
  return GetPath(path);
}

proto::HttpRequest HttpSession::GetPath(std::string_view path) const {
  // A plain proxy wants the whole URL.
  const bool absolute = options_.proxy && !options_.url.tls;
  proto::HttpRequest request{
      .method = "GET",
      .target =
          (absolute ? "http://" + options_.url.HostHeader() : "") + std::string{path},
      .headers = {{"User-Agent", user_agent_},
                  {"Accept", "application/json, application/octet-stream"}},
      .body = {}};
  request.secrets.emplace_back("Authorization", proto::BasicAuth(api_key_, {}));
  // Through a tunnel the proxy sees none of these.
  if (absolute && !options_.proxy->userinfo.empty()) {
    request.secrets.emplace_back("Proxy-Authorization",
                                 HttpConnection::ProxyAuthorization(*options_.proxy));
  }
  return request;
}

proto::HttpRequest HttpSession::Post(std::string_view endpoint,
                                     const proto::Params& params) const {
  auto request = GetPath("/v0/" + std::string{endpoint});
  request.method = "POST";
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = proto::FormEncode(params);
  return request;
}

std::unique_ptr<HttpConnection> HttpSession::Connection() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->Reusable()) return connection;
  }
  return FreshConnection();
}

std::unique_ptr<HttpConnection> HttpSession::FreshConnection() const {
  return std::make_unique<HttpConnection>(reactor_, tls_ ? &*tls_ : nullptr, &redact_,
                                          options_);
}

void HttpSession::Return(std::unique_ptr<HttpConnection> connection) {
  if (idle_.size() < kMostIdle && connection->Reusable()) {
    idle_.push_back(std::move(connection));
  }
}

std::string HttpSession::Describe(const proto::HttpRequest& request) const {
  const std::string_view target = request.target;
  const auto path = target.substr(0, target.find('?'));
  // For a plain proxy the target is all of the URL.
  const auto server =
      path.starts_with('/')
          ? (options_.url.tls ? "https://" : "http://") + options_.url.HostHeader()
          : "";
  return request.method + " " + server + std::string{path};
}

}  // namespace dbnloop
