/* A range of the historical API, its records' bytes on standard output.
 * Usage: range URL CA_FILE DATASET SCHEMA_NUMBER SYMBOLS START_NS END_NS */
#include <dbnloop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
  dbnloop_hist* hist = NULL;
  dbnloop_hist_options options;
  dbnloop_range range;
  dbnloop_hist_options_init(&options);
  options.url = argv[1];
  options.url_len = strlen(argv[1]);
  options.ca_file = argv[2];
  options.ca_file_len = strlen(argv[2]);
  dbnloop_range_init(&range);
  range.dataset = argv[3];
  range.dataset_len = strlen(argv[3]);
  range.schema = (uint32_t)strtoul(argv[4], NULL, 10);
  range.symbols = argv[5];
  range.symbols_len = strlen(argv[5]);
  range.start = strtoull(argv[6], NULL, 10);
  range.has_end = 1;
  range.end = strtoull(argv[7], NULL, 10);
  must(dbnloop_reactor_new(&reactor, &error));
  must(dbnloop_hist_new(reactor, key, strlen(key), &options, &hist, &error));
  must(dbnloop_hist_request(hist, &range, &error));
  must(dbnloop_hist_start(hist, &error));
  int done = 0;
  while (!done) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    must(dbnloop_reactor_poll(reactor, -1, &events, &count, &error));
    for (size_t i = 0; i < count; ++i) {
      const dbnloop_event* e = &events[i];
      if (e->kind == DBNLOOP_EVENT_RECORDS) fwrite(e->data, 1, e->size, stdout);
      if (e->kind == DBNLOOP_EVENT_COMPLETE) done = 1;
      if (e->kind == DBNLOOP_EVENT_ERROR) {
        fprintf(stderr, "range: %.*s\n", (int)e->size, (const char*)e->data);
        return 1;
      }
    }
  }
  dbnloop_hist_free(hist);
  dbnloop_reactor_free(reactor);
  return 0;
}
