#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/error.hpp"
#include "proto/http_message.hpp"
#include "proto/redactor.hpp"

namespace dbnloop::proto {

/// The most of an error's body that is read; the rest is not needed to say what it is.
inline constexpr std::size_t kMaxErrorBody = 64 * 1024;

/// What an answer other than 2xx means: the API's envelope
/// {"detail": "text"} or {"detail": {"case", "message", "docs", "payload"}} in words,
/// or the status and the beginning of the body when that is something else. The code is
/// AuthFailed for 401 and HttpError for all others. The peer's text holds no key.
[[nodiscard]] Error FailureOf(const HttpHead& head, std::string_view body,
                              std::string_view url, const Redactor& redact);

/// The texts of the X-Warning headers, without the key: each a JSON array of strings,
/// or as it stands.
[[nodiscard]] std::vector<std::string> WarningsOf(const HttpHead& head,
                                                  const Redactor& redact);

/// Seconds that a Retry-After header asks to wait: a number, or a moment when there is
/// a Date header beside it; none for anything else.
[[nodiscard]] std::optional<std::uint32_t> RetryAfter(const HttpHead& head);

}  // namespace dbnloop::proto
