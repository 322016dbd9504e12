#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "guard.hpp"
#include "handles.hpp"

using dbnloop::LiveClient;
using dbnloop::SessionEvent;
using dbnloop::capi::Flag;
using dbnloop::capi::Guard;
using dbnloop::capi::InRange;
using dbnloop::capi::IsSet;
using dbnloop::capi::ReadSized;
using dbnloop::capi::RequireNonNull;
using dbnloop::capi::Split;
using dbnloop::capi::View;

namespace {

dbnloop::LiveOptions Convert(const dbnloop_live_options& in) {
  dbnloop::LiveOptions out;
  out.dataset = View(in.dataset, in.dataset_len, "options.dataset");
  out.user_agent_extension = View(in.user_agent_extension, in.user_agent_extension_len,
                                  "options.user_agent_extension");
  out.ts_out = Flag(in.ts_out, "options.ts_out");
  if (in.heartbeat_interval_s != DBNLOOP_UNSET) {
    out.heartbeat_interval = std::chrono::seconds{in.heartbeat_interval_s};
  }
  out.heartbeat_grace = std::chrono::milliseconds{in.heartbeat_grace_ms};
  if (in.slow_reader_behavior != DBNLOOP_UNSET) {
    out.slow_reader_behavior = static_cast<dbnloop::SlowReaderBehavior>(
        InRange(in.slow_reader_behavior, 0, 1, "options.slow_reader_behavior"));
  }
  out.compression = static_cast<dbnloop::Compression>(
      InRange(in.compression, 0, 1, "options.compression"));
  out.upgrade_policy = static_cast<dbnloop::VersionUpgradePolicy>(
      InRange(in.upgrade_policy, 1, 3, "options.upgrade_policy"));
  out.connect_timeout = std::chrono::milliseconds{in.connect_timeout_ms};
  out.auth_timeout = std::chrono::milliseconds{in.auth_timeout_ms};
  out.ack_timeout = std::chrono::milliseconds{in.ack_timeout_ms};
  out.resolve_timeout = std::chrono::milliseconds{in.resolve_timeout_ms};
  out.name_servers = View(in.name_servers, in.name_servers_len, "options.name_servers");
  out.buffer_size = in.buffer_size;
  out.max_metadata = in.max_metadata;
  return out;
}

void Append(const dbnloop_live& live, const SessionEvent& in) {
  auto& event = live.reactor->AppendText(DBNLOOP_EVENT_SESSION, live.id, in.message);
  auto& out = live.reactor->next_texts.back()->session;
  out = {.kind = static_cast<std::uint32_t>(in.kind),
         .error_code = static_cast<std::uint32_t>(in.error_code),
         .subscription_id = in.subscription_id,
         .schema = in.schema ? static_cast<std::int32_t>(*in.schema) : DBNLOOP_UNSET,
         .fatal = in.fatal ? 1 : 0,
         .ts_event = in.ts_event.time_since_epoch().count()};
  event.session = &out;
}

LiveClient& Client(dbnloop_live* live) {
  RequireNonNull(live, "client");
  if (!live->client) {
    throw dbnloop::Exception{
        {dbnloop::ErrorCode::InvalidState, "the client's reactor was freed"}};
  }
  return *live->client;
}

}  // namespace

extern "C" {

void dbnloop_live_options_init(dbnloop_live_options* options) {
  if (options == nullptr) return;
  const dbnloop::LiveOptions defaults;
  *options = {};
  options->struct_size = sizeof(*options);
  options->heartbeat_interval_s = DBNLOOP_UNSET;
  options->heartbeat_grace_ms = static_cast<int32_t>(defaults.heartbeat_grace.count());
  options->slow_reader_behavior = DBNLOOP_UNSET;
  options->upgrade_policy = static_cast<int32_t>(defaults.upgrade_policy);
  options->connect_timeout_ms = static_cast<int32_t>(defaults.connect_timeout.count());
  options->auth_timeout_ms = static_cast<int32_t>(defaults.auth_timeout.count());
  options->ack_timeout_ms = static_cast<int32_t>(defaults.ack_timeout.count());
  options->resolve_timeout_ms = static_cast<int32_t>(defaults.resolve_timeout.count());
  options->buffer_size = defaults.buffer_size;
  options->max_metadata = defaults.max_metadata;
}

void dbnloop_subscription_init(dbnloop_subscription* subscription) {
  if (subscription == nullptr) return;
  *subscription = {};
  subscription->struct_size = sizeof(*subscription);
  subscription->schema = static_cast<uint32_t>(dbnloop::Schema::Trades);
  subscription->stype_in = static_cast<uint32_t>(dbnloop::SType::RawSymbol);
}

dbnloop_status dbnloop_live_new(dbnloop_reactor* reactor, const char* api_key,
                                size_t api_key_len, const dbnloop_live_options* options,
                                dbnloop_live** out, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    RequireNonNull(api_key, "api_key");
    RequireNonNull(out, "out");
    dbnloop_live_options read;
    dbnloop_live_options_init(&read);
    if (options != nullptr) ReadSized(options, read, "options");
    auto live = std::make_unique<dbnloop_live>();
    live->client = std::make_unique<LiveClient>(
        &reactor->loop, std::string{api_key, api_key_len}, Convert(read));
    live->client->OnState([raw = live.get()](LiveClient::State state) {
      raw->reactor->Append(DBNLOOP_EVENT_STATE, raw->id).code =
          static_cast<std::uint32_t>(state);
    });
    live->client->OnSessionEvent(
        [raw = live.get()](const SessionEvent& event) { Append(*raw, event); });
    live->Attach(reactor);
    *out = live.release();
  });
}

void dbnloop_live_free(dbnloop_live* client) {
  if (client == nullptr) return;
  client->Detach();
  delete client;
}

uint64_t dbnloop_live_id(const dbnloop_live* client) {
  return client == nullptr ? 0 : client->id;
}

dbnloop_status dbnloop_live_connect(dbnloop_live* client, const char* gateway,
                                    size_t gateway_len, int32_t port,
                                    dbnloop_error* error) {
  return Guard(error, [&] {
    Client(client).Connect(View(gateway, gateway_len, "gateway"),
                           port == 0 ? dbnloop::kLivePort : port);
  });
}

dbnloop_status dbnloop_live_subscribe(dbnloop_live* client,
                                      const dbnloop_subscription* subscription,
                                      uint32_t* id, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(subscription, "subscription");
    dbnloop_subscription in;
    dbnloop_subscription_init(&in);
    ReadSized(subscription, in, "subscription");
    if (in.schema > UINT16_MAX || in.stype_in > UINT8_MAX) {
      throw dbnloop::Exception{
          {dbnloop::ErrorCode::InvalidSchema,
           "schema or stype_in is no DBN number: " + std::to_string(in.schema) + ", " +
               std::to_string(in.stype_in)}};
    }
    dbnloop::Subscription request;
    request.dataset = View(in.dataset, in.dataset_len, "subscription.dataset");
    request.schema = static_cast<dbnloop::Schema>(in.schema);
    request.stype_in = static_cast<dbnloop::SType>(in.stype_in);
    request.symbols = Split(View(in.symbols, in.symbols_len, "subscription.symbols"));
    request.snapshot = Flag(in.snapshot, "subscription.snapshot");
    if (IsSet(in.has_start, in.start, "subscription.has_start", "subscription.start")) {
      request.start = dbnloop::UnixNanos{dbnloop::UnixNanos::duration{in.start}};
    }
    const auto given = Client(client).Subscribe(request);
    if (id != nullptr) *id = given;
  });
}

dbnloop_status dbnloop_live_start(dbnloop_live* client, dbnloop_error* error) {
  return Guard(error, [&] { Client(client).Start(); });
}

dbnloop_status dbnloop_live_stop(dbnloop_live* client, dbnloop_error* error) {
  return Guard(error, [&] { Client(client).Stop(); });
}

void dbnloop_live_close(dbnloop_live* client) {
  Guard(nullptr, [&] {
    Client(client).Close();
    client->reactor->Forget(client->id);
  });
}

void dbnloop_live_pause(dbnloop_live* client) {
  Guard(nullptr, [&] { Client(client).Pause(); });
}

void dbnloop_live_resume(dbnloop_live* client) {
  Guard(nullptr, [&] { Client(client).Resume(); });
}

int dbnloop_live_is_paused(const dbnloop_live* client) {
  return client != nullptr && client->client && client->client->IsPaused() ? 1 : 0;
}

uint32_t dbnloop_live_get_state(const dbnloop_live* client) {
  if (client == nullptr || !client->client) return DBNLOOP_LIVE_DISCONNECTED;
  return static_cast<uint32_t>(client->client->GetState());
}

uint64_t dbnloop_live_session_id(const dbnloop_live* client) {
  return client == nullptr || !client->client ? 0 : client->client->SessionId();
}

const char* dbnloop_live_session_id_text(const dbnloop_live* client) {
  if (client == nullptr || !client->client) return "";
  return client->client->SessionIdText().c_str();
}

}  // extern "C"
