/* Live trades with their symbols, printed as they arrive.
 *
 *   quickstart                      from Databento's gateway
 *   quickstart 127.0.0.1 13000      from a simulator
 *
 * The key is read from DATABENTO_API_KEY. */
#include <dbnloop.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char* message) {
  fprintf(stderr, "%s\n", message);
  return 1;
}

static void print_trade(const dbnloop_pit_symbol_map* symbols,
                        const dbnloop_trade_msg* trade) {
  printf("%s %s x %u\n", dbnloop_pit_symbol_map_find(symbols, trade->hd.instrument_id),
         dbnloop_format_price(trade->price).text, trade->size);
}

int main(int argc, char** argv) {
  const char* key = getenv("DATABENTO_API_KEY");
  const char* host = argc == 3 ? argv[1] : NULL; /* NULL: the gateway of the dataset */
  int port = argc == 3 ? atoi(argv[2]) : DBNLOOP_LIVE_PORT;

  dbnloop_reactor* reactor = NULL;
  dbnloop_pit_symbol_map* symbols = NULL;
  dbnloop_live* client = NULL;
  dbnloop_event* events = NULL;
  size_t count = 0;
  dbnloop_error error;

  // docs: session
  if (dbnloop_reactor_new(&reactor, &error) ||
      dbnloop_pit_symbol_map_new(&symbols, &error) ||
      dbnloop_live_new(reactor, key, DBNLOOP_STRLEN, NULL, &client, &error) ||
      dbnloop_live_subscribe_to(client, "GLBX.MDP3", DBNLOOP_SCHEMA_TRADES, "ESZ6,NQZ6",
                                &error) ||
      dbnloop_live_connect(client, host, DBNLOOP_STRLEN, port, &error) ||
      dbnloop_live_start(client, &error))
    return fail(error.message);
  while (dbnloop_reactor_poll(reactor, -1, &events, &count, &error) == DBNLOOP_OK) {
    for (dbnloop_event* e = events; e < events + count; ++e) {
      if (e->kind == DBNLOOP_EVENT_ERROR) return fail(e->error.message);
      const dbnloop_record_header* r = NULL;
      while ((r = dbnloop_next_record(e, r)) != NULL) {
        dbnloop_pit_symbol_map_on_record(symbols, r, NULL);
        const dbnloop_trade_msg* trade = dbnloop_trade_msg_if(r);
        if (trade != NULL) print_trade(symbols, trade);
      }
    }
  }
  // docs: end
  return fail(error.message);
}
