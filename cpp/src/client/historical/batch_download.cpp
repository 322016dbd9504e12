// The files of a batch job, one after the other.

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/text.hpp"
#include "client/historical/file_hasher.hpp"
#include "client/historical/impl.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop {
namespace {

Error NotTheJobs(const std::string& path) {
  return {ErrorCode::InvalidState,
          path +
              " exists and is not the file of the job: move it away, or choose "
              "another folder"};
}

// Empty: all of them have a hash that is checked.
std::string WarningOf(const std::vector<BatchFile>& files, const std::string& folder) {
  std::string names;
  std::size_t count = 0;
  for (const auto& file : files) {
    if (!HistoricalApi::ToDownload(file, folder).sha256.empty()) continue;
    if (++count == 1) {
      names = base::Quoted(file.filename) + " with the hash " + base::Quoted(file.hash);
    }
  }
  if (count == 0) return {};
  return std::to_string(count) + " of the job's " + std::to_string(files.size()) +
         " files have no SHA-256 (" + names + (count > 1 ? " and others" : "") +
         "): only their sizes are checked";
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
                                           "the job " + base::Printable(job_id) +
                                               " has no files (yet): see its state"}});
        }
        Begin(std::move(*files));
      });
}

BatchDownload::~BatchDownload() { client_->Cancel(call_); }

void BatchDownload::Begin(std::vector<BatchFile> files) {
  std::string warning;
  try {
    warning = WarningOf(files, folder_);
  } catch (const Exception& e) {
    return End(std::unexpected{e.error()});
  }
  files_ = std::move(files);
  const auto on_warning = client_->impl_->on_warning;
  if (!warning.empty() && on_warning) {
    const std::weak_ptr<ProgressHandler> alive = progress_;
    (*on_warning)(warning);
    if (alive.expired()) return;  // it destroyed this
  }
  Next();
}

void BatchDownload::Next() {
  if (results_.size() == files_.size()) return End(std::move(results_));
  try {
    auto wanted = HistoricalApi::ToDownload(files_[results_.size()], folder_);
    wanted.part = PartOf(wanted.path);
    std::error_code none;
    if (std::filesystem::exists(wanted.path, none)) return Check(wanted);
    Fetch(wanted);
  } catch (const Exception& e) {
    End(std::unexpected{e.error()});
  }
}

// A name that no file of the job has: one of them may be named like another one's part.
std::string BatchDownload::PartOf(const std::string& path) const {
  const auto listed = [this](const std::string& name) {
    return std::ranges::any_of(files_, [&](const BatchFile& file) {
      return folder_ + "/" + file.filename == name;
    });
  };
  auto part = path + ".part";
  for (int number = 2; listed(part); ++number) {
    part = path + ".part." + std::to_string(number);
  }
  return part;
}

// The file that is there is taken when it is the one that is wanted.
void BatchDownload::Check(const DownloadRequest& wanted) {
  std::error_code fault;
  const auto size = std::filesystem::file_size(wanted.path, fault);
  if (fault || size != wanted.size) throw Exception{NotTheJobs(wanted.path)};
  net::ScopedFd file{::open(wanted.path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) {
    const int reason = errno;
    throw Exception{{ErrorCode::System,
                     "open " + wanted.path + ": " + std::strerror(reason), reason}};
  }
  const int fd = file.get();
  hasher_ = std::make_unique<FileHasher>(
      client_->impl_->session->reactor(), fd, wanted.path,
      [this, wanted, file = std::move(file)](auto read) {
        if (!read) return End(std::unexpected{std::move(read.error())});
        DownloadResult there{wanted.path, read->bytes, read->digest.Finish(),
                             !wanted.sha256.empty()};
        if (there.bytes != wanted.size ||
            (!wanted.sha256.empty() && there.sha256 != wanted.sha256)) {
          return End(std::unexpected{NotTheJobs(wanted.path)});
        }
        results_.push_back(std::move(there));
        Next();
      });
}

void BatchDownload::Fetch(const DownloadRequest& wanted) {
  const auto index = results_.size();
  const auto tell = [progress = progress_, file = files_[index], index,
                     count = files_.size()](const DownloadProgress& p) {
    if (*progress) (*progress)(file, index, count, p);
  };
  call_ = client_->Download(wanted, tell,
                            [this](std::expected<DownloadResult, Error> result) {
                              call_ = 0;
                              if (!result) {
                                return End(std::unexpected{std::move(result.error())});
                              }
                              results_.push_back(std::move(*result));
                              Next();
                            });
}

// Nothing of this is touched after the call: `done` may destroy it.
void BatchDownload::End(std::expected<std::vector<DownloadResult>, Error> result) {
  auto done = std::move(done_);
  done(std::move(result));
}

}  // namespace dbnloop
