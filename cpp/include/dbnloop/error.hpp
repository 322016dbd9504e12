#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dbnloop {

/// Why an operation failed. The numeric values are part of the C ABI: new codes are
/// appended, and existing ones never change.
enum class ErrorCode : std::uint32_t {
  None = 0,

  // Connection
  ConnectionFailed = 1,     ///< no address accepted the connection
  ConnectionClosed = 2,     ///< the peer ended or reset the connection, at any byte
  DnsResolutionFailed = 3,  ///< the host name has no usable address

  // Authentication
  AuthFailed = 4,     ///< the gateway refused the key
  InvalidApiKey = 5,  ///< the key is malformed; detected before connecting

  // Protocol
  InvalidGreeting = 6,   ///< the first line is not a gateway's greeting
  InvalidChallenge = 7,  ///< the CRAM challenge is missing or malformed
  ParseError = 8,        ///< the bytes are not valid DBN

  // Subscription
  InvalidDataset = 9,
  InvalidSymbol = 10,
  InvalidSchema = 11,

  // TLS (historical)
  TlsHandshakeFailed = 12,
  CertificateError = 13,

  // HTTP (historical)
  HttpError = 14,

  // Decompression
  DecompressionError = 15,

  // General
  Timeout = 16,           ///< connecting or authenticating took longer than allowed
  HeartbeatTimeout = 17,  ///< no byte arrived for the heartbeat interval plus its grace
  GatewayError = 18,      ///< the gateway sent an error record and then closed
  InvalidArgument = 19,   ///< an argument is out of its range; nothing was done
  InvalidState = 20,      ///< the call is not allowed now; nothing was done
  Cancelled = 21,         ///< ended by the user before it was complete
  LimitExceeded = 22,     ///< a peer sent more than a limit allows
  System = 23,            ///< a system call failed; see os_errno
  OutOfMemory = 24,
  HandlerFailed = 25,  ///< reserved for bindings; in C++ exceptions reach Poll's caller
  /// A file or a historical stream ended inside its metadata, a record or a zstd frame;
  /// everything before that point was delivered. A live session that is cut ends with
  /// ConnectionClosed.
  Truncated = 26,
  /// The size or the SHA-256 of a downloaded file is not the expected one.
  ChecksumMismatch = 27,
};

/// The name of a code as it is spelled above, for logs; "Unknown" for a value outside
/// the enum. Static storage.
[[nodiscard]] std::string_view ToString(ErrorCode code) noexcept;

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
