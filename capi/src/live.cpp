#include <cstddef>
#include <string>
#include <vector>

#include "client.hpp"
#include "proto/validate.hpp"

using dbnloop::EffectiveRequest;
using dbnloop::LiveClient;
using dbnloop::SessionEvent;
using dbnloop::capi::Ask;
using dbnloop::capi::View;
using dbnloop::capi::With;

namespace capi = dbnloop::capi;

namespace dbnloop::capi {

LiveOptions ReadLiveOptions(const dbnloop_live_options& in) {
  LiveOptions out;
  ReadNetwork(in, out);
  out.dataset = View(in.dataset, in.dataset_len, "options.dataset");
  out.ts_out = Flag(in.ts_out, "options.ts_out");
  if (in.heartbeat_interval_s != DBNLOOP_UNSET) {
    out.heartbeat_interval = std::chrono::seconds{in.heartbeat_interval_s};
  }
  out.heartbeat_grace = std::chrono::milliseconds{in.heartbeat_grace_ms};
  if (in.slow_reader_behavior != DBNLOOP_UNSET) {
    out.slow_reader_behavior = static_cast<SlowReaderBehavior>(
        InRange(in.slow_reader_behavior, DBNLOOP_SLOW_READER_WARN,
                DBNLOOP_SLOW_READER_SKIP, "options.slow_reader_behavior"));
  }
  out.compression = static_cast<Compression>(
      InRange(in.compression, DBNLOOP_COMPRESSION_NONE, DBNLOOP_COMPRESSION_ZSTD,
              "options.compression"));
  out.auth_timeout = std::chrono::milliseconds{in.auth_timeout_ms};
  out.ack_timeout = std::chrono::milliseconds{in.ack_timeout_ms};
  out.receive_buffer = in.receive_buffer;
  out.busy_poll = std::chrono::microseconds{in.busy_poll_us};
  out.quick_ack = Flag(in.quick_ack, "options.quick_ack");
  return out;
}

Subscription ReadSubscription(const dbnloop_subscription* subscription) {
  RequireNonNull(subscription, "subscription");
  dbnloop_subscription in;
  dbnloop_subscription_init(&in);
  ReadSized(subscription, in, "subscription");
  Subscription out;
  out.dataset = View(in.dataset, in.dataset_len, "subscription.dataset");
  out.schema = Number<Schema>(in.schema, "subscription.schema");
  out.stype_in = Number<SType>(in.stype_in, "subscription.stype_in");
  out.symbols =
      proto::SplitSymbols(View(in.symbols, in.symbols_len, "subscription.symbols"));
  out.snapshot = Flag(in.snapshot, "subscription.snapshot");
  if (IsSet(in.has_start, in.start, "subscription.has_start", "subscription.start")) {
    out.start = Time(in.start);
  }
  return out;
}

Unsubscription ReadUnsubscription(const dbnloop_unsubscription* unsubscription) {
  RequireNonNull(unsubscription, "unsubscription");
  dbnloop_unsubscription in;
  dbnloop_unsubscription_init(&in);
  ReadSized(unsubscription, in, "unsubscription");
  dbnloop::Unsubscription out;
  out.dataset = View(in.dataset, in.dataset_len, "unsubscription.dataset");
  out.schema = capi::Number<dbnloop::Schema>(in.schema, "unsubscription.schema");
  out.stype_in = capi::Number<dbnloop::SType>(in.stype_in, "unsubscription.stype_in");
  out.symbols = dbnloop::proto::SplitSymbols(
      View(in.symbols, in.symbols_len, "unsubscription.symbols"));
  return out;
}

namespace {

// An effective set with the texts that it points to.
class OwnedEffectiveSet {
 public:
  explicit OwnedEffectiveSet(const std::vector<EffectiveRequest>& requests) {
    requests_.reserve(requests.size());
    texts_.reserve(2 * requests.size());  // they stay where they are
    for (const auto& request : requests) {
      auto& out = requests_.emplace_back();
      dbnloop_subscription_init(&out.subscription);
      dbnloop_unsubscription_init(&out.unsubscription);
      if (const auto* made = std::get_if<dbnloop::EffectiveSubscription>(&request)) {
        out.id = made->id;
        Fill(made->subscription, out.subscription);
        out.subscription.snapshot = made->subscription.snapshot ? 1 : 0;
        if (const auto& start = made->subscription.start) {
          out.subscription.has_start = 1;
          out.subscription.start = start->time_since_epoch().count();
        }
      } else {
        Fill(std::get<dbnloop::Unsubscription>(request), out.unsubscription);
      }
    }
    view_ = {.requests = requests_.data(), .count = requests_.size()};
  }
  OwnedEffectiveSet(const OwnedEffectiveSet&) = delete;
  OwnedEffectiveSet& operator=(const OwnedEffectiveSet&) = delete;

  [[nodiscard]] const dbnloop_effective_set* view() const noexcept { return &view_; }
  static void Delete(const dbnloop_effective_set* view) {
    delete reinterpret_cast<const OwnedEffectiveSet*>(view);
  }

 private:
  template <typename Request, typename Out>
  void Fill(const Request& request, Out& out) {
    out.schema = static_cast<std::uint32_t>(request.schema);
    out.stype_in = static_cast<std::uint32_t>(request.stype_in);
    std::string list;
    for (const auto& symbol : request.symbols) {
      if (!list.empty()) list += ',';
      list += symbol;
    }
    Keep(request.dataset, out.dataset, out.dataset_len);
    Keep(std::move(list), out.symbols, out.symbols_len);
  }
  void Keep(std::string text, const char*& data, std::size_t& size) {
    const auto& kept = texts_.emplace_back(std::move(text));
    data = kept.c_str();
    size = kept.size();
  }

  dbnloop_effective_set view_{};  // the first member: both have one address
  std::vector<dbnloop_effective_request> requests_;
  std::vector<std::string> texts_;
};

}  // namespace

const dbnloop_effective_set* MakeEffectiveSet(
    const std::vector<EffectiveRequest>& requests) {
  return (new OwnedEffectiveSet{requests})->view();
}

void AppendSessionEvent(const Source& client, const SessionEvent& in) {
  auto& event = client.reactor->Append(DBNLOOP_EVENT_SESSION, client.id).session;
  event = {.kind = static_cast<std::uint32_t>(in.kind),
           .error_code = static_cast<std::uint32_t>(in.error_code),
           .subscription_id = in.subscription_id,
           .schema = in.schema ? static_cast<std::int32_t>(*in.schema) : DBNLOOP_UNSET,
           .fatal = in.fatal ? 1 : 0,
           .ts_event = in.ts_event.time_since_epoch().count(),
           .message = nullptr,
           .message_len = 0};
  client.reactor->Keep(in.message, event.message, event.message_len);
}

}  // namespace dbnloop::capi

extern "C" {

void dbnloop_live_options_init(dbnloop_live_options* options) {
  if (options == nullptr) return;
  const dbnloop::LiveOptions defaults;
  capi::FillNetwork(defaults, options);
  options->dataset_len = DBNLOOP_STRLEN;
  options->heartbeat_interval_s = DBNLOOP_UNSET;
  options->heartbeat_grace_ms = capi::Milliseconds(defaults.heartbeat_grace);
  options->slow_reader_behavior = DBNLOOP_UNSET;
  options->auth_timeout_ms = capi::Milliseconds(defaults.auth_timeout);
  options->ack_timeout_ms = capi::Milliseconds(defaults.ack_timeout);
}

void dbnloop_subscription_init(dbnloop_subscription* subscription) {
  if (subscription == nullptr) return;
  *subscription = {};
  subscription->struct_size = sizeof(*subscription);
  subscription->dataset_len = DBNLOOP_STRLEN;
  subscription->symbols_len = DBNLOOP_STRLEN;
  subscription->schema = DBNLOOP_SCHEMA_TRADES;
  subscription->stype_in = DBNLOOP_STYPE_RAW_SYMBOL;
}

void dbnloop_unsubscription_init(dbnloop_unsubscription* unsubscription) {
  if (unsubscription == nullptr) return;
  *unsubscription = {};
  unsubscription->struct_size = sizeof(*unsubscription);
  unsubscription->dataset_len = DBNLOOP_STRLEN;
  unsubscription->symbols_len = DBNLOOP_STRLEN;
  unsubscription->schema = DBNLOOP_SCHEMA_TRADES;
  unsubscription->stype_in = DBNLOOP_STYPE_RAW_SYMBOL;
}

dbnloop_status dbnloop_live_new(dbnloop_reactor* reactor, const char* api_key,
                                size_t api_key_len, const dbnloop_live_options* options,
                                dbnloop_live** out, dbnloop_error* error) {
  return capi::New(reactor, options, dbnloop_live_options_init, out, error,
                   [&](const dbnloop_live_options& read, dbnloop_live* raw) {
                     auto live = std::make_unique<LiveClient>(
                         &reactor->loop, capi::Key(api_key, api_key_len),
                         capi::ReadLiveOptions(read));
                     live->OnState([raw](LiveClient::State state) {
                       raw->reactor->Append(DBNLOOP_EVENT_STATE, raw->id).state.state =
                           static_cast<std::uint32_t>(state);
                     });
                     live->OnSessionEvent([raw](const SessionEvent& event) {
                       capi::AppendSessionEvent(*raw, event);
                     });
                     return live;
                   });
}

void dbnloop_live_free(dbnloop_live* client) { capi::Free(client); }

uint64_t dbnloop_live_id(const dbnloop_live* client) { return capi::IdOf(client); }

dbnloop_status dbnloop_live_connect(dbnloop_live* client, const char* gateway,
                                    size_t gateway_len, int32_t port,
                                    dbnloop_error* error) {
  return With(client, error, [&](LiveClient& live) {
    live.Connect(View(gateway, gateway_len, "gateway"),
                 port == 0 ? dbnloop::kLivePort : port);
  });
}

dbnloop_status dbnloop_live_subscribe(dbnloop_live* client,
                                      const dbnloop_subscription* subscription,
                                      uint32_t* id, dbnloop_error* error) {
  return With(client, error, [&](LiveClient& live) {
    const auto given = live.Subscribe(capi::ReadSubscription(subscription));
    if (id != nullptr) *id = given;
  });
}

dbnloop_status dbnloop_live_subscribe_to(dbnloop_live* client, const char* dataset,
                                         uint32_t schema, const char* symbols,
                                         dbnloop_error* error) {
  return With(client, error, [&](LiveClient& live) {
    capi::RequireNonNull(dataset, "dataset");
    capi::RequireNonNull(symbols, "symbols");
    dbnloop_subscription in;
    dbnloop_subscription_init(&in);
    in.dataset = dataset;
    in.schema = schema;
    in.symbols = symbols;
    live.Subscribe(capi::ReadSubscription(&in));
  });
}

dbnloop_status dbnloop_live_unsubscribe(dbnloop_live* client,
                                        const dbnloop_unsubscription* unsubscription,
                                        dbnloop_error* error) {
  return With(client, error, [&](LiveClient& live) {
    live.Unsubscribe(capi::ReadUnsubscription(unsubscription));
  });
}

dbnloop_status dbnloop_live_subscriptions(const dbnloop_live* client,
                                          const dbnloop_effective_set** out,
                                          dbnloop_error* error) {
  return With(client, error, [&](const LiveClient& live) {
    capi::RequireNonNull(out, "out");
    *out = capi::MakeEffectiveSet(live.Subscriptions());
  });
}

void dbnloop_effective_set_free(const dbnloop_effective_set* set) {
  capi::OwnedEffectiveSet::Delete(set);
}

dbnloop_status dbnloop_live_start(dbnloop_live* client, dbnloop_error* error) {
  return With(client, error, [](LiveClient& live) { live.Start(); });
}

dbnloop_status dbnloop_live_stop(dbnloop_live* client, dbnloop_error* error) {
  return With(client, error, [](LiveClient& live) { live.Stop(); });
}

void dbnloop_live_close(dbnloop_live* client) {
  With(client, nullptr, [&](LiveClient& live) {
    live.Close();
    client->reactor->Forget(client->id);
  });
}

void dbnloop_live_pause(dbnloop_live* client) {
  With(client, nullptr, [](LiveClient& live) { live.Pause(); });
}

void dbnloop_live_resume(dbnloop_live* client) {
  With(client, nullptr, [](LiveClient& live) { live.Resume(); });
}

int dbnloop_live_is_paused(const dbnloop_live* client) {
  return Ask(client, 0, [](const LiveClient& live) { return live.IsPaused(); });
}

uint32_t dbnloop_live_get_state(const dbnloop_live* client) {
  return Ask(client, uint32_t{DBNLOOP_LIVE_DISCONNECTED},
             [](const LiveClient& live) { return live.GetState(); });
}

int dbnloop_live_fd(const dbnloop_live* client) {
  return Ask(client, -1, [](const LiveClient& live) { return live.Fd(); });
}

uint64_t dbnloop_live_session_id(const dbnloop_live* client) {
  return Ask(client, uint64_t{0},
             [](const LiveClient& live) { return live.SessionId(); });
}

const char* dbnloop_live_session_id_text(const dbnloop_live* client) {
  return Ask(client, "",
             [](const LiveClient& live) { return live.SessionIdText().c_str(); });
}

}  // extern "C"
