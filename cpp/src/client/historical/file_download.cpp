#include "client/historical/file_download.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/number.hpp"
#include "base/str_cat.hpp"
#include "base/text.hpp"
#include "base/throw.hpp"

namespace dbnloop::client {
namespace {

constexpr mode_t kMode = 0666;  // as the umask allows
constexpr int kPartial = 206;
constexpr int kNoSuchRange = 416;

// "bytes 100-199/200" → 100.
std::optional<std::uint64_t> RangeStart(std::string_view header) {
  constexpr std::string_view kUnit = "bytes ";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  return base::ParseNumber<std::uint64_t>(header.substr(0, header.find('-')));
}

// "bytes */200", which answers a range that does not exist, → 200.
std::optional<std::uint64_t> CompleteSize(std::string_view header) {
  constexpr std::string_view kUnit = "bytes */";
  if (!header.starts_with(kUnit)) return std::nullopt;
  return base::ParseNumber<std::uint64_t>(header.substr(kUnit.size()));
}

// "path.part", "path.part.2", "path.part.3"…
std::string PartName(const std::string& path, int number) {
  return path + ".part" + (number == 1 ? "" : base::StrCat(".", number));
}

constexpr int kMaxParts = 1000;

std::string DirectoryOf(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

FileDownload::FileDownload(std::shared_ptr<HttpSession> session, Hooks hooks,
                           int max_retries, DownloadRequest request,
                           HistoricalClient::Params range_params,
                           HistoricalClient::ProgressHandler progress,
                           HistoricalClient::DownloadHandler done)
    : HttpTask{std::move(session), std::move(hooks), max_retries,
               !request.url_path.empty()},
      request_{std::move(request)},
      range_params_{std::move(range_params)},
      progress_{progress ? std::make_shared<HistoricalClient::ProgressHandler>(
                               std::move(progress))
                         : nullptr},
      done_{std::move(done)},
      part_{request_.part.empty() ? PartName(request_.path, 1) : request_.part} {
  request_.sha256 = base::LowerCase(request_.sha256);
  struct stat existing{};
  if (::lstat(request_.path.c_str(), &existing) == 0 &&
      (!request_.overwrite || S_ISDIR(existing.st_mode))) {
    base::Throw(ErrorCode::InvalidArgument,
                (S_ISDIR(existing.st_mode) ? "directory " : "file ") + request_.path +
                    " exists; choose another, or ask for overwriting it");
  }
  // A range of records costs money each time, and its bytes may differ: a part of it is
  // neither resumed nor overwritten.
  if (IsRange()) {
    request_.part.empty() ? OpenFreshPart() : OpenEmptyPart();
    return;
  }
  OpenPart();
  if (!Resumes() && ::ftruncate(file_.get(), 0) != 0) {
    base::Throw(FailureTo("truncate"));
  }
}

FileDownload::~FileDownload() {
  if (session_->reactor()->InChild()) return;  // the part is the parent's
  if (published_ || !file_ || hasher_) return;
  if ((bytes_ == 0 || (!Resumes() && !IsRange())) && NameIsOurs()) {
    ::unlink(part_.c_str());
  }
}

// The part of an earlier attempt was paid for, and another file of that name is not
// ours.
void FileDownload::OpenFreshPart() {
  for (int number = 1;; ++number) {
    part_ = PartName(request_.path, number);
    const int fd = ::open(part_.c_str(),
                          O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode);
    if (fd >= 0) {
      file_ = net::ScopedFd{fd};
      break;
    }
    if (errno != EEXIST || number == kMaxParts) base::Throw(FailureTo("open"));
  }
  ::flock(file_.get(), LOCK_EX | LOCK_NB);
}

void FileDownload::OpenEmptyPart() {
  OpenPart();
  struct stat held{};
  if (::fstat(file_.get(), &held) != 0) base::Throw(FailureTo("read"));
  if (held.st_size != 0) {
    file_.Reset();
    base::Throw(ErrorCode::InvalidState,
                part_ + " holds data, which a range does not replace");
  }
}

// Whether the part's name still refers to the file that is being written.
bool FileDownload::NameIsOurs() const {
  struct stat held{};
  struct stat named{};
  return ::fstat(file_.get(), &held) == 0 && ::lstat(part_.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

// Two downloads that wrote one part would mix their bytes.
void FileDownload::OpenPart() {
  for (;;) {
    file_ = net::ScopedFd{
        ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode)};
    if (!file_) base::Throw(FailureTo("open"));
    // A file system without locks is used without them.
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      base::Throw(ErrorCode::InvalidState,
                  part_ + " is being written by another download");
    }
    // The other one may have ended in between; this file has its final name then.
    if (NameIsOurs()) return;
  }
}

Error FileDownload::FailureTo(const char* what) const {
  return base::SystemError(base::StrCat(what, " ", part_));
}

void FileDownload::Begin() {
  struct stat part{};
  if (::fstat(file_.get(), &part) != 0) base::Throw(FailureTo("read"));
  if (part.st_size == 0) return HttpTask::Begin();
  hasher_ = std::make_unique<FileHasher>(
      session_->reactor(), file_.get(), part_,
      [this](std::expected<FileHasher::Hashed, Error> read) {
        if (!read) return End(std::move(read.error()));
        digest_ = std::move(read->digest);
        bytes_ = read->bytes;  // counts as received
        hasher_.reset();
        HttpTask::Begin();
      });
}

Error FileDownload::StartOver() {
  if (::ftruncate(file_.get(), 0) != 0) return FailureTo("truncate");
  digest_ = {};
  bytes_ = 0;
  return {};
}

proto::HttpRequest FileDownload::MakeRequest() {
  if (IsRange()) {
    return session_->Post("timeseries.get_range", range_params_);
  }
  auto request = session_->GetPath(request_.url_path);
  // A part as long as the file, or longer, is not a part of it: start again.
  if (!Resumes() || (request_.size && bytes_ >= *request_.size)) bytes_ = 0;
  asked_from_ = bytes_;
  if (bytes_ != 0) {
    request.headers.emplace_back("Range", base::StrCat("bytes=", bytes_, "-"));
  }
  return request;
}

Error FileDownload::Accept(const proto::HttpHead& head) {
  const auto length = head.Find("content-length");
  const auto rest = length ? base::ParseNumber<std::uint64_t>(*length) : std::nullopt;
  if (head.status == kPartial) {
    const auto from = RangeStart(head.Find("content-range").value_or(""));
    if (asked_from_ == 0 || from != asked_from_) {
      return {ErrorCode::HttpError,
              "the server sent another part of the file than it was asked for: "
              "Content-Range " +
                  base::Quoted(
                      session_->redact()(head.Find("content-range").value_or("none")))};
    }
  } else if (auto error = StartOver()) {
    return error;  // the complete file arrives: the part is not resumed
  }
  total_ = rest ? std::optional{bytes_ + *rest} : request_.size;
  if (request_.size && total_ != request_.size) {
    return {ErrorCode::HttpError, base::StrCat("the server's file has ", *total_,
                                               " bytes, not ", *request_.size)};
  }
  return {};
}

// RFC 9110, 15.5.17: the server has no byte at or after the part's end. If it says that
// the file is as long as the part, nothing is missing, and size and hash are checked
// where they are known. Otherwise the part belongs to another file, or the server does
// not give the length: the download is restarted without a range, so this happens once.
HttpTask::ErrorPolicy FileDownload::PolicyOf(const proto::HttpHead& head) {
  if (head.status != kNoSuchRange || asked_from_ == 0) return ErrorPolicy::Report;
  if (CompleteSize(head.Find("content-range").value_or("")) == asked_from_) {
    return ErrorPolicy::Complete;
  }
  bytes_ = 0;
  return ErrorPolicy::Repeat;
}

Error FileDownload::Take(std::span<const std::byte> piece) {
  if (request_.size && bytes_ + piece.size() > *request_.size) {
    return {ErrorCode::LimitExceeded,
            base::StrCat("the server sends more than the file's ", *request_.size,
                         " bytes")};
  }
  digest_.Update(piece);
  while (!piece.empty()) {
    const auto n =
        ::pwrite(file_.get(), piece.data(), piece.size(), static_cast<off_t>(bytes_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailureTo("write");
    bytes_ += static_cast<std::uint64_t>(n);
    piece = piece.subspan(static_cast<std::size_t>(n));
  }
  // A long file over a bad line arrives, as long as each try brings some of it.
  if (Resumes() && bytes_ > best_bytes_) {
    best_bytes_ = bytes_;
    ResetRetries();
  }
  // It may cancel the download.
  if (const auto progress = progress_) (*progress)({bytes_, total_});
  return {};
}

Error FileDownload::Complete() {
  sha256_ = digest_.Finish();
  const bool right_size = !request_.size || bytes_ == *request_.size;
  if (right_size && (request_.sha256.empty() || request_.sha256 == sha256_)) {
    return Publish();
  }
  std::string message =
      base::StrCat("the file ", request_.path, " came with ", bytes_,
                   " bytes and SHA-256 ", sha256_, ", but should have ",
                   (request_.size ? base::StrCat(*request_.size, " bytes") : ""),
                   (request_.sha256.empty() ? "" : " SHA-256 " + request_.sha256));
  // Resuming would never correct it, and the server still has the file. A range was
  // paid for.
  if (!IsRange() && NameIsOurs()) {
    ::unlink(part_.c_str());
    file_.Reset();
    message += "; the partial file was deleted";
  }
  return {ErrorCode::ChecksumMismatch, std::move(message)};
}

// The name appears when all bytes are on the disk; then the directory is synced too.
Error FileDownload::Publish() {
  complete_ = true;
  if (::fsync(file_.get()) != 0) return FailureTo("sync");
  if (part_ != request_.path) {
    if (auto error = Rename()) return error;
  }
  published_ = true;
  const net::ScopedFd directory{
      ::open(DirectoryOf(request_.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory) ::fsync(directory.get());
  return {};
}

// Replaces a file that appeared in the meantime only if it may.
Error FileDownload::Rename() {
  if (!NameIsOurs()) {
    return {ErrorCode::InvalidState,
            part_ + " was removed or replaced while it was being written"};
  }
  const auto* from = part_.c_str();
  const auto* to = request_.path.c_str();
  int result = ::renameat2(AT_FDCWD, from, AT_FDCWD, to,
                           request_.overwrite ? 0 : RENAME_NOREPLACE);
  if (result != 0 && !request_.overwrite && (errno == EINVAL || errno == ENOSYS)) {
    // Not every file system knows the flag. What is replaced then is a file of our own.
    const net::ScopedFd claim{
        ::open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode)};
    result = claim ? std::rename(from, to) : -1;
  }
  if (result == 0) return {};
  const int reason = errno;
  return {ErrorCode::System,
          "the file " + request_.path + " is complete, but it cannot have its name (" +
              std::strerror(reason) + "): it is kept in " + part_,
          reason};
}

void FileDownload::Finish(Error error) {
  auto done = std::move(done_);
  if (error) {
    if (IsRange() && bytes_ != 0 && !complete_ && NameIsOurs()) {
      ::fsync(file_.get());
      if (request_.part.empty()) {
        error.message += base::StrCat("; ", bytes_, " bytes are kept in ", part_);
      }
    }
    done(std::unexpected{std::move(error)});
  } else {
    done(DownloadResult{request_.path, bytes_, sha256_, !request_.sha256.empty()});
  }
}

}  // namespace dbnloop::client
