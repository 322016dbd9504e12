#pragma once

#include <openssl/evp.h>

#include <array>
#include <string>
#include <string_view>

namespace dbnloop::test {

/// The SHA-256 of a text in hexadecimal digits, independent of the library's own.
inline std::string Sha256(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (const auto byte : digest) {
    constexpr std::string_view kHex = "0123456789abcdef";
    hex += {kHex[byte >> 4U], kHex[byte & 15U]};
  }
  return hex;
}

}  // namespace dbnloop::test
