#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/hash.hpp"
#include "support/historical_call.hpp"

namespace dbnloop::test {

/// A file of a job, which a server gives in ranges, and its download.
class Download : public HistoricalCall {
 protected:
  Download() {
    for (int i = 0; i < 50'000; ++i) content_ += std::to_string(i * 7919) + ";";
  }
  // Answers a request for a file, with its Range.
  HttpAnswer Serve(const std::string& request) const {
    std::size_t from = 0;
    if (const auto at = request.find("Range: bytes="); at != std::string::npos) {
      from = std::stoul(request.substr(at + 13));
    }
    if (from == 0) return {ScriptedHttpServer::Response(200, content_)};
    const auto total = std::to_string(content_.size());
    return {ScriptedHttpServer::Response(
        206, content_.substr(from),
        "Content-Range: bytes " + std::to_string(from) + "-" +
            std::to_string(content_.size() - 1) + "/" + total + "\r\n")};
  }
  DownloadRequest File() const {
    DownloadRequest request;
    request.url_path = "/v0/batch/download/J/f.dbn.zst";
    request.path = folder_.Path("f");
    request.size = content_.size();
    request.sha256 = Sha256(content_);
    return request;
  }
  void Run(HistoricalClient& client, const DownloadRequest& request) {
    result_.reset();
    client.Download(
        request, [this](const DownloadProgress& p) { progress_.push_back(p); },
        [this](auto r) { result_ = std::move(r); });
    ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  }

  std::string content_;
  std::vector<DownloadProgress> progress_;
  std::optional<std::expected<DownloadResult, Error>> result_;
};

}  // namespace dbnloop::test
