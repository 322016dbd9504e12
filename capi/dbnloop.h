/*
 * dbnloop.h: the flat C API (C11). Poll-style: dbnloop_reactor_poll runs epoll in C++
 * and hands out events; nothing calls back into the caller, ever.
 *
 * Conventions
 *  - Every symbol begins with dbnloop_ (macros and constants: DBNLOOP_).
 *  - Handles are opaque; X_new makes one, X_free ends it; X_free(NULL) does nothing.
 *  - What can fail returns dbnloop_status (0: ok) and fills the caller's error struct,
 *    its last argument, which may be NULL. Out-parameters are written on success only.
 *    Beside the statuses that a function names any may give INVALID_ARGUMENT,
 *    INVALID_STATE (its reactor was freed), SYSTEM and OUT_OF_MEMORY.
 *  - NULL for any other pointer is INVALID_ARGUMENT, never a crash. A function without
 *    a status then does nothing and returns 0, unless it says otherwise; so it does
 *    when the client's reactor was freed.
 *  - Structs that go in begin with struct_size; X_init fills in size and defaults. A
 *    smaller one (an older caller) is accepted, missing fields take their default; in a
 *    larger one (a newer caller) the fields that this library does not know must be 0.
 *    Where a has_x says whether x is set, an x other than 0 without it is refused.
 *  - `const` handles are not changed. Strings go in as pointer and length (not
 *    NUL-terminated) and are copied; strings that come out say how long they live.
 *  - One thread at a time uses a reactor and its clients; only dbnloop_reactor_wake may
 *    be called from others, while the reactor lives.
 *  - After fork() everything stays the parent's. The child may close and free what it
 *    inherited, which ends nothing of the parent's; any other call is INVALID_STATE
 *    there, or does nothing.
 *  - No C++ exception crosses this border.
 */
#ifndef DBNLOOP_H
#define DBNLOOP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ---- */

#define DBNLOOP_VERSION_MAJOR 0
#define DBNLOOP_VERSION_MINOR 1
#define DBNLOOP_VERSION_PATCH 0
/* Changes whenever a struct or a function's meaning changes. */
#define DBNLOOP_ABI_VERSION 4

/* The ABI version of the library that is linked; compare with DBNLOOP_ABI_VERSION. */
uint32_t dbnloop_abi_version(void);
/* "0.1.0"; static storage. */
const char* dbnloop_version(void);

/* ---- Errors ---- */

/* Values equal dbnloop::ErrorCode. */
typedef enum dbnloop_status {
  DBNLOOP_OK = 0,
  DBNLOOP_CONNECTION_FAILED = 1,
  DBNLOOP_CONNECTION_CLOSED = 2,
  DBNLOOP_DNS_RESOLUTION_FAILED = 3,
  DBNLOOP_AUTH_FAILED = 4,
  DBNLOOP_INVALID_API_KEY = 5,
  DBNLOOP_INVALID_GREETING = 6,
  DBNLOOP_INVALID_CHALLENGE = 7,
  DBNLOOP_PARSE_ERROR = 8,
  DBNLOOP_INVALID_DATASET = 9,
  DBNLOOP_INVALID_SYMBOL = 10,
  DBNLOOP_INVALID_SCHEMA = 11,
  DBNLOOP_TLS_HANDSHAKE_FAILED = 12,
  DBNLOOP_CERTIFICATE_ERROR = 13,
  DBNLOOP_HTTP_ERROR = 14,
  DBNLOOP_DECOMPRESSION_ERROR = 15,
  DBNLOOP_TIMEOUT = 16,
  DBNLOOP_HEARTBEAT_TIMEOUT = 17,
  DBNLOOP_GATEWAY_ERROR = 18,
  DBNLOOP_INVALID_ARGUMENT = 19,
  DBNLOOP_INVALID_STATE = 20,
  DBNLOOP_CANCELLED = 21,
  DBNLOOP_LIMIT_EXCEEDED = 22,
  DBNLOOP_SYSTEM = 23,
  DBNLOOP_OUT_OF_MEMORY = 24,
  DBNLOOP_HANDLER_FAILED = 25,
  /* A file or a historical stream ended inside its metadata, a record or a zstd frame;
   * everything before that was delivered. */
  DBNLOOP_TRUNCATED = 26,
  /* The size or the SHA-256 of a downloaded file is not the one that was asked for. */
  DBNLOOP_CHECKSUM_MISMATCH = 27
} dbnloop_status;

#define DBNLOOP_ERROR_MESSAGE_SIZE 1024

/* Caller-owned; the message is NUL-terminated, cut at a UTF-8 boundary when too long.
 */
typedef struct dbnloop_error {
  uint32_t code;    /* dbnloop_status */
  int32_t os_errno; /* errno of the failing system call, or 0 */
  char message[DBNLOOP_ERROR_MESSAGE_SIZE];
} dbnloop_error;

/* The code's name, e.g. "AuthFailed"; static storage; "Unknown" for other values. */
const char* dbnloop_status_name(uint32_t code);

/* ---- Events ---- */

typedef enum dbnloop_event_kind {
  DBNLOOP_EVENT_RECORDS = 1, /* data, size, runs, run_count, flags, consumed */
  /* data, size: a DBN header as bytes, upgraded. Comes before the first record, and
   * again before the records of each further DBN stream that follows in the same input
   * (of the same dataset, schema, version and ts_out). */
  DBNLOOP_EVENT_METADATA = 2,
  DBNLOOP_EVENT_STATE = 3, /* code: dbnloop_live_state */
  DBNLOOP_EVENT_ERROR =
      4, /* code, os_errno, data + size: message (not NUL-terminated) */
  DBNLOOP_EVENT_TIMER = 5, /* source: the timer's id */
  DBNLOOP_EVENT_FD = 6,    /* source: userdata of reactor_add; code: epoll's events */
  DBNLOOP_EVENT_COMPLETE = 7, /* every record of the range was delivered */
  DBNLOOP_EVENT_WARNING = 8,  /* data + size: the server's words (UTF-8) */
  /* Of calls and downloads; source: their id. code 0: it is done, data + size are the
   * response's body, or the file's SHA-256 in hexadecimal digits with the file's size
   * in consumed. Else as ERROR. */
  DBNLOOP_EVENT_RESPONSE = 9,
  /* Of downloads; source: their id; size: bytes in the file; consumed: bytes that it
   * will have, 0 when that is not known. The last of a poll stands for all of it. */
  DBNLOOP_EVENT_PROGRESS = 10,
  DBNLOOP_EVENT_SESSION = 11 /* session, data + size: the gateway's words (UTF-8) */
} dbnloop_event_kind;

/* "not asked for", "not said" in signed fields */
#define DBNLOOP_UNSET (-1)

/* What the historical API said of a request that it refused. */
typedef struct dbnloop_http_failure {
  int32_t status;         /* of HTTP, e.g. 422 */
  int64_t retry_after_s;  /* DBNLOOP_UNSET: not said */
  const char* error_case; /* machine-readable name; these texts may be empty */
  size_t error_case_len;
  const char* message;
  size_t message_len;
  const char* docs; /* a link */
  size_t docs_len;
  const char* request_id; /* for Databento's support */
  size_t request_id_len;
  /* where the dataset's data begins and ends, ISO 8601 in UTC */
  const char* available_start;
  size_t available_start_len;
  const char* available_end;
  size_t available_end_len;
  const char* payload; /* all details, a JSON object */
  size_t payload_len;
} dbnloop_http_failure;

/* What a live gateway tells about the session, or fails to tell in time. */
typedef enum dbnloop_session_event_kind {
  DBNLOOP_SUBSCRIPTION_ACK = 1,     /* the gateway accepted a subscription */
  DBNLOOP_SUBSCRIPTION_OVERDUE = 2, /* no answer within ack_timeout_ms */
  DBNLOOP_GATEWAY_ERROR_RECORD = 3, /* an error that is none of the following */
  DBNLOOP_SYMBOL_UNRESOLVED = 4,    /* a symbol stands for nothing */
  DBNLOOP_SLOW_READER = 5,          /* this reader falls behind; nothing is lost yet */
  DBNLOOP_RECORDS_SKIPPED = 6,      /* it was too slow: the data has a gap */
  DBNLOOP_REPLAY_COMPLETED = 7,     /* a schema's replay has caught up */
  DBNLOOP_END_OF_INTERVAL = 8,      /* every bar of an interval was sent */
  DBNLOOP_NOTICE = 9                /* another system message */
} dbnloop_session_event_kind;

typedef struct dbnloop_session_event {
  uint32_t kind;            /* dbnloop_session_event_kind */
  uint32_t error_code;      /* DBN's ErrorCode; 255: none */
  uint32_t subscription_id; /* 0: the message does not name it */
  int32_t schema;           /* DBN schema number; DBNLOOP_UNSET: none is named */
  int32_t fatal;            /* 1: the gateway closes the session after it */
  uint64_t ts_event; /* UNIX nanoseconds, of the record; UINT64_MAX: there is none */
} dbnloop_session_event;

/* Records carry an 8-byte ts_out at their end. */
#define DBNLOOP_FLAG_TS_OUT 1u

/* A run: count consecutive records of the same rtype and size. */
typedef struct dbnloop_run {
  uint32_t count;
  uint16_t record_size; /* bytes, ts_out included */
  uint8_t rtype;
  uint8_t typed; /* 1: safe to read as the current version's struct of this rtype */
} dbnloop_run;

/* What happened. Pointers are borrowed until the next dbnloop_reactor_poll of the same
 * reactor, or until the client is freed. */
typedef struct dbnloop_event {
  uint32_t kind;
  uint32_t flags;
  uint64_t source; /* the client's id (dbnloop_live_id), or see kind */
  uint32_t code;
  int32_t os_errno;
  const void* data;
  size_t size;
  const dbnloop_run* runs;
  size_t run_count;
  /* RECORDS only, written by the caller before the next poll: how many bytes of data
   * were used, 0 to size, at a record's border (the next poll refuses another count and
   * takes in nothing). It is `size` when handed out, so a caller that uses everything
   * need not touch it. What is not used is offered again: in the next poll, or after
   * dbnloop_live_resume when the client was paused. A caller that pauses or stops a
   * client sets the consumed of its event further back in the array to 0. */
  size_t consumed;
  const dbnloop_http_failure* http; /* ERROR and RESPONSE, when an HTTP status is the
                                       reason; else NULL */
  const dbnloop_session_event* session; /* SESSION only; else NULL. The event comes in
                                           the poll that takes its record in */
} dbnloop_event;

/* ---- Reactor ---- */

typedef struct dbnloop_reactor dbnloop_reactor;

dbnloop_status dbnloop_reactor_new(dbnloop_reactor** out, dbnloop_error* error);
/* Frees its clients' connections too; the client handles must still be freed, before or
 * after. */
void dbnloop_reactor_free(dbnloop_reactor* reactor);

/* One bounded turn. First takes in `consumed` of the events handed out by the last poll
 * (they stay in the reactor's own array, so the caller writes to events[i].consumed).
 * Then waits at most timeout_ms (-1: no limit), not at all when something is pending.
 * *events points to the reactor's array, *count long, valid until the next poll. */
dbnloop_status dbnloop_reactor_poll(dbnloop_reactor* reactor, int32_t timeout_ms,
                                    dbnloop_event** events, size_t* count,
                                    dbnloop_error* error);

/* Makes a waiting or the next poll return at once. Thread-safe, async-signal-safe. */
void dbnloop_reactor_wake(dbnloop_reactor* reactor);

/* The epoll fd: readable when poll has something to do. Owned by the reactor. -1 with
 * errno set when the timerfd that it needs cannot be had: ask for it before a request
 * that is billed is started. */
int dbnloop_reactor_fd(dbnloop_reactor* reactor);
/* 1 when poll may have an event without waiting (records of the last poll were not
 * taken in yet, a state changed by a call): ask before waiting on dbnloop_reactor_fd
 * elsewhere, and poll first. */
int dbnloop_reactor_pending(const dbnloop_reactor* reactor);

/* Watches an fd of the caller's, level-triggered, for EPOLLIN and so on; userdata comes
 * back as event.source. ERR and HUP come in any case. SYSTEM when epoll refuses it,
 * INVALID_ARGUMENT when it is watched already. The array of the last poll may hold an
 * event of an fd that was removed or modified since: give each add its own userdata
 * when fd numbers are used again. */
dbnloop_status dbnloop_reactor_add(dbnloop_reactor* reactor, int fd, uint32_t events,
                                   uint64_t userdata, dbnloop_error* error);
/* Changes the events. INVALID_ARGUMENT when the fd is not watched. */
dbnloop_status dbnloop_reactor_modify(dbnloop_reactor* reactor, int fd, uint32_t events,
                                      dbnloop_error* error);
/* Before close(fd). An fd that is not watched is ignored. */
dbnloop_status dbnloop_reactor_remove(dbnloop_reactor* reactor, int fd,
                                      dbnloop_error* error);
/* A timer after delay_ns; period_ns > 0 repeats it from then on. Up to 10 years. Ids
 * are never 0 and not used again. */
dbnloop_status dbnloop_reactor_timer(dbnloop_reactor* reactor, uint64_t delay_ns,
                                     uint64_t period_ns, uint64_t* id,
                                     dbnloop_error* error);
/* 1: cancelled, no further event of it than those handed out; 0: had run or is unknown.
 */
int dbnloop_reactor_cancel(dbnloop_reactor* reactor, uint64_t id);

/* ---- Statistics ---- */

#define DBNLOOP_LATENCY_BUCKETS 64

/* What a client did since its stream began. Bucket 0 of a latency counts what took no
 * time or less (two clocks disagree), bucket n what took 2^(n-1) to 2^n - 1 ns; a value
 * is taken of the last record of each batch. */
typedef struct dbnloop_stats {
  size_t struct_size;    /* in: of the caller's struct */
  uint64_t bytes_read;   /* as they came: compressed; without TLS and HTTP */
  uint64_t reads;        /* pieces that they came in */
  uint64_t bytes;        /* of records that were taken, upgraded, with ts_out */
  uint64_t batches;      /* that they were handed out in */
  uint64_t polls;        /* turns of the reactor meanwhile */
  uint64_t pauses;       /* calls of pause that took effect */
  uint64_t paused_ns;    /* all of them together, this one included */
  uint64_t buffered;     /* bytes held now, not yet handed out */
  uint64_t silence_ns;   /* since the last byte came; 0 before the first */
  uint64_t records[256]; /* taken, by rtype */
  /* live with ts_out: this machine's clock less ts_out, ts_out less ts_recv */
  uint64_t gateway_to_client[DBNLOOP_LATENCY_BUCKETS];
  uint64_t venue_to_gateway[DBNLOOP_LATENCY_BUCKETS];
} dbnloop_stats;

/* Of any kind of client, by its id. Set out->struct_size first; as much is written.
 * INVALID_ARGUMENT when no client of the reactor has that id. */
dbnloop_status dbnloop_source_stats(const dbnloop_reactor* reactor, uint64_t source,
                                    dbnloop_stats* out, dbnloop_error* error);

/* ---- Live client ---- */

typedef struct dbnloop_live dbnloop_live;

typedef enum dbnloop_live_state {
  DBNLOOP_LIVE_DISCONNECTED = 0,
  DBNLOOP_LIVE_CONNECTING = 1,
  DBNLOOP_LIVE_AUTHENTICATING = 2,
  DBNLOOP_LIVE_READY = 3,
  DBNLOOP_LIVE_STREAMING = 4
} dbnloop_live_state;

typedef struct dbnloop_live_options {
  size_t struct_size;
  const char* dataset; /* may be NULL: the first subscription fixes it */
  size_t dataset_len;
  const char* user_agent_extension; /* may be NULL */
  size_t user_agent_extension_len;
  int32_t ts_out;               /* 0 or 1; default 0 */
  int32_t heartbeat_interval_s; /* 5 to 1800; default DBNLOOP_UNSET */
  int32_t heartbeat_grace_ms;   /* default 5000 */
  /* 0 warn, 1 skip; default DBNLOOP_UNSET: the gateway skips records of mbp-1, mbp-10,
   * cmbp-1, bbo-1s, bbo-1m, cbbo-1s and cbbo-1m, and warns for all other schemas. A
   * program that records must ask for 0, or its data may have holes. */
  int32_t slow_reader_behavior;
  int32_t compression;        /* 0 none, 1 zstd; default 0 */
  int32_t upgrade_policy;     /* 1 as is, 2 to v2, 3 to v3; default 3 */
  int32_t connect_timeout_ms; /* 0: none; default 10000 */
  int32_t auth_timeout_ms;    /* 0: none; default 30000 */
  uint64_t buffer_size;       /* bytes; default 262144 */
  uint64_t max_metadata;      /* bytes; default 268435456 */
  int32_t ack_timeout_ms; /* of a subscription in a started session; 0: none; default
                             10000 */
  int32_t resolve_timeout_ms; /* of connect_timeout_ms; 0: none; default 5000 */
  const char* name_servers;   /* "192.0.2.1:53,…"; NULL: those of /etc/resolv.conf */
  size_t name_servers_len;
} dbnloop_live_options;

void dbnloop_live_options_init(dbnloop_live_options* options);

typedef struct dbnloop_subscription {
  size_t struct_size;
  const char* dataset; /* may be NULL: the session's */
  size_t dataset_len;
  const char* symbols; /* comma-separated */
  size_t symbols_len;
  uint32_t schema;   /* DBN schema number */
  uint32_t stype_in; /* DBN stype number; default raw_symbol (1) */
  int32_t snapshot;  /* 0 or 1 */
  int32_t has_start; /* 1: start is set */
  uint64_t start;    /* UNIX nanoseconds, inclusive */
} dbnloop_subscription;

void dbnloop_subscription_init(dbnloop_subscription* subscription);

/* options may be NULL (defaults). A client whose reactor was freed can only be freed.
 */
dbnloop_status dbnloop_live_new(dbnloop_reactor* reactor, const char* api_key,
                                size_t api_key_len, const dbnloop_live_options* options,
                                dbnloop_live** out, dbnloop_error* error);
/* Closes and frees; pointers of its events are invalid from here on. */
void dbnloop_live_free(dbnloop_live* client);

/* What event.source says; never 0, not reused within a reactor. */
uint64_t dbnloop_live_id(const dbnloop_live* client);

/* Begins to connect; STATE events tell how far it has come, an ERROR event why it ends.
 * gateway_len 0: derived from the dataset, as soon as that is known. port 0: 13000.
 * INVALID_STATE unless disconnected; the present session is not touched:
 * dbnloop_live_close ends it at once. */
dbnloop_status dbnloop_live_connect(dbnloop_live* client, const char* gateway,
                                    size_t gateway_len, int32_t port,
                                    dbnloop_error* error);
/* At any time, also before connect. id, counted from 1, may be NULL. INVALID_DATASET,
 * INVALID_SYMBOL, INVALID_SCHEMA as they say; INVALID_STATE while it is being stopped.
 * What the gateway answers comes as SESSION events. */
dbnloop_status dbnloop_live_subscribe(dbnloop_live* client,
                                      const dbnloop_subscription* subscription,
                                      uint32_t* id, dbnloop_error* error);
/* Asks for the stream to begin, now or when ready. INVALID_STATE the second time in a
 * session. */
dbnloop_status dbnloop_live_start(dbnloop_live* client, dbnloop_error* error);
/* Ends the session politely: what the gateway had sent before it noticed still comes
 * (for 5 s at most), then an ERROR event with CANCELLED. With a batch of the last poll
 * in hand, or before the stream, it ends at once: no record after this. */
dbnloop_status dbnloop_live_stop(dbnloop_live* client, dbnloop_error* error);
/* Ends the session at once; no event comes after it. The client stays: connect begins
 * another session. */
void dbnloop_live_close(dbnloop_live* client);
/* No RECORDS event in the polls from here on, nothing more is read, memory is bounded,
 * nothing is lost; of events in hand see dbnloop_event.consumed. Files and historical
 * clients: the same. */
void dbnloop_live_pause(dbnloop_live* client);
/* Goes on in the next poll, with what is buffered first. */
void dbnloop_live_resume(dbnloop_live* client);
/* 1 from pause to resume. */
int dbnloop_live_is_paused(const dbnloop_live* client);
/* A dbnloop_live_state. */
uint32_t dbnloop_live_get_state(const dbnloop_live* client);
/* The gateway's id of this session, or of the one that ended last: it is kept, also
 * when the ERROR event comes, until the next connect. 0 before authentication, and when
 * it is not a number up to 2^64 - 1; then the text has it. */
uint64_t dbnloop_live_session_id(const dbnloop_live* client);
/* The same as the gateway wrote it (UTF-8, without control characters, NUL-terminated);
 * "" before authentication. Valid until the next connect, or until the client is freed.
 */
const char* dbnloop_live_session_id_text(const dbnloop_live* client);

/* ---- Historical client ---- */

typedef struct dbnloop_hist dbnloop_hist;

typedef struct dbnloop_hist_options {
  size_t struct_size;
  const char* url; /* NULL: https://hist.databento.com */
  size_t url_len;
  const char* ca_file; /* PEM; this and ca_dir NULL: the system's authorities */
  size_t ca_file_len;
  const char* ca_dir;
  size_t ca_dir_len;
  const char* proxy; /* http://[user:password@]host:port; NULL: as the environment says,
                        but never for this machine itself; given with length 0: none */
  size_t proxy_len;
  const char* user_agent_extension; /* may be NULL */
  size_t user_agent_extension_len;
  int32_t upgrade_policy;      /* 1 as is, 2 to v2, 3 to v3; default 3 */
  int32_t max_retries;         /* of what is safe to repeat; default 0 */
  int32_t connect_timeout_ms;  /* 0: none; default 10000 */
  int32_t tls_timeout_ms;      /* 0: none; default 10000 */
  int32_t response_timeout_ms; /* request to head; 0: none; default 100000 */
  int32_t idle_timeout_ms;    /* between two bytes of a body; 0: none; default 100000 */
  uint64_t buffer_size;       /* bytes; default 262144 */
  uint64_t max_metadata;      /* bytes; default 268435456 */
  int32_t resolve_timeout_ms; /* of connect_timeout_ms; 0: none; default 5000 */
  const char* name_servers;   /* "192.0.2.1:53,…"; NULL: those of /etc/resolv.conf */
  size_t name_servers_len;
} dbnloop_hist_options;

void dbnloop_hist_options_init(dbnloop_hist_options* options);

/* A range of records: timeseries.get_range of the API. */
typedef struct dbnloop_range {
  size_t struct_size;
  const char* dataset;
  size_t dataset_len;
  const char* symbols; /* comma-separated, 2,000 at most, or ALL_SYMBOLS */
  size_t symbols_len;
  uint32_t schema;    /* DBN schema number */
  uint32_t stype_in;  /* DBN stype number; default raw_symbol (1) */
  uint32_t stype_out; /* DBN stype number; default instrument_id (0) */
  int32_t has_end;    /* 1: end is set; a range needs one; default 0 */
  uint64_t start;     /* UNIX nanoseconds, inclusive */
  uint64_t end;       /* UNIX nanoseconds, exclusive */
  uint64_t limit;     /* records; 0: none */
} dbnloop_range;

void dbnloop_range_init(dbnloop_range* range);
/* Sets start and end (and has_end) to the day in UTC that holds a time, in UNIX
 * nanoseconds. */
dbnloop_status dbnloop_range_day(dbnloop_range* range, uint64_t time,
                                 dbnloop_error* error);

/* options may be NULL (defaults). A client whose reactor was freed can only be freed.
 */
dbnloop_status dbnloop_hist_new(dbnloop_reactor* reactor, const char* api_key,
                                size_t api_key_len, const dbnloop_hist_options* options,
                                dbnloop_hist** out, dbnloop_error* error);
/* Ends its stream, calls and downloads without a word, and frees. */
void dbnloop_hist_free(dbnloop_hist* client);
/* What event.source says; never 0, not reused within a reactor. */
uint64_t dbnloop_hist_id(const dbnloop_hist* client);

/* Says what start asks for. INVALID_ARGUMENT when the range has no end, or one that is
 * not after its start. */
dbnloop_status dbnloop_hist_request(dbnloop_hist* client, const dbnloop_range* range,
                                    dbnloop_error* error);
/* Sends the request, once: it may cost money. The stream ends with one COMPLETE or
 * ERROR event. */
dbnloop_status dbnloop_hist_start(dbnloop_hist* client, dbnloop_error* error);
/* No record after this; an ERROR event with CANCELLED comes. */
dbnloop_status dbnloop_hist_stop(dbnloop_hist* client, dbnloop_error* error);
void dbnloop_hist_pause(dbnloop_hist* client);
void dbnloop_hist_resume(dbnloop_hist* client);
int dbnloop_hist_is_paused(const dbnloop_hist* client);
/* 1 from start to the end of the stream. */
int dbnloop_hist_is_streaming(const dbnloop_hist* client);
/* Compressed bytes of this or the last stream. */
uint64_t dbnloop_hist_received(const dbnloop_hist* client);

typedef enum dbnloop_call_kind {
  DBNLOOP_CALL_GET = 0,        /* parameters go into the query */
  DBNLOOP_CALL_POST_READS = 1, /* may be sent again, see max_retries */
  DBNLOOP_CALL_POST_BILLS =
      2 /* is sent again only after 429, or 503 with Retry-After */
} dbnloop_call_kind;

/* Calls an endpoint like "metadata.list_datasets". params is
 * application/x-www-form-urlencoded. One RESPONSE event comes, with the id as source.
 */
dbnloop_status dbnloop_hist_call(dbnloop_hist* client, uint32_t kind,
                                 const char* endpoint, size_t endpoint_len,
                                 const char* params, size_t params_len, uint64_t* id,
                                 dbnloop_error* error);

/* What to write to a file. */
typedef struct dbnloop_download {
  size_t struct_size;
  const char* url_path; /* of a job's file, "/v0/…"; NULL: range */
  size_t url_path_len;
  const dbnloop_range* range; /* NULL with url_path */
  const char* path;           /* of the file; "path.part" while it comes */
  size_t path_len;
  const char* sha256; /* what it must have; may be NULL */
  size_t sha256_len;
  int32_t overwrite; /* default 0: an existing file is refused */
  int32_t resume;    /* url_path only; default 1: goes on with "path.part" */
  int32_t has_size;  /* 1: size is set; default 0 */
  uint64_t size;     /* bytes that it must have */
  /* The file's name until it is complete. NULL: "path.part"; for a range the first of
   * that, "path.part.2", "path.part.3"… that no file has. A range refuses one that
   * holds data. With path itself, and overwrite, the file has its name from the
   * beginning. */
  const char* part;
  size_t part_len;
} dbnloop_download;

void dbnloop_download_init(dbnloop_download* download);

/* PROGRESS events, then one RESPONSE event come, with the id as source. When it fails
 * or is cancelled, the part stays. The next try resumes that of a job's file. That of a
 * range was paid for: it is never written over, and the next try takes another name;
 * the error's message gives the name of what is kept, unless `part` gave it. A file
 * that takes the name `path` in the meantime is not replaced without overwrite: the
 * complete data then keeps the part's name, which the message gives. */
dbnloop_status dbnloop_hist_download(dbnloop_hist* client,
                                     const dbnloop_download* download, uint64_t* id,
                                     dbnloop_error* error);
/* Ends a call or a download without a further event; 0: it is unknown, or has ended. */
int dbnloop_hist_cancel(dbnloop_hist* client, uint64_t id);

/* ---- File ---- */

typedef struct dbnloop_file dbnloop_file;

typedef struct dbnloop_file_options {
  size_t struct_size;
  int32_t upgrade_policy; /* 1 as is, 2 to v2, 3 to v3; default 3 */
  /* 1 to 3: the file is a fragment (records without a header) of that DBN version;
   * default 0: it is not. 3 does not go with upgrade_policy 2 */
  int32_t fragment_version;
  int32_t fragment_ts_out; /* 1: the fragment's records carry a ts_out; default 0 */
  int32_t use_mmap;        /* 1: only for files that nobody makes shorter; default 0 */
  uint64_t buffer_size;    /* bytes; default 262144 */
  uint64_t max_metadata;   /* bytes; default 268435456 */
} dbnloop_file_options;

void dbnloop_file_options_init(dbnloop_file_options* options);

/* A DBN file, plain or zstd, or with the path "-" standard input. options may be NULL
 * (defaults). */
dbnloop_status dbnloop_file_new(dbnloop_reactor* reactor, const char* path,
                                size_t path_len, const dbnloop_file_options* options,
                                dbnloop_file** out, dbnloop_error* error);
void dbnloop_file_free(dbnloop_file* file);
/* What event.source says; never 0, not reused within a reactor. */
uint64_t dbnloop_file_id(const dbnloop_file* file);
/* Opens the file. It ends with one COMPLETE or ERROR event; then start reads it again.
 */
dbnloop_status dbnloop_file_start(dbnloop_file* file, dbnloop_error* error);
/* No record after this; an ERROR event with CANCELLED comes. */
dbnloop_status dbnloop_file_stop(dbnloop_file* file, dbnloop_error* error);
void dbnloop_file_pause(dbnloop_file* file);
void dbnloop_file_resume(dbnloop_file* file);
int dbnloop_file_is_paused(const dbnloop_file* file);
/* Bytes of the file that were read. */
uint64_t dbnloop_file_read_bytes(const dbnloop_file* file);
/* Bytes that it had at start; DBNLOOP_UNSET for what is no regular file. */
int64_t dbnloop_file_total_bytes(const dbnloop_file* file);

#ifdef __cplusplus
}
#endif

#endif /* DBNLOOP_H */
