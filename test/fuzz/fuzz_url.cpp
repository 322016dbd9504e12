// A text that is a URL, put together again of its parts, is the same URL, and a request
// to it is one request. A form that is encoded again decodes to the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "proto/http_message.hpp"
#include "proto/url.hpp"

using dbnloop::proto::Url;

static void CheckForm(std::string_view text) {
  const auto params = dbnloop::proto::FormDecode(text);
  const auto encoded = dbnloop::proto::FormEncode(params);
  if (dbnloop::proto::FormDecode(encoded) != params) abort();
  if (encoded.find_first_of(" \r\n\"<>#") != std::string::npos) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  CheckForm(text);
  (void)dbnloop::proto::NoProxyMatches(text, "hist.databento.com", 443);
  const auto url = Url::Parse(text);
  if (!url) return 0;
  if (url->host.empty() || url->port < 1 || url->port > 65'535) abort();
  std::string again = url->tls ? "https://" : "http://";
  if (!url->userinfo.empty()) again += url->userinfo + "@";
  again += url->Authority() + url->path;
  const auto same = Url::Parse(again);
  if (!same || same->tls != url->tls || same->host != url->host ||
      same->port != url->port || same->path != url->path ||
      same->userinfo != url->userinfo) {
    abort();
  }
  const bool plain = url->host.find(':') == std::string::npos && url->host[0] != '.';
  if (plain && !dbnloop::proto::NoProxyMatches(url->host, url->host, url->port)) {
    abort();
  }
  const auto request = dbnloop::proto::Serialize(
      {.method = "GET", .target = "/" + url->path, .headers = {}, .body = {}},
      url->HostHeader());
  if (request.find("\r\n\r\n") != request.size() - 4) abort();
  return 0;
}
