#include "proto/http_failure.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <memory>
#include <utility>

#include "base/number.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "proto/json.hpp"

namespace dbnloop::proto {
namespace {

// A text of the peer, fit to be shown, without the key.
std::string Shown(const Json& text, const Redactor& redact) {
  return base::Printable(redact(text.String()), kMaxErrorBody);
}

void ReadText(const Json& object, std::string_view key, std::string& out,
              const Redactor& redact) {
  const auto found = object.Find(key);
  if (found && found->kind() == Json::Kind::Text) out = Shown(*found, redact);
}

void WriteText(const Json& text, const Redactor& redact, std::string& out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto clean = redact(text.String());
  out += '"';
  for (std::string_view rest = clean; !rest.empty();) {
    const auto c = base::FirstUtf8Char(rest);
    if (base::IsUnprintable(c.code)) {
      out += "\\u";
      for (const unsigned shift : {12, 8, 4, 0}) out += kHex[c.code >> shift & 15U];
    } else {
      if (c.code == '"' || c.code == '\\') out += '\\';
      out += rest.substr(0, c.size);
    }
    rest.remove_prefix(std::max<std::size_t>(c.size, 1));
  }
  out += '"';
}

// The value again, without the key and fit to be shown.
void Write(const Json& value, const Redactor& redact, std::string& out) {
  bool first = true;
  const auto separate = [&] {
    if (!std::exchange(first, false)) out += ',';
  };
  switch (value.kind()) {
    case Json::Kind::Text:
      return WriteText(value, redact, out);
    case Json::Kind::List:
      out += '[';
      value.EachItem([&](const Json& item) {
        separate();
        Write(item, redact, out);
      });
      out += ']';
      return;
    case Json::Kind::Object:
      out += '{';
      value.EachMember([&](const Json& key, const Json& member) {
        separate();
        WriteText(key, redact, out);
        out += ':';
        Write(member, redact, out);
      });
      out += '}';
      return;
    default:
      out += redact(value.raw());
  }
}

void ReadPayload(const Json& detail, HttpFailure& out, const Redactor& redact) {
  const auto payload = detail.Find("payload");
  if (!payload || payload->kind() != Json::Kind::Object) return;
  Write(*payload, redact, out.payload);
  ReadText(*payload, "available_start", out.available_start, redact);
  ReadText(*payload, "available_end", out.available_end, redact);
}

void ReadEnvelope(std::string_view body, HttpFailure& out, const Redactor& redact) {
  const auto json = Json::Parse(body);
  if (!json || json->kind() != Json::Kind::Object) return;
  const auto detail = json->Find("detail");
  if (!detail) return;
  if (detail->kind() == Json::Kind::Object) {
    ReadText(*detail, "case", out.error_case, redact);
    ReadText(*detail, "message", out.message, redact);
    ReadText(*detail, "docs", out.docs, redact);
    ReadPayload(*detail, out, redact);
  } else {
    ReadText(*json, "detail", out.message, redact);
  }
}

// What to ask for instead.
std::string AvailableRange(const HttpFailure& failure) {
  constexpr std::size_t kMost = 64;  // bytes; a time has 30
  std::string out;
  if (!failure.available_start.empty()) {
    out += "; the data begins at " + base::Printable(failure.available_start, kMost);
  }
  if (!failure.available_end.empty()) {
    out += (out.empty() ? "; the data ends at " : " and ends at ") +
           base::Printable(failure.available_end, kMost);
  }
  return out;
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
    return base::ParseNumber<unsigned>(text.substr(at, size));
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
  if (const auto wait = base::ParseNumber<std::uint64_t>(*value)) return bounded(*wait);
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
  failure->request_id = base::Printable(redact(head.Find("request-id").value_or("")));
  failure->retry_after_s = RetryAfter(head);
  ReadEnvelope(body, *failure, redact);

  std::string message = "HTTP status " + std::to_string(head.status);
  if (!failure->error_case.empty()) {
    message += ", " + base::Printable(failure->error_case);
  }
  if (!failure->message.empty()) {
    message += ": " + base::Printable(failure->message);
  } else if (head.status >= 300 && head.status < 400) {
    message += ": a redirect to " +
               base::Quoted(redact(head.Find("location").value_or("nowhere"))) +
               ", which is not followed: give the URL that it leads to";
  } else if (!body.empty()) {
    message += ", with the body " + base::Quoted(redact(body));
  }
  message += " (" + std::string{url};
  if (!failure->request_id.empty()) {
    message += ", request " + base::Printable(failure->request_id);
  }
  message += ")";
  message += AvailableRange(*failure);
  if (!failure->docs.empty()) message += "; see " + base::Printable(failure->docs);
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
    const auto json = Json::Parse(header.second);
    bool texts = json && json->kind() == Json::Kind::List;
    if (texts) {
      json->EachItem(
          [&](const Json& item) { texts = texts && item.kind() == Json::Kind::Text; });
    }
    if (!texts) {
      out.push_back(base::Printable(redact(header.second)));
      continue;
    }
    json->EachItem([&](const Json& item) {
      out.push_back(base::Printable(redact(item.String())));
    });
  }
  return out;
}

}  // namespace dbnloop::proto
