#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "client/http_task.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop {

/// A response's body as a file: "path.part" while it comes, synced and renamed to path
/// at the end, with its SHA-256.
class FileDownload final : public HttpTask {
 public:
  /// Opens the part; throws Exception when it cannot be had.
  FileDownload(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
               DownloadRequest request, HistoricalClient::Params range_params,
               HistoricalClient::ProgressHandler progress,
               HistoricalClient::DownloadHandler done);
  /// A part that may be resumed stays; another is removed.
  ~FileDownload() override;

 private:
  [[nodiscard]] proto::HttpRequest MakeRequest() override;
  [[nodiscard]] Error Accept(const proto::HttpHead& head) override;
  [[nodiscard]] Error Take(std::span<const std::byte> piece) override;
  [[nodiscard]] Error Complete() override;
  void Finish(Error error) override;

  [[nodiscard]] bool Resumes() const;
  void HashPart();
  [[nodiscard]] Error StartOver();
  [[nodiscard]] Error Publish();
  [[nodiscard]] Error SystemError(const char* what) const;

  struct FreeDigest {
    void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
  };

  DownloadRequest request_;
  HistoricalClient::Params range_params_;
  std::shared_ptr<HistoricalClient::ProgressHandler> progress_;
  HistoricalClient::DownloadHandler done_;
  std::string part_;
  net::ScopedFd file_;
  std::unique_ptr<EVP_MD_CTX, FreeDigest> digest_;
  std::uint64_t bytes_ = 0;
  std::uint64_t asked_from_ = 0;
  std::optional<std::uint64_t> total_;
  std::string sha256_;
  bool published_ = false;
};

}  // namespace dbnloop
