#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dbnloop/detail/require_cxx23.hpp"
#include "dbnloop/error_code.gen.hpp"

namespace dbnloop {

/// The details of a request that the historical API refused, from its headers and the
/// JSON in its body. The texts may be empty, and are safe to show on a terminal.
struct HttpFailure {
  int status = 0;          ///< HTTP status, e.g. 422
  std::string error_case;  ///< the API's machine-readable name of the error
  std::string message;     ///< the API's message
  std::string docs;        ///< link to the documentation
  std::string request_id;  ///< to quote to Databento's support
  /// Start and end of the dataset's data, ISO 8601 in UTC, if the API reports them: the
  /// range that may be requested instead.
  std::string available_start;
  std::string available_end;
  /// All details that the API sent, as a JSON object: typically dataset, start, end,
  /// available_start and available_end.
  std::string payload;
  std::optional<std::uint32_t> retry_after_s;  ///< seconds to wait before a retry

  /// Whether the same request may succeed later: 408, 429, and 5xx except 501.
  [[nodiscard]] bool Retryable() const noexcept {
    return status == 408 || status == 429 || (status >= 500 && status != 501);
  }
};

/// An error. The message says what failed, where, and what to do. It never contains the
/// API key.
struct Error {
  ErrorCode code = ErrorCode::None;
  std::string message;
  int os_errno = 0;  ///< errno of the failing system call, or 0
  /// Set when an HTTP status is the reason.
  std::shared_ptr<const HttpFailure> http = nullptr;

  /// True when the code is not None.
  explicit operator bool() const noexcept { return code != ErrorCode::None; }
};

}  // namespace dbnloop
