#include "proto/redactor.hpp"

#include "proto/http_message.hpp"

namespace dbnloop::proto {

// Behind "Basic " the header is as good as the key.
Redactor::Redactor(const SecretString& key)
    : secrets_{key, BasicAuth(key, {}).substr(std::string_view{"Basic "}.size())} {}

std::string Redactor::operator()(std::string_view text) const {
  constexpr std::string_view kInstead = "[key]";
  std::string out{text};
  for (const auto& secret : secrets_) {
    if (secret.empty()) continue;
    for (auto at = out.find(secret); at != std::string::npos;
         at = out.find(secret, at + kInstead.size())) {
      out.replace(at, secret.size(), kInstead);
    }
  }
  return out;
}

}  // namespace dbnloop::proto
