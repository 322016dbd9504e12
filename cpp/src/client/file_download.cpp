#include "client/file_download.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "dbnloop/exception.hpp"
#include "proto/lines.hpp"
#include "proto/number.hpp"

namespace dbnloop {
namespace {

constexpr mode_t kMode = 0666;  // as the umask allows
constexpr int kPartial = 206;

// "bytes 100-199/200" → 100.
std::optional<std::uint64_t> RangeStart(std::string_view header) {
  constexpr std::string_view kUnit = "bytes ";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  return proto::ParseNumber<std::uint64_t>(header.substr(0, header.find('-')));
}

std::string Hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const auto byte : bytes) out += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  return out;
}

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
      part_{request_.path + ".part"},
      digest_{EVP_MD_CTX_new()} {
  struct stat existing{};
  if (!request_.overwrite && ::lstat(request_.path.c_str(), &existing) == 0) {
    throw Exception{{ErrorCode::InvalidArgument,
                     "the file " + request_.path +
                         " exists; choose another, or ask for overwriting it"}};
  }
  const int fresh = Resumes() ? 0 : O_TRUNC;
  file_ = net::ScopedFd{
      ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | fresh, kMode)};
  if (!file_) throw Exception{SystemError("open")};
  HashPart();
}

FileDownload::~FileDownload() {
  if (published_ || !file_) return;
  if (!Resumes() || bytes_ == 0) ::unlink(part_.c_str());
}

// A range of records costs money each time, and its bytes may differ: never resumed.
bool FileDownload::Resumes() const {
  return request_.resume && !request_.url_path.empty();
}

Error FileDownload::SystemError(const char* what) const {
  const int reason = errno;
  return {ErrorCode::System,
          std::string{what} + " " + part_ + ": " + std::strerror(reason), reason};
}

// What an earlier try has left counts as received.
void FileDownload::HashPart() {
  EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
  bytes_ = 0;
  std::array<char, 64 * 1024> block{};
  for (;;) {
    const auto n =
        ::pread(file_.get(), block.data(), block.size(), static_cast<off_t>(bytes_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Exception{SystemError("read")};
    if (n == 0) return;
    EVP_DigestUpdate(digest_.get(), block.data(), static_cast<std::size_t>(n));
    bytes_ += static_cast<std::uint64_t>(n);
  }
}

Error FileDownload::StartOver() {
  if (::ftruncate(file_.get(), 0) != 0) return SystemError("truncate");
  EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
  bytes_ = 0;
  return {};
}

proto::HttpRequest FileDownload::MakeRequest() {
  if (request_.url_path.empty()) {
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
  const auto rest = length ? proto::ParseNumber<std::uint64_t>(*length) : std::nullopt;
  if (head.status == kPartial) {
    const auto from = RangeStart(head.Find("content-range").value_or(""));
    if (asked_from_ == 0 || from != asked_from_) {
      return {ErrorCode::HttpError,
              "the server sent another part of the file than it was asked for: "
              "Content-Range " +
                  proto::Quoted(head.Find("content-range").value_or("none"))};
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

Error FileDownload::Take(std::span<const std::byte> piece) {
  if (request_.size && bytes_ + piece.size() > *request_.size) {
    return {ErrorCode::LimitExceeded, "the server sends more than the file's " +
                                          std::to_string(*request_.size) + " bytes"};
  }
  EVP_DigestUpdate(digest_.get(), piece.data(), piece.size());
  while (!piece.empty()) {
    const auto n =
        ::pwrite(file_.get(), piece.data(), piece.size(), static_cast<off_t>(bytes_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("write");
    bytes_ += static_cast<std::uint64_t>(n);
    piece = piece.subspan(static_cast<std::size_t>(n));
  }
  // It may cancel the download.
  if (const auto progress = progress_) (*progress)({bytes_, total_});
  return {};
}

Error FileDownload::Complete() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(digest_.get(), digest.data(), &size);
  sha256_ = Hex(std::span{digest}.first(size));
  const bool right_size = !request_.size || bytes_ == *request_.size;
  if (!right_size || (!request_.sha256.empty() && request_.sha256 != sha256_)) {
    // Going on with it would never make it right.
    ::unlink(part_.c_str());
    return {ErrorCode::HttpError,
            "the file " + request_.path + " came with " + std::to_string(bytes_) +
                " bytes and SHA-256 " + sha256_ + ", but should have " +
                (request_.size ? std::to_string(*request_.size) + " bytes" : "") +
                (request_.sha256.empty() ? "" : " SHA-256 " + request_.sha256) +
                "; it was thrown away"};
  }
  return Publish();
}

// The name appears when all bytes are on the disk, and the folder knows of it then.
Error FileDownload::Publish() {
  if (::fsync(file_.get()) != 0) return SystemError("sync");
  const auto* from = part_.c_str();
  const auto* to = request_.path.c_str();
  int result = ::renameat2(AT_FDCWD, from, AT_FDCWD, to,
                           request_.overwrite ? 0 : RENAME_NOREPLACE);
  // Not every file system knows the flag; that the name is free was seen at the start.
  if (result != 0 && errno == EINVAL) result = std::rename(from, to);
  if (result != 0) return SystemError(("rename to " + request_.path + " of").c_str());
  published_ = true;
  const net::ScopedFd folder{
      ::open(FolderOf(request_.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder) ::fsync(folder.get());
  return {};
}

void FileDownload::Finish(Error error) {
  auto done = std::move(done_);
  if (error) {
    done(std::unexpected{std::move(error)});
  } else {
    done(DownloadResult{request_.path, bytes_, sha256_});
  }
}

}  // namespace dbnloop
