#include "base/sha256.hpp"

#include <array>
#include <string_view>

#include "dbnloop/exception.hpp"

namespace dbnloop::base {
namespace {

void Require(int ok) {
  if (ok != 1) {
    throw Exception{{ErrorCode::System, "OpenSSL cannot compute SHA-256"}};
  }
}

}  // namespace

Sha256::Sha256() : context_{EVP_MD_CTX_new()} { Begin(); }

void Sha256::Begin() {
  Require(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void Sha256::Update(std::span<const std::byte> bytes) {
  Require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Sha256::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  Require(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const auto byte : std::span{digest}.first(size)) {
    hex += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  Begin();
  return hex;
}

}  // namespace dbnloop::base
