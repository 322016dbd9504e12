#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "client/turn_budget.hpp"
#include "dbnloop/detail/mixed.hpp"
#include "dbnloop/version.hpp"
#include "guard.hpp"
#include "handles.hpp"

using dbnloop::capi::Guard;
using dbnloop::capi::RequireNonNull;
using dbnloop::capi::ThrowArgument;

dbnloop_event& dbnloop_reactor::Append(std::uint32_t kind, std::uint64_t source) {
  constexpr std::size_t kMostEvents = 64;
  auto& event = next.emplace_back();
  event.kind = kind;
  event.source = source;
  if (next.size() >= kMostEvents) loop.Yield();
  return event;
}

void dbnloop_reactor::BoundTurn(std::size_t bytes) noexcept {
  batch_bytes += bytes;
  if (batch_bytes >= dbnloop::client::kTurnBytes) loop.Yield();
}

dbnloop::capi::Kept& dbnloop_reactor::Keep() {
  return *next_texts.emplace_back(std::make_unique<dbnloop::capi::Kept>());
}

void dbnloop_reactor::Keep(std::string text, const char*& data, std::size_t& size) {
  auto& kept = Keep();
  kept.text = std::move(text);
  data = kept.text.c_str();
  size = kept.text.size();
}

void dbnloop_reactor::Keep(const dbnloop::Error& error, dbnloop_error_event& out) {
  out.code = static_cast<std::uint32_t>(error.code);
  out.os_errno = error.os_errno;
  Keep(error.message, out.message, out.message_len);
  if (!error.http) return;
  auto& kept = Keep();
  const auto& failure = *(kept.failure = error.http);
  kept.http = {.status = failure.status,
               .retryable = failure.Retryable() ? 1 : 0,
               .retry_after_s = failure.retry_after_s
                                    ? static_cast<std::int64_t>(*failure.retry_after_s)
                                    : DBNLOOP_UNSET,
               .error_case = failure.error_case.c_str(),
               .error_case_len = failure.error_case.size(),
               .message = failure.message.c_str(),
               .message_len = failure.message.size(),
               .docs = failure.docs.c_str(),
               .docs_len = failure.docs.size(),
               .request_id = failure.request_id.c_str(),
               .request_id_len = failure.request_id.size(),
               .available_start = failure.available_start.c_str(),
               .available_start_len = failure.available_start.size(),
               .available_end = failure.available_end.c_str(),
               .available_end_len = failure.available_end.size(),
               .payload = failure.payload.c_str(),
               .payload_len = failure.payload.size()};
  out.http = &kept.http;
}

dbnloop::DataSource* dbnloop_reactor::Find(std::uint64_t source) const {
  const auto found = sources.find(source);
  return found == sources.end() ? nullptr : found->second->source();
}

void dbnloop_reactor::Forget(std::uint64_t source) noexcept {
  std::erase_if(next, [source](const auto& event) { return event.source == source; });
}

void dbnloop_reactor::ForgetRequest(std::uint64_t request) noexcept {
  std::erase_if(next, [request](const dbnloop_event& event) {
    return (event.kind == DBNLOOP_EVENT_RESPONSE &&
            event.response.request == request) ||
           (event.kind == DBNLOOP_EVENT_PROGRESS && event.progress.request == request);
  });
}

namespace {

// Whether `consumed` falls between two records of the batch, or at one of its ends. Of
// a mixed batch it is the end of the last record that was used.
bool IsBoundary(const dbnloop_records_event& batch) {
  if (batch.mixed != nullptr) {
    const auto last = batch.mixed->last;
    if (batch.consumed == 0) return true;
    if (batch.consumed > batch.size || last >= batch.consumed ||
        batch.consumed - last < dbnloop::kRecordHeaderSize) {
      return false;
    }
    const auto head =
        dbnloop::detail::HeadAt(static_cast<const std::byte*>(batch.data) + last);
    return last + dbnloop::detail::SizeOfHead(head) == batch.consumed &&
           batch.mixed->heads[head >> 8U] == head;
  }
  if (batch.consumed == batch.size) return true;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < batch.run_count; ++i) {
    const auto& run = batch.runs[i];
    const auto end = begin + std::size_t{run.count} * run.record_size;
    if (batch.consumed < end) return (batch.consumed - begin) % run.record_size == 0;
    begin = end;
  }
  return false;
}

void CheckConsumed(const dbnloop_records_event& batch) {
  if (IsBoundary(batch)) return;
  ThrowArgument("consumed is " + std::to_string(batch.consumed) + " of a batch of " +
                std::to_string(batch.size) +
                " bytes: it must be 0 to size, between two records; correct it and "
                "call again");
}

}  // namespace

std::size_t dbnloop_reactor::ConsumedOf(std::uint64_t source) const {
  // A client is asked for more only when its batch was acknowledged: it has one.
  const auto batch = std::ranges::find_if(handed, [source](const dbnloop_event& event) {
    return event.kind == DBNLOOP_EVENT_RECORDS && event.source == source;
  });
  if (batch == handed.end()) return 0;
  CheckConsumed(batch->records);
  return batch->records.consumed;
}

void dbnloop_reactor::TakeConsumed() {
  for (const auto& event : handed) {
    if (event.kind == DBNLOOP_EVENT_RECORDS && Find(event.source)) {
      CheckConsumed(event.records);
    }
  }
  for (const auto& event : handed) {
    if (event.kind != DBNLOOP_EVENT_RECORDS) continue;
    const auto found = sources.find(event.source);
    if (found != sources.end()) found->second->Release(event.records);
  }
  handed.clear();
}

extern "C" {

uint32_t dbnloop_abi_version(void) { return DBNLOOP_ABI_VERSION; }

const char* dbnloop_version(void) { return dbnloop::kVersion.data(); }

void dbnloop_reactor_options_init(dbnloop_reactor_options* options) {
  if (options == nullptr) return;
  *options = {.struct_size = sizeof(*options), .spin_us = 0};
}

dbnloop_status dbnloop_reactor_new(dbnloop_reactor** out, dbnloop_error* error) {
  return dbnloop_reactor_new_with(nullptr, out, error);
}

dbnloop_status dbnloop_reactor_new_with(const dbnloop_reactor_options* options,
                                        dbnloop_reactor** out, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(out, "out");
    dbnloop_reactor_options read;
    dbnloop_reactor_options_init(&read);
    if (options != nullptr) dbnloop::capi::ReadSized(options, read, "options");
    *out = new dbnloop_reactor{
        dbnloop::ReactorOptions{.spin = std::chrono::microseconds{read.spin_us}}};
  });
}

void dbnloop_reactor_free(dbnloop_reactor* reactor) {
  if (reactor == nullptr) return;
  for (const auto& [id, source] : reactor->sources) {
    source->Drop();
    source->reactor = nullptr;
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
    if (timeout_ms < -1) {
      ThrowArgument("timeout_ms is " + std::to_string(timeout_ms) +
                    "; it must be -1 or more");
    }
    reactor->TakeConsumed();
    reactor->batch_bytes = 0;
    reactor->loop.Poll(reactor->next.empty() ? timeout_ms : 0);
    reactor->handed.swap(reactor->next);
    reactor->handed_texts.swap(reactor->next_texts);
    reactor->next_texts.clear();
    *events = reactor->handed.data();
    *count = reactor->handed.size();
  });
}

void dbnloop_reactor_accept_mixed(dbnloop_reactor* reactor, int accept) {
  if (reactor != nullptr) reactor->accepts_mixed = accept != 0;
}

void dbnloop_reactor_wake(dbnloop_reactor* reactor) {
  if (reactor != nullptr) reactor->loop.Wake();
}

int dbnloop_reactor_fd(dbnloop_reactor* reactor) {
  int fd = -1;
  dbnloop_error error;
  const auto status = Guard(&error, [&] {
    RequireNonNull(reactor, "reactor");
    fd = reactor->loop.Fd();
  });
  if (status != DBNLOOP_OK) errno = error.os_errno != 0 ? error.os_errno : EINVAL;
  return fd;
}

int dbnloop_reactor_pending(const dbnloop_reactor* reactor) {
  if (reactor == nullptr) return 0;
  if (!reactor->next.empty()) return 1;
  for (const auto& event : reactor->handed) {
    if (event.kind != DBNLOOP_EVENT_RECORDS) continue;
    const auto* source = reactor->Find(event.source);
    if (source != nullptr && !source->IsPaused()) return 1;
  }
  return 0;
}

dbnloop_status dbnloop_reactor_add(dbnloop_reactor* reactor, int fd, uint32_t events,
                                   uint64_t userdata, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    // A turn may ask epoll twice, and the caller acts on the first answer after the
    // turn: one event stands for both, or it would read what it has read already.
    reactor->loop.Add(fd, events,
                      [reactor, userdata, turn = std::uint64_t{0},
                       index = std::size_t{0}](std::uint32_t ready) mutable {
                        const auto polls = reactor->loop.Polls();
                        if (std::exchange(turn, polls) == polls) {
                          reactor->next[index].fd.ready |= ready;
                          return;
                        }
                        index = reactor->next.size();
                        reactor->Append(DBNLOOP_EVENT_FD, 0).fd = {userdata, ready};
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
      dbnloop::capi::ThrowArgument("a timer's delay or period is longer than 2^62 ns");
    }
    const std::chrono::nanoseconds delay{delay_ns};
    const std::chrono::nanoseconds period{period_ns};
    const auto own = ++reactor->last_id;
    const auto fire = [reactor, own] {
      reactor->Append(DBNLOOP_EVENT_TIMER, 0).timer.id = own;
    };
    auto& armed = reactor->timers[own];
    if (period_ns == 0) {
      armed = reactor->loop.After(delay, [reactor, own, fire] {
        reactor->timers.erase(own);
        fire();
      });
    } else if (period_ns == delay_ns) {
      armed = reactor->loop.Every(period, fire);
    } else {
      // The first wait is another one; from then on the period counts.
      armed = reactor->loop.After(delay, [reactor, own, period, fire] {
        reactor->timers[own] = reactor->loop.Every(period, fire);
        fire();
      });
    }
    *id = own;
  });
}

int dbnloop_reactor_cancel(dbnloop_reactor* reactor, uint64_t id) {
  if (reactor == nullptr) return 0;
  const auto found = reactor->timers.find(id);
  if (found == reactor->timers.end()) return 0;
  reactor->loop.Cancel(found->second);
  reactor->timers.erase(found);
  return 1;
}

}  // extern "C"
