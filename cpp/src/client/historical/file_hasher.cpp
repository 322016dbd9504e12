#include "client/historical/file_hasher.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#include "base/throw.hpp"
#include "client/turn_budget.hpp"

namespace dbnloop::client {

FileHasher::FileHasher(Reactor* reactor, int fd, std::string path, Handler done)
    : fd_{fd}, path_{std::move(path)}, done_{std::move(done)}, turn_{reactor} {
  Schedule();
}

void FileHasher::Schedule() {
  turn_.Defer([this] { Turn(); });
}

void FileHasher::Turn() {
  std::array<std::byte, 64 * 1024> block;
  for (const auto end = hashed_.bytes + kTurnBytes; hashed_.bytes < end;) {
    const auto n =
        ::pread(fd_, block.data(), block.size(), static_cast<off_t>(hashed_.bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return End(std::unexpected{base::SystemError("read " + path_)});
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

}  // namespace dbnloop::client
