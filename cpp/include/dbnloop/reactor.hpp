#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace dbnloop {

/// A thin epoll wrapper that the user drives. One thread owns it: the thread that calls
/// Poll or Run. Only Stop and Post may be called from other threads.
///
/// Callbacks run inside Poll. A callback may add, modify and remove any fd (its own
/// too), start and cancel timers, and destroy the owner of any callback; it may not
/// call Poll or Run (Exception with InvalidState).
///
/// After fork the reactor, its clients and their connections stay the parent's. The
/// child may destroy or close what it inherited, which ends nothing of the parent's;
/// other calls throw Exception(InvalidState) there, or do nothing.
class Reactor {
 public:
  /// `events` are epoll's bits (EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP).
  using Callback = std::function<void(std::uint32_t events)>;
  using Task = std::move_only_function<void()>;
  using TimerCallback = std::move_only_function<void()>;
  using Clock = std::chrono::steady_clock;

  /// Names a timer; 0 is never given out. Ids are not reused.
  using TimerId = std::uint64_t;

  /// Throws Exception(System) when no epoll or eventfd can be had.
  Reactor();
  /// Drops callbacks, timers and tasks, none of which runs any more; what they own may
  /// call Remove and Cancel as it goes. Closes its own fds; fds that were added stay
  /// open, they belong to the user. Not inside a callback, and after its clients.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Watches `fd`, level-triggered. Throws Exception: InvalidArgument when fd is
  /// negative, already added or cb is empty; System when epoll refuses it.
  void Add(int fd, std::uint32_t events, Callback cb);
  /// Changes the interest of an added fd, also for what the current batch holds
  /// already. Interest 0 still reports ERR and HUP: to silence an fd, Remove it. Throws
  /// Exception: InvalidArgument when fd was not added; System when epoll refuses it.
  void Modify(int fd, std::uint32_t events);
  /// Forgets an fd; no callback for it runs after this returns, not even one that the
  /// current batch already holds. Unknown fds are ignored. Call it before close(fd).
  void Remove(int fd);
  /// Whether fd is watched now.
  [[nodiscard]] bool Contains(int fd) const noexcept;

  /// One bounded turn: waits at most `timeout_ms` (-1: no limit, 0: not at all) for
  /// fds, timers and posted tasks, runs what is ready, returns how many callbacks ran.
  /// A signal (EINTR) is zero events. Exceptions of callbacks pass through; the reactor
  /// stays usable, and what had not run yet runs in the next turn.
  ///
  /// A timer runs after the callbacks of every fd that was ready when, or after, its
  /// deadline passed, however late this turn is: a timer that takes an fd for silent is
  /// right about it, also after the process was stopped for long.
  int Poll(int timeout_ms = -1);
  /// Polls until Stop. A Stop that came before Run makes it return at once.
  void Run();
  /// Ends Run after the current batch; wakes a waiting Poll. Thread-safe, and safe in
  /// signal handlers.
  void Stop() noexcept;

  /// Runs `task` once in the next turn, in order. Thread-safe. Tasks posted by a task
  /// run in the turn after. Throws InvalidArgument when it is empty.
  void Post(Task task);

  /// The epoll fd: readable when Poll has something to do, including due timers (kept
  /// exact by a timerfd once Fd was called) and posted tasks. For use inside another
  /// loop. Owned by the reactor.
  [[nodiscard]] int Fd();

  /// Runs `cb` once, `delay` from now (rounded up to the wait's whole ms; below 0 is 0,
  /// above 10 years is 10 years). Throws InvalidArgument when it is empty.
  TimerId After(Clock::duration delay, TimerCallback cb);
  /// Runs `cb` every `period` until cancelled; late turns are not made up for. Throws
  /// InvalidArgument when `cb` is empty or `period` is not above 0.
  TimerId Every(Clock::duration period, TimerCallback cb);
  /// Returns false when the timer has run already or is unknown. A timer may cancel
  /// itself.
  bool Cancel(TimerId id) noexcept;

  /// The time that this turn began with; timers count from it. Outside a turn: now.
  [[nodiscard]] Clock::time_point Now() const;

  /// Whether this process is a child that inherited the reactor by fork(). Without a
  /// system call; what _Fork or a bare clone makes is not noticed.
  [[nodiscard]] bool InChild() const noexcept;

  /// How many turns there were: calls of Poll, those of Run included. A number that
  /// grows while nothing happens tells of a loop that spins.
  [[nodiscard]] std::uint64_t Polls() const noexcept;

  /// Replaces the clock, for tests that must not sleep. Call it before any timer.
  void SetClockForTest(std::function<Clock::time_point()> now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop
