#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace dbnloop::test {

struct FreeOpenSsl {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};

/// A certificate and its key, made for one test.
struct Identity {
  std::unique_ptr<X509, FreeOpenSsl> certificate;
  std::unique_ptr<EVP_PKEY, FreeOpenSsl> key;

  [[nodiscard]] std::string Pem() const {
    BIO* const out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, certificate.get());
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out, &data);
    std::string pem{data, static_cast<std::size_t>(size)};
    BIO_free(out);
    return pem;
  }
};

struct IdentityOptions {
  std::string name = "test";
  std::string alternative_names = {};  ///< "DNS:localhost,IP:127.0.0.1"
  long not_before_s = -3600;           ///< seconds from now
  long not_after_s = 3600;
  bool authority = false;
};

/// Signed by `issuer`, or by itself when that is null.
inline Identity MakeIdentity(const IdentityOptions& options,
                             const Identity* issuer = nullptr) {
  static long serial = 0;
  Identity made{std::unique_ptr<X509, FreeOpenSsl>{X509_new()},
                std::unique_ptr<EVP_PKEY, FreeOpenSsl>{EVP_EC_gen("P-256")}};
  auto* const x = made.certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), options.not_before_s);
  X509_gmtime_adj(X509_getm_notAfter(x), options.not_after_s);
  X509_set_pubkey(x, made.key.get());
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(x), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1, 0);
  const Identity& signer = issuer == nullptr ? made : *issuer;
  X509_set_issuer_name(x, X509_get_subject_name(signer.certificate.get()));
  const auto extend = [&](int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, signer.certificate.get(), x, nullptr, nullptr, 0);
    auto* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    if (extension == nullptr) throw std::runtime_error{"bad extension " + value};
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints,
         options.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!options.alternative_names.empty()) {
    extend(NID_subject_alt_name, options.alternative_names);
  }
  if (X509_sign(x, signer.key.get(), EVP_sha256()) == 0) {
    throw std::runtime_error{"cannot sign"};
  }
  return made;
}

}  // namespace dbnloop::test
