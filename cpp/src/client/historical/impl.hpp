#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/historical/http_connection.hpp"
#include "client/historical/http_session.hpp"
#include "client/historical/http_task.hpp"
#include "dbn/zstd_stream.hpp"
#include "dbnloop/historical_client.hpp"

namespace dbnloop {

/// What a historical client is made of: the stream of one range (connection →
/// decompressor → parser → handlers) and the tasks that run beside it.
class HistoricalClient::Impl final : private HttpListener {
 public:
  Impl(HistoricalClient* client, Reactor* reactor, base::SecretString api_key,
       const HistoricalOptions& options);
  ~Impl() override;

  void SetRequest(const HistoricalRequest& request);
  void Start();
  void Stop();
  void Pause();
  void Resume();
  void ScheduleDelivery();
  [[nodiscard]] bool HasMore() const;
  [[nodiscard]] bool streaming() const noexcept { return connection_ != nullptr; }
  [[nodiscard]] std::uint64_t received() const noexcept {
    return connection_ ? connection_->received() : received_;
  }

  CallId Call(HttpCall::Maker make, bool repeatable, CallHandler done);
  CallId Download(const DownloadRequest& request, ProgressHandler progress,
                  DownloadHandler done);
  bool Cancel(CallId id);

  std::shared_ptr<std::function<void()>> on_complete;
  std::shared_ptr<std::function<void(const std::string&)>> on_warning;
  std::shared_ptr<HttpSession> session;

 private:
  void OnHead(const proto::HttpHead& head) override;
  void OnBody(std::span<const std::byte> piece, std::size_t& taken) override;
  void OnDone() override;
  void OnFailure(Error error) override;

  enum class Flow {
    Dry,   // nothing is held
    Held,  // paused, or this turn's share is used up
    Gone,  // the stream ended, or the client was destroyed
  };
  [[nodiscard]] Flow Deliver(std::span<const std::byte> in, std::size_t& taken);
  [[nodiscard]] Flow DrainAndEnd();
  void End(Error error);
  void EndRefused();
  void EndLater(Error error);
  void Close();
  void Complete();
  [[nodiscard]] HttpTask::Hooks HooksOf(CallId id);
  void Warn(const std::string& text);

  HistoricalClient* client_;
  HistoricalOptions options_;
  std::optional<HistoricalRequest> request_;
  std::unique_ptr<HttpConnection> connection_;
  codec::ZstdStream zstd_;
  std::string url_;
  proto::HttpHead failed_;  // of an answer that is no success
  std::string failed_body_;
  std::string request_id_;
  bool body_done_ = false;
  std::uint64_t received_ = 0;
  Reactor::TimerId delivery_ = 0;
  Reactor::TimerId farewell_ = 0;

  std::map<CallId, std::unique_ptr<HttpTask>> tasks_;
  CallId last_id_ = 0;
};

/// The form of timeseries.get_range.
[[nodiscard]] HistoricalClient::Params RangeParams(const HistoricalRequest& request);
/// Throws Exception when a request is malformed, but for its start and its end.
void Validate(const HistoricalRequest& request);
/// Throws Exception when a request is malformed.
void ValidateRange(const HistoricalRequest& request);

}  // namespace dbnloop
