// The first byte chooses the status; then come three lines, values of headers, and the
// body. What is made of them for people is printable and bounded, and says the status.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "proto/http_failure.hpp"

static std::string_view Line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

static void RequirePrintable(std::string_view text, std::size_t most) {
  const bool printable = std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (!printable || text.size() > most) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view rest{reinterpret_cast<const char*>(data) + 1, size - 1};
  dbnloop::proto::HttpHead head;
  head.status = 300 + data[0];
  for (const char* name : {"X-Warning", "retry-after", "Request-ID"}) {
    head.headers.emplace_back(name, Line(rest));
  }
  head.headers.emplace_back("Location", head.headers[2].second);

  const auto error = dbnloop::proto::FailureOf(head, rest, "https://h/p", {});
  RequirePrintable(error.message, 5'000);
  const auto status = std::to_string(head.status);
  if (!error.http || error.http->status != head.status) abort();
  if (error.message.find("HTTP status " + status) != 0) abort();
  if ((error.code == dbnloop::ErrorCode::AuthFailed) != (head.status == 401)) abort();
  if (error.http->retry_after_s &&
      error.message.find(std::to_string(*error.http->retry_after_s) + " s") ==
          std::string::npos) {
    abort();
  }
  const auto warnings = dbnloop::proto::WarningsOf(head, {});
  for (const auto& warning : warnings) RequirePrintable(warning, 1'010);
  if (warnings.size() > head.headers[0].second.size() / 2 + 1) abort();
  return 0;
}
