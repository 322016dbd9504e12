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
#include "base/text.hpp"
#include "dbnloop/exception.hpp"

namespace dbnloop {
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

// "bytes */200", of a range that is not there, → 200.
std::optional<std::uint64_t> WholeSize(std::string_view header) {
  constexpr std::string_view kUnit = "bytes */";
  if (!header.starts_with(kUnit)) return std::nullopt;
  return base::ParseNumber<std::uint64_t>(header.substr(kUnit.size()));
}

// "path.part", "path.part.2", "path.part.3"…
std::string PartName(const std::string& path, int number) {
  return path + ".part" + (number == 1 ? "" : "." + std::to_string(number));
}

constexpr int kMostParts = 1000;

std::string FolderOf(const std::string& path) {
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
    throw Exception{{ErrorCode::InvalidArgument,
                     (S_ISDIR(existing.st_mode) ? "the folder " : "the file ") +
                         request_.path +
                         " exists; choose another, or ask for overwriting it"}};
  }
  // A range of records costs money each time, and its bytes may differ: a part of it is
  // neither resumed nor written over.
  if (IsRange()) {
    request_.part.empty() ? OpenFreshPart() : OpenEmptyPart();
    return;
  }
  OpenPart();
  if (!Resumes() && ::ftruncate(file_.get(), 0) != 0) {
    throw Exception{SystemError("truncate")};
  }
}

FileDownload::~FileDownload() {
  if (session_->reactor()->InChild()) return;  // the part is the parent's
  if (published_ || !file_ || hasher_) return;
  if ((bytes_ == 0 || (!Resumes() && !IsRange())) && NameIsOurs()) {
    ::unlink(part_.c_str());
  }
}

// The part of an earlier try was paid for, and another file of that name is not ours.
void FileDownload::OpenFreshPart() {
  for (int number = 1;; ++number) {
    part_ = PartName(request_.path, number);
    const int fd = ::open(part_.c_str(),
                          O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode);
    if (fd >= 0) {
      file_ = net::ScopedFd{fd};
      break;
    }
    if (errno != EEXIST || number == kMostParts) throw Exception{SystemError("open")};
  }
  ::flock(file_.get(), LOCK_EX | LOCK_NB);
}

void FileDownload::OpenEmptyPart() {
  OpenPart();
  struct stat held{};
  if (::fstat(file_.get(), &held) != 0) throw Exception{SystemError("look at")};
  if (held.st_size != 0) {
    file_.Reset();
    throw Exception{{ErrorCode::InvalidState,
                     part_ + " holds data, which a range does not replace"}};
  }
}

// Whether the part's name still stands for the file that is being written.
bool FileDownload::NameIsOurs() const {
  struct stat held{};
  struct stat named{};
  return ::fstat(file_.get(), &held) == 0 && ::lstat(part_.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

// Two downloads that write one part would make a mixture of it.
void FileDownload::OpenPart() {
  for (;;) {
    file_ = net::ScopedFd{
        ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode)};
    if (!file_) throw Exception{SystemError("open")};
    // Where a file system knows no locks, it goes without.
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      throw Exception{
          {ErrorCode::InvalidState, part_ + " is being written by another download"}};
    }
    // The other one may have ended in between: then this is a file with its final name.
    if (NameIsOurs()) return;
  }
}

Error FileDownload::SystemError(const char* what) const {
  const int reason = errno;
  return {ErrorCode::System,
          std::string{what} + " " + part_ + ": " + std::strerror(reason), reason};
}

void FileDownload::Begin() {
  struct stat part{};
  if (::fstat(file_.get(), &part) != 0) throw Exception{SystemError("look at")};
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
  if (::ftruncate(file_.get(), 0) != 0) return SystemError("truncate");
  digest_ = {};
  bytes_ = 0;
  return {};
}

proto::HttpRequest FileDownload::MakeRequest() {
  if (IsRange()) {
    return session_->Post("timeseries.get_range", range_params_);
  }
  auto request = session_->GetPath(request_.url_path);
  // A part as long as the file, or longer, is no part of it: begin anew.
  if (!Resumes() || (request_.size && bytes_ >= *request_.size)) bytes_ = 0;
  asked_from_ = bytes_;
  if (bytes_ != 0) {
    request.headers.emplace_back("Range", "bytes=" + std::to_string(bytes_) + "-");
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
    return error;  // the whole file comes: what was there is not continued
  }
  total_ = rest ? std::optional{bytes_ + *rest} : request_.size;
  if (request_.size && total_ != request_.size) {
    return {ErrorCode::HttpError, "the server's file has " + std::to_string(*total_) +
                                      " bytes, not " + std::to_string(*request_.size)};
  }
  return {};
}

// RFC 9110, 15.5.17: the server has no byte at or behind the part's end. When it says
// that the file is as long as the part, nothing is missing, as if the last of many 206
// had come: size and hash are looked at where they are known. Else the part is of
// another file, or the server keeps the length to itself: begin anew, without a range,
// so that it happens once.
HttpTask::Remedy FileDownload::RemedyOf(const proto::HttpHead& head) {
  if (head.status != kNoSuchRange || asked_from_ == 0) return Remedy::None;
  if (WholeSize(head.Find("content-range").value_or("")) == asked_from_) {
    return Remedy::Complete;
  }
  bytes_ = 0;
  return Remedy::Again;
}

Error FileDownload::Take(std::span<const std::byte> piece) {
  if (request_.size && bytes_ + piece.size() > *request_.size) {
    return {ErrorCode::LimitExceeded, "the server sends more than the file's " +
                                          std::to_string(*request_.size) + " bytes"};
  }
  digest_.Update(piece);
  while (!piece.empty()) {
    const auto n =
        ::pwrite(file_.get(), piece.data(), piece.size(), static_cast<off_t>(bytes_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("write");
    bytes_ += static_cast<std::uint64_t>(n);
    piece = piece.subspan(static_cast<std::size_t>(n));
  }
  // A long file over a bad line gets there, if each try brings it further.
  if (Resumes() && bytes_ > most_bytes_) {
    most_bytes_ = bytes_;
    NoteProgress();
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
      "the file " + request_.path + " came with " + std::to_string(bytes_) +
      " bytes and SHA-256 " + sha256_ + ", but should have " +
      (request_.size ? std::to_string(*request_.size) + " bytes" : "") +
      (request_.sha256.empty() ? "" : " SHA-256 " + request_.sha256);
  // Resuming it would never make it right, and the server has the file still. A range
  // was paid for.
  if (!IsRange() && NameIsOurs()) {
    ::unlink(part_.c_str());
    file_.Reset();
    message += "; it was deleted";
  }
  return {ErrorCode::ChecksumMismatch, std::move(message)};
}

// The name appears when all bytes are on the disk, and the directory knows of it then.
Error FileDownload::Publish() {
  complete_ = true;
  if (::fsync(file_.get()) != 0) return SystemError("sync");
  if (part_ != request_.path) {
    if (auto error = Rename()) return error;
  }
  published_ = true;
  const net::ScopedFd folder{
      ::open(FolderOf(request_.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder) ::fsync(folder.get());
  return {};
}

// Replaces no file that came to be in the meantime, unless it may.
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
    // Not every file system knows the flag: what is replaced then is a file of our own.
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
        error.message += "; " + std::to_string(bytes_) + " bytes are kept in " + part_;
      }
    }
    done(std::unexpected{std::move(error)});
  } else {
    done(DownloadResult{request_.path, bytes_, sha256_, !request_.sha256.empty()});
  }
}

}  // namespace dbnloop
