// The files of a batch job, one after the other.

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/str_cat.hpp"
#include "base/text.hpp"
#include "base/throw.hpp"
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
              "another directory"};
}

// Empty when every file has a hash that is checked.
std::string WarningOf(const std::vector<BatchFile>& files,
                      const std::string& directory) {
  std::string names;
  std::size_t count = 0;
  for (const auto& file : files) {
    if (!HistoricalApi::ToDownload(file, directory).sha256.empty()) continue;
    if (++count == 1) {
      names = base::Quoted(file.filename) + " with the hash " + base::Quoted(file.hash);
    }
  }
  if (count == 0) return {};
  return base::StrCat(count, " of the job's ", files.size(), " files have no SHA-256 (",
                      names, (count > 1 ? " and others" : ""),
                      "): only their sizes are checked");
}

}  // namespace

class BatchDownload::Impl {
 public:
  Impl(HistoricalClient* client, const std::string& job_id, std::string directory,
       ProgressHandler progress, Handler done);
  ~Impl() { client_->Cancel(call_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

 private:
  void Begin(std::vector<BatchFile> files);
  void Next();
  void Check(const DownloadRequest& wanted);
  void Fetch(const DownloadRequest& wanted);
  [[nodiscard]] std::string PartOf(const std::string& path) const;
  void End(std::expected<std::vector<DownloadResult>, Error> result);

  HistoricalClient* client_;
  std::string directory_;
  std::shared_ptr<ProgressHandler> progress_;
  Handler done_;
  std::vector<BatchFile> files_;
  std::vector<DownloadResult> results_;
  HistoricalClient::CallId call_ = 0;
  std::unique_ptr<client::FileHasher> hasher_;  // of an existing file
};

BatchDownload::Impl::Impl(HistoricalClient* client, const std::string& job_id,
                          std::string directory, ProgressHandler progress, Handler done)
    : client_{client},
      directory_{std::move(directory)},
      progress_{std::make_shared<ProgressHandler>(std::move(progress))},
      done_{std::move(done)} {
  std::error_code fault;
  std::filesystem::create_directories(directory_, fault);
  if (fault) {
    base::Throw(ErrorCode::System,
                "cannot create directory " + directory_ + ": " + fault.message(),
                fault.value());
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

void BatchDownload::Impl::Begin(std::vector<BatchFile> files) {
  std::string warning;
  try {
    warning = WarningOf(files, directory_);
  } catch (const Exception& e) {
    return End(std::unexpected{e.error()});
  }
  files_ = std::move(files);
  if (!warning.empty()) {
    const std::weak_ptr<ProgressHandler> alive = progress_;
    client_->impl_->on_warning(warning);
    if (alive.expired()) return;  // the handler destroyed this
  }
  Next();
}

void BatchDownload::Impl::Next() {
  if (results_.size() == files_.size()) return End(std::move(results_));
  try {
    auto wanted = HistoricalApi::ToDownload(files_[results_.size()], directory_);
    wanted.part = PartOf(wanted.path);
    std::error_code none;
    if (std::filesystem::exists(wanted.path, none)) return Check(wanted);
    Fetch(wanted);
  } catch (const Exception& e) {
    End(std::unexpected{e.error()});
  }
}

// A name that no file of the job has: one of them may be named like another one's part.
std::string BatchDownload::Impl::PartOf(const std::string& path) const {
  const auto listed = [this](const std::string& name) {
    return std::ranges::any_of(files_, [&](const BatchFile& file) {
      return directory_ + "/" + file.filename == name;
    });
  };
  auto part = path + ".part";
  for (int number = 2; listed(part); ++number) {
    part = base::StrCat(path, ".part.", number);
  }
  return part;
}

// An existing file is kept if it is the one that is wanted.
void BatchDownload::Impl::Check(const DownloadRequest& wanted) {
  std::error_code fault;
  const auto size = std::filesystem::file_size(wanted.path, fault);
  if (fault || size != wanted.size) base::Throw(NotTheJobs(wanted.path));
  net::ScopedFd file{::open(wanted.path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) base::Throw(base::SystemError("open " + wanted.path));
  const int fd = file.get();
  hasher_ = std::make_unique<client::FileHasher>(
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

void BatchDownload::Impl::Fetch(const DownloadRequest& wanted) {
  const auto index = results_.size();
  const auto notify = [progress = progress_, file = files_[index], index,
                       count = files_.size()](const DownloadProgress& p) {
    if (*progress) (*progress)(file, index, count, p);
  };
  call_ = client_->Download(wanted, notify,
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
void BatchDownload::Impl::End(
    std::expected<std::vector<DownloadResult>, Error> result) {
  auto done = std::move(done_);
  done(std::move(result));
}

BatchDownload::BatchDownload(HistoricalClient* client, const std::string& job_id,
                             std::string directory, ProgressHandler progress,
                             Handler done)
    : impl_{std::make_unique<Impl>(client, job_id, std::move(directory),
                                   std::move(progress), std::move(done))} {}

BatchDownload::~BatchDownload() = default;

}  // namespace dbnloop
