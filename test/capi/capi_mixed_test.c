/* Records of many types in C: batches without runs for who accepts them, with runs for
 * who does not. */
#define _GNU_SOURCE
#include <dbnloop.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

enum { kRecords = 2000, kHeader = 128 };

/* A version-3 header, then mbo records and trades in turn. They count in the instrument
 * id of their headers. */
static void write_file(const char* path) {
  unsigned char m[kHeader] = {0};
  memcpy(m, "DBN\x03", 4);
  m[4] = kHeader - 8;
  memcpy(m + 8, "GLBX.MDP3", 9);
  memset(m + 34, 0xFF, 8);
  m[50] = 0xFF;
  m[53] = 71;
  FILE* f = fopen(path, "wb");
  CHECK(f != NULL);
  CHECK(fwrite(m, sizeof m, 1, f) == 1);
  for (uint32_t i = 0; i < kRecords; ++i) {
    unsigned char record[56] = {0};
    const size_t size = i % 2 == 0 ? 56 : 48;
    record[0] = (unsigned char)(size / 4);
    record[1] = i % 2 == 0 ? DBNLOOP_RTYPE_MBO : DBNLOOP_RTYPE_MBP_0;
    memcpy(record + 4, &i, sizeof i);
    CHECK(fwrite(record, size, 1, f) == 1);
  }
  CHECK(fclose(f) == 0);
}

/* Reads the file, at most `most` records of a batch. Returns the number of batches that
 * had no runs. */
static int read_all(dbnloop_reactor* reactor, const char* path, uint32_t most) {
  dbnloop_error error;
  dbnloop_file* file = NULL;
  CHECK(dbnloop_file_new(reactor, path, strlen(path), NULL, &file, &error) ==
        DBNLOOP_OK);
  CHECK(dbnloop_file_start(file, &error) == DBNLOOP_OK);
  uint32_t seen = 0;
  int mixed = 0;
  for (int complete = 0; !complete;) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    CHECK(dbnloop_reactor_poll(reactor, 1000, &events, &count, &error) == DBNLOOP_OK);
    for (size_t i = 0; i < count; ++i) {
      dbnloop_event* e = &events[i];
      CHECK(e->kind != DBNLOOP_EVENT_ERROR);
      if (e->kind == DBNLOOP_EVENT_COMPLETE) complete = 1;
      if (e->kind != DBNLOOP_EVENT_RECORDS) continue;
      dbnloop_records_event* batch = &e->records;
      CHECK((batch->runs == NULL) == (batch->run_count == 0));
      CHECK((batch->runs == NULL) == (batch->mixed != NULL));
      const dbnloop_record_header* record = NULL;
      size_t used = 0;
      uint32_t n = 0;
      for (; n < most; ++n) {
        record = batch->mixed ? dbnloop_next_mixed(e) : dbnloop_next_record(e, record);
        if (record == NULL) break;
        CHECK(record->instrument_id == seen);
        CHECK(record->rtype ==
              (seen % 2 == 0 ? DBNLOOP_RTYPE_MBO : DBNLOOP_RTYPE_MBP_0));
        used += (size_t)record->length * 4;
        seen++;
      }
      CHECK(n > 0);
      if (batch->mixed != NULL) {
        mixed++;
        CHECK(batch->consumed == used);
        for (size_t left = 0; left < 60;
             ++left) { /* a record that is cut off is not used */
          dbnloop_event cut = *e;
          dbnloop_mixed copy = *batch->mixed;
          uint32_t counts[256] = {0};
          copy.counts = counts;
          cut.records.mixed = &copy;
          cut.records.consumed = 0;
          cut.records.size = left;
          const size_t first = (size_t)((const unsigned char*)batch->data)[0] * 4;
          CHECK((dbnloop_next_mixed(&cut) != NULL) == (left >= first));
        }
      } else {
        CHECK(dbnloop_next_mixed(e) == NULL);
      }
      /* What is not between two records is refused, and acknowledges nothing. */
      static const size_t wrong[] = {1, 8, 55, 57, 100};
      for (size_t k = 0; k < sizeof wrong / sizeof *wrong; ++k) {
        batch->consumed = wrong[k];
        if (batch->size <= 104) continue;
        CHECK(dbnloop_reactor_poll(reactor, 0, &events, &count, &error) ==
              DBNLOOP_INVALID_ARGUMENT);
      }
      batch->consumed = batch->size + 8;
      CHECK(dbnloop_reactor_poll(reactor, 0, &events, &count, &error) ==
            DBNLOOP_INVALID_ARGUMENT);
      batch->consumed = used;
    }
  }
  CHECK(seen == kRecords);
  dbnloop_stats stats = {.struct_size = sizeof stats};
  CHECK(dbnloop_file_stats(file, &stats, &error) == DBNLOOP_OK);
  CHECK(stats.records[DBNLOOP_RTYPE_MBO] == kRecords / 2);
  CHECK(stats.records[DBNLOOP_RTYPE_MBP_0] == kRecords / 2);
  CHECK(stats.bytes == kRecords / 2 * (56 + 48));
  dbnloop_file_free(file);
  return mixed;
}

int main(void) {
  char folder[] = "/tmp/dbnloop-capi-XXXXXX";
  CHECK(mkdtemp(folder) != NULL);
  char path[64];
  snprintf(path, sizeof path, "%s/f.dbn", folder);
  write_file(path);

  dbnloop_error error;
  dbnloop_reactor* reactor = NULL;
  CHECK(dbnloop_reactor_new(&reactor, &error) == DBNLOOP_OK);
  dbnloop_reactor_accept_mixed(NULL, 1);
  CHECK(read_all(reactor, path, kRecords) == 0);
  CHECK(read_all(reactor, path, 7) == 0);
  dbnloop_reactor_accept_mixed(reactor, 1);
  CHECK(read_all(reactor, path, kRecords) > 0);
  CHECK(read_all(reactor, path, 7) > 100);
  CHECK(read_all(reactor, path, 1) > 1000);
  dbnloop_reactor_accept_mixed(reactor, 0);
  CHECK(read_all(reactor, path, kRecords) == 0);
  dbnloop_reactor_free(reactor);
  CHECK(unlink(path) == 0 && rmdir(folder) == 0);
  return 0;
}
