#pragma once

#include <sys/resource.h>
#include <sys/time.h>

#include <csignal>

namespace dbnloop::test {

/// Signals that interrupt system calls, without SA_RESTART, as Go's preemption sends
/// them.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction ignore{};
    ignore.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &ignore, &before_);
    const itimerval often{{0, 200}, {0, 200}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~SignalStorm() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;

 private:
  struct sigaction before_{};
};

/// No fd beyond those that are open.
class NoFds {
 public:
  NoFds() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    auto none = before_;
    none.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoFds() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoFds(const NoFds&) = delete;
  NoFds& operator=(const NoFds&) = delete;

 private:
  rlimit before_{};
};

}  // namespace dbnloop::test
