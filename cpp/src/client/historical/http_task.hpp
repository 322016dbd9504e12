#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/historical/http_connection.hpp"
#include "client/historical/http_session.hpp"
#include "client/historical/refused_response.hpp"

namespace dbnloop::client {

/// Something that a historical client runs beside its stream: one request, retried
/// where that is safe, until Finish is called once. It leaves its owner before that,
/// because the user may destroy the client in the handler.
class HttpTask : protected HttpListener {
 public:
  struct Hooks {
    /// Reports a warning to the user. Returns false when the handler ended the task.
    std::function<bool(const std::string&)> warn;
    std::function<std::unique_ptr<HttpTask>()> release;  ///< gives the task up
  };
  HttpTask(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
           bool repeatable);
  ~HttpTask() override = default;
  HttpTask(const HttpTask&) = delete;
  HttpTask& operator=(const HttpTask&) = delete;

  /// Sends the first request, or prepares for it. Calls no handler.
  virtual void Begin();

 protected:
  /// The request of this try.
  [[nodiscard]] virtual proto::HttpRequest MakeRequest() = 0;
  /// Receives the head of a successful response (2xx). An error ends the task.
  [[nodiscard]] virtual Error Accept(const proto::HttpHead& head) = 0;
  /// Receives a piece of its body. An error ends the task.
  [[nodiscard]] virtual Error Take(std::span<const std::byte> piece) = 0;
  /// The body is complete. An error ends the task.
  [[nodiscard]] virtual Error Complete() = 0;
  /// What to do about a response that is not a success.
  enum class ErrorPolicy {
    Report,    ///< end with the error, unless a retry is due
    Repeat,    ///< send another request at once: MakeRequest asks for something else
    Complete,  ///< succeed: what was received before is everything
  };
  [[nodiscard]] virtual ErrorPolicy PolicyOf(const proto::HttpHead& /*head*/) {
    return ErrorPolicy::Report;
  }
  /// Gives back all retries: a try got further than every one before it, and the next
  /// resumes there.
  void ResetRetries() noexcept {
    retries_left_ = max_retries_;
    tries_ = 0;
  }
  /// Reports the result to the user; without an error it is a success.
  virtual void Finish(Error error) = 0;
  /// Ends the task, or retries. Nothing of it may be touched after the call.
  void End(Error error);

  std::shared_ptr<HttpSession> session_;

 private:
  void OnHead(const proto::HttpHead& head) final;
  void OnBody(std::span<const std::byte> piece, std::size_t& taken) final;
  void OnDone() final;
  void OnFailure(Error error) final;
  void Send(std::unique_ptr<HttpConnection> connection);
  void FinishWithHttpError();
  [[nodiscard]] bool TryAgain(const Error& error);

  Hooks hooks_;
  int max_retries_;
  int retries_left_;
  bool repeatable_;
  std::unique_ptr<HttpConnection> connection_;
  std::string url_;
  RefusedResponse refused_;
  Error unacceptable_;  // of Accept, until it can be reported
  net::Timer retry_;
  int tries_ = 0;
};

/// A call that returns the complete body of its response.
class HttpCall final : public HttpTask {
 public:
  /// A body longer than this is refused.
  static constexpr std::size_t kMaxBody = 256 * 1024 * 1024;

  /// Makes the request of each try. A request holds the key and is not kept.
  using Maker = std::function<proto::HttpRequest()>;

  HttpCall(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
           bool repeatable, Maker make, HistoricalClient::CallHandler done);

 private:
  [[nodiscard]] proto::HttpRequest MakeRequest() override;
  [[nodiscard]] Error Accept(const proto::HttpHead& head) override;
  [[nodiscard]] Error Take(std::span<const std::byte> piece) override;
  [[nodiscard]] Error Complete() override;
  void Finish(Error error) override;
  [[nodiscard]] Error TooLong() const;

  Maker make_;
  HistoricalClient::CallHandler done_;
  std::string body_;
};

}  // namespace dbnloop::client
