#include "proto/http_failure.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <memory>

#include "proto/json.hpp"
#include "proto/lines.hpp"
#include "proto/number.hpp"

namespace dbnloop::proto {
namespace {

using Json = nlohmann::json;

void ReadText(const Json& object, const char* key, std::string& out,
              const Redactor& redact) {
  const auto at = object.find(key);
  if (at != object.end() && at->is_string()) out = redact(at->get<std::string>());
}

void ReadEnvelope(std::string_view body, HttpFailure& out, const Redactor& redact) {
  const auto json = ParseJson(body);
  if (!json.is_object()) return;
  const auto detail = json.find("detail");
  if (detail == json.end()) return;
  if (detail->is_object()) {
    ReadText(*detail, "case", out.error_case, redact);
    ReadText(*detail, "message", out.message, redact);
    ReadText(*detail, "docs", out.docs, redact);
  } else {
    ReadText(json, "detail", out.message, redact);
  }
}

// HTTP's form of a time, "Sun, 06 Nov 1994 08:49:37 GMT"; none for anything else.
std::optional<std::chrono::sys_seconds> ParseDate(std::string_view text) {
  using namespace std::chrono;
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr",
                                                        "May", "Jun", "Jul", "Aug",
                                                        "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) {
    return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    return ParseNumber<unsigned>(text.substr(at, size));
  };
  const auto* const month_name = std::ranges::find(kMonths, text.substr(8, 3));
  const auto day_number = number(5, 2);
  const auto year_number = number(12, 4);
  const auto hour = number(17, 2);
  const auto minute = number(20, 2);
  const auto second = number(23, 2);
  if (month_name == kMonths.end() || !day_number || !year_number || !hour || !minute ||
      !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const year_month_day date{
      year{static_cast<int>(*year_number)},
      month{static_cast<unsigned>(month_name - kMonths.begin()) + 1}, day{*day_number}};
  if (!date.ok()) return std::nullopt;
  return sys_days{date} + hours{*hour} + minutes{*minute} + seconds{*second};
}

}  // namespace

std::optional<std::uint32_t> RetryAfter(const HttpHead& head) {
  const auto value = head.Find("retry-after");
  if (!value) return std::nullopt;
  const auto bounded = [](std::uint64_t n) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(n < kMost ? n : kMost);
  };
  if (const auto wait = ParseNumber<std::uint64_t>(*value)) return bounded(*wait);
  // A moment is compared with the server's own clock: that of this machine may differ.
  const auto then = ParseDate(*value);
  const auto now = ParseDate(head.Find("date").value_or(""));
  if (!then || !now) return std::nullopt;
  return *then <= *now ? 0
                       : bounded(static_cast<std::uint64_t>((*then - *now).count()));
}

Error FailureOf(const HttpHead& head, std::string_view body, std::string_view url,
                const Redactor& redact) {
  auto failure = std::make_shared<HttpFailure>();
  failure->status = head.status;
  failure->request_id = redact(head.Find("request-id").value_or(""));
  failure->retry_after_s = RetryAfter(head);
  ReadEnvelope(body, *failure, redact);

  std::string message = "HTTP status " + std::to_string(head.status);
  if (!failure->error_case.empty()) {
    message += ", " + Printable(failure->error_case);
  }
  if (!failure->message.empty()) {
    message += ": " + Printable(failure->message);
  } else if (head.status >= 300 && head.status < 400) {
    message += ": a redirect to " +
               Quoted(redact(head.Find("location").value_or("nowhere"))) +
               ", which is not followed: give the URL that it leads to";
  } else if (!body.empty()) {
    message += ", with the body " + Quoted(redact(body));
  }
  message += " (" + std::string{url};
  if (!failure->request_id.empty()) {
    message += ", request " + Printable(failure->request_id);
  }
  message += ")";
  if (!failure->docs.empty()) message += "; see " + Printable(failure->docs);
  if (failure->retry_after_s) {
    message += "; try again in " + std::to_string(*failure->retry_after_s) + " s";
  }
  constexpr int kUnauthorized = 401;
  const auto code =
      head.status == kUnauthorized ? ErrorCode::AuthFailed : ErrorCode::HttpError;
  return {code, std::move(message), 0, std::move(failure)};
}

std::vector<std::string> WarningsOf(const HttpHead& head, const Redactor& redact) {
  std::vector<std::string> out;
  HttpHead one;
  for (const auto& header : head.headers) {
    one.headers = {header};
    if (!one.Find("x-warning")) continue;
    const auto json = ParseJson(header.second);
    const bool texts =
        json.is_array() &&
        std::ranges::all_of(json, [](const Json& item) { return item.is_string(); });
    if (!texts) {
      out.push_back(Printable(redact(header.second)));
      continue;
    }
    for (const auto& item : json) {
      out.push_back(Printable(redact(item.get<std::string>())));
    }
  }
  return out;
}

}  // namespace dbnloop::proto
