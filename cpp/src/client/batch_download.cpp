// The files of a batch job, one after the other.

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <utility>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "proto/lines.hpp"
#include "proto/sha256.hpp"

namespace dbnloop {
namespace {

// The file's SHA-256; that of no bytes when it cannot be read.
std::string Sha256Of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  proto::Sha256 digest;
  std::array<char, 64 * 1024> buffer;
  while (file.read(buffer.data(), buffer.size()), file.gcount() > 0) {
    digest.Update(std::as_bytes(
        std::span{buffer}.first(static_cast<std::size_t>(file.gcount()))));
  }
  return digest.Finish();
}

// The file that is there, when it is the one that is wanted. Throws when it is another.
std::optional<DownloadResult> FindWhole(const DownloadRequest& wanted) {
  std::error_code none;
  if (!std::filesystem::exists(wanted.path, none)) return std::nullopt;
  const auto size = std::filesystem::file_size(wanted.path, none);
  DownloadResult there{
      .path = wanted.path, .bytes = size, .sha256 = Sha256Of(wanted.path)};
  if (none || size != wanted.size ||
      (!wanted.sha256.empty() && there.sha256 != wanted.sha256)) {
    throw Exception{{ErrorCode::InvalidState,
                     wanted.path + " exists and is not the file of the job: move it "
                                   "away, or choose another folder"}};
  }
  return there;
}

}  // namespace

BatchDownload::BatchDownload(HistoricalClient* client, const std::string& job_id,
                             std::string folder, ProgressHandler progress, Handler done)
    : client_{client},
      folder_{std::move(folder)},
      progress_{std::make_shared<ProgressHandler>(std::move(progress))},
      done_{std::move(done)} {
  std::error_code fault;
  std::filesystem::create_directories(folder_, fault);
  if (fault) {
    throw Exception{{ErrorCode::System,
                     "cannot make the folder " + folder_ + ": " + fault.message(),
                     fault.value()}};
  }
  call_ = HistoricalApi{client_}.ListFiles(
      job_id, [this, job_id](std::expected<std::vector<BatchFile>, Error> files) {
        call_ = 0;
        if (!files) return End(std::unexpected{std::move(files.error())});
        if (files->empty()) {
          return End(std::unexpected{Error{ErrorCode::InvalidState,
                                           "the job " + proto::Printable(job_id) +
                                               " has no files (yet): see its state"}});
        }
        files_ = std::move(*files);
        Next();
      });
}

BatchDownload::~BatchDownload() { client_->Cancel(call_); }

void BatchDownload::Next() {
  try {
    while (results_.size() < files_.size()) {
      const auto index = results_.size();
      const auto request = HistoricalApi::ToDownload(files_[index], folder_);
      if (auto there = FindWhole(request)) {
        results_.push_back(std::move(*there));
        continue;
      }
      const auto tell = [progress = progress_, file = files_[index], index,
                         count = files_.size()](const DownloadProgress& p) {
        if (*progress) (*progress)(file, index, count, p);
      };
      call_ = client_->Download(
          request, tell, [this](std::expected<DownloadResult, Error> result) {
            call_ = 0;
            if (!result) return End(std::unexpected{std::move(result.error())});
            results_.push_back(std::move(*result));
            Next();
          });
      return;
    }
  } catch (const Exception& e) {
    return End(std::unexpected{e.error()});
  }
  End(std::move(results_));
}

// Nothing of this is touched after the call: `done` may destroy it.
void BatchDownload::End(std::expected<std::vector<DownloadResult>, Error> result) {
  auto done = std::move(done_);
  done(std::move(result));
}

}  // namespace dbnloop
