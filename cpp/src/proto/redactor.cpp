#include "proto/redactor.hpp"

#include <algorithm>
#include <utility>

#include "proto/http_message.hpp"

namespace dbnloop::proto {
namespace {

constexpr std::string_view kBasic = "Basic ";

// The character that \uXXXX stands for; -1 for anything else.
int EscapedUnit(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return -1;
  int unit = 0;
  for (const char c : text.substr(2, 4)) {
    const auto digit = std::string_view{"0123456789abcdef0123456789ABCDEF"}.find(c);
    if (digit == std::string_view::npos) return -1;
    unit = unit * 16 + static_cast<int>(digit % 16);
  }
  return unit;
}

// How many bytes of the text's beginning are the secret; 0: none. Any character may be
// written as an escape of JSON.
std::size_t Match(std::string_view text, std::string_view secret, bool escapes) {
  if (!escapes) return text.starts_with(secret) ? secret.size() : 0;
  std::size_t at = 0;
  for (const char c : secret) {
    const auto rest = text.substr(at);
    const bool escaped = c == '"' || c == '\\' || c == '/';
    if (EscapedUnit(rest) == static_cast<unsigned char>(c)) {
      at += 6;
    } else if (escaped && rest.starts_with('\\') && rest.substr(1).starts_with(c)) {
      at += 2;
    } else if (rest.starts_with(c)) {
      at += 1;
    } else {
      return 0;
    }
  }
  return at;
}

// One walk, whatever the peer repeats.
void TakeOut(std::string& text, std::string_view secret, std::string_view instead,
             bool escapes) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const bool begins = text[at] == secret.front() || (escapes && text[at] == '\\');
    const auto found =
        begins ? Match(std::string_view{text}.substr(at), secret, escapes) : 0;
    if (found == 0) {
      text[end++] = text[at++];
      continue;
    }
    const auto shown = found < instead.size() ? std::string_view{"*"} : instead;
    end += shown.copy(&text[end], shown.size());
    at += found;
  }
  text.resize(end);
}

}  // namespace

// Behind "Basic " the header is as good as the key.
Redactor::Redactor(const base::SecretString& key) {
  Add(BasicAuth(key, {}).substr(kBasic.size()), "[key]");
  Add(key, "[key]");
}

void Redactor::AddProxy(const Url& proxy) {
  constexpr std::string_view kInstead = "[proxy]";
  constexpr std::size_t kLeast = 3;
  const std::string_view info = proxy.userinfo;
  const auto colon = std::min(info.find(':'), info.size());
  const auto written = info.substr(std::min(colon + 1, info.size()));
  const base::SecretString user{PercentDecode(info.substr(0, colon))};
  const base::SecretString password{PercentDecode(written)};
  if (password.empty()) return;
  Add(BasicAuth(user, password).substr(kBasic.size()), kInstead);
  Add(user + ":" + password, kInstead);
  Add(base::SecretString{info}, kInstead);
  if (password.size() < kLeast) return;
  Add(password, kInstead);
  Add(base::SecretString{written}, kInstead);
}

void Redactor::Add(base::SecretString text, std::string_view instead) {
  if (text.empty()) return;
  secrets_.emplace_back(std::move(text), instead);
  std::ranges::stable_sort(secrets_, std::ranges::greater{},
                           [](const Secret& secret) { return secret.text.size(); });
}

std::string Redactor::operator()(std::string_view text) const {
  std::string out{text};
  Redact(out);
  return out;
}

void Redactor::Redact(std::string& text) const {
  for (const auto& [secret, instead] : secrets_) {
    if (text.find(secret) != std::string::npos) TakeOut(text, secret, instead, false);
    if (text.contains('\\')) TakeOut(text, secret, instead, true);
  }
}

}  // namespace dbnloop::proto
