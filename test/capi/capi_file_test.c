/* A file read in C: partial use, pause and resume, completion, a fault; and misuse of
 * the functions for files. */
#define _GNU_SOURCE
#include <dbnloop.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

enum { kRecords = 1000, kRecordSize = 56 };

/* A version-3 header of 128 bytes, then mbo records that count in their sequence. */
static void write_file(const char* path, size_t cut) {
  unsigned char m[128] = {0};
  memcpy(m, "DBN\x03", 4);
  m[4] = 120;
  memcpy(m + 8, "GLBX.MDP3", 9);
  memset(m + 34, 0xFF, 8);
  m[50] = 0xFF;
  m[53] = 71;
  FILE* f = fopen(path, "wb");
  CHECK(f != NULL);
  CHECK(fwrite(m, sizeof m, 1, f) == 1);
  for (uint32_t i = 0; i < kRecords; ++i) {
    unsigned char record[kRecordSize] = {kRecordSize / 4, 0xA0};
    memcpy(record + 52, &i, sizeof i);
    CHECK(fwrite(record, sizeof record, 1, f) == 1);
  }
  CHECK(fclose(f) == 0);
  if (cut != 0)
    CHECK(truncate(path, (off_t)(sizeof m + kRecords * kRecordSize - cut)) == 0);
}

typedef struct outcome {
  uint32_t records;
  int metadata, complete, error;
} outcome;

/* Takes at most three records of a batch, and pauses now and then. */
static outcome read_all(dbnloop_reactor* reactor, dbnloop_file* file) {
  outcome seen = {0, 0, 0, 0};
  dbnloop_error error;
  while (!seen.complete && !seen.error) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    if (dbnloop_file_is_paused(file)) dbnloop_file_resume(file);
    CHECK(dbnloop_reactor_poll(reactor, 1000, &events, &count, &error) == DBNLOOP_OK);
    for (size_t i = 0; i < count; ++i) {
      dbnloop_event* e = &events[i];
      CHECK(e->source == dbnloop_file_id(file));
      if (e->kind == DBNLOOP_EVENT_METADATA) seen.metadata++;
      if (e->kind == DBNLOOP_EVENT_COMPLETE) seen.complete++;
      if (e->kind == DBNLOOP_EVENT_ERROR) seen.error = (int)e->error.code;
      if (e->kind != DBNLOOP_EVENT_RECORDS) continue;
      CHECK(!seen.complete);
      size_t take = e->records.size / kRecordSize;
      if (seen.records < 300 && take > 3) take = 3;
      for (size_t n = 0; n < take; ++n) {
        uint32_t sequence;
        memcpy(&sequence, (const char*)e->records.data + n * kRecordSize + 52,
               sizeof sequence);
        CHECK(sequence == seen.records);
        seen.records++;
      }
      e->records.consumed = take * kRecordSize;
      if (seen.records % 2 == 0) dbnloop_file_pause(file);
    }
  }
  return seen;
}

int main(void) {
  char folder[] = "/tmp/dbnloop-capi-XXXXXX";
  CHECK(mkdtemp(folder) != NULL);
  char path[64];
  snprintf(path, sizeof path, "%s/f.dbn", folder);
  write_file(path, 0);

  dbnloop_error error;
  dbnloop_reactor* reactor = NULL;
  CHECK(dbnloop_reactor_new(&reactor, &error) == DBNLOOP_OK);
  dbnloop_file* file = NULL;
  CHECK(dbnloop_file_new(reactor, path, strlen(path), NULL, &file, &error) ==
        DBNLOOP_OK);
  CHECK(dbnloop_file_total_bytes(file) == DBNLOOP_UNSET);
  CHECK(dbnloop_file_start(file, &error) == DBNLOOP_OK);
  CHECK(dbnloop_file_start(file, &error) == DBNLOOP_INVALID_STATE);
  outcome seen = read_all(reactor, file);
  CHECK(seen.records == kRecords && seen.metadata == 1 && seen.complete == 1);
  CHECK(dbnloop_file_read_bytes(file) == 128 + kRecords * kRecordSize);
  CHECK(dbnloop_file_total_bytes(file) == 128 + kRecords * kRecordSize);

  write_file(path, 5);
  CHECK(dbnloop_file_start(file, &error) == DBNLOOP_OK);
  seen = read_all(reactor, file);
  CHECK(seen.records == kRecords - 1 && seen.error == DBNLOOP_TRUNCATED);

  CHECK(dbnloop_file_start(file, &error) == DBNLOOP_OK);
  CHECK(dbnloop_file_stop(file, &error) == DBNLOOP_OK);
  seen = read_all(reactor, file);
  CHECK(seen.records == 0 && seen.error == DBNLOOP_CANCELLED);

  /* Headers that fill the buffer, one after the other in one poll: each event has its
   * own bytes. */
  static unsigned char header[16384];
  write_file(path, kRecords * kRecordSize);
  FILE* f = fopen(path, "rb");
  CHECK(f != NULL && fread(header, 128, 1, f) == 1 && fclose(f) == 0);
  header[4] = (sizeof header - 8) % 256;
  header[5] = (sizeof header - 8) / 256;
  f = fopen(path, "wb");
  CHECK(f != NULL);
  for (unsigned char i = 0; i < 3; ++i) {
    header[42] = i; /* the limit */
    CHECK(fwrite(header, sizeof header, 1, f) == 1);
  }
  CHECK(fclose(f) == 0);
  dbnloop_file_options small;
  dbnloop_file_options_init(&small);
  small.buffer_size = sizeof header;
  dbnloop_file* headers_only = NULL;
  CHECK(dbnloop_file_new(reactor, path, strlen(path), &small, &headers_only, &error) ==
        DBNLOOP_OK);
  CHECK(dbnloop_file_start(headers_only, &error) == DBNLOOP_OK);
  for (int complete = 0, headers = 0; !complete;) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    CHECK(dbnloop_reactor_poll(reactor, 1000, &events, &count, &error) == DBNLOOP_OK);
    for (size_t i = 0; i < count; ++i) {
      CHECK(events[i].kind != DBNLOOP_EVENT_ERROR);
      if (events[i].kind == DBNLOOP_EVENT_METADATA) {
        CHECK(((const unsigned char*)events[i].metadata.data)[42] == headers);
        headers++;
      }
      if (events[i].kind == DBNLOOP_EVENT_COMPLETE) complete = headers;
    }
    CHECK(!complete || complete == 3);
  }
  dbnloop_file_free(headers_only);

  CHECK(unlink(path) == 0);
  CHECK(dbnloop_file_start(file, &error) == DBNLOOP_SYSTEM);
  CHECK(error.os_errno != 0 && strstr(error.message, path) != NULL);
  CHECK(rmdir(folder) == 0);

  dbnloop_file* none = NULL;
  CHECK(dbnloop_file_new(NULL, "x", 1, NULL, &none, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_file_new(reactor, NULL, 1, NULL, &none, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_file_new(reactor, "x", 1, NULL, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  dbnloop_file_options options;
  dbnloop_file_options_init(NULL);
  dbnloop_file_options_init(&options);
  options.fragment_version = 4;
  CHECK(dbnloop_file_new(reactor, "x", 1, &options, &none, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_file_start(NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_file_stop(NULL, NULL) == DBNLOOP_INVALID_ARGUMENT);
  dbnloop_file_pause(NULL);
  dbnloop_file_resume(NULL);
  CHECK(dbnloop_file_is_paused(NULL) == 0 && dbnloop_file_id(NULL) == 0);
  CHECK(dbnloop_file_read_bytes(NULL) == 0);
  CHECK(dbnloop_file_total_bytes(NULL) == DBNLOOP_UNSET);
  dbnloop_reactor_free(reactor);
  CHECK(dbnloop_file_start(file, &error) == DBNLOOP_INVALID_STATE);
  dbnloop_stats stats = {.struct_size = sizeof stats};
  CHECK(dbnloop_file_stats(file, &stats, &error) == DBNLOOP_INVALID_STATE);
  dbnloop_file_free(file);
  dbnloop_file_free(NULL);
  return 0;
}
