#include "proto/http_failure.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "proto/lines.hpp"
#include "proto/number.hpp"

namespace dbnloop::proto {
namespace {

using Json = nlohmann::json;

std::string Text(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end()) return {};
  return at->is_string() ? at->get<std::string>() : std::string{};
}

void ReadEnvelope(std::string_view body, HttpFailure& out) {
  const auto json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return;
  const auto detail = json.find("detail");
  if (detail == json.end()) return;
  if (detail->is_string()) {
    out.message = detail->get<std::string>();
  } else if (detail->is_object()) {
    out.error_case = Text(*detail, "case");
    out.message = Text(*detail, "message");
    out.docs = Text(*detail, "docs");
  }
}

}  // namespace

std::optional<std::uint32_t> RetryAfter(const HttpHead& head) {
  const auto value = head.Find("retry-after");
  if (!value) return std::nullopt;
  return ParseNumber<std::uint32_t>(*value);
}

Error FailureOf(const HttpHead& head, std::string_view body, std::string_view url) {
  auto failure = std::make_shared<HttpFailure>();
  failure->status = head.status;
  failure->request_id = head.Find("request-id").value_or("");
  failure->retry_after_s = RetryAfter(head);
  ReadEnvelope(body, *failure);

  std::string message = "HTTP status " + std::to_string(head.status);
  if (!failure->error_case.empty()) {
    message += ", " + Printable(failure->error_case);
  }
  if (!failure->message.empty()) {
    message += ": " + Printable(failure->message);
  } else if (head.status >= 300 && head.status < 400) {
    message += ": a redirect to " + Quoted(head.Find("location").value_or("nowhere")) +
               ", which is not followed: give the URL that it leads to";
  } else if (!body.empty()) {
    message += ", with the body " + Quoted(body);
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

std::vector<std::string> WarningsOf(const HttpHead& head) {
  std::vector<std::string> out;
  HttpHead one;
  for (const auto& header : head.headers) {
    one.headers = {header};
    if (!one.Find("x-warning")) continue;
    const auto json = Json::parse(header.second, nullptr, false);
    const bool texts =
        json.is_array() &&
        std::ranges::all_of(json, [](const Json& item) { return item.is_string(); });
    if (!texts) {
      out.push_back(Printable(header.second));
      continue;
    }
    for (const auto& item : json) out.push_back(Printable(item.get<std::string>()));
  }
  return out;
}

}  // namespace dbnloop::proto
