// epoll_wait as the C library has it, but for what a test asks for.

#include "support/epoll_wait.hpp"

#include <sys/epoll.h>

#include <cerrno>
#include <utility>

namespace dbnloop::test {
namespace {

thread_local std::size_t waits = 0;
thread_local std::function<void()> interruption;

}  // namespace

std::size_t EpollWaits() noexcept { return waits; }

void InterruptNextEpollWait(std::function<void()> meanwhile) {
  interruption = std::move(meanwhile);
}

}  // namespace dbnloop::test

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the C library's.
extern "C" int epoll_wait(int fd, epoll_event* events, int most, int timeout_ms) {
  using dbnloop::test::interruption;
  ++dbnloop::test::waits;
  if (const auto meanwhile = std::exchange(interruption, nullptr)) {
    meanwhile();
    errno = EINTR;
    return -1;
  }
  return ::epoll_pwait(fd, events, most, timeout_ms, nullptr);
}
