#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "dbnloop/error.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::net {

/// A file that is read from front to end: regular, by read(2) or a moving mapping, or
/// something that must be waited for (a pipe, a terminal, a socket).
class ByteFile {
 public:
  ByteFile() = default;
  ~ByteFile() { Close(); }
  ByteFile(const ByteFile&) = delete;
  ByteFile& operator=(const ByteFile&) = delete;

  /// "-" is standard input, which stays open. Throws Exception: System, or
  /// InvalidArgument for a path with a NUL inside.
  void Open(const std::string& path, bool use_mmap);
  void Close() noexcept;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool IsOpen() const noexcept { return static_cast<bool>(fd_); }
  /// Size of a regular file when it was opened.
  [[nodiscard]] std::optional<std::uint64_t> size() const noexcept { return size_; }

  enum class Io { Done, End, Wait, Failed };
  struct Result {
    Io io;
    std::size_t n = 0;
    int os_errno = 0;
  };
  Result Read(std::span<std::byte> into);

 private:
  [[nodiscard]] bool Map() noexcept;
  void Unmap() noexcept;

  ScopedFd fd_;
  bool must_wait_ = false;
  std::optional<std::uint64_t> size_;
  bool use_mmap_ = false;
  std::uint64_t at_ = 0;  // of the mapping: read so far
  std::byte* window_ = nullptr;
  std::uint64_t window_at_ = 0;
  std::size_t window_size_ = 0;
};

}  // namespace dbnloop::net
