#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/historical/http_connection.hpp"
#include "client/historical/http_session.hpp"

namespace dbnloop {

/// Something that a historical client runs beside its stream: one request, tried again
/// where that is safe, until Finish is called once. It leaves its owner before that:
/// the user may destroy the client there.
class HttpTask : protected HttpListener {
 public:
  struct Hooks {
    /// Tells the user a warning; false: the task is gone with what the user did.
    std::function<bool(const std::string&)> warn;
    std::function<std::unique_ptr<HttpTask>()> release;  ///< gives the task up
  };
  HttpTask(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
           bool repeatable);
  ~HttpTask() override;
  HttpTask(const HttpTask&) = delete;
  HttpTask& operator=(const HttpTask&) = delete;

  /// Sends the first request, or sees to it. Nothing is told from inside.
  virtual void Begin();

 protected:
  /// The request of this try.
  [[nodiscard]] virtual proto::HttpRequest MakeRequest() = 0;
  /// The head of an answer that is a success (2xx). An error ends the task.
  [[nodiscard]] virtual Error Accept(const proto::HttpHead& head) = 0;
  /// Takes a piece of its body. An error ends the task.
  [[nodiscard]] virtual Error Take(std::span<const std::byte> piece) = 0;
  /// The body is complete. An error ends the task.
  [[nodiscard]] virtual Error Complete() = 0;
  /// What to make of an answer that is no success.
  enum class Remedy {
    None,      ///< it is told, unless a retry is due
    Again,     ///< MakeRequest asks for something else now, at once
    Complete,  ///< what is there is all
  };
  [[nodiscard]] virtual Remedy RemedyOf(const proto::HttpHead& /*head*/) {
    return Remedy::None;
  }
  /// A try got further than all before it, and the next goes on there: retries count
  /// anew.
  void NoteProgress() noexcept {
    retries_left_ = max_retries_;
    tries_ = 0;
  }
  /// Tells the user; no error: success.
  virtual void Finish(Error error) = 0;
  /// No error: success. Without a retry the task is gone after it.
  void End(Error error);

  std::shared_ptr<HttpSession> session_;

 private:
  void OnHead(const proto::HttpHead& head) final;
  void OnBody(std::span<const std::byte> piece, std::size_t& taken) final;
  void OnDone() final;
  void OnFailure(Error error) final;
  void Send(std::unique_ptr<HttpConnection> connection);
  void EndRefused();
  [[nodiscard]] bool TryAgain(const Error& error);

  Hooks hooks_;
  int max_retries_;
  int retries_left_;
  bool repeatable_;
  std::unique_ptr<HttpConnection> connection_;
  std::string url_;
  proto::HttpHead failed_;  // of an answer that is no success
  std::string failed_body_;
  Error refused_;  // by Accept, until that can be told
  Reactor::TimerId retry_ = 0;
  int tries_ = 0;
};

/// A call whose whole body is wanted.
class HttpCall final : public HttpTask {
 public:
  /// A body longer than this is refused.
  static constexpr std::size_t kMaxBody = 256 * 1024 * 1024;

  /// Makes the request of each try: it holds the key, and is not kept.
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

}  // namespace dbnloop
