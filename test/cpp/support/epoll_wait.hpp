#pragma once

#include <cstddef>
#include <functional>

namespace dbnloop::test {

/// How often this thread has called epoll_wait.
std::size_t EpollWaits() noexcept;

/// The next epoll_wait of this thread fails with EINTR behind `meanwhile`: as when the
/// process is stopped by a signal, the world goes on, and the process is continued.
void InterruptNextEpollWait(std::function<void()> meanwhile);

}  // namespace dbnloop::test
