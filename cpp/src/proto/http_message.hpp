#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.hpp"

namespace dbnloop::proto {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// The status line and headers of a response.
struct HttpHead {
  int status = 0;
  HttpHeaders headers;

  /// The first header of that name, in whatever case; none when there is none.
  [[nodiscard]] std::optional<std::string_view> Find(std::string_view name) const;
};

/// Key and value pairs of a query or a form, in order.
using Params = std::vector<std::pair<std::string, std::string>>;

/// application/x-www-form-urlencoded: unreserved characters as they are, a space as
/// "+", all else as %XX.
[[nodiscard]] std::string FormEncode(const Params& params);

/// Undoes FormEncode; a pair without "=" has an empty value.
[[nodiscard]] Params FormDecode(std::string_view form);

/// The value of an Authorization header for HTTP basic authentication.
[[nodiscard]] base::SecretString BasicAuth(std::string_view user,
                                           std::string_view password);

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  ///< path and query
  HttpHeaders headers;       ///< besides Host and Content-Length
  std::string body;
  /// Headers whose values must not get out.
  std::vector<std::pair<std::string, base::SecretString>> secrets = {};
};

/// The bytes of a request. Throws Exception(InvalidArgument) when a part holds a
/// character that would end its line: nothing can be smuggled in.
[[nodiscard]] base::SecretString Serialize(const HttpRequest& request,
                                           std::string_view host);

}  // namespace dbnloop::proto
