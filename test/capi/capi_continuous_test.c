/* The continuous client: NULL for every pointer, options out of range, older structs,
 * a life without a gateway, what is subscribed, and the end of a file. */
#include <dbnloop.h>
#include <math.h>
#include <string.h>

#include "check.h"

static const char kKey[] = "0123456789abcdef0123456789abcdef";

static dbnloop_subscription trades(void) {
  dbnloop_subscription subscription;
  dbnloop_subscription_init(&subscription);
  subscription.dataset = "GLBX.MDP3";
  subscription.symbols = "ESZ6";
  return subscription;
}

static void null_client(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_continuous* client = NULL;
  const dbnloop_subscription subscription = trades();
  const void* data = NULL;
  size_t size = 0;
  dbnloop_stats stats = {.struct_size = sizeof stats};
  dbnloop_continuous_options_init(NULL);
  CHECK(dbnloop_continuous_new(NULL, kKey, 32, NULL, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_new(reactor, NULL, 32, NULL, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_new(reactor, kKey, 32, NULL, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  dbnloop_continuous_free(NULL);
  CHECK(dbnloop_continuous_id(NULL) == 0);
  CHECK(dbnloop_continuous_subscribe(NULL, &subscription, 0, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_start(NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_stop(NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  dbnloop_continuous_pause(NULL);
  dbnloop_continuous_resume(NULL);
  CHECK(dbnloop_continuous_is_paused(NULL) == 0);
  CHECK(dbnloop_continuous_get_state(NULL) == DBNLOOP_CONTINUOUS_STOPPED);
  CHECK(dbnloop_continuous_spent(NULL) == 0);
  CHECK(dbnloop_continuous_stats(NULL, &stats, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_position(NULL, &data, &size, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_resume_from(NULL, kKey, 1, &error) ==
        DBNLOOP_INVALID_ARGUMENT);

  CHECK(dbnloop_continuous_new(reactor, kKey, 32, NULL, &client, &error) == DBNLOOP_OK);
  CHECK(dbnloop_continuous_subscribe(client, NULL, 0, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_subscribe(client, &subscription, 3, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "dbnloop_recovery_policy") != NULL);
  CHECK(dbnloop_continuous_position(client, NULL, &size, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_position(client, &data, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_resume_from(client, NULL, 1, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_resume_from(client, NULL, 0, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_start(client, &error) == DBNLOOP_INVALID_STATE);
  dbnloop_continuous_free(client);
}

static void refused(dbnloop_reactor* reactor, dbnloop_continuous_options options,
                    const char* words) {
  dbnloop_error error;
  dbnloop_continuous* client = NULL;
  CHECK(dbnloop_continuous_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, words) != NULL);
  CHECK(client == NULL);
}

static void options_out_of_range(dbnloop_reactor* reactor) {
  dbnloop_continuous_options defaults, o;
  dbnloop_continuous_options_init(&defaults);
  CHECK(defaults.struct_size == sizeof defaults);
  CHECK(defaults.port == DBNLOOP_LIVE_PORT);
  CHECK(defaults.min_delay_ms == 200 && defaults.max_delay_ms == 30000);
  CHECK(defaults.memory == 262144 && defaults.replay_limit_s == 85500);
  CHECK(defaults.has_max_cost == 0 && defaults.max_cost == 0);
  o = defaults, o.port = 70000, refused(reactor, o, "port 70000");
  o = defaults, o.memory = 1, refused(reactor, o, "memory is 1");
  o = defaults, o.max_delay_ms = 100, refused(reactor, o, "max_delay");
  o = defaults, o.max_cost = 1, refused(reactor, o, "has_max_cost");
  o = defaults, o.has_max_cost = 2, refused(reactor, o, "has_max_cost");
  o = defaults, o.has_max_cost = 1, o.max_cost = NAN, refused(reactor, o, "max_cost");
  o = defaults, o.struct_size = 1, refused(reactor, o, "struct_size");
  dbnloop_live_options live;
  dbnloop_live_options_init(&live);
  live.ts_out = 7;
  o = defaults, o.live = &live, refused(reactor, o, "ts_out");
  dbnloop_historical_options history;
  dbnloop_historical_options_init(&history);
  history.struct_size = 3;
  o = defaults, o.history = &history,
  refused(reactor, o, "options.history.struct_size");

  /* An older caller knows neither the delays nor what follows them. */
  dbnloop_error error;
  dbnloop_continuous* client = NULL;
  memset(&o, 0xFF, sizeof o);
  o.struct_size = offsetof(dbnloop_continuous_options, gateway);
  o.live = NULL;
  o.history = NULL;
  CHECK(dbnloop_continuous_new(reactor, kKey, 32, &o, &client, &error) == DBNLOOP_OK);
  dbnloop_continuous_free(client);
}

/* Nobody listens at the port: the attempts are events, and then it gives up. */
static void without_a_gateway(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_continuous_options options;
  dbnloop_continuous_options_init(&options);
  options.gateway = "127.0.0.1";
  options.port = 1;
  options.min_delay_ms = options.max_delay_ms = 1;
  options.give_up_after_ms = 400;
  dbnloop_continuous* client = NULL;
  const dbnloop_subscription subscription = trades();
  uint32_t id = 0;
  CHECK(dbnloop_continuous_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_OK);
  CHECK(dbnloop_continuous_subscribe(client, &subscription, DBNLOOP_RECOVERY_REPLAY,
                                     &id, &error) == DBNLOOP_OK);
  CHECK(id == 1);
  CHECK(dbnloop_continuous_start(client, &error) == DBNLOOP_OK);
  uint32_t state = DBNLOOP_CONTINUOUS_STOPPED, attempts = 0, ends = 0, seen = 0;
  while (ends == 0) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    CHECK(dbnloop_reactor_poll(reactor, -1, &events, &count, &error) == DBNLOOP_OK);
    for (dbnloop_event* e = events; e < events + count; ++e) {
      CHECK(e->source == dbnloop_continuous_id(client));
      if (seen++ == 0) {
        CHECK(e->kind == DBNLOOP_EVENT_STATE);
        CHECK(e->state.state == DBNLOOP_CONTINUOUS_CONNECTING);
      }
      if (e->kind == DBNLOOP_EVENT_STATE) state = e->state.state;
      if (e->kind == DBNLOOP_EVENT_CONTINUITY) {
        CHECK(e->continuity.kind == DBNLOOP_CONTINUITY_RECONNECTING);
        CHECK(e->continuity.attempt == ++attempts);
        CHECK(e->continuity.delay_ms == 1 && e->continuity.schema == DBNLOOP_UNSET);
        CHECK(e->continuity.error != NULL &&
              e->continuity.error->code == DBNLOOP_CONNECTION_FAILED);
      }
      if (e->kind == DBNLOOP_EVENT_ERROR) {
        ++ends;
        CHECK(e->error.code == DBNLOOP_CONNECTION_FAILED);
        CHECK(strstr(e->error.message, "gave up after 400 ms") != NULL);
      }
    }
  }
  CHECK(attempts > 0 && state == DBNLOOP_CONTINUOUS_STOPPED);
  CHECK(dbnloop_continuous_get_state(client) == DBNLOOP_CONTINUOUS_STOPPED);

  const void* data = NULL;
  size_t size = 0;
  CHECK(dbnloop_continuous_position(client, &data, &size, &error) == DBNLOOP_OK);
  CHECK(size > 8 && memcmp(data, "DBNLPOS", 7) == 0);
  CHECK(dbnloop_continuous_resume_from(client, data, size, &error) == DBNLOOP_OK);
  CHECK(dbnloop_continuous_resume_from(client, data, size - 1, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  dbnloop_continuous_free(client);
}

/* Symbols are taken away before the stream starts; what is left is the set. */
static void unsubscribed(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_continuous* client = NULL;
  const dbnloop_effective_set* set = NULL;
  dbnloop_unsubscription nq;
  dbnloop_unsubscription_init(&nq);
  nq.symbols = "NQZ6";
  CHECK(dbnloop_continuous_unsubscribe(NULL, &nq, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_subscriptions(NULL, &set, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_new(reactor, kKey, 32, NULL, &client, &error) == DBNLOOP_OK);
  CHECK(dbnloop_continuous_unsubscribe(client, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_subscriptions(client, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_continuous_unsubscribe(client, &nq, &error) == DBNLOOP_INVALID_STATE);
  CHECK(dbnloop_continuous_subscriptions(client, &set, &error) == DBNLOOP_OK);
  CHECK(set->count == 0);
  dbnloop_effective_set_free(set);

  dbnloop_subscription both = trades();
  both.symbols = "ESZ6,NQZ6";
  CHECK(dbnloop_continuous_subscribe(client, &both, DBNLOOP_RECOVERY_REPLAY, NULL,
                                     &error) == DBNLOOP_OK);
  CHECK(dbnloop_continuous_unsubscribe(client, &nq, &error) == DBNLOOP_OK);
  CHECK(dbnloop_continuous_subscriptions(client, &set, &error) == DBNLOOP_OK);
  CHECK(set->count == 1 && set->requests[0].id == 1);
  CHECK(strcmp(set->requests[0].subscription.symbols, "ESZ6") == 0);
  CHECK(set->requests[0].subscription.schema == DBNLOOP_SCHEMA_TRADES);
  nq.dataset = "XNAS.ITCH";
  CHECK(dbnloop_continuous_unsubscribe(client, &nq, &error) == DBNLOOP_INVALID_DATASET);
  /* The set is a copy: it outlives the client. */
  dbnloop_continuous_free(client);
  CHECK(strcmp(set->requests[0].subscription.symbols, "ESZ6") == 0);
  dbnloop_effective_set_free(set);
}

/* A header of version 3 without symbols. */
static size_t put_header(unsigned char* bytes) {
  enum { kFixed = 100, kCounts = 20, kSize = 8 + kFixed + kCounts };
  memset(bytes, 0, kSize);
  memcpy(bytes, "DBN\3", 4);
  bytes[4] = kFixed + kCounts;
  memcpy(bytes + 8, "GLBX.MDP3", 9);
  bytes[8 + 16] = DBNLOOP_SCHEMA_TRADES;
  bytes[8 + 42] = DBNLOOP_STYPE_RAW_SYMBOL;
  bytes[8 + 43] = DBNLOOP_STYPE_INSTRUMENT_ID;
  bytes[8 + 45] = DBNLOOP_SYMBOL_CSTR_LEN;
  return kSize;
}

/* The position of a file, and that of a file that was cut in its last record. */
static void end_of_a_file(dbnloop_reactor* reactor) {
  unsigned char file[1024];
  const size_t header = put_header(file);
  dbnloop_trade_msg trade;
  memset(&trade, 0, sizeof trade);
  trade.hd.length = sizeof trade / 4;
  trade.hd.rtype = DBNLOOP_RTYPE_MBP_0;
  for (size_t i = 0; i < 2; ++i) {
    trade.hd.ts_event = 1794700800000000000 + i;
    memcpy(file + header + i * sizeof trade, &trade, sizeof trade);
  }
  const size_t first = header + sizeof trade;

  dbnloop_error error;
  dbnloop_stream_end* end = NULL;
  const void* data = NULL;
  size_t size = 0;
  CHECK(dbnloop_stream_end_new(0, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_stream_end_new(1, &end, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(end == NULL && strstr(error.message, "memory is 1") != NULL);
  dbnloop_stream_end_free(NULL);
  CHECK(dbnloop_stream_end_complete(NULL) == 0 &&
        dbnloop_stream_end_records(NULL) == 0);
  CHECK(dbnloop_stream_end_push(NULL, file, 1, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_stream_end_position(NULL, &data, &size, &error) ==
        DBNLOOP_INVALID_ARGUMENT);

  CHECK(dbnloop_stream_end_new(0, &end, &error) == DBNLOOP_OK);
  CHECK(dbnloop_stream_end_push(end, NULL, 1, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_stream_end_push(end, NULL, 0, &error) == DBNLOOP_OK);
  CHECK(dbnloop_stream_end_position(end, &data, &size, &error) ==
        DBNLOOP_INVALID_STATE);
  CHECK(dbnloop_stream_end_position(end, NULL, &size, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_stream_end_position(end, &data, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  for (size_t i = 0; i < first + sizeof trade - 1; ++i) {
    CHECK(dbnloop_stream_end_push(end, file + i, 1, &error) == DBNLOOP_OK);
  }
  CHECK(dbnloop_stream_end_records(end) == 1);
  CHECK(dbnloop_stream_end_complete(end) == first);
  CHECK(dbnloop_stream_end_push(end, file + first + sizeof trade - 1, 1, &error) ==
        DBNLOOP_OK);
  CHECK(dbnloop_stream_end_records(end) == 2);
  CHECK(dbnloop_stream_end_complete(end) == first + sizeof trade);
  CHECK(dbnloop_stream_end_position(end, &data, &size, &error) == DBNLOOP_OK);

  dbnloop_continuous* client = NULL;
  const dbnloop_subscription subscription = trades();
  CHECK(dbnloop_continuous_new(reactor, kKey, 32, NULL, &client, &error) == DBNLOOP_OK);
  CHECK(dbnloop_continuous_subscribe(client, &subscription, DBNLOOP_RECOVERY_REPLAY,
                                     NULL, &error) == DBNLOOP_OK);
  CHECK(dbnloop_continuous_resume_from(client, data, size, &error) == DBNLOOP_OK);
  dbnloop_continuous_free(client);
  dbnloop_stream_end_free(end);

  end = NULL;
  CHECK(dbnloop_stream_end_new(65536, &end, &error) == DBNLOOP_OK);
  CHECK(dbnloop_stream_end_push(end, "ts_recv,ts_event", 16, &error) ==
        DBNLOOP_PARSE_ERROR);
  dbnloop_stream_end_free(end);
}

static void names(void) {
  CHECK(strcmp(dbnloop_continuous_state_name(DBNLOOP_CONTINUOUS_REPLAYING),
               "Replaying") == 0);
  CHECK(strcmp(dbnloop_continuity_name(DBNLOOP_CONTINUITY_CAUGHT_UP), "CaughtUp") == 0);
  CHECK(strcmp(dbnloop_gap_reason_name(DBNLOOP_GAP_NO_HISTORY), "NoHistory") == 0);
  CHECK(strcmp(dbnloop_recovery_policy_name(DBNLOOP_RECOVERY_SNAPSHOT), "Snapshot") ==
        0);
  CHECK(strcmp(dbnloop_continuous_state_name(6), "Unknown") == 0);
  CHECK(strcmp(dbnloop_continuity_name(0), "Unknown") == 0);
  CHECK(strcmp(dbnloop_gap_reason_name(256), "Unknown") == 0);
  CHECK(strcmp(dbnloop_recovery_policy_name(3), "Unknown") == 0);
}

int main(void) {
  dbnloop_reactor* reactor = NULL;
  CHECK(dbnloop_reactor_new(&reactor, NULL) == DBNLOOP_OK);
  null_client(reactor);
  options_out_of_range(reactor);
  without_a_gateway(reactor);
  unsubscribed(reactor);
  end_of_a_file(reactor);
  names();
  dbnloop_continuous* orphan = NULL;
  CHECK(dbnloop_continuous_new(reactor, kKey, 32, NULL, &orphan, NULL) == DBNLOOP_OK);
  dbnloop_reactor_free(reactor);
  CHECK(dbnloop_continuous_start(orphan, NULL) == DBNLOOP_INVALID_STATE);
  dbnloop_continuous_free(orphan);
  return 0;
}
