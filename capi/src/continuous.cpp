#include <span>
#include <string>

#include "client.hpp"

using dbnloop::ContinuityEvent;
using dbnloop::ContinuousClient;
using dbnloop::capi::Ask;
using dbnloop::capi::With;

namespace capi = dbnloop::capi;

namespace {

using std::chrono::milliseconds;

// The options of one kind of session, over their defaults.
template <typename C>
C ReadOptionsOf(const C* in, void (*init)(C*), const char* name) {
  C out;
  init(&out);
  if (in != nullptr) capi::ReadSized(in, out, name);
  return out;
}

dbnloop::ContinuousOptions ReadContinuousOptions(const dbnloop_continuous_options& in) {
  dbnloop::ContinuousOptions out;
  out.live = capi::ReadLiveOptions(
      ReadOptionsOf(in.live, dbnloop_live_options_init, "options.live"));
  out.history = capi::ReadHistoricalOptions(
      ReadOptionsOf(in.history, dbnloop_historical_options_init, "options.history"));
  out.gateway = capi::View(in.gateway, in.gateway_len, "options.gateway");
  if (in.port != 0) out.port = in.port;
  out.min_delay = milliseconds{in.min_delay_ms};
  out.max_delay = milliseconds{in.max_delay_ms};
  out.give_up_after = milliseconds{in.give_up_after_ms};
  out.memory = in.memory;
  out.replay_limit = std::chrono::seconds{in.replay_limit_s};
  if (capi::Flag(in.has_max_cost, "options.has_max_cost")) {
    out.max_cost = in.max_cost;
  } else if (in.max_cost != 0) {
    capi::ThrowArgument("options.max_cost is " + std::to_string(in.max_cost) +
                        ", but options.has_max_cost is 0: set it to 1, or leave "
                        "options.max_cost 0");
  }
  return out;
}

void AppendContinuity(const dbnloop_continuous& client, const ContinuityEvent& in) {
  auto& reactor = *client.reactor;
  auto& event = reactor.Append(DBNLOOP_EVENT_CONTINUITY, client.id).continuity;
  event = {.kind = static_cast<std::uint32_t>(in.kind),
           .gap = static_cast<std::uint32_t>(in.gap),
           .attempt = in.attempt,
           .schema = in.schema ? static_cast<std::int32_t>(*in.schema) : DBNLOOP_UNSET,
           .delay_ms = static_cast<std::uint64_t>(in.delay.count()),
           .from = in.from.time_since_epoch().count(),
           .to = in.to.time_since_epoch().count(),
           .replayed = in.replayed,
           .dropped = in.dropped,
           .cost = in.cost,
           .error = nullptr};
  if (!in.reason) return;
  auto& kept = reactor.Keep().error;
  reactor.Keep(in.reason, kept);
  event.error = &kept;
}

}  // namespace

extern "C" {

void dbnloop_continuous_options_init(dbnloop_continuous_options* options) {
  if (options == nullptr) return;
  const dbnloop::ContinuousOptions defaults;
  *options = {};
  options->struct_size = sizeof(*options);
  options->gateway_len = DBNLOOP_STRLEN;
  options->port = defaults.port;
  options->min_delay_ms = capi::Milliseconds(defaults.min_delay);
  options->max_delay_ms = capi::Milliseconds(defaults.max_delay);
  options->give_up_after_ms = defaults.give_up_after.count();
  options->memory = defaults.memory;
  options->replay_limit_s = defaults.replay_limit.count();
}

dbnloop_status dbnloop_continuous_new(dbnloop_reactor* reactor, const char* api_key,
                                      size_t api_key_len,
                                      const dbnloop_continuous_options* options,
                                      dbnloop_continuous** out, dbnloop_error* error) {
  return capi::New(
      reactor, options, dbnloop_continuous_options_init, out, error,
      [&](const dbnloop_continuous_options& read, dbnloop_continuous* raw) {
        auto client = std::make_unique<ContinuousClient>(
            &reactor->loop, capi::Key(api_key, api_key_len),
            ReadContinuousOptions(read));
        client->OnState([raw](ContinuousClient::State state) {
          raw->reactor->Append(DBNLOOP_EVENT_STATE, raw->id).state.state =
              static_cast<std::uint32_t>(state);
        });
        client->OnSessionEvent([raw](const dbnloop::SessionEvent& event) {
          capi::AppendSessionEvent(*raw, event);
        });
        client->OnContinuity(
            [raw](const ContinuityEvent& event) { AppendContinuity(*raw, event); });
        return client;
      });
}

void dbnloop_continuous_free(dbnloop_continuous* client) { capi::Free(client); }

uint64_t dbnloop_continuous_id(const dbnloop_continuous* client) {
  return capi::IdOf(client);
}

dbnloop_status dbnloop_continuous_subscribe(dbnloop_continuous* client,
                                            const dbnloop_subscription* subscription,
                                            uint32_t policy, uint32_t* id,
                                            dbnloop_error* error) {
  return With(client, error, [&](ContinuousClient& stream) {
    if (policy > DBNLOOP_RECOVERY_SNAPSHOT) {
      capi::ThrowArgument("policy is " + std::to_string(policy) +
                          ", which is not a dbnloop_recovery_policy");
    }
    const auto given = stream.Subscribe(capi::ReadSubscription(subscription),
                                        static_cast<dbnloop::RecoveryPolicy>(policy));
    if (id != nullptr) *id = given;
  });
}

dbnloop_status dbnloop_continuous_unsubscribe(
    dbnloop_continuous* client, const dbnloop_unsubscription* unsubscription,
    dbnloop_error* error) {
  return With(client, error, [&](ContinuousClient& stream) {
    stream.Unsubscribe(capi::ReadUnsubscription(unsubscription));
  });
}

dbnloop_status dbnloop_continuous_subscriptions(const dbnloop_continuous* client,
                                                const dbnloop_effective_set** out,
                                                dbnloop_error* error) {
  return With(client, error, [&](const ContinuousClient& stream) {
    capi::RequireNonNull(out, "out");
    *out = capi::MakeEffectiveSet(stream.Subscriptions());
  });
}

dbnloop_status dbnloop_continuous_start(dbnloop_continuous* client,
                                        dbnloop_error* error) {
  return With(client, error, [](ContinuousClient& stream) { stream.Start(); });
}

dbnloop_status dbnloop_continuous_stop(dbnloop_continuous* client,
                                       dbnloop_error* error) {
  return With(client, error, [](ContinuousClient& stream) { stream.Stop(); });
}

void dbnloop_continuous_pause(dbnloop_continuous* client) {
  With(client, nullptr, [](ContinuousClient& stream) { stream.Pause(); });
}

void dbnloop_continuous_resume(dbnloop_continuous* client) {
  With(client, nullptr, [](ContinuousClient& stream) { stream.Resume(); });
}

int dbnloop_continuous_is_paused(const dbnloop_continuous* client) {
  return Ask(client, 0,
             [](const ContinuousClient& stream) { return stream.IsPaused(); });
}

dbnloop_status dbnloop_continuous_position(dbnloop_continuous* client,
                                           const void** data, size_t* size,
                                           dbnloop_error* error) {
  return With(client, error, [&](ContinuousClient& stream) {
    capi::RequireNonNull(data, "data");
    capi::RequireNonNull(size, "size");
    client->position = stream.Position(client->reactor->ConsumedOf(client->id));
    *data = client->position.data();
    *size = client->position.size();
  });
}

dbnloop_status dbnloop_continuous_resume_from(dbnloop_continuous* client,
                                              const void* data, size_t size,
                                              dbnloop_error* error) {
  return With(client, error, [&](ContinuousClient& stream) {
    if (size != 0) capi::RequireNonNull(data, "data");
    stream.ResumeFrom({static_cast<const std::byte*>(data), size});
  });
}

uint32_t dbnloop_continuous_get_state(const dbnloop_continuous* client) {
  return Ask(client, uint32_t{DBNLOOP_CONTINUOUS_STOPPED},
             [](const ContinuousClient& stream) { return stream.GetState(); });
}

double dbnloop_continuous_spent(const dbnloop_continuous* client) {
  return Ask(client, 0.0,
             [](const ContinuousClient& stream) { return stream.Spent(); });
}

}  // extern "C"
