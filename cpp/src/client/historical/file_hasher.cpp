#include "client/historical/file_hasher.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

namespace dbnloop {
namespace {

constexpr std::uint64_t kTurn = 1024 * 1024;  // bytes; then others have their turn

}  // namespace

FileHasher::FileHasher(Reactor* reactor, int fd, std::string path, Handler done)
    : reactor_{reactor}, fd_{fd}, path_{std::move(path)}, done_{std::move(done)} {
  Schedule();
}

FileHasher::~FileHasher() { reactor_->Cancel(turn_); }

void FileHasher::Schedule() {
  turn_ = reactor_->After({}, [this] {
    turn_ = 0;
    Turn();
  });
}

void FileHasher::Turn() {
  std::array<std::byte, 64 * 1024> block;
  for (const auto end = hashed_.bytes + kTurn; hashed_.bytes < end;) {
    const auto n =
        ::pread(fd_, block.data(), block.size(), static_cast<off_t>(hashed_.bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int reason = errno;
      return End(std::unexpected{Error{
          ErrorCode::System, "read " + path_ + ": " + std::strerror(reason), reason}});
    }
    if (n == 0) return End(std::move(hashed_));
    hashed_.digest.Update(std::span{block}.first(static_cast<std::size_t>(n)));
    hashed_.bytes += static_cast<std::uint64_t>(n);
  }
  Schedule();
}

// Nothing of this is touched after the call.
void FileHasher::End(std::expected<Hashed, Error> result) {
  auto done = std::move(done_);
  done(std::move(result));
}

}  // namespace dbnloop
