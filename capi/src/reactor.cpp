#include <sys/epoll.h>

#include <memory>

#include "dbnloop/version.hpp"
#include "guard.hpp"
#include "handles.hpp"

using dbnloop::ErrorCode;
using dbnloop::capi::Guard;
using dbnloop::capi::RequireNonNull;

dbnloop_event& dbnloop_reactor::Append(std::uint32_t kind, std::uint64_t source) {
  auto& event = next.emplace_back();
  event.kind = kind;
  event.source = source;
  return event;
}

void dbnloop_reactor::TakeConsumed() {
  for (const auto& event : handed) {
    if (event.kind != DBNLOOP_EVENT_RECORDS) continue;
    const auto found = clients.find(event.source);
    if (found == clients.end()) continue;  // freed since
    found->second->client->Release(std::min(event.consumed, event.size));
  }
  handed.clear();
}

extern "C" {

uint32_t dbnloop_abi_version(void) { return DBNLOOP_ABI_VERSION; }

const char* dbnloop_version(void) { return dbnloop::kVersion.data(); }

const char* dbnloop_status_name(uint32_t code) {
  return dbnloop::ToString(static_cast<ErrorCode>(code)).data();
}

dbnloop_status dbnloop_reactor_new(dbnloop_reactor** out, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(out, "out");
    *out = new dbnloop_reactor;
  });
}

void dbnloop_reactor_free(dbnloop_reactor* reactor) {
  if (reactor == nullptr) return;
  for (const auto& [id, live] : reactor->clients) {
    live->client.reset();
    live->reactor = nullptr;
  }
  delete reactor;
}

dbnloop_status dbnloop_reactor_poll(dbnloop_reactor* reactor, int32_t timeout_ms,
                                    dbnloop_event** events, size_t* count,
                                    dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    RequireNonNull(events, "events");
    RequireNonNull(count, "count");
    reactor->TakeConsumed();
    reactor->loop.Poll(reactor->next.empty() ? timeout_ms : 0);
    reactor->handed.swap(reactor->next);
    *events = reactor->handed.data();
    *count = reactor->handed.size();
  });
}

void dbnloop_reactor_wake(dbnloop_reactor* reactor) {
  if (reactor != nullptr) reactor->loop.Stop();
}

int dbnloop_reactor_fd(dbnloop_reactor* reactor) {
  int fd = -1;
  Guard(nullptr, [&] {
    RequireNonNull(reactor, "reactor");
    fd = reactor->loop.Fd();
  });
  return fd;
}

int dbnloop_reactor_pending(const dbnloop_reactor* reactor) {
  if (reactor == nullptr) return 0;
  if (!reactor->next.empty()) return 1;
  for (const auto& event : reactor->handed) {
    if (event.kind != DBNLOOP_EVENT_RECORDS) continue;
    const auto found = reactor->clients.find(event.source);
    if (found != reactor->clients.end() && !found->second->client->IsPaused()) return 1;
  }
  return 0;
}

dbnloop_status dbnloop_reactor_add(dbnloop_reactor* reactor, int fd, uint32_t events,
                                   uint64_t userdata, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    reactor->loop.Add(fd, events, [reactor, userdata](std::uint32_t ready) {
      reactor->Append(DBNLOOP_EVENT_FD, userdata).code = ready;
    });
  });
}

dbnloop_status dbnloop_reactor_modify(dbnloop_reactor* reactor, int fd, uint32_t events,
                                      dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    reactor->loop.Modify(fd, events);
  });
}

dbnloop_status dbnloop_reactor_remove(dbnloop_reactor* reactor, int fd,
                                      dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    reactor->loop.Remove(fd);
  });
}

dbnloop_status dbnloop_reactor_timer(dbnloop_reactor* reactor, uint64_t delay_ns,
                                     uint64_t period_ns, uint64_t* id,
                                     dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    RequireNonNull(id, "id");
    constexpr std::uint64_t kMost = std::uint64_t{1} << 62;  // about 146 years
    if (delay_ns > kMost || period_ns > kMost) {
      dbnloop::capi::ThrowArgument(
          "a timer's delay or period is longer than 146 years");
    }
    const std::chrono::nanoseconds delay{delay_ns};
    const std::chrono::nanoseconds period{period_ns};
    // The id is known only once the timer exists.
    const auto self = std::make_shared<std::uint64_t>(0);
    const auto fire = [reactor, self] { reactor->Append(DBNLOOP_EVENT_TIMER, *self); };
    *self = period_ns == 0 ? reactor->loop.After(delay, fire)
                           : reactor->loop.Every(period, fire);
    *id = *self;
  });
}

int dbnloop_reactor_cancel(dbnloop_reactor* reactor, uint64_t id) {
  return reactor != nullptr && reactor->loop.Cancel(id) ? 1 : 0;
}

}  // extern "C"
