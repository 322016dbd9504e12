/* What a day of trades costs, and the trades if that is allowed.
 *
 *   historical MAX_USD [URL CA_FILE]      (URL and CA_FILE of a simulator) */
#include <dbnloop.h>
#include <stdio.h>
#include <stdlib.h>

static dbnloop_error error;

static void must(dbnloop_status status) {
  if (status == DBNLOOP_OK) return;
  fprintf(stderr, "historical: %s\n", error.message);
  exit(1);
}

int main(int argc, char** argv) {
  double max_usd = argc > 1 ? atof(argv[1]) : 0;
  dbnloop_historical_options options;
  dbnloop_historical_options_init(&options);
  if (argc == 4) options.url = argv[2], options.ca_file = argv[3];
  dbnloop_reactor* reactor = NULL;
  dbnloop_historical* client = NULL;
  must(dbnloop_reactor_new(&reactor, &error));
  must(dbnloop_historical_new(reactor, getenv("DATABENTO_API_KEY"), DBNLOOP_STRLEN,
                              &options, &client, &error));
  // docs: cost
  dbnloop_range range;
  dbnloop_range_init(&range);
  range.dataset = "GLBX.MDP3";
  range.symbols = "ESZ6";
  range.schema = DBNLOOP_SCHEMA_TRADES;
  must(dbnloop_range_day(&range, UINT64_C(1794700800000000000),
                         &error)); /* 2026-11-15 */
  must(dbnloop_historical_request(client, &range, &error));

  const char* params =
      "dataset=GLBX.MDP3&symbols=ESZ6&schema=trades&start=2026-11-15&end=2026-11-16";
  uint64_t cost = 0;
  must(dbnloop_historical_call(client, DBNLOOP_CALL_GET, "metadata.get_cost",
                               DBNLOOP_STRLEN, params, DBNLOOP_STRLEN, &cost, &error));
  // docs: loop
  size_t trades = 0;
  for (int ended = 0; !ended;) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    must(dbnloop_reactor_poll(reactor, -1, &events, &count, &error));
    for (dbnloop_event* e = events; e < events + count; ++e) {
      const dbnloop_record_header* r = NULL;
      while ((r = dbnloop_next_record(e, r)) != NULL)
        if (dbnloop_trade_msg_if(r) != NULL) ++trades;
      if (e->kind == DBNLOOP_EVENT_RESPONSE && e->response.request == cost &&
          e->response.error.code == DBNLOOP_OK) {
        double usd = strtod(e->response.body, NULL);
        printf("USD %g\n", usd);
        if (usd > max_usd) return 2;
        must(dbnloop_historical_start(client, &error)); /* from here on it costs */
      } else if (e->kind == DBNLOOP_EVENT_RESPONSE) {
        fprintf(stderr, "historical: %s\n", e->response.error.message);
        return 1;
      } else if (e->kind == DBNLOOP_EVENT_ERROR) {
        fprintf(stderr, "historical: %s\n", e->error.message);
        return 1;
      }
      if (e->kind == DBNLOOP_EVENT_COMPLETE) ended = 1;
    }
  }
  // docs: end
  printf("%zu trades\n", trades);
  dbnloop_historical_free(client);
  dbnloop_reactor_free(reactor);
  return 0;
}
