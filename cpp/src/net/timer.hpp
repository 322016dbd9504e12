#pragma once

#include <utility>

#include "dbnloop/reactor.hpp"

namespace dbnloop::net {

/// One call that an object has planned: after a delay and the fds that are ready then
/// (Reactor::AfterFds), or in the reactor's next turn.
/// Planning another call replaces it, and destroying the timer cancels it, so that a
/// callback may refer to the object that holds the timer.
///
/// The next call is planned before the last one is cancelled: where memory for it is
/// refused, the last one stays. An object that waits thus never loses its deadline.
class Timer {
 public:
  explicit Timer(Reactor* reactor) noexcept : reactor_{reactor} {}
  ~Timer() { Disarm(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Calls `f` once, `delay` from now. The timer is no longer armed when `f` runs; `f`
  /// may arm it again or destroy it.
  template <typename F>
  void Arm(Reactor::Clock::duration delay, F f) {
    Replace(reactor_->AfterFds(delay, Once(std::move(f))));
  }
  /// Calls `f` once, in the reactor's next turn (Reactor::Defer).
  template <typename F>
  void Defer(F f) {
    Replace(reactor_->Defer(Once(std::move(f))));
  }
  void Disarm() noexcept { Replace(0); }
  [[nodiscard]] bool armed() const noexcept { return id_ != 0; }

 private:
  // Small captures stay small: no function object inside another one.
  template <typename F>
  auto Once(F f) {
    return [this, f = std::move(f)]() mutable {
      id_ = 0;
      f();
    };
  }
  void Replace(Reactor::TimerId next) noexcept {
    if (const auto last = std::exchange(id_, next); last != 0) reactor_->Cancel(last);
  }

  Reactor* reactor_;
  Reactor::TimerId id_ = 0;
};

}  // namespace dbnloop::net
