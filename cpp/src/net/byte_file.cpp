#include "net/byte_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/throw.hpp"

namespace dbnloop::net {
namespace {

constexpr std::size_t kWindow = 16 * 1024 * 1024;  // a multiple of every page size
constexpr std::size_t kRead = 1024 * 1024;         // so that a turn is short

}  // namespace

void ByteFile::Open(const std::string& path, bool use_mmap) {
  Close();
  const bool input = path == "-";
  // The system would open what stands before it: another file.
  if (path.find('\0') != std::string::npos) {
    base::Throw(ErrorCode::InvalidArgument,
                "cannot read " + path + ": there is a NUL in the path");
  }
  // Not blocking: a FIFO that nobody writes to would hold the open.
  ScopedFd fd{input
                  ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                  : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  const std::string name = input ? "standard input" : path;
  const auto what = "cannot read " + name;
  const auto refuse = [&](const char* why, int reason) {
    base::Throw(ErrorCode::System, base::StrCat(what, ": ", why), reason);
  };
  if (!fd && input && errno == EBADF) refuse("it is closed", EBADF);
  if (!fd) base::Throw(base::SystemError(what));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) base::Throw(base::SystemError(what));
  // A closed number is the next one that a reactor takes for itself.
  if (input && (status.st_mode & S_IFMT) == 0) refuse("it is closed", EBADF);
  if (S_ISDIR(status.st_mode)) refuse("it is a directory", EISDIR);
  const bool regular = S_ISREG(status.st_mode);
  must_wait_ = !regular && !S_ISBLK(status.st_mode);
  size_.reset();
  if (regular) size_ = static_cast<std::uint64_t>(status.st_size);
  if (regular) ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  use_mmap_ = use_mmap && regular && !input;
  at_ = 0;
  fd_ = std::move(fd);
}

void ByteFile::Close() noexcept {
  Unmap();
  fd_.Reset();
}

void ByteFile::Unmap() noexcept {
  if (window_ != nullptr) ::munmap(window_, window_size_);
  window_ = nullptr;
  window_size_ = 0;
}

// Maps the window that holds at_; false where mapping is impossible and read(2)
// continues. A file that became shorter is mapped up to its present end, which limits
// the danger to one window.
bool ByteFile::Map() noexcept {
  if (window_ != nullptr && at_ < window_at_ + window_size_) return true;
  Unmap();
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return false;
  const auto end = std::min(*size_, static_cast<std::uint64_t>(status.st_size));
  if (at_ >= end) return false;
  window_at_ = at_ / kWindow * kWindow;
  const auto size = std::min<std::uint64_t>(kWindow, end - window_at_);
  auto* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd_.get(),
                              static_cast<off_t>(window_at_));
  if (mapped == MAP_FAILED) return false;
  window_ = static_cast<std::byte*>(mapped);
  window_size_ = size;
  ::madvise(mapped, size, MADV_SEQUENTIAL);
  return true;
}

ByteFile::Result ByteFile::Read(std::span<std::byte> into) {
  into = into.first(std::min(into.size(), kRead));
  if (use_mmap_ && at_ < *size_ && Map()) {
    const auto from = static_cast<std::size_t>(at_ - window_at_);
    const auto n = std::min(into.size(), window_size_ - from);
    std::memcpy(into.data(), window_ + from, n);
    at_ += n;
    return {Io::Done, n};
  }
  if (must_wait_) {
    // Standard input is shared with other processes and may be a blocking one.
    pollfd ready{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 0) == 0) return {Io::Wait};
  }
  for (;;) {
    // After the mapped part the file may have grown, or mapping may fail.
    const auto n = use_mmap_ ? ::pread(fd_.get(), into.data(), into.size(),
                                       static_cast<off_t>(at_))
                             : ::read(fd_.get(), into.data(), into.size());
    if (n > 0) {
      at_ += static_cast<std::uint64_t>(n);
      return {Io::Done, static_cast<std::size_t>(n)};
    }
    if (n == 0) return {Io::End};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Io::Wait};
    return {Io::Failed, 0, errno};
  }
}

}  // namespace dbnloop::net
