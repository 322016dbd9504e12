#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>

#include "base/sha256.hpp"
#include "dbnloop/error.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop {

/// The SHA-256 of a file that is there, from its beginning: a MiB a turn of the
/// reactor, so that others have theirs. Destroying it cancels it silently.
class FileHasher {
 public:
  struct Hashed {
    base::Sha256 digest;  ///< of all bytes; more may be added
    std::uint64_t bytes = 0;
  };
  /// Runs once, in a later turn; may destroy the hasher.
  using Handler = std::move_only_function<void(std::expected<Hashed, Error>)>;

  /// `fd` must stay open as long as this; `path` is for messages.
  FileHasher(Reactor* reactor, int fd, std::string path, Handler done);
  ~FileHasher();
  FileHasher(const FileHasher&) = delete;
  FileHasher& operator=(const FileHasher&) = delete;

 private:
  void Schedule();
  void Turn();
  void End(std::expected<Hashed, Error> result);

  Reactor* reactor_;
  int fd_;
  std::string path_;
  Handler done_;
  Hashed hashed_;
  Reactor::TimerId turn_ = 0;
};

}  // namespace dbnloop
