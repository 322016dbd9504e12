#include "net/tls_stream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::net {
namespace {

// The newest entry of OpenSSL's queue, which is emptied; but an errno says more than
// the "system lib" behind it.
std::string OpenSslReason() {
  unsigned long code = 0;
  while (const auto next = ERR_get_error()) {
    if (!ERR_SYSTEM_ERROR(code)) code = next;
  }
  if (code == 0) return "no reason given";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  if (reason != nullptr) return reason;
  return base::StrCat("error ", code);
}

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> out{};
  return ::inet_pton(AF_INET, host.c_str(), out.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), out.data()) == 1;
}

// ---- A BIO over send and recv: OpenSSL's own uses write, which may raise SIGPIPE ----

struct Wire {
  int fd = -1;
  int last_errno = 0;
  bool eof = false;
};

Wire& WireOf(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

int Moved(BIO* bio, ssize_t n, bool reading) {
  BIO_clear_retry_flags(bio);
  if (n >= 0) return static_cast<int>(n);
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    reading ? BIO_set_retry_read(bio) : BIO_set_retry_write(bio);
  } else {
    WireOf(bio).last_errno = errno;
  }
  return -1;
}

int WireWrite(BIO* bio, const char* data, int size) {
  ssize_t n = 0;
  do {
    n = ::send(WireOf(bio).fd, data, static_cast<std::size_t>(size),
               MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  return Moved(bio, n, false);
}

int WireRead(BIO* bio, char* data, int size) {
  ssize_t n = 0;
  do {
    n = ::recv(WireOf(bio).fd, data, static_cast<std::size_t>(size), MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n == 0) WireOf(bio).eof = true;
  return Moved(bio, n, true);
}

long WireControl(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_EOF) return WireOf(bio).eof ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* WireMethod() {
  static const BIO_METHOD* const method = [] {
    auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dbnloop");
    BIO_meth_set_write(m, WireWrite);
    BIO_meth_set_read(m, WireRead);
    BIO_meth_set_ctrl(m, WireControl);
    return m;
  }();
  return method;
}

struct FreeContext {
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
};
struct FreeSsl {
  void operator()(SSL* p) const noexcept { SSL_free(p); }
};

// OpenSSL reads the directory only when it needs a certificate, and does not report
// that it cannot.
void RequireFolder(const std::string& path) {
  const ScopedFd directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory)
    base::Throw(ErrorCode::CertificateError,
                base::StrCat("cannot read certificates of directory ", path, ": ",
                             std::strerror(errno)));
}

}  // namespace

// ---- Context ------------------------------------------------------------------------

struct TlsContext::Impl {
  std::unique_ptr<SSL_CTX, FreeContext> ctx;
};

TlsContext::TlsContext(const TlsOptions& options) : impl_{std::make_unique<Impl>()} {
  ERR_clear_error();
  impl_->ctx.reset(SSL_CTX_new(TLS_client_method()));
  auto* const ctx = impl_->ctx.get();
  if (ctx == nullptr) {
    base::Throw(ErrorCode::System, "OpenSSL: no context: " + OpenSslReason());
  }
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  if (options.ca_file.empty() && options.ca_dir.empty()) {
    // Missing files are no error here; then no chain verifies.
    SSL_CTX_set_default_verify_paths(ctx);
  }
  if (!options.ca_file.empty() &&
      SSL_CTX_load_verify_file(ctx, options.ca_file.c_str()) != 1) {
    base::Throw(ErrorCode::CertificateError,
                base::StrCat("cannot read certificates of file ", options.ca_file, ": ",
                             OpenSslReason()));
  }
  if (!options.ca_dir.empty()) {
    RequireFolder(options.ca_dir);
    if (SSL_CTX_load_verify_dir(ctx, options.ca_dir.c_str()) != 1) {
      base::Throw(ErrorCode::CertificateError,
                  base::StrCat("cannot read certificates of directory ", options.ca_dir,
                               ": ", OpenSslReason()));
    }
  }
  ERR_clear_error();
}

TlsContext::~TlsContext() = default;

// ---- Stream -------------------------------------------------------------------------

struct TlsStream::Impl {
  Wire wire;
  std::unique_ptr<SSL, FreeSsl> ssl;
  std::string host;
  bool handshaken = false;
  Error error;

  Io Fail(ErrorCode code, std::string message) {
    if (!error) error = {code, std::move(message), wire.last_errno};
    return Io::Failed;
  }

  // What a call that did not succeed means.
  Io Translate(int result) {
    switch (SSL_get_error(ssl.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return Io::WantRead;
      case SSL_ERROR_WANT_WRITE:
        return Io::WantWrite;
      case SSL_ERROR_ZERO_RETURN:
        return Io::Closed;
      default:
        return Broken();
    }
  }

  Io Broken() {
    const std::string name = "TLS with " + host + ": ";
    if (const auto verdict = SSL_get_verify_result(ssl.get());
        !handshaken && verdict != X509_V_OK) {
      ERR_clear_error();
      return Fail(ErrorCode::CertificateError,
                  name + "its certificate is refused: " +
                      X509_verify_cert_error_string(verdict) + Advice(verdict));
    }
    const auto code =
        handshaken ? ErrorCode::ConnectionClosed : ErrorCode::TlsHandshakeFailed;
    const std::string when = handshaken ? "" : " during the handshake";
    if (wire.last_errno != 0) {
      ERR_clear_error();
      return Fail(code, name + "the connection broke" + when + ": " +
                            std::strerror(wire.last_errno));
    }
    if (wire.eof) {
      ERR_clear_error();
      return Fail(code, name + "the peer ended the connection" + when +
                            " without close_notify");
    }
    return Fail(code, name + OpenSslReason() + when);
  }

  static const char* Advice(long verdict) {
    switch (verdict) {
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "; when its authority is to be trusted, give that as CA file";
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID:
        return "; check this machine's clock";
      default:
        return "";
    }
  }
};

TlsStream::TlsStream(const TlsContext& context, int fd, const std::string& host)
    : impl_{std::make_unique<Impl>()} {
  impl_->wire.fd = fd;
  impl_->host = host;
  impl_->ssl.reset(SSL_new(context.impl_->ctx.get()));
  BIO* const bio = BIO_new(WireMethod());
  if (!impl_->ssl || bio == nullptr) {
    BIO_free(bio);
    base::Throw(ErrorCode::OutOfMemory, "OpenSSL: out of memory");
  }
  BIO_set_data(bio, &impl_->wire);
  BIO_set_init(bio, 1);
  auto* const ssl = impl_->ssl.get();
  SSL_set_bio(ssl, bio, bio);
  SSL_set_connect_state(ssl);
  bool named = false;
  if (IsAddress(host)) {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named = SSL_set1_host(ssl, host.c_str()) == 1 &&
            SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }
  if (!named) {
    base::Throw(ErrorCode::InvalidArgument, "TLS: invalid host name '" + host + "'");
  }
}

TlsStream::~TlsStream() = default;

TlsStream::Io TlsStream::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(impl_->ssl.get());
  if (result != 1) return impl_->Translate(result);
  impl_->handshaken = true;
  return Io::Done;
}

TlsStream::Result TlsStream::Read(std::span<std::byte> into) {
  ERR_clear_error();
  const int result =
      SSL_read(impl_->ssl.get(), into.data(),
               static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX)));
  if (result > 0) return {Io::Done, static_cast<std::size_t>(result)};
  return {impl_->Translate(result)};
}

TlsStream::Result TlsStream::Write(std::span<const std::byte> from) {
  ERR_clear_error();
  const int result =
      SSL_write(impl_->ssl.get(), from.data(),
                static_cast<int>(std::min<std::size_t>(from.size(), INT_MAX)));
  if (result > 0) return {Io::Done, static_cast<std::size_t>(result)};
  return {impl_->Translate(result)};
}

void TlsStream::Shutdown() noexcept {
  if (!impl_->handshaken || impl_->error) return;
  ERR_clear_error();
  SSL_shutdown(impl_->ssl.get());
  ERR_clear_error();
}

bool TlsStream::HasPending() const noexcept {
  return SSL_has_pending(impl_->ssl.get()) == 1;
}

const Error& TlsStream::error() const noexcept { return impl_->error; }

}  // namespace dbnloop::net
