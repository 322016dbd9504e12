#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace dbnloop::base {

/// SHA-256 of bytes that come in pieces. Throws Exception(System) when OpenSSL cannot.
class Sha256 {
 public:
  Sha256();
  void Update(std::span<const std::byte> bytes);
  /// 64 hexadecimal digits of all bytes so far; then it begins anew.
  [[nodiscard]] std::string Finish();

 private:
  void Begin();

  struct Free {
    void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace dbnloop::base
