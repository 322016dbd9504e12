#include "dbnloop/reactor.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "net/deferred_queue.hpp"
#include "net/scoped_fd.hpp"
#include "net/timer_queue.hpp"

namespace dbnloop {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};
constexpr std::uint64_t kTimerToken = kWakeToken - 1;
constexpr std::size_t kOwnFds = 2;  // these two
constexpr int kTurnCallbacks = 16;  // run in every turn, however long they take

// Counted in each child that fork makes: so it costs no system call to see that a
// reactor was inherited. (_Fork and a bare clone run no handlers.)
std::atomic<std::uint32_t> forks{0};

std::uint32_t CountForks() {
  [[maybe_unused]] static const int watched =
      ::pthread_atfork(nullptr, nullptr, [] { ++forks; });
  return forks;
}

// Past deadlines are due now; the upper bound keeps the sum with a time point defined.
Reactor::Clock::duration Bounded(Reactor::Clock::duration delay) {
  constexpr Reactor::Clock::duration kLongest = std::chrono::years{10};
  return std::clamp(delay, Reactor::Clock::duration::zero(), kLongest);
}

}  // namespace

struct Reactor::Impl {
  // One watched fd. Events carry the slot's index and generation, so that an event of a
  // batch that is older than the slot's present owner is recognised and skipped.
  struct Slot {
    int fd = -1;
    std::uint32_t generation = 0;
    std::uint32_t interest = 0;
    // Shared with the call in progress: a callback may remove itself.
    std::shared_ptr<Callback> callback;
  };

  explicit Impl(ReactorOptions options) : spin{options.spin} {
    if (spin.count() < 0 || spin > std::chrono::seconds{1}) {
      base::Throw(ErrorCode::InvalidArgument,
                  base::StrCat("reactor: spin is ", spin.count(),
                               " us; it must be 0 to 1000000 us"));
    }
    epoll = net::ScopedFd{::epoll_create1(EPOLL_CLOEXEC)};
    if (!epoll) base::Throw(base::SystemError("reactor: epoll_create1"));
    wake = net::ScopedFd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!wake) base::Throw(base::SystemError("reactor: eventfd"));
    Register(wake.get(), EPOLLIN, kWakeToken);
  }

  void Register(int fd, std::uint32_t events, std::uint64_t token) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      base::Throw(base::SystemError("reactor: epoll_ctl(ADD)"));
    }
  }

  // The epoll instance, the eventfd and the timerfd are the parent's too.
  [[nodiscard]] bool InChild() const noexcept { return forks != born; }

  void RefuseChild(const char* what) const {
    if (!InChild()) return;
    base::Throw(ErrorCode::InvalidState,
                std::string{"reactor: "} + what +
                    ": the reactor was inherited by fork and belongs to the "
                    "parent process; make another one here");
  }

  void RefuseNesting() const {
    RefuseChild("Poll");
    if (!polling) return;
    base::Throw(ErrorCode::InvalidState,
                "reactor: Poll and Run may not be called from inside a callback");
  }

  static std::uint64_t Token(std::uint32_t index, std::uint32_t generation) {
    return std::uint64_t{generation} << 32 | index;
  }

  Clock::time_point ReadClock() const { return clock ? clock() : Clock::now(); }
  Clock::time_point Now() const { return polling ? now : ReadClock(); }
  TimerId AddTimer(net::TimerQueue& queue, Clock::duration delay, TimerCallback cb);

  // Thread-safe and async-signal-safe.
  void Wake() const noexcept {
    if (InChild()) return;
    const std::uint64_t one = 1;
    const int saved = errno;
    // EAGAIN means that the counter is full: then it is readable anyway.
    [[maybe_unused]] const auto n = ::write(wake.get(), &one, sizeof(one));
    errno = saved;
  }

  void DrainWake() const noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(wake.get(), &count, sizeof(count));
  }

  // The first deadline of all timers.
  std::optional<Clock::time_point> NextTimer() {
    const auto judge = judges.Next();
    const auto timer = timers.Next();
    return judge && timer ? std::min(judge, timer) : judge ? judge : timer;
  }

  // Whole ms, rounded up: 0.5 ms must not become a busy loop.
  int WaitFor(int timeout_ms, Clock::time_point from) {
    if (!deferred.Empty()) return 0;
    const auto next = NextTimer();
    if (!next) return timeout_ms;
    const auto left = *next - from;
    if (left <= Clock::duration::zero()) return 0;
    const auto ms = std::chrono::ceil<milliseconds>(left).count();
    const auto bounded = std::min<long long>(ms, std::numeric_limits<int>::max());
    return timeout_ms < 0 ? static_cast<int>(bounded)
                          : static_cast<int>(std::min<long long>(bounded, timeout_ms));
  }

  int RunPosted() {
    woken = false;
    std::vector<Task> tasks;
    {
      const std::lock_guard lock{mutex};
      tasks.swap(posted);
    }
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      try {
        tasks[i]();
      } catch (...) {
        // The rest runs in the next turn, still in order.
        const std::lock_guard lock{mutex};
        posted.insert(
            posted.begin(),
            std::move_iterator{tasks.begin() + static_cast<std::ptrdiff_t>(i) + 1},
            std::move_iterator{tasks.end()});
        if (!posted.empty()) Wake();
        throw;
      }
    }
    return static_cast<int>(tasks.size());
  }

  int AskEpoll(int timeout_ms) {
    return ::epoll_wait(epoll.get(), batch.data(), static_cast<int>(batch.size()),
                        timeout_ms);
  }

  // Spins at first, in real time whatever the reactor's clock is.
  int Wait(int timeout_ms) {
    if (spin.count() == 0 || timeout_ms == 0) return AskEpoll(timeout_ms);
    const auto began = Clock::now();
    Clock::duration spent{};
    while (spent < spin && (timeout_ms < 0 || spent < milliseconds{timeout_ms})) {
      if (const int count = AskEpoll(0); count != 0) return count;
      spent = Clock::now() - began;
    }
    if (timeout_ms < 0) return AskEpoll(timeout_ms);
    const auto left = std::chrono::ceil<milliseconds>(milliseconds{timeout_ms} - spent);
    return AskEpoll(static_cast<int>(std::max<long long>(left.count(), 0)));
  }

  // Fetches a batch: all that is ready, as it has room for every fd. A signal that
  // comes first leaves `asked` as it was.
  void Ask(int timeout_ms) {
    const auto before = ReadClock();
    next_event = event_count = 0;
    const int count = Wait(WaitFor(timeout_ms, before));
    if (count >= 0) {
      event_count = count;
      asked = before;
    } else if (errno != EINTR) {
      base::Throw(base::SystemError("reactor: epoll_wait"));
    }
  }

  // Runs what is ready, what was deferred before this turn, the timers that are due and
  // posted tasks. A timer may judge an fd: it runs only when epoll was asked after its
  // deadline had passed, and all that was reported then has been dispatched. A signal,
  // the rest of a batch whose callback threw, and an answer from before the deadline
  // are no such answer. Where the turn's share of fds is used up before all of them
  // were dispatched, only `judges` wait for the others.
  int RunReady() {
    now = ReadClock();
    yielded = false;
    Share fds{*this, now};
    int ran = Dispatch(fds);
    if (!deferred.Empty()) {
      Share tasks{*this, ReadClock()};
      ran += deferred.Run([&] { return tasks.Take(); });
    }
    if (const auto due = NextTimer();
        !HasRest() && due && *due <= now && *due > asked) {
      Ask(0);
      ran += Dispatch(fds);
    }
    const auto answered = std::min(now, asked);
    if (HasRest()) return ran + timers.Run(now) + RunPosted();
    ran += judges.Run(answered);
    ran += timers.Run(answered);
    return ran + RunPosted();
  }

  // What a turn may run of one kind: as many calls as begin before its time is over,
  // but a few in any case, and one even after Yield.
  struct Share {
    Share(Impl& i, Clock::time_point began) : impl{i}, end{began + kTurnTime} {}
    bool Take() {
      if (impl.yielded && taken != 0) return false;
      return ++taken <= kTurnCallbacks || impl.ReadClock() < end;
    }
    Impl& impl;
    Clock::time_point end;
    int taken = 0;
  };

  // Whether fds that epoll reported still wait for their callbacks.
  [[nodiscard]] bool HasRest() const noexcept { return next_event < event_count; }

  int Dispatch(Share& share) {
    int ran = 0;
    while (HasRest()) {
      const epoll_event event = batch[static_cast<std::size_t>(next_event)];
      const auto token = event.data.u64;
      // At once: a wake-up that comes later, also from a callback of this turn, is for
      // the next one.
      if (token == kWakeToken) {
        DrainWake();
        woken = drained = true;
      }
      if (token >= kTimerToken) {  // due timers run in every turn
        ++next_event;
        continue;
      }
      const auto index = static_cast<std::uint32_t>(token);
      const auto& slot = slots[index];
      // Interest that a callback of this batch withdrew is not reported any more.
      const auto ready = event.events & (slot.interest | EPOLLERR | EPOLLHUP);
      // Removed, or its slot has a new owner.
      const bool stale =
          slot.fd < 0 || slot.generation != static_cast<std::uint32_t>(token >> 32);
      if (!stale && ready != 0 && !share.Take()) break;
      ++next_event;
      if (stale || ready == 0) continue;
      const auto callback = slot.callback;  // outlives its own removal
      ++ran;
      (*callback)(ready);
    }
    return ran;
  }

  // Keeps the timerfd at the next deadline, once somebody polls Fd from outside.
  void SyncTimerFd() {
    if (!timer_fd || InChild()) return;
    const auto next = deferred.Empty() ? NextTimer() : Clock::time_point::min();
    if (next == armed) return;
    itimerspec spec{};
    if (next) {
      const auto present = ReadClock();
      const auto left = std::max<std::chrono::nanoseconds>(
          std::max(*next, present) - present, std::chrono::nanoseconds{1});
      spec.it_value.tv_sec = left.count() / 1'000'000'000;
      spec.it_value.tv_nsec = left.count() % 1'000'000'000;
    }
    // Settings also clear an expiry that has not been read.
    ::timerfd_settime(timer_fd.get(), 0, &spec, nullptr);
    armed = next;
  }

  const std::uint32_t born = CountForks();
  const std::chrono::microseconds spin;
  net::ScopedFd epoll;
  net::ScopedFd wake;
  net::ScopedFd timer_fd;
  std::optional<Clock::time_point> armed;
  std::vector<Slot> slots;
  std::vector<std::uint32_t> free_slots;
  std::unordered_map<int, std::uint32_t> index_of;
  // The batch being dispatched: events [next_event, event_count) are still to come. It
  // has room for every fd at once.
  std::vector<epoll_event> batch = std::vector<epoll_event>(kOwnFds);
  int next_event = 0;
  int event_count = 0;
  // When epoll was asked for that batch, and reported everything that was ready.
  Clock::time_point asked = Clock::time_point::min();
  bool broken_off = false;    // a callback of the last turn threw
  bool woken = false;         // and posted tasks were not taken since
  bool drained = false;       // in this Poll
  bool yielded = false;       // in this turn
  std::uint64_t last_id = 0;  // of timers and deferred tasks
  net::TimerQueue timers;
  net::TimerQueue judges;  // those of AfterFds
  net::DeferredQueue deferred;
  std::function<Clock::time_point()> clock;
  Clock::time_point now{};
  bool polling = false;
  std::atomic<std::uint64_t> polls{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::vector<Task> posted;
};

Reactor::Reactor(ReactorOptions options) : impl_{std::make_unique<Impl>(options)} {}

// Destroying a callback may call back into the reactor, so all are destroyed while it
// is still usable.
Reactor::~Reactor() {
  std::exchange(impl_->posted, {}).clear();
  impl_->deferred.Clear();
  impl_->timers.Clear();
  impl_->judges.Clear();
  while (!impl_->index_of.empty()) Remove(impl_->index_of.begin()->first);
}

void Reactor::Add(int fd, std::uint32_t events, Callback cb) {
  if (fd < 0)
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("reactor: Add: fd ", fd, " is negative"));
  if (!cb)
    base::Throw(ErrorCode::InvalidArgument, "reactor: Add: the callback is empty");
  impl_->RefuseChild("Add");
  if (Contains(fd)) {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("reactor: Add: fd ", fd, " is added already; use Modify"));
  }
  std::uint32_t index = 0;
  if (impl_->free_slots.empty()) {
    // With room for every slot, Remove needs no memory.
    index = static_cast<std::uint32_t>(impl_->slots.size());
    impl_->free_slots.reserve(impl_->slots.capacity() + 1);
    impl_->slots.emplace_back();
  } else {
    index = impl_->free_slots.back();
    impl_->free_slots.pop_back();
  }
  auto& slot = impl_->slots[index];
  try {
    slot.callback = std::make_shared<Callback>(std::move(cb));
    impl_->batch.resize(std::max(impl_->batch.size(), impl_->slots.size() + kOwnFds));
    impl_->index_of.emplace(fd, index);
    impl_->Register(fd, events, Impl::Token(index, slot.generation));
  } catch (...) {
    impl_->index_of.erase(fd);
    slot.callback.reset();
    impl_->free_slots.push_back(index);
    throw;
  }
  slot.fd = fd;
  slot.interest = events;
}

void Reactor::Modify(int fd, std::uint32_t events) {
  impl_->RefuseChild("Modify");
  const auto found = impl_->index_of.find(fd);
  if (found == impl_->index_of.end()) {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("reactor: Modify: fd ", fd, " was not added"));
  }
  auto& slot = impl_->slots[found->second];
  epoll_event event{};
  event.events = events;
  event.data.u64 = Impl::Token(found->second, slot.generation);
  if (::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    base::Throw(base::SystemError("reactor: epoll_ctl(MOD)"));
  }
  slot.interest = events;
}

void Reactor::Remove(int fd) {
  const auto found = impl_->index_of.find(fd);
  if (found == impl_->index_of.end()) return;
  const auto index = found->second;
  impl_->index_of.erase(found);
  auto& slot = impl_->slots[index];
  slot.fd = -1;
  ++slot.generation;
  // Destroying the callback may run user code that calls back into the reactor: last.
  const auto callback = std::move(slot.callback);
  impl_->free_slots.push_back(index);
  // An fd that was closed too early is gone from epoll already.
  if (!impl_->InChild()) ::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
}

bool Reactor::Contains(int fd) const noexcept { return impl_->index_of.contains(fd); }

int Reactor::Poll(int timeout_ms) {
  impl_->RefuseNesting();
  struct Turn {
    Impl* impl;
    explicit Turn(Impl* i) : impl{i} { impl->polling = true; }
    ~Turn() {
      impl->polling = false;
      // A callback threw before the posted tasks were taken: who waits for Fd must see
      // them.
      if (std::exchange(impl->woken, false)) impl->Wake();
      impl->SyncTimerFd();
    }
  } turn{impl_.get()};

  impl_->polls.store(Polls() + 1, std::memory_order_relaxed);
  int ran = 0;
  impl_->drained = false;
  // After a callback threw, the rest of its turn comes first, so that one that always
  // throws starves nobody. So do the fds that the last turn left.
  if (std::exchange(impl_->broken_off, true)) {
    ran = impl_->RunReady();
  } else if (impl_->HasRest()) {
    impl_->deferred.BeginTurn();
    ran = impl_->RunReady();
  }
  if (ran == 0) {
    // What the rest of the last turn drained may have been meant for this one.
    impl_->Ask(impl_->drained ? 0 : timeout_ms);
    impl_->deferred.BeginTurn();
    ran = impl_->RunReady();
  }
  impl_->broken_off = false;
  return ran;
}

bool Reactor::InChild() const noexcept { return impl_->InChild(); }

std::uint64_t Reactor::Polls() const noexcept {
  return impl_->polls.load(std::memory_order_relaxed);
}

std::size_t Reactor::ReadyFds() const noexcept {
  return static_cast<std::size_t>(impl_->event_count);
}

void Reactor::Yield() noexcept { impl_->yielded = true; }

void Reactor::Run() {
  impl_->RefuseNesting();
  while (!impl_->stop.exchange(false)) Poll(-1);
}

void Reactor::Stop() noexcept {
  impl_->stop = true;
  impl_->Wake();
}

void Reactor::Wake() noexcept { impl_->Wake(); }

void Reactor::Post(Task task) {
  if (!task)
    base::Throw(ErrorCode::InvalidArgument, "reactor: Post: the task is empty");
  impl_->RefuseChild("Post");
  {
    const std::lock_guard lock{impl_->mutex};
    impl_->posted.push_back(std::move(task));
  }
  impl_->Wake();
}

int Reactor::Fd() {
  impl_->RefuseChild("Fd");
  if (!impl_->timer_fd) {
    net::ScopedFd timer{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (!timer) base::Throw(base::SystemError("reactor: timerfd_create"));
    impl_->Register(timer.get(), EPOLLIN, kTimerToken);
    impl_->timer_fd = std::move(timer);
    impl_->SyncTimerFd();
  }
  return impl_->epoll.get();
}

Reactor::TimerId Reactor::Defer(Task task) {
  if (!task)
    base::Throw(ErrorCode::InvalidArgument, "reactor: Defer: the task is empty");
  const auto id = ++impl_->last_id;
  impl_->deferred.Add(id, std::move(task));
  if (!impl_->polling) impl_->SyncTimerFd();
  return id;
}

Reactor::TimerId Reactor::Impl::AddTimer(net::TimerQueue& queue, Clock::duration delay,
                                         TimerCallback cb) {
  if (!cb)
    base::Throw(ErrorCode::InvalidArgument, "reactor: After: the callback is empty");
  const auto id = ++last_id;
  queue.Add(id, Now() + Bounded(delay), Clock::duration::zero(), std::move(cb));
  if (!polling) SyncTimerFd();
  return id;
}

Reactor::TimerId Reactor::After(Clock::duration delay, TimerCallback cb) {
  return impl_->AddTimer(impl_->timers, delay, std::move(cb));
}

Reactor::TimerId Reactor::AfterFds(Clock::duration delay, TimerCallback cb) {
  return impl_->AddTimer(impl_->judges, delay, std::move(cb));
}

Reactor::TimerId Reactor::Every(Clock::duration period, TimerCallback cb) {
  if (!cb)
    base::Throw(ErrorCode::InvalidArgument, "reactor: Every: the callback is empty");
  if (period <= Clock::duration::zero()) {
    base::Throw(ErrorCode::InvalidArgument,
                "reactor: Every: the period must be greater than 0");
  }
  period = Bounded(period);
  const auto id = ++impl_->last_id;
  impl_->timers.Add(id, Now() + period, period, std::move(cb));
  if (!impl_->polling) impl_->SyncTimerFd();
  return id;
}

bool Reactor::Cancel(TimerId id) noexcept {
  const bool cancelled = impl_->timers.Cancel(id) || impl_->judges.Cancel(id) ||
                         impl_->deferred.Cancel(id);
  if (cancelled && !impl_->polling) impl_->SyncTimerFd();
  return cancelled;
}

Reactor::Clock::time_point Reactor::Now() const { return impl_->Now(); }

Reactor::Clock::time_point Reactor::ReadClock() const { return impl_->ReadClock(); }

void Reactor::SetClockForTest(std::function<Clock::time_point()> now) {
  impl_->clock = std::move(now);
}

}  // namespace dbnloop
