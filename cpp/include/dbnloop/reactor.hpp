#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "dbnloop/detail/require_cxx23.hpp"

namespace dbnloop {

class DataSource;

struct ReactorOptions {
  /// How long Poll asks again and again whether something is ready before it waits, up
  /// to 1 s. It then sees an event some microseconds sooner, and keeps a processor busy
  /// meanwhile. 0: it waits at once.
  std::chrono::microseconds spin{0};
};

/// A thin epoll wrapper that the user drives. The thread that calls Poll or Run owns
/// it. Only Stop, Wake and Post may be called from other threads.
///
/// Callbacks run inside Poll. A callback may add, modify and remove any fd (including
/// its own), start and cancel timers, and destroy the owner of any callback. It may not
/// call Poll or Run, which throw Exception(InvalidState).
///
/// After fork the reactor, its clients and their connections belong to the parent. The
/// child may destroy or close what it inherited, which does not affect the parent.
/// Other calls in the child throw Exception(InvalidState) or do nothing.
class Reactor {
 public:
  /// `events` are epoll's bits (EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP).
  using Callback = std::function<void(std::uint32_t events)>;
  using Task = std::move_only_function<void()>;
  using TimerCallback = std::move_only_function<void()>;
  using Clock = std::chrono::steady_clock;

  /// Identifies a timer or a deferred task. Ids are never 0 and never reused.
  using TimerId = std::uint64_t;

  /// Throws Exception: System when the epoll instance or the eventfd cannot be created,
  /// InvalidArgument when an option is out of range.
  explicit Reactor(ReactorOptions options = {});
  /// Drops callbacks, timers and tasks without running them; the objects that they own
  /// may call Remove and Cancel while they are destroyed. Closes the reactor's own fds.
  /// Fds that were added stay open, because they belong to the user. Must not run
  /// inside a callback, nor before the destructors of its clients.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Watches `fd`, level-triggered. Throws Exception: InvalidArgument when `fd` is
  /// negative or already added, or `cb` is empty; System when epoll refuses the fd.
  void Add(int fd, std::uint32_t events, Callback cb);
  /// Changes the interest of an added fd, including for events that the current batch
  /// already holds. Interest 0 still reports ERR and HUP: to silence an fd, Remove it.
  /// Throws Exception: InvalidArgument when `fd` was not added; System when epoll
  /// refuses the change.
  void Modify(int fd, std::uint32_t events);
  /// Stops watching an fd. No callback for it runs after this returns, not even for an
  /// event that the current batch already holds. Unknown fds are ignored. Call it
  /// before close(fd).
  void Remove(int fd);
  /// Whether `fd` is being watched.
  [[nodiscard]] bool Contains(int fd) const noexcept;

  /// Runs one bounded turn: waits at most `timeout_ms` (-1: without limit, 0: not at
  /// all) for fds, timers and tasks, runs what is ready and returns how many callbacks
  /// ran. The order within a turn is: fds, deferred tasks, timers, posted tasks. A
  /// signal (EINTR) counts as zero events. The wait begins with ReactorOptions::spin,
  /// as far as `timeout_ms` allows. Exceptions of callbacks pass through; the reactor
  /// stays usable, and whatever has not run yet runs in the next turn.
  ///
  /// A turn begins callbacks of fds for at most kTurnTime, and deferred tasks for as
  /// long again, but at least 16 of each unless one of them calls Yield. The rest
  /// waits, in its order, for the next turn, which does not wait and runs it before
  /// epoll is asked again: no fd has a second callback before every other that was
  /// ready has had one. Timers that are due and posted tasks run in every turn.
  ///
  /// A timer runs after the callbacks of every fd that was ready when its deadline
  /// passed, or later, however late the turn is, unless these do not fit into the turn;
  /// a timer of AfterFds waits for them in any case. A timer that judges an fd to be
  /// silent is therefore right, even after the process was stopped for a long time.
  int Poll(int timeout_ms = -1);
  /// The time after which a turn begins no further callback of an fd.
  static constexpr std::chrono::milliseconds kTurnTime{10};
  /// Polls until Stop. Returns at once if Stop was called before Run.
  void Run();
  /// Ends Run after the current batch and wakes a waiting Poll. Thread-safe and
  /// async-signal-safe.
  void Stop() noexcept;
  /// Wakes a waiting Poll, or makes the next one return without waiting. Run continues.
  /// Thread-safe and async-signal-safe.
  void Wake() noexcept;

  /// Runs `task` once in the next turn, in the order of the calls. Thread-safe. A task
  /// that is posted by a task runs in the turn after that. Throws InvalidArgument when
  /// `task` is empty.
  void Post(Task task);

  /// Runs `task` once in the next turn, in the order of the calls: after the callbacks
  /// of the fds that run in that turn, and before timers and posted tasks. A task
  /// that is deferred inside a callback runs in the turn after the present one, for
  /// which Poll does not wait. Cancel keeps it from running.
  ///
  /// Unlike Post it belongs to the reactor's thread: it takes no lock, wakes nobody,
  /// and allocates nothing for a task of at most two pointers once the reactor has held
  /// as many tasks before. Throws InvalidArgument when `task` is empty.
  TimerId Defer(Task task);

  /// The epoll fd, for use inside another loop. It is readable when Poll has something
  /// to do, including due timers, deferred tasks (both by a timerfd, once Fd was
  /// called) and posted tasks. The reactor owns it.
  [[nodiscard]] int Fd();

  /// Runs `cb` once, `delay` from now. The wait is rounded up to full ms; a delay
  /// below 0 counts as 0, and one above 10 years as 10 years. Throws InvalidArgument
  /// when `cb` is empty.
  TimerId After(Clock::duration delay, TimerCallback cb);
  /// Like After, but `cb` also waits for the fds that do not fit into the turn: it runs
  /// after the callbacks of every fd that was ready when its deadline passed, however
  /// many turns these take. For a timer that judges an fd to be silent, in a loop with
  /// very many fds or long callbacks.
  TimerId AfterFds(Clock::duration delay, TimerCallback cb);
  /// Runs `cb` every `period` until cancelled. Runs that were missed are not repeated.
  /// Throws InvalidArgument when `cb` is empty or `period` is not positive.
  TimerId Every(Clock::duration period, TimerCallback cb);
  /// Cancels a timer or a deferred task. Returns false when it has run or does not
  /// exist. A timer may cancel itself.
  bool Cancel(TimerId id) noexcept;

  /// The time at which the present turn began, from which timers count; outside a turn,
  /// the present time.
  [[nodiscard]] Clock::time_point Now() const;
  /// The present time, also inside a turn. Thread-safe.
  [[nodiscard]] Clock::time_point ReadClock() const;

  /// Whether this process is a child that inherited the reactor by fork(). Needs no
  /// system call; does not detect children of _Fork or a bare clone.
  [[nodiscard]] bool InChild() const noexcept;

  /// The number of fds that epoll reported in its last answer. Where many are ready, a
  /// callback may do less, so that the others have their turn sooner.
  [[nodiscard]] std::size_t ReadyFds() const noexcept;
  /// For a callback: leaves the fds and deferred tasks that still wait to the next
  /// turn. If it is a callback of an fd, one deferred task still runs in this turn.
  void Yield() noexcept;

  /// The number of turns so far, including those of Run. If it grows while nothing
  /// happens, the loop spins. Thread-safe.
  [[nodiscard]] std::uint64_t Polls() const noexcept;

  /// Replaces the clock, for tests that must not sleep. Call it before adding timers.
  void SetClockForTest(std::function<Clock::time_point()> now);

 private:
  friend class DataSource;
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::shared_ptr<void> shared_;  // by its sources
};

}  // namespace dbnloop
