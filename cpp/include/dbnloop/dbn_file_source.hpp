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
  /// In bytes, see ParserOptions. Smaller ones cost more: the system copies large
  /// pieces of a file faster than small ones.
  std::size_t buffer_size = 1024 * 1024;
  std::size_t max_metadata = 256 * 1024 * 1024;  ///< bytes, see ParserOptions
  /// Set this to read a fragment: records without a header.
  std::optional<ParserOptions::Fragment> fragment;
  /// Reads regular files through a mapping instead of read(2). This is rarely faster:
  /// measure it (`make bench`). Use it only for files that are not
  /// truncated while in use: the process is killed (SIGBUS) when that happens, or when
  /// the disk fails. The mapping is a moving window of bounded size.
  bool use_mmap = false;
};

/// A DBN file as a source on the reactor: plain or zstd (any number of frames), in a
/// regular file, a pipe or standard input.
///
/// Each turn of the reactor delivers at most about 1 MiB of records, so that other
/// sources and timers are served. Regular files are read in blocking calls of at most
/// 1 MiB; pipes are read only when they are readable. Memory is bounded for files of
/// any size.
class DbnFileSource : public DataSource {
 public:
  /// `path` names a file; "-" is standard input. `reactor` must outlive the source.
  /// Throws Exception(InvalidArgument) when an option is out of range.
  DbnFileSource(Reactor* reactor, std::string path, FileOptions options = {});
  /// Ends the stream silently. Allowed inside the source's own handlers.
  ~DbnFileSource() override;

  /// Opens the file; its records are delivered from the next turn on. After the end of
  /// the stream, Start reads the file again from its beginning. Throws Exception:
  /// System when the file cannot be opened or is a directory, InvalidArgument when the
  /// path contains a NUL, InvalidState while the file is being read.
  void Start() override;
  /// Ends the stream: no further record is delivered, and OnError is called with
  /// Cancelled in the reactor's next turn.
  void Stop() override;
  void Pause() override;
  void Resume() override;

  using CompleteHandler = std::move_only_function<void()>;
  /// Sets the handler that is called once, as the last one, when every record was
  /// delivered. A file that is cut or corrupt ends with OnError instead, after every
  /// complete record before the fault: Truncated, ParseError or DecompressionError,
  /// with the offset. A legacy DBZ file ends with OnError at once.
  void OnComplete(CompleteHandler h);

  [[nodiscard]] const std::string& Path() const noexcept;
  /// The number of bytes read from the file, for progress.
  [[nodiscard]] std::uint64_t ReadBytes() const noexcept;
  /// The size of the file in bytes at Start; nullopt if it is not a regular file.
  [[nodiscard]] std::optional<std::uint64_t> TotalBytes() const noexcept;

 private:
  class Impl;

  static std::unique_ptr<Impl> MakeImpl(Reactor* reactor, std::string path,
                                        const FileOptions& options);
  explicit DbnFileSource(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop
