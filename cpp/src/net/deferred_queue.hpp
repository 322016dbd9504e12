#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace dbnloop::net {

/// Tasks that run once, in the next turn of a loop, in the order in which they were
/// added. For one thread. It keeps its memory, so that adding a task that fits into a
/// move_only_function allocates nothing once the queue has been as long before.
class DeferredQueue {
 public:
  using Task = std::move_only_function<void()>;

  /// `id` must be greater than every id before it.
  void Add(std::uint64_t id, Task task) { entries_.push_back({id, std::move(task)}); }

  /// Destroying the task may run user code that adds or cancels others: last.
  bool Cancel(std::uint64_t id) noexcept {
    const auto found = std::ranges::lower_bound(entries_, id, {}, &Entry::id);
    if (found == entries_.end() || found->id != id || !found->task) return false;
    const auto cancelled = std::exchange(found->task, nullptr);
    while (entries_.size() > due_ && !entries_.back().task) entries_.pop_back();
    return true;
  }

  /// Cancels every task, including those that are added by the destruction of others.
  void Clear() noexcept {
    while (!entries_.empty()) {
      const auto entries = std::exchange(entries_, {});
      next_ = due_ = 0;
    }
  }

  /// Whether no task waits.
  [[nodiscard]] bool Empty() const noexcept {
    return std::ranges::none_of(entries_.begin() + static_cast<std::ptrdiff_t>(next_),
                                entries_.end(),
                                [](const Entry& e) { return bool{e.task}; });
  }

  /// Begins a turn: what was added before is due in it.
  void BeginTurn() noexcept { due_ = entries_.size(); }

  /// Runs what is due while `take` returns true, which is called once for each task.
  /// The queue may grow meanwhile. The rest stays due, also when a task throws. Returns
  /// how many ran.
  template <typename Take>
  int Run(Take&& take) {
    int ran = 0;
    for (; next_ < due_; ++next_) {
      if (!entries_[next_].task) continue;
      if (!take()) break;
      auto task = std::exchange(entries_[next_].task, nullptr);
      ++ran;
      task();
    }
    entries_.erase(entries_.begin(),
                   entries_.begin() + static_cast<std::ptrdiff_t>(next_));
    due_ -= next_;
    next_ = 0;
    return ran;
  }

 private:
  struct Entry {
    std::uint64_t id;
    Task task;  // empty when it was cancelled or has begun
  };
  std::vector<Entry> entries_;
  std::size_t next_ = 0;  // entries before this one have begun
  std::size_t due_ = 0;   // and those before this one are due in the present turn
};

}  // namespace dbnloop::net
