/* dbnloop_file.h: DBN files, plain or zstd, as a source of records.
 *
 * Include dbnloop.h, whose first comment describes the conventions. */
#ifndef DBNLOOP_H
#error "include dbnloop.h"
#endif
#ifndef DBNLOOP_FILE_H
#define DBNLOOP_FILE_H

#ifdef __cplusplus
extern "C" {
#endif

/* A source that reads a DBN file. */
typedef struct dbnloop_file dbnloop_file;

typedef struct dbnloop_file_options {
  size_t struct_size;
  int32_t upgrade_policy; /* dbnloop_upgrade_policy; default DBNLOOP_UPGRADE_TO_V3 */
  /* 1 to 3: the file is a fragment (records without a header) of that DBN version;
   * default 0: it is not a fragment. 3 is refused together with
   * DBNLOOP_UPGRADE_TO_V2. */
  int32_t fragment_version;
  int32_t fragment_ts_out; /* 1 if the fragment's records carry a ts_out; default 0 */
  int32_t use_mmap; /* 1: read through a mapping, only for files that are not truncated
                       while in use; default 0 */
  uint64_t buffer_size;  /* bytes; default 1048576 */
  uint64_t max_metadata; /* bytes; default 268435456 */
} dbnloop_file_options;

/* Fills in the size and the defaults. */
void dbnloop_file_options_init(dbnloop_file_options* options);

/* Creates a source for a DBN file, plain or zstd; the path "-" is standard input.
 * options may be NULL (defaults). INVALID_ARGUMENT if an option is out of its range. */
dbnloop_status dbnloop_file_new(dbnloop_reactor* reactor, const char* path,
                                size_t path_len, const dbnloop_file_options* options,
                                dbnloop_file** out, dbnloop_error* error);
/* Ends the stream without an event and frees the handle. */
void dbnloop_file_free(dbnloop_file* file);
/* Returns the id that event.source contains; never 0, never reused within a reactor. */
uint64_t dbnloop_file_id(const dbnloop_file* file);
/* Opens the file and begins to read. The stream ends with one COMPLETE or ERROR event;
 * start may then be called again to read from the beginning. SYSTEM if the file cannot
 * be opened; INVALID_STATE while it is being read. */
dbnloop_status dbnloop_file_start(dbnloop_file* file, dbnloop_error* error);
/* Stops the stream: no further RECORDS events follow, and it ends with an ERROR event
 * whose code is CANCELLED. */
dbnloop_status dbnloop_file_stop(dbnloop_file* file, dbnloop_error* error);
/* Pause and resume the stream as dbnloop_live_pause and dbnloop_live_resume do. */
void dbnloop_file_pause(dbnloop_file* file);
void dbnloop_file_resume(dbnloop_file* file);
/* Returns 1 between pause and resume. */
int dbnloop_file_is_paused(const dbnloop_file* file);
/* Returns the number of bytes read from the file. */
uint64_t dbnloop_file_read_bytes(const dbnloop_file* file);
/* Returns the size of the file in bytes when it was opened; DBNLOOP_UNSET if it is not
 * a regular file. */
int64_t dbnloop_file_total_bytes(const dbnloop_file* file);
/* Reads the statistics of the stream as dbnloop_live_stats does. */
dbnloop_status dbnloop_file_stats(const dbnloop_file* file, dbnloop_stats* out,
                                  dbnloop_error* error);

#ifdef __cplusplus
}
#endif

#endif /* DBNLOOP_FILE_H */
