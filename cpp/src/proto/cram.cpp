#include "proto/cram.hpp"

#include <openssl/evp.h>

#include <array>

#include "dbnloop/exception.hpp"
#include "proto/secret.hpp"

namespace dbnloop::proto {
namespace {

constexpr std::size_t kBucketLength = 5;

}  // namespace

std::string CramReply(std::string_view challenge, std::string_view api_key) {
  SecretString text;
  text.reserve(challenge.size() + 1 + api_key.size());
  text.append(challenge).append("|").append(api_key);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const int ok = EVP_Digest(text.data(), text.size(), digest.data(), &length,
                            EVP_sha256(), nullptr);
  if (ok != 1) {
    throw Exception{{ErrorCode::System, "OpenSSL cannot compute SHA-256"}};
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string reply;
  for (unsigned i = 0; i < length; ++i) {
    reply += kDigits[digest[i] >> 4];
    reply += kDigits[digest[i] & 15];
  }
  reply += '-';
  reply += api_key.substr(api_key.size() - std::min(api_key.size(), kBucketLength));
  return reply;
}

}  // namespace dbnloop::proto
