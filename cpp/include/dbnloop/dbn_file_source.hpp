#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dbnloop/data_source.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop {

struct FileOptions {
  VersionUpgradePolicy upgrade_policy = VersionUpgradePolicy::UpgradeToV3;
  std::size_t buffer_size = 256 * 1024;          ///< bytes, see ParserOptions
  std::size_t max_metadata = 256 * 1024 * 1024;  ///< bytes, see ParserOptions
  /// Set to read a fragment: records without a header.
  std::optional<ParserOptions::Fragment> fragment;
  /// Read regular files through a mapping, not with read(2). Seldom faster: measure it
  /// (test/bench/file_read.cpp). Only for files that nobody makes shorter meanwhile:
  /// the process is killed (SIGBUS) when that happens, or when the disk fails. The
  /// mapping is a window that moves, whatever the file's size.
  bool use_mmap = false;
};

/// A DBN file as a source on the reactor: plain or zstd (any number of frames), a
/// regular file, a pipe or standard input.
///
/// Records come in the reactor's turns, at most about a MiB of them per turn, so that
/// other sources and timers have theirs. Regular files are read in blocking calls of at
/// most 256 KiB; pipes only when they are readable. Memory is bounded, whatever the
/// size.
class DbnFileSource : public DataSource {
 public:
  /// `path` is a file's, or "-": standard input. `reactor` must outlive the source.
  /// Throws Exception(InvalidArgument) when an option is out of range.
  DbnFileSource(Reactor* reactor, std::string path, FileOptions options = {});
  /// Ends without a word. Allowed inside the source's own handlers.
  ~DbnFileSource() override;

  /// Opens the file; its records come from the next turn on. Again after an end: from
  /// the beginning. Throws Exception: System when it cannot be opened or is a folder,
  /// InvalidArgument when the path has a NUL inside, InvalidState while it is being
  /// read.
  void Start() override;
  /// No record after this; OnError comes with Cancelled in the reactor's next turn.
  void Stop() override;
  void Pause() override;
  void Resume() override;

  /// Called once, last, when every record was delivered. A file that is cut or corrupt
  /// ends with OnError instead, behind every whole record before the fault:
  /// Truncated, ParseError or DecompressionError with the offset; so does a legacy DBZ
  /// file, at once.
  void OnComplete(std::function<void()> h);

  [[nodiscard]] const std::string& Path() const noexcept;
  /// Bytes of the file that were read, for progress.
  [[nodiscard]] std::uint64_t ReadBytes() const noexcept;
  /// Bytes that the file had at Start; none for what is no regular file.
  [[nodiscard]] std::optional<std::uint64_t> TotalBytes() const noexcept;

 private:
  class Impl;

  void ScheduleDelivery() override;
  [[nodiscard]] bool HasMore() const override;

  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop
