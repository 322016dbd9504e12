#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dbnloop/reactor.hpp"

namespace dbnloop::net {

/// Deadlines in a heap; no clock of its own. A cancelled timer leaves its heap entry,
/// which is dropped when it comes up, or when most entries are of that kind.
class TimerQueue {
 public:
  using TimePoint = Reactor::Clock::time_point;
  using Duration = Reactor::Clock::duration;
  using Callback = Reactor::TimerCallback;

  /// `id` must be greater than every id before it.
  void Add(std::uint64_t id, TimePoint deadline, Duration period, Callback cb) {
    Push({deadline, id});  // first: an entry without its timer counts as cancelled
    timers_.emplace(id, Timer{std::move(cb), period});
    last_id_ = id;
  }

  bool Cancel(std::uint64_t id) noexcept {
    // Destroying the callback may run user code that cancels others: last.
    const auto cancelled = timers_.extract(id);
    if (cancelled.empty()) return false;
    if (heap_.size() > 64 && heap_.size() > timers_.size() * 4) Compact();
    return true;
  }

  /// Cancels every timer, including those that are added by the destruction of others.
  void Clear() noexcept {
    while (!timers_.empty()) Cancel(timers_.begin()->first);
  }

  /// When the next timer is due; nullopt without timers.
  [[nodiscard]] std::optional<TimePoint> Next() {
    DropCancelled();
    if (heap_.empty()) return std::nullopt;
    return heap_.front().deadline;
  }

  /// Runs what is due at `now`, each timer at most once. A timer that a callback adds
  /// runs in a later call, even when it is due already. Returns how many ran.
  int Run(TimePoint now) {
    const auto newest = last_id_;
    int ran = 0;
    for (DropCancelled(); !heap_.empty(); DropCancelled()) {
      const Entry entry = heap_.front();
      if (entry.deadline > now || entry.id > newest) break;
      Pop();
      RunOne(entry, now);
      ++ran;
    }
    return ran;
  }

 private:
  struct Entry {
    TimePoint deadline;
    std::uint64_t id;
    bool operator>(const Entry& other) const {
      return std::pair{deadline, id} > std::pair{other.deadline, other.id};
    }
  };
  struct Timer {
    Callback callback;
    Duration period;
  };

  // The callback is moved out: it may cancel its own timer, or throw.
  void RunOne(const Entry& entry, TimePoint now) {
    auto found = timers_.find(entry.id);
    Callback callback = std::move(found->second.callback);
    const Duration period = found->second.period;
    if (period == Duration::zero()) {
      timers_.erase(found);
      callback();
      return;
    }
    // Late turns are not made up for; the next one is after `now` in any case, so that
    // Run ends.
    Push({std::max(entry.deadline + period, now + Duration{1}), entry.id});
    struct PutBack {
      TimerQueue* queue;
      std::uint64_t id;
      Callback* callback;
      ~PutBack() {
        if (auto it = queue->timers_.find(id); it != queue->timers_.end()) {
          it->second.callback = std::move(*callback);
        }
      }
    } put_back{this, entry.id, &callback};
    callback();
  }

  void Push(Entry entry) {
    heap_.push_back(entry);
    std::ranges::push_heap(heap_, std::greater{});
  }
  void Pop() {
    std::ranges::pop_heap(heap_, std::greater{});
    heap_.pop_back();
  }
  void DropCancelled() {
    while (!heap_.empty() && !timers_.contains(heap_.front().id)) Pop();
  }
  void Compact() noexcept {
    std::erase_if(heap_, [this](const Entry& e) { return !timers_.contains(e.id); });
    std::ranges::make_heap(heap_, std::greater{});
  }

  std::unordered_map<std::uint64_t, Timer> timers_;
  std::vector<Entry> heap_;
  std::uint64_t last_id_ = 0;
};

}  // namespace dbnloop::net
