#include "proto/http_message.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "base/text.hpp"
#include "dbnloop/exception.hpp"
#include "proto/url.hpp"

namespace dbnloop::proto {
namespace {

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

void AppendEncoded(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
}

// Neither CR, LF, NUL nor anything else that is no visible ASCII or blank.
void RequirePlain(std::string_view text, bool blanks, const char* what) {
  const bool plain = std::ranges::all_of(text, [blanks](char c) {
    return (c > 0x20 && c < 0x7F) || (blanks && c == ' ');
  });
  if (plain) return;
  // The value may be a secret: it is not repeated.
  throw Exception{{ErrorCode::InvalidArgument,
                   std::string{"HTTP: the "} + what +
                       " holds a character that HTTP cannot carry there"}};
}

}  // namespace

std::optional<std::string_view> HttpHead::Find(std::string_view name) const {
  const auto wanted = base::LowerCase(name);
  for (const auto& [key, value] : headers) {
    if (base::LowerCase(key) == wanted) return value;
  }
  return std::nullopt;
}

std::string FormEncode(const Params& params) {
  std::string out;
  for (const auto& [key, value] : params) {
    if (!out.empty()) out += '&';
    AppendEncoded(out, key);
    out += '=';
    AppendEncoded(out, value);
  }
  return out;
}

Params FormDecode(std::string_view form) {
  const auto decode = [](std::string_view text) {
    std::string spaced{text};
    std::ranges::replace(spaced, '+', ' ');
    return PercentDecode(spaced);
  };
  Params params;
  while (!form.empty()) {
    const auto pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    const auto equals = std::min(pair.find('='), pair.size());
    params.emplace_back(decode(pair.substr(0, equals)),
                        decode(pair.substr(std::min(equals + 1, pair.size()))));
  }
  return params;
}

base::SecretString BasicAuth(std::string_view user, std::string_view password) {
  base::SecretString plain{user};
  plain += ':';
  plain += password;
  base::SecretString value{"Basic "};
  const auto at = value.size();
  value.resize(at + (plain.size() + 2) / 3 * 4 + 1);
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(&value[at]),
                                   reinterpret_cast<const unsigned char*>(plain.data()),
                                   static_cast<int>(plain.size()));
  value.resize(at + static_cast<std::size_t>(size));
  return value;
}

base::SecretString Serialize(const HttpRequest& request, std::string_view host) {
  RequirePlain(request.method, false, "method");
  RequirePlain(request.target, false, "path");
  RequirePlain(host, false, "host");
  base::SecretString out;
  out.append(request.method).append(" ").append(request.target);
  out.append(" HTTP/1.1\r\nHost: ").append(host);
  const auto add = [&out](std::string_view key, std::string_view value) {
    RequirePlain(key, false, "header's name");
    RequirePlain(value, true, ("header " + std::string{key}).c_str());
    out.append("\r\n").append(key).append(": ").append(value);
  };
  for (const auto& [key, value] : request.secrets) add(key, value);
  for (const auto& [key, value] : request.headers) add(key, value);
  if (!request.body.empty() || request.method == "POST") {
    out.append("\r\nContent-Length: ").append(std::to_string(request.body.size()));
  }
  return out.append("\r\n\r\n").append(request.body);
}

}  // namespace dbnloop::proto
