/* Counts trades without a gap, however often the session breaks. It ends when attempts
 * have brought nothing new for a second.
 *
 *   continuous                      from Databento's gateway
 *   continuous 127.0.0.1 13000      from a simulator
 *
 * The key is read from DATABENTO_API_KEY. */
#include <dbnloop.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char* message) {
  fprintf(stderr, "%s\n", message);
  return 1;
}

int main(int argc, char** argv) {
  const char* key = getenv("DATABENTO_API_KEY");
  // docs: stream
  dbnloop_continuous_options options;
  dbnloop_continuous_options_init(&options);
  options.give_up_after_ms = 1000;
  if (argc == 3) { /* a simulator replays all of its data, however old that is */
    options.gateway = argv[1];
    options.port = atoi(argv[2]);
    options.replay_limit_s = INT64_C(10) * 365 * 86400;
  }
  dbnloop_subscription trades;
  dbnloop_subscription_init(&trades);
  trades.dataset = "GLBX.MDP3";
  trades.symbols = "ESZ6";

  dbnloop_reactor* reactor = NULL;
  dbnloop_continuous* client = NULL;
  dbnloop_error error;
  if (dbnloop_reactor_new(&reactor, &error) ||
      dbnloop_continuous_new(reactor, key, DBNLOOP_STRLEN, &options, &client, &error) ||
      dbnloop_continuous_subscribe(client, &trades, DBNLOOP_RECOVERY_REPLAY, NULL,
                                   &error) ||
      dbnloop_continuous_start(client, &error))
    return fail(error.message);
  unsigned long count = 0;
  size_t n = 0;
  dbnloop_event* events = NULL;
  int ended = 0;
  while (!ended && dbnloop_reactor_poll(reactor, -1, &events, &n, &error) == 0) {
    for (dbnloop_event* e = events; e < events + n; ++e) {
      for (const dbnloop_record_header* r = NULL;
           (r = dbnloop_next_record(e, r)) != NULL;)
        if (dbnloop_trade_msg_if(r) != NULL) ++count;
      if (e->kind == DBNLOOP_EVENT_CONTINUITY)
        fprintf(stderr, "%s %s\n", dbnloop_continuity_name(e->continuity.kind),
                dbnloop_gap_reason_name(e->continuity.gap));
      if (e->kind == DBNLOOP_EVENT_ERROR) ended = fail(e->error.message);
    }
  }
  // docs: end
  if (!ended) return fail(error.message);
  printf("%lu trades\n", count);
  dbnloop_continuous_free(client);
  dbnloop_reactor_free(reactor);
  return 0;
}
