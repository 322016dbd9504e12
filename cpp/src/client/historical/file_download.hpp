#pragma once

#include <memory>
#include <string>

#include "base/sha256.hpp"
#include "client/historical/file_hasher.hpp"
#include "client/historical/http_task.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop {

/// A response's body as a file: a part while it comes, synced and renamed to path at
/// the end, with its SHA-256. The part of a range is always a new file.
class FileDownload final : public HttpTask {
 public:
  /// Opens the part; throws Exception when it cannot be had.
  FileDownload(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
               DownloadRequest request, HistoricalClient::Params range_params,
               HistoricalClient::ProgressHandler progress,
               HistoricalClient::DownloadHandler done);
  /// A part stays when it may be resumed, and when it was paid for.
  ~FileDownload() override;
  /// Reads, in turns, what an earlier try has left, and resumes after it.
  void Begin() override;

 private:
  [[nodiscard]] proto::HttpRequest MakeRequest() override;
  [[nodiscard]] Error Accept(const proto::HttpHead& head) override;
  [[nodiscard]] Error Take(std::span<const std::byte> piece) override;
  [[nodiscard]] Error Complete() override;
  [[nodiscard]] Remedy RemedyOf(const proto::HttpHead& head) override;
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
  [[nodiscard]] Error SystemError(const char* what) const;

  DownloadRequest request_;
  HistoricalClient::Params range_params_;
  std::shared_ptr<HistoricalClient::ProgressHandler> progress_;
  HistoricalClient::DownloadHandler done_;
  std::string part_;
  net::ScopedFd file_;
  std::unique_ptr<FileHasher> hasher_;  // of the part, until it is read
  base::Sha256 digest_;
  std::uint64_t bytes_ = 0;
  std::uint64_t most_bytes_ = 0;  // of all tries
  std::uint64_t asked_from_ = 0;
  std::optional<std::uint64_t> total_;
  std::string sha256_;
  bool complete_ = false;  // all is there, but perhaps the name
  bool published_ = false;
};

}  // namespace dbnloop
