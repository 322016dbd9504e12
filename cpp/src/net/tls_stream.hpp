#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "dbnloop/error.hpp"

namespace dbnloop::net {

struct TlsOptions {
  /// PEM file with the certificate authorities to trust; empty: the system's, or those
  /// of the environment's SSL_CERT_FILE and SSL_CERT_DIR.
  std::string ca_file;
  /// Directory of hashed PEM files, as c_rehash makes them, in addition to ca_file.
  std::string ca_dir;
};

/// Settings and trusted certificates, shared by many streams. TLS 1.2 at least; the
/// peer's chain and name are always verified.
class TlsContext {
 public:
  /// Throws Exception(CertificateError) when the certificates cannot be read.
  explicit TlsContext(const TlsOptions& options = {});
  ~TlsContext();

 private:
  friend class TlsStream;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// TLS over a connected, non-blocking socket that stays its owner's. No SIGPIPE.
class TlsStream {
 public:
  enum class Io {
    Done,       ///< n bytes were moved (Handshake: it is complete)
    WantRead,   ///< again when the socket is readable
    WantWrite,  ///< again when the socket is writable
    Closed,     ///< the peer said that it sends no more (close_notify)
    Failed,     ///< error() says why
  };
  struct Result {
    Io io;
    std::size_t n = 0;
  };

  /// `host` is what the certificate must name, and what SNI says; an IP address is
  /// compared with the certificate's addresses.
  TlsStream(const TlsContext& context, int fd, const std::string& host);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Io Handshake();
  Result Read(std::span<std::byte> into);
  Result Write(std::span<const std::byte> from);
  /// Says close_notify, as far as that goes without waiting.
  void Shutdown() noexcept;
  /// Whether bytes lie here that make the socket not readable.
  [[nodiscard]] bool HasPending() const noexcept;
  /// TlsHandshakeFailed, CertificateError, or ConnectionClosed when the peer ended TCP
  /// without close_notify: what came may be cut.
  [[nodiscard]] const Error& error() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop::net
