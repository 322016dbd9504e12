/* dbnloop_historical.h: ranges, calls and downloads of the historical API.
 *
 * Include dbnloop.h, whose first comment describes the conventions. */
#ifndef DBNLOOP_H
#error "include dbnloop.h"
#endif
#ifndef DBNLOOP_HISTORICAL_H
#define DBNLOOP_HISTORICAL_H

#ifdef __cplusplus
extern "C" {
#endif

/* A client of the historical API: one stream of records at a time, and any number of
 * calls and downloads beside it. */
typedef struct dbnloop_historical dbnloop_historical;

typedef struct dbnloop_historical_options {
  size_t struct_size;
  const char* url; /* NULL: https://hist.databento.com */
  size_t url_len;
  const char* ca_file; /* PEM; if this and ca_dir are NULL: the system's authorities */
  size_t ca_file_len;
  const char* ca_dir;
  size_t ca_dir_len;
  /* "http://[user:password@]host:port". NULL: from the environment, but never for this
   * machine itself; "": no proxy. */
  const char* proxy;
  size_t proxy_len;
  const char* user_agent_extension; /* may be NULL */
  size_t user_agent_extension_len;
  int32_t upgrade_policy; /* dbnloop_upgrade_policy; default DBNLOOP_UPGRADE_TO_V3 */
  int32_t max_retries;    /* retries of idempotent requests; default 0 */
  int32_t connect_timeout_ms;  /* 0: none; default 10000 */
  int32_t tls_timeout_ms;      /* 0: none; default 10000 */
  int32_t response_timeout_ms; /* request to response head; 0: none; default 100000 */
  int32_t idle_timeout_ms;    /* between two bytes of a body; 0: none; default 100000 */
  uint64_t buffer_size;       /* bytes; default 262144 */
  uint64_t max_metadata;      /* bytes; default 268435456 */
  int32_t resolve_timeout_ms; /* name lookup; counts toward connect_timeout_ms; 0: none;
                                 default 5000 */
  const char* name_servers;   /* "192.0.2.1:53,…"; NULL: those of /etc/resolv.conf */
  size_t name_servers_len;
} dbnloop_historical_options;

/* Fills in the size and the defaults. */
void dbnloop_historical_options_init(dbnloop_historical_options* options);

/* A range of records: timeseries.get_range of the API. */
typedef struct dbnloop_range {
  size_t struct_size;
  const char* dataset;
  size_t dataset_len;
  const char* symbols; /* comma-separated, at most 2,000, or DBNLOOP_ALL_SYMBOLS */
  size_t symbols_len;
  uint32_t schema;    /* dbnloop_schema; default DBNLOOP_SCHEMA_TRADES */
  uint32_t stype_in;  /* dbnloop_stype; default DBNLOOP_STYPE_RAW_SYMBOL */
  uint32_t stype_out; /* dbnloop_stype; default DBNLOOP_STYPE_INSTRUMENT_ID */
  int32_t has_end;    /* 1 if end is set, which a range needs; default 0 */
  uint64_t start;     /* UNIX nanoseconds, inclusive */
  uint64_t end;       /* UNIX nanoseconds, exclusive */
  uint64_t limit;     /* number of records; 0: no limit */
} dbnloop_range;

/* Fills in the size and the defaults. */
void dbnloop_range_init(dbnloop_range* range);
/* Sets start, end and has_end to the UTC day that contains a time, given in UNIX
 * nanoseconds. INVALID_ARGUMENT for the last day of all, which has no end in DBN. */
dbnloop_status dbnloop_range_day(dbnloop_range* range, uint64_t time,
                                 dbnloop_error* error);

/* Creates a client. api_key is 32 characters; options may be NULL (defaults). A client
 * whose reactor was freed can only be freed. INVALID_API_KEY if the key is malformed;
 * INVALID_ARGUMENT if an option is out of its range, such as a URL that is not one. */
dbnloop_status dbnloop_historical_new(dbnloop_reactor* reactor, const char* api_key,
                                      size_t api_key_len,
                                      const dbnloop_historical_options* options,
                                      dbnloop_historical** out, dbnloop_error* error);
/* Cancels its stream, calls and downloads without emitting events, then frees the
 * handle. */
void dbnloop_historical_free(dbnloop_historical* client);
/* Returns the id that event.source contains; never 0, never reused within a reactor. */
uint64_t dbnloop_historical_id(const dbnloop_historical* client);

/* Sets the range that start requests. INVALID_DATASET, INVALID_SYMBOL or INVALID_SCHEMA
 * if the respective field is invalid; INVALID_ARGUMENT if it has no end, or one that is
 * not after its start. */
dbnloop_status dbnloop_historical_request(dbnloop_historical* client,
                                          const dbnloop_range* range,
                                          dbnloop_error* error);
/* Sends the request, once, because it may cost money. The stream ends with one COMPLETE
 * or ERROR event. INVALID_STATE without a range, and while a stream is in progress. */
dbnloop_status dbnloop_historical_start(dbnloop_historical* client,
                                        dbnloop_error* error);
/* Stops the stream: no further RECORDS events follow, and it ends with an ERROR event
 * whose code is CANCELLED. */
dbnloop_status dbnloop_historical_stop(dbnloop_historical* client,
                                       dbnloop_error* error);
/* Pause and resume the stream as dbnloop_live_pause and dbnloop_live_resume do. */
void dbnloop_historical_pause(dbnloop_historical* client);
void dbnloop_historical_resume(dbnloop_historical* client);
/* Returns 1 between pause and resume. */
int dbnloop_historical_is_paused(const dbnloop_historical* client);
/* Returns 1 from start until the end of the stream. */
int dbnloop_historical_is_streaming(const dbnloop_historical* client);
/* Returns the compressed bytes received by the present or the last stream. */
uint64_t dbnloop_historical_received(const dbnloop_historical* client);
/* Reads the statistics of the stream as dbnloop_live_stats does. */
dbnloop_status dbnloop_historical_stats(const dbnloop_historical* client,
                                        dbnloop_stats* out, dbnloop_error* error);

/* How a call is sent, and when it may be retried. */
typedef enum dbnloop_call_kind {
  DBNLOOP_CALL_GET = 0,             /* the parameters become the query */
  DBNLOOP_CALL_POST_IDEMPOTENT = 1, /* may be retried, see max_retries */
  /* retried only after 429, or 503 with Retry-After */
  DBNLOOP_CALL_POST_NON_IDEMPOTENT = 2
} dbnloop_call_kind;

/* Calls an endpoint such as "metadata.list_datasets". params may be
 * empty or application/x-www-form-urlencoded. One RESPONSE event follows, with the id
 * as its request. kind: dbnloop_call_kind. */
dbnloop_status dbnloop_historical_call(dbnloop_historical* client, uint32_t kind,
                                       const char* endpoint, size_t endpoint_len,
                                       const char* params, size_t params_len,
                                       uint64_t* id, dbnloop_error* error);

/* A download into a file. */
typedef struct dbnloop_download {
  size_t struct_size;
  const char* url_path; /* of a job's file, "/v0/…"; NULL: download range */
  size_t url_path_len;
  const dbnloop_range* range; /* NULL with url_path */
  const char* path;           /* of the complete file */
  size_t path_len;
  const char* sha256; /* expected hash in hexadecimal digits; may be NULL */
  size_t sha256_len;
  int32_t overwrite; /* default 0: an existing file is refused */
  int32_t resume;    /* url_path only; default 1: resume from "path.part" */
  int32_t has_size;  /* 1 if size is set; default 0 */
  uint64_t size;     /* expected size in bytes */
  /* The file's name until it is complete. By default (NULL) it is "path.part"; for a
   * range it is the first of "path.part", "path.part.2", "path.part.3"… that does not
   * exist. A range refuses a part that holds data. If it equals path, and overwrite is
   * set, the file has its final name from the beginning. */
  const char* part;
  size_t part_len;
} dbnloop_download;

/* Fills in the size and the defaults. */
void dbnloop_download_init(dbnloop_download* download);

/* Starts a download. PROGRESS events and then one RESPONSE event follow, with the id as
 * their request. If the download fails or is cancelled, the part remains. The next
 * attempt resumes the part of a job's file. The part of a range was paid for: it is
 * never overwritten, and the next attempt uses another name. The error message names
 * the part that remains, unless `part` named it. A file that appears at `path` in the
 * meantime is not replaced without overwrite: the complete data then keeps the name of
 * the part, which the message gives. */
dbnloop_status dbnloop_historical_download(dbnloop_historical* client,
                                           const dbnloop_download* download,
                                           uint64_t* id, dbnloop_error* error);
/* Cancels a call or a download without a further event. Returns 1 if it was cancelled,
 * 0 if it has ended or does not exist. */
int dbnloop_historical_cancel(dbnloop_historical* client, uint64_t id);

#ifdef __cplusplus
}
#endif

#endif /* DBNLOOP_HISTORICAL_H */
