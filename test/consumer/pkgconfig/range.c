/* A range of the historical API, its records' bytes on standard output.
 * Usage: range URL CA_FILE DATASET SCHEMA SYMBOLS START_NS END_NS */
#include <dbnloop.h>
#include <stdio.h>
#include <stdlib.h>

static dbnloop_error error;

static void must(dbnloop_status status) {
  if (status == DBNLOOP_OK) return;
  fprintf(stderr, "range: %s\n", error.message);
  exit(1);
}

int main(int argc, char** argv) {
  const char* key = getenv("DATABENTO_API_KEY");
  if (argc != 8 || key == NULL) return 2;
  dbnloop_reactor* reactor = NULL;
  dbnloop_historical* hist = NULL;
  dbnloop_historical_options options;
  dbnloop_range range;
  dbnloop_historical_options_init(&options);
  options.url = argv[1];
  options.ca_file = argv[2];
  dbnloop_range_init(&range);
  range.dataset = argv[3];
  must(dbnloop_enum_value(DBNLOOP_ENUM_SCHEMA, argv[4], DBNLOOP_STRLEN, &range.schema,
                          &error));
  range.symbols = argv[5];
  range.start = strtoull(argv[6], NULL, 10);
  range.has_end = 1;
  range.end = strtoull(argv[7], NULL, 10);
  must(dbnloop_reactor_new(&reactor, &error));
  must(dbnloop_historical_new(reactor, key, DBNLOOP_STRLEN, &options, &hist, &error));
  must(dbnloop_historical_request(hist, &range, &error));
  must(dbnloop_historical_start(hist, &error));
  int done = 0;
  while (!done) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    must(dbnloop_reactor_poll(reactor, -1, &events, &count, &error));
    for (size_t i = 0; i < count; ++i) {
      const dbnloop_event* e = &events[i];
      if (e->kind == DBNLOOP_EVENT_RECORDS)
        fwrite(e->records.data, 1, e->records.size, stdout);
      if (e->kind == DBNLOOP_EVENT_COMPLETE) done = 1;
      if (e->kind == DBNLOOP_EVENT_ERROR) {
        fprintf(stderr, "range: %s\n", e->error.message);
        return 1;
      }
    }
  }
  dbnloop_historical_free(hist);
  dbnloop_reactor_free(reactor);
  return 0;
}
