#include "proto/http_response.hpp"

#include <llhttp.h>

#include <string>

#include "base/str_cat.hpp"

namespace dbnloop::proto {

struct HttpResponse::Impl {
  llhttp_settings_t settings{};
  llhttp_t parser{};
  bool tunnel = false;
  HttpHead head;
  std::span<const std::byte> body;
  Error error;
  std::size_t head_size = 0;
  std::size_t extension_size = 0;  // of the present chunk
  int informational = 0;
  bool began = false;
  bool in_value = false;    // of a header: the next name begins a new one
  bool head_ready = false;  // complete, not reported yet
  bool head_told = false;
  bool body_told = false;
  bool done = false;
  bool paused = false;
  bool keep_alive = false;

  Impl() { llhttp_settings_init(&settings); }

  static Impl& Of(llhttp_t* p) { return *static_cast<Impl*>(p->data); }

  int Refuse(ErrorCode code, std::string message) {
    if (!error) error = {code, std::move(message)};
    return HPE_USER;
  }

  bool Grow(std::size_t by) {
    head_size += by;
    return head_size <= kMaxHead;
  }

  int TooLong() {
    return Refuse(
        ErrorCode::LimitExceeded,
        base::StrCat("HTTP: the head of the response is longer than ", kMaxHead,
                     " bytes or has more than ", kMaxHeaders, " headers"));
  }

  int OnName(const char* at, std::size_t size) {
    if (head_told || head_ready) return Grow(size) ? 0 : TooLong();  // a trailer
    if (in_value || head.headers.empty()) {
      if (head.headers.size() == kMaxHeaders) return TooLong();
      head.headers.emplace_back();
      in_value = false;
    }
    head.headers.back().first.append(at, size);
    return Grow(size) ? 0 : TooLong();
  }

  int OnValue(const char* at, std::size_t size) {
    if (head_told || head_ready) return Grow(size) ? 0 : TooLong();
    in_value = true;
    head.headers.back().second.append(at, size);
    return Grow(size) ? 0 : TooLong();
  }

  int OnExtension(std::size_t size) {
    extension_size += size;
    if (extension_size <= kMaxHead) return 0;
    return Refuse(ErrorCode::LimitExceeded,
                  base::StrCat("HTTP: the extensions of a chunk are longer than ",
                               kMaxHead, " bytes"));
  }

  int OnHead() {
    const int status = llhttp_get_status_code(&parser);
    if (status < 100 || status > 999) {
      return Refuse(ErrorCode::HttpError,
                    base::StrCat("HTTP: invalid status code ", status));
    }
    if (status == 101 && !tunnel) {
      return Refuse(ErrorCode::HttpError,
                    "HTTP: the server wants to switch protocols, unasked");
    }
    // These have no body, whatever their headers say; llhttp would read one.
    constexpr int kNoBody = 1;
    if (status < 200) return kNoBody;  // a final one follows
    head.status = status;
    head_ready = true;
    const bool bodiless = status == 204 || status == 304 || (tunnel && status < 300);
    return bodiless ? kNoBody : 0;
  }

  int OnMessage() {
    if (llhttp_get_status_code(&parser) < 200) {
      if (++informational > kMaxInformational) {
        return Refuse(ErrorCode::LimitExceeded,
                      base::StrCat("HTTP: more than ", kMaxInformational,
                                   " informational responses"));
      }
      head = {};
      in_value = false;
      return 0;
    }
    done = true;
    keep_alive = llhttp_should_keep_alive(&parser) != 0;
    return HPE_PAUSED;
  }

  void Fail(llhttp_errno code) {
    if (error) return;
    const char* reason = llhttp_get_error_reason(&parser);
    error = {ErrorCode::HttpError, base::StrCat("HTTP: malformed response: ",
                                                reason != nullptr && *reason != '\0'
                                                    ? reason
                                                    : llhttp_errno_name(code))};
  }
};

HttpResponse::HttpResponse(bool tunnel) : impl_{std::make_unique<Impl>()} {
  auto& s = impl_->settings;
  s.on_status = [](llhttp_t* p, const char*, std::size_t size) {
    auto& self = Impl::Of(p);
    return self.Grow(size) ? 0 : self.TooLong();
  };
  s.on_header_field = [](llhttp_t* p, const char* at, std::size_t size) {
    return Impl::Of(p).OnName(at, size);
  };
  s.on_header_value = [](llhttp_t* p, const char* at, std::size_t size) {
    return Impl::Of(p).OnValue(at, size);
  };
  s.on_headers_complete = [](llhttp_t* p) { return Impl::Of(p).OnHead(); };
  s.on_chunk_extension_name = [](llhttp_t* p, const char*, std::size_t size) {
    return Impl::Of(p).OnExtension(size);
  };
  s.on_chunk_extension_value = s.on_chunk_extension_name;
  s.on_chunk_header = [](llhttp_t* p) {
    Impl::Of(p).extension_size = 0;
    return 0;
  };
  s.on_body = [](llhttp_t* p, const char* at, std::size_t size) {
    if (size == 0) return 0;
    Impl::Of(p).body = std::as_bytes(std::span{at, size});
    return static_cast<int>(HPE_PAUSED);
  };
  s.on_message_complete = [](llhttp_t* p) { return Impl::Of(p).OnMessage(); };
  llhttp_init(&impl_->parser, HTTP_RESPONSE, &s);
  impl_->parser.data = impl_.get();
  impl_->tunnel = tunnel;
}

HttpResponse::~HttpResponse() = default;

HttpResponse::Event HttpResponse::Next(std::span<const std::byte> bytes,
                                       std::size_t& taken) {
  auto& self = *impl_;
  if (self.error) return Event::Failed;
  if (self.body_told) {
    self.body = {};
    self.body_told = false;
  }
  if (!self.done && self.body.empty()) {
    // After a piece of the body llhttp may report the end without another byte.
    if (bytes.empty() && !self.paused) return Event::NeedMore;
    self.began = true;
    self.paused = false;
    const auto* begin =
        bytes.empty() ? "" : reinterpret_cast<const char*>(bytes.data());
    auto code = llhttp_execute(&self.parser, begin, bytes.size());
    if (code == HPE_OK) {
      taken += bytes.size();
    } else if (code == HPE_PAUSED) {
      taken += static_cast<std::size_t>(llhttp_get_error_pos(&self.parser) - begin);
      llhttp_resume(&self.parser);
      self.paused = true;
    } else if (code == HPE_PAUSED_UPGRADE) {
      taken += static_cast<std::size_t>(llhttp_get_error_pos(&self.parser) - begin);
      self.done = true;
    } else {
      self.Fail(code);
    }
  }
  if (self.head_ready && !self.head_told) {
    self.head_told = true;
    return Event::Head;
  }
  if (!self.body.empty()) {
    self.body_told = true;
    return Event::Body;
  }
  if (self.error) return Event::Failed;
  return self.done ? Event::Done : Event::NeedMore;
}

HttpResponse::Event HttpResponse::Finish() {
  auto& self = *impl_;
  if (self.error) return Event::Failed;
  if (self.done) return Event::Done;
  if (self.began && llhttp_finish(&self.parser) == HPE_OK && self.head_told) {
    self.done = true;
  }
  if (self.done) {
    self.keep_alive = false;
    return Event::Done;
  }
  if (!self.error) {
    self.error = {ErrorCode::ConnectionClosed,
                  std::string{"HTTP: the server ended the connection "} +
                      (self.head_told ? "inside the response's body"
                       : self.began   ? "inside the response's head"
                                      : "without a response")};
  }
  return Event::Failed;
}

const HttpHead& HttpResponse::head() const noexcept { return impl_->head; }
std::span<const std::byte> HttpResponse::body() const noexcept { return impl_->body; }
const Error& HttpResponse::error() const noexcept { return impl_->error; }
bool HttpResponse::KeepAlive() const noexcept { return impl_->keep_alive; }

}  // namespace dbnloop::proto
