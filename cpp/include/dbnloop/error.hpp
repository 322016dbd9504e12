#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dbnloop {

/// Why something failed. The numeric values are part of the C ABI: new codes are
/// appended, existing ones never change.
enum class ErrorCode : std::uint32_t {
  None = 0,

  // Connection
  ConnectionFailed = 1,     ///< no address accepted the connection
  ConnectionClosed = 2,     ///< the peer ended or reset the connection, at any byte
  DnsResolutionFailed = 3,  ///< the host name has no usable address

  // Authentication
  AuthFailed = 4,     ///< the gateway refused the key
  InvalidApiKey = 5,  ///< the key's form is wrong; found before connecting

  // Protocol
  InvalidGreeting = 6,   ///< the first line is not a gateway's greeting
  InvalidChallenge = 7,  ///< the CRAM challenge is missing or malformed
  ParseError = 8,        ///< bytes that are not DBN

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

  // What the first design lacks
  Timeout = 16,           ///< connect or authentication took longer than allowed
  HeartbeatTimeout = 17,  ///< no byte for the heartbeat interval plus its margin
  GatewayError = 18,      ///< the gateway sent an error record and then closed
  InvalidArgument = 19,   ///< an argument is out of its range; nothing was done
  InvalidState = 20,      ///< the call is not allowed now; nothing was done
  Cancelled = 21,         ///< ended by the user before it was complete
  LimitExceeded = 22,     ///< a bound on what a peer may send was passed
  System = 23,            ///< a system call failed; see os_errno
  OutOfMemory = 24,
  HandlerFailed = 25,  ///< kept for bindings; here exceptions pass to Poll's caller
  /// A file or a historical stream ended inside its metadata, a record or a zstd frame;
  /// everything before that was delivered. A live session that is cut is
  /// ConnectionClosed.
  Truncated = 26,
  /// The size or the SHA-256 of a downloaded file is not the one that was asked for.
  ChecksumMismatch = 27,
};

/// The code's name as it is spelled above, for logs. Never null; "Unknown" for a value
/// outside the enum.
[[nodiscard]] std::string_view ToString(ErrorCode code) noexcept;

/// What the historical API said of a request that it refused (protocol: its error
/// envelope and headers). The texts may be empty; they are safe to show on a terminal.
struct HttpFailure {
  int status = 0;          ///< of HTTP, e.g. 422
  std::string error_case;  ///< the API's machine-readable name of it
  std::string message;     ///< the API's own words
  std::string docs;        ///< a link to its documentation
  std::string request_id;  ///< for Databento's support
  /// Where the dataset's data begins and ends, ISO 8601 in UTC, when the API says so:
  /// what to ask for instead of a range that it does not have.
  std::string available_start;
  std::string available_end;
  /// All details that the API gave, as a JSON object: commonly dataset, start, end,
  /// available_start and available_end.
  std::string payload;
  std::optional<std::uint32_t> retry_after_s;  ///< seconds to wait before trying again

  /// Whether the same request may succeed later: 408, 429 and 5xx but 501.
  [[nodiscard]] bool Retryable() const noexcept {
    return status == 408 || status == 429 || (status >= 500 && status != 501);
  }
};

/// What went wrong, in words: what, where, and what to do. Never contains the API key.
struct Error {
  ErrorCode code = ErrorCode::None;
  std::string message;
  int os_errno = 0;  ///< errno of the failing system call, or 0
  /// Set when an HTTP status is the reason.
  std::shared_ptr<const HttpFailure> http = nullptr;

  /// True when this is an error at all.
  explicit operator bool() const noexcept { return code != ErrorCode::None; }
};

}  // namespace dbnloop
