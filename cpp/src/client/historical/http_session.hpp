#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/historical/http_connection.hpp"
#include "dbnloop/historical_client.hpp"

namespace dbnloop {

/// What all requests of a historical client share: server, key, certificates, proxy and
/// the connections that wait for another request.
class HttpSession {
 public:
  HttpSession(Reactor* reactor, base::SecretString api_key,
              const HistoricalOptions& options);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  [[nodiscard]] proto::HttpRequest Get(std::string_view endpoint,
                                       const proto::Params& params) const;
  [[nodiscard]] proto::HttpRequest Post(std::string_view endpoint,
                                        const proto::Params& params) const;
  /// A GET of a path of the server, as it is.
  [[nodiscard]] proto::HttpRequest GetPath(std::string_view path) const;

  /// A connection, perhaps one that was used before.
  [[nodiscard]] std::unique_ptr<HttpConnection> Connection();
  /// One that was not: where a request must not be sent twice, as a connection that the
  /// server is about to close leaves it open whether it was received.
  [[nodiscard]] std::unique_ptr<HttpConnection> FreshConnection() const;
  /// Keeps a connection for the next request.
  void Return(std::unique_ptr<HttpConnection> connection);

  [[nodiscard]] const proto::Redactor& redact() const noexcept { return redact_; }
  /// The URL of a request, for messages.
  [[nodiscard]] std::string Describe(const proto::HttpRequest& request) const;
  [[nodiscard]] Reactor* reactor() const noexcept { return reactor_; }

 private:
  Reactor* reactor_;
  base::SecretString api_key_;
  proto::Redactor redact_{api_key_};
  std::string user_agent_;
  std::optional<net::TlsContext> tls_;
  HttpConnectionOptions options_;
  std::vector<std::unique_ptr<HttpConnection>> idle_;
};

}  // namespace dbnloop
