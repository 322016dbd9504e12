#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/delivery.hpp"
#include "client/flow.hpp"
#include "client/historical/http_connection.hpp"
#include "client/historical/http_session.hpp"
#include "client/historical/http_task.hpp"
#include "client/historical/refused_response.hpp"
#include "client/shared_handler.hpp"
#include "dbnloop/historical_client.hpp"

namespace dbnloop {

/// What a historical client is made of: the stream of one range (connection → delivery
/// → handlers) and the tasks that run beside it.
class HistoricalClient::Impl final : private client::HttpListener,
                                     public client::DeliveryObserver {
 public:
  /// `delivery`: the one that it feeds; null: one of its own.
  Impl(Reactor* reactor, base::SecretString api_key, const HistoricalOptions& options,
       std::shared_ptr<Delivery> delivery = nullptr);
  ~Impl() override;

  void SetRequest(const HistoricalRequest& request);
  void Start();
  void Stop();
  /// Ends the stream without OnError.
  void Close();
  void Pause();
  void Resume();
  [[nodiscard]] const std::shared_ptr<Delivery>& delivery() const noexcept {
    return delivery_;
  }
  [[nodiscard]] bool streaming() const noexcept { return connection_ != nullptr; }
  [[nodiscard]] std::uint64_t received() const noexcept {
    return connection_ ? connection_->received() : received_;
  }

  CallId Call(client::HttpCall::Maker make, bool repeatable, CallHandler done);
  CallId Download(const DownloadRequest& request, ProgressHandler progress,
                  DownloadHandler done);
  bool Cancel(CallId id);

  client::SharedHandler<> on_complete;
  client::SharedHandler<const std::string&> on_warning;
  std::shared_ptr<client::HttpSession> session;

 private:
  void OnHead(const proto::HttpHead& head) override;
  void OnBody(std::span<const std::byte> piece, std::size_t& consumed) override;
  void OnDone() override;
  void OnFailure(Error error) override;

  void ContinueDelivery() override;
  [[nodiscard]] bool HasMore() const override { return connection_ != nullptr; }

  using Flow = client::Flow;
  [[nodiscard]] Flow Deliver(std::span<const std::byte> in, std::size_t& consumed);
  [[nodiscard]] Flow DrainAndFinish();
  void End(Error error);
  void FinishWithHttpError();
  void Complete();
  [[nodiscard]] client::HttpTask::Hooks HooksOf(CallId id);

  HistoricalOptions options_;
  std::shared_ptr<Delivery> delivery_;
  std::optional<HistoricalRequest> request_;
  std::unique_ptr<client::HttpConnection> connection_;
  std::string url_;
  client::RefusedResponse refused_;
  std::string request_id_;
  bool body_done_ = false;
  std::uint64_t received_ = 0;
  net::Timer end_;  // reports it

  std::map<CallId, std::unique_ptr<client::HttpTask>> tasks_;
  CallId last_id_ = 0;
};

namespace client {

/// Symbols of one request.
inline constexpr std::size_t kMaxSymbols = 2000;

/// Options as the client takes them: no limit is longer than can be counted. Throws
/// Exception when one is out of range.
[[nodiscard]] HistoricalOptions Validated(HistoricalOptions options);
/// The form of timeseries.get_range.
[[nodiscard]] HistoricalClient::Params RangeParams(const HistoricalRequest& request);
/// Throws Exception when a request is malformed, apart from its start and its end.
void Validate(const HistoricalRequest& request);
/// Throws Exception when a request is malformed.
void ValidateRange(const HistoricalRequest& request);

}  // namespace client
}  // namespace dbnloop
