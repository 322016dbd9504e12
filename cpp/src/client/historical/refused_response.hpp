#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include "dbnloop/error.hpp"
#include "proto/http_failure.hpp"
#include "proto/http_message.hpp"
#include "proto/redactor.hpp"

namespace dbnloop::client {

/// A response that is not a success: its head, and as much of its body as the error
/// needs.
class RefusedResponse {
 public:
  void Begin(const proto::HttpHead& head) {
    head_ = head;
    body_.clear();
  }
  void Reset() { Begin({}); }
  /// Whether there is such a response.
  explicit operator bool() const noexcept { return head_.status != 0; }

  /// Appends a piece of the body. Returns false when there is enough to tell what it
  /// is: the rest is not waited for.
  [[nodiscard]] bool Append(std::span<const std::byte> piece) {
    const auto room = proto::kMaxErrorBody - body_.size();
    body_.append(reinterpret_cast<const char*>(piece.data()),
                 std::min(room, piece.size()));
    return piece.size() <= room;
  }

  [[nodiscard]] const proto::HttpHead& head() const noexcept { return head_; }
  /// The error that it stands for; `url` is that of the request.
  [[nodiscard]] Error ToError(const std::string& url,
                              const proto::Redactor& redact) const {
    return proto::FailureOf(head_, body_, url, redact);
  }

 private:
  proto::HttpHead head_;
  std::string body_;
};

}  // namespace dbnloop::client
