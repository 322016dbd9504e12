#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "dbnloop/record.hpp"
#include "guard.hpp"
#include "handles.hpp"

/// What the functions of every kind of client share.
namespace dbnloop::capi {

/// The C++ client of a handle.
template <typename H>
auto& Use(H* handle) {
  RequireNonNull(handle, "client");
  if (!handle->client) {
    throw Exception{{ErrorCode::InvalidState, "the client's reactor was freed"}};
  }
  return *handle->client;
}

/// Runs f on the C++ client of a handle.
template <typename H, typename F>
dbnloop_status With(H* handle, dbnloop_error* error, F&& f) noexcept {
  return Guard(error, [&] { f(Use(handle)); });
}

/// What f gives for the C++ client of a handle; `otherwise` without one.
template <typename R, typename H, typename F>
R Ask(const H* handle, R otherwise, F&& f) noexcept {
  return handle != nullptr && handle->client ? static_cast<R>(f(*handle->client))
                                             : otherwise;
}

template <typename H>
std::uint64_t IdOf(const H* handle) noexcept {
  return handle == nullptr ? 0 : handle->id;
}

template <typename H>
void Free(H* handle) noexcept {
  if (handle == nullptr) return;
  handle->Detach();
  delete handle;
}

/// Makes a handle. `make` gets the options and the handle, and returns the C++ client.
template <typename H, typename Options, typename Make>
dbnloop_status New(dbnloop_reactor* reactor, const Options* options,
                   void (*init)(Options*), H** out, dbnloop_error* error,
                   Make&& make) noexcept {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    RequireNonNull(out, "out");
    Options read;
    init(&read);
    if (options != nullptr) ReadSized(options, read, "options");
    auto handle = std::make_unique<H>();
    handle->client = make(read, handle.get());
    handle->Attach(reactor);
    *out = handle.release();
  });
}

inline std::string Key(const char* api_key, std::size_t size) {
  RequireNonNull(api_key, "api_key");
  return std::string{View(api_key, size, "api_key")};
}

inline UnixNanos Time(std::uint64_t nanos) {
  return UnixNanos{UnixNanos::duration{nanos}};
}

/// A schema or a symbology, which may be one that this version does not know.
template <typename E>
E Number(std::uint32_t value, const char* name) {
  const auto known = EnumOf<E>(value);
  if (!known) {
    throw Exception{
        {ErrorCode::InvalidSchema,
         std::string{name} + " is " + std::to_string(value) +
             ", which is not a number of DBN: use a constant of dbnloop_records.h"}};
  }
  return *known;
}

/// The options of every kind of client.
template <typename In, typename Out>
void ReadCommon(const In& in, Out& out) {
  out.upgrade_policy = static_cast<VersionUpgradePolicy>(
      InRange(in.upgrade_policy, DBNLOOP_UPGRADE_AS_IS, DBNLOOP_UPGRADE_TO_V3,
              "options.upgrade_policy"));
  out.buffer_size = in.buffer_size;
  out.max_metadata = in.max_metadata;
}

/// The options of the clients that connect to a server.
template <typename In, typename Out>
void ReadNetwork(const In& in, Out& out) {
  ReadCommon(in, out);
  out.user_agent_extension = View(in.user_agent_extension, in.user_agent_extension_len,
                                  "options.user_agent_extension");
  out.connect_timeout = std::chrono::milliseconds{in.connect_timeout_ms};
  out.resolve_timeout = std::chrono::milliseconds{in.resolve_timeout_ms};
  out.name_servers = View(in.name_servers, in.name_servers_len, "options.name_servers");
}

/// The structs that several kinds of client take.
[[nodiscard]] LiveOptions ReadLiveOptions(const dbnloop_live_options& in);
[[nodiscard]] HistoricalOptions ReadHistoricalOptions(
    const dbnloop_historical_options& in);
[[nodiscard]] Subscription ReadSubscription(const dbnloop_subscription* subscription);
[[nodiscard]] Unsubscription ReadUnsubscription(
    const dbnloop_unsubscription* unsubscription);
/// A copy that dbnloop_effective_set_free frees.
[[nodiscard]] const dbnloop_effective_set* MakeEffectiveSet(
    const std::vector<EffectiveRequest>& requests);

/// Appends what a live gateway reported to the events of a client.
void AppendSessionEvent(const Source& client, const SessionEvent& in);

inline std::int32_t Milliseconds(std::chrono::milliseconds value) {
  return static_cast<std::int32_t>(value.count());
}

template <typename In, typename Out>
void FillCommon(const In& defaults, Out* out) {
  *out = {};
  out->struct_size = sizeof(*out);
  out->upgrade_policy = static_cast<std::int32_t>(defaults.upgrade_policy);
  out->buffer_size = defaults.buffer_size;
  out->max_metadata = defaults.max_metadata;
}

template <typename In, typename Out>
void FillNetwork(const In& defaults, Out* out) {
  FillCommon(defaults, out);
  out->user_agent_extension_len = DBNLOOP_STRLEN;
  out->connect_timeout_ms = Milliseconds(defaults.connect_timeout);
  out->resolve_timeout_ms = Milliseconds(defaults.resolve_timeout);
  out->name_servers_len = DBNLOOP_STRLEN;
}

}  // namespace dbnloop::capi
