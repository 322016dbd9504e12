#pragma once

#include <memory>
#include <string>

#include "base/sha256.hpp"
#include "client/historical/file_hasher.hpp"
#include "client/historical/http_task.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::client {

/// The body of a response as a file: a part while it arrives, which is synced and
/// renamed at the end, with its SHA-256. The part of a range is always a new file.
class FileDownload final : public HttpTask {
 public:
  /// Opens the part; throws Exception when that fails.
  FileDownload(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
               DownloadRequest request, HistoricalClient::Params range_params,
               HistoricalClient::ProgressHandler progress,
               HistoricalClient::DownloadHandler done);
  /// Keeps a part that may be resumed or was paid for, and deletes others.
  ~FileDownload() override;
  /// Reads, in turns, what an earlier attempt left, and resumes after it.
  void Begin() override;

 private:
  [[nodiscard]] proto::HttpRequest MakeRequest() override;
  [[nodiscard]] Error Accept(const proto::HttpHead& head) override;
  [[nodiscard]] Error Take(std::span<const std::byte> piece) override;
  [[nodiscard]] Error Complete() override;
  [[nodiscard]] ErrorPolicy PolicyOf(const proto::HttpHead& head) override;
  void Finish(Error error) override;

  [[nodiscard]] bool IsRange() const noexcept { return request_.url_path.empty(); }
  [[nodiscard]] bool Resumes() const noexcept { return request_.resume && !IsRange(); }
  void OpenPart();
  void OpenFreshPart();
  void OpenEmptyPart();
  [[nodiscard]] bool NameIsOurs() const;
  [[nodiscard]] Error StartOver();
  [[nodiscard]] Error Publish();
  [[nodiscard]] Error Rename();
  [[nodiscard]] Error FailureTo(const char* what) const;

  DownloadRequest request_;
  HistoricalClient::Params range_params_;
  std::shared_ptr<HistoricalClient::ProgressHandler> progress_;
  HistoricalClient::DownloadHandler done_;
  std::string part_;
  net::ScopedFd file_;
  std::unique_ptr<FileHasher> hasher_;  // of the part, until it is read
  base::Sha256 digest_;
  std::uint64_t bytes_ = 0;
  std::uint64_t best_bytes_ = 0;  // of all tries
  std::uint64_t asked_from_ = 0;
  std::optional<std::uint64_t> total_;
  std::string sha256_;
  bool complete_ = false;  // everything is there, except perhaps the name
  bool published_ = false;
};

}  // namespace dbnloop::client
