#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "dbnloop/error.hpp"
#include "proto/http_message.hpp"

namespace dbnloop::proto {

/// One HTTP/1.1 response: bytes in, head, pieces of body and end out. Sans-I/O around
/// llhttp. Informational responses (1xx) are passed over.
class HttpResponse {
 public:
  /// Bounds on what a peer may send before the body.
  static constexpr std::size_t kMaxHead = 64 * 1024;  ///< bytes of names and values
  static constexpr std::size_t kMaxHeaders = 256;
  static constexpr int kMaxInformational = 16;

  /// `tunnel`: the response to CONNECT, which has no body when it is a success.
  explicit HttpResponse(bool tunnel = false);
  ~HttpResponse();

  enum class Event {
    NeedMore,  ///< all bytes were taken
    Head,      ///< head() is complete
    Body,      ///< body() is a piece of the body, inside the bytes given
    Done,      ///< the response is complete; bytes after it were not consumed
    Failed,    ///< error() says why
  };
  /// Consumes bytes until there is something to report, and adds how many to `taken`.
  Event Next(std::span<const std::byte> bytes, std::size_t& taken);
  /// The connection has ended: Done when that is the body's end (no length was given),
  /// else Failed: the response is cut.
  Event Finish();

  [[nodiscard]] const HttpHead& head() const noexcept;
  [[nodiscard]] std::span<const std::byte> body() const noexcept;
  [[nodiscard]] const Error& error() const noexcept;
  /// After Done: whether another request may follow on this connection.
  [[nodiscard]] bool KeepAlive() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop::proto
