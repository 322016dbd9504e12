/*
 * dbnloop.h: the flat C API (C11). It is poll-style: dbnloop_reactor_poll runs epoll in
 * C++ and returns events. The library never calls back into the caller.
 *
 * Conventions
 *  - Every symbol begins with dbnloop_ (macros and constants: DBNLOOP_).
 *  - Handles are opaque. X_new creates one and X_free frees it; X_free(NULL) does
 *    nothing.
 *  - A function that can fail returns dbnloop_status (0 is success) and fills in the
 *    caller's error struct, its last argument, which may be NULL. Out-parameters are
 *    written on success only. In addition to the statuses that a function documents,
 *    every one may return INVALID_ARGUMENT, INVALID_STATE (its reactor was freed),
 *    SYSTEM and OUT_OF_MEMORY.
 *  - NULL for any other pointer is INVALID_ARGUMENT, never a crash. Unless documented
 *    otherwise, a function without a status does nothing and returns 0 when an argument
 *    is NULL or the reactor of its client was freed.
 *  - Input structs begin with struct_size; X_init fills in the size and the defaults. A
 *    smaller struct (of an older caller) is accepted, and its missing fields take their
 *    defaults. In a larger one (of a newer caller) the fields that this library does
 * not know must be 0. Where a field has_x says whether x is set, a non-zero x without
 * it is refused.
 *  - `const` handles are not changed. Input strings are a pointer and a length (not
 *    NUL-terminated) and are copied; each output string documents its lifetime.
 *  - One thread at a time may use a reactor and its clients. Other threads may only
 *    call dbnloop_reactor_wake and dbnloop_X_stats, while what they are given exists.
 *  - After fork() everything belongs to the parent. The child may close and free what
 * it inherited, which does not affect the parent. Any other call in the child returns
 *    INVALID_STATE or does nothing.
 *  - No C++ exception crosses this boundary.
 *
 * The life of a batch
 *  1. dbnloop_reactor_poll returns an array of events. A RECORDS event points to
 * records in the library's memory; nothing was copied.
 *  2. The caller reads them. It may pause, stop and close clients meanwhile. If it does
 *     not use all records, it sets the event's `consumed` to the number of bytes used.
 *  3. The next dbnloop_reactor_poll acknowledges `consumed` bytes and invalidates the
 *     array. Records that were not consumed are returned again.
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
/* Increases whenever a struct or the meaning of a function changes. */
#define DBNLOOP_ABI_VERSION 4

/* The ABI version of the linked library; compare it with DBNLOOP_ABI_VERSION. */
uint32_t dbnloop_abi_version(void);
/* "0.1.0"; static storage. */
const char* dbnloop_version(void);

/* ---- Errors ---- */

/* The values equal those of dbnloop::ErrorCode; error.hpp explains each. */
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
  /* A file or a historical stream ended inside its metadata, a record or a zstd frame.
   * Everything before that point was delivered. */
  DBNLOOP_TRUNCATED = 26,
  /* The size or the SHA-256 of a downloaded file is not the expected one. */
  DBNLOOP_CHECKSUM_MISMATCH = 27
} dbnloop_status;

#define DBNLOOP_ERROR_MESSAGE_SIZE 1024

/* Owned by the caller. The message is NUL-terminated; one that is too long is cut
 * between two UTF-8 characters. */
typedef struct dbnloop_error {
  uint32_t code;    /* dbnloop_status */
  int32_t os_errno; /* errno of the failing system call, or 0 */
  char message[DBNLOOP_ERROR_MESSAGE_SIZE];
} dbnloop_error;

/* The name of a code, e.g. "AuthFailed"; "Unknown" for other values. Static storage. */
const char* dbnloop_status_name(uint32_t code);

/* ---- Events ---- */

typedef enum dbnloop_event_kind {
  DBNLOOP_EVENT_RECORDS = 1, /* data, size, runs, run_count, flags, consumed */
  /* data, size: the bytes of a DBN header, upgraded. It precedes the first record, and
   * the records of each further DBN stream in the same input (which must have the same
   * dataset, schema, version and ts_out). */
  DBNLOOP_EVENT_METADATA = 2,
  DBNLOOP_EVENT_STATE = 3, /* code: dbnloop_live_state */
  DBNLOOP_EVENT_ERROR =
      4, /* code, os_errno; data, size: the message (not NUL-terminated) */
  DBNLOOP_EVENT_TIMER = 5, /* source: the timer's id */
  DBNLOOP_EVENT_FD = 6,    /* source: userdata of reactor_add; code: epoll's events */
  DBNLOOP_EVENT_COMPLETE = 7, /* every record of the range was delivered */
  DBNLOOP_EVENT_WARNING = 8,  /* data, size: the server's text (UTF-8) */
  /* The end of a call or a download, whose id is in source. With code 0 it succeeded:
   * data and size are the response body of a call, or the SHA-256 of a downloaded file
   * in hexadecimal digits, whose size is in consumed. Otherwise the fields are those of
   * ERROR. */
  DBNLOOP_EVENT_RESPONSE = 9,
  /* Progress of a download, whose id is in source. size: bytes in the file; consumed:
   * its expected size in bytes, 0 if that is unknown. Coalesced: at most one event per
   * download and poll. */
  DBNLOOP_EVENT_PROGRESS = 10,
  DBNLOOP_EVENT_SESSION = 11 /* session; data, size: the gateway's text (UTF-8) */
} dbnloop_event_kind;

/* In signed fields: not requested, or not reported. */
#define DBNLOOP_UNSET (-1)

/* The details of a request that the historical API refused. The texts are UTF-8, not
 * NUL-terminated, and may be empty. */
typedef struct dbnloop_http_failure {
  int32_t status; /* HTTP status, e.g. 422 */
  /* 1 if the same request may succeed later: 408, 429, and 5xx except 501 */
  int32_t retryable;
  int64_t retry_after_s;  /* seconds; DBNLOOP_UNSET if the server gave none */
  const char* error_case; /* machine-readable name of the error */
  size_t error_case_len;
  const char* message;
  size_t message_len;
  const char* docs; /* link to the documentation */
  size_t docs_len;
  const char* request_id; /* to quote to Databento's support */
  size_t request_id_len;
  /* start and end of the dataset's data, ISO 8601 in UTC */
  const char* available_start;
  size_t available_start_len;
  const char* available_end;
  size_t available_end_len;
  const char* payload; /* all details as a JSON object */
  size_t payload_len;
} dbnloop_http_failure;

/* What a live gateway reports about the session, or fails to report in time. */
typedef enum dbnloop_session_event_kind {
  DBNLOOP_SUBSCRIPTION_ACK = 1,     /* the gateway accepted a subscription */
  DBNLOOP_SUBSCRIPTION_OVERDUE = 2, /* no answer within ack_timeout_ms */
  DBNLOOP_GATEWAY_ERROR_RECORD = 3, /* an error other than the following ones */
  DBNLOOP_SYMBOL_UNRESOLVED = 4,    /* a symbol did not resolve */
  DBNLOOP_SLOW_READER = 5,          /* this reader falls behind; nothing is lost yet */
  DBNLOOP_RECORDS_SKIPPED = 6,      /* this reader was too slow: the data has a gap */
  DBNLOOP_REPLAY_COMPLETED = 7,     /* a schema's replay has caught up */
  DBNLOOP_END_OF_INTERVAL = 8,      /* every bar of an interval was sent */
  DBNLOOP_NOTICE = 9                /* another system message */
} dbnloop_session_event_kind;

typedef struct dbnloop_session_event {
  uint32_t kind;            /* dbnloop_session_event_kind */
  uint32_t error_code;      /* DBN's ErrorCode; 255 if absent */
  uint32_t subscription_id; /* 0 if the message does not name it */
  int32_t schema;           /* DBN schema number; DBNLOOP_UNSET if none is named */
  int32_t fatal;            /* 1 if the gateway closes the session afterwards */
  uint64_t ts_event;        /* UNIX nanoseconds, of the record; UINT64_MAX if absent */
} dbnloop_session_event;

/* The records end with an 8-byte ts_out. */
#define DBNLOOP_FLAG_TS_OUT 1u

/* A run: count consecutive records of the same rtype and size. */
typedef struct dbnloop_run {
  uint32_t count;
  uint16_t record_size; /* bytes, including ts_out */
  uint8_t rtype;
  uint8_t typed; /* 1 if readable as the current version's struct of this rtype */
} dbnloop_run;

/* An event. Pointers are valid until the next dbnloop_reactor_poll of the same reactor,
 * or until the client is freed. */
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
  /* RECORDS: the number of bytes of data that the caller used, which the caller writes
   * before the next poll. It ranges from 0 to size and must be a record boundary; the
   * next poll refuses any other count and acknowledges nothing. It is initially `size`,
   * so a caller that uses everything need not touch it. Unused records are returned
   * again by the next poll, or after dbnloop_live_resume when the client was paused. A
   * caller that pauses or stops a client sets `consumed` to 0 in that client's later
   * events of the array. */
  size_t consumed;
  const dbnloop_http_failure* http; /* ERROR and RESPONSE: set when an HTTP status is
                                       the reason; otherwise NULL */
  const dbnloop_session_event* session; /* SESSION only; otherwise NULL. The event comes
                                           with the poll that acknowledges its record */
} dbnloop_event;

/* ---- Reactor ---- */

typedef struct dbnloop_reactor dbnloop_reactor;

dbnloop_status dbnloop_reactor_new(dbnloop_reactor** out, dbnloop_error* error);
/* Also closes the connections of its clients. The client handles must still be freed,
 * before or after this call. */
void dbnloop_reactor_free(dbnloop_reactor* reactor);

/* Runs one bounded turn. It first acknowledges the `consumed` bytes of the events that
 * the last poll returned (the caller writes to events[i].consumed, in the reactor's own
 * array). It then waits at most timeout_ms (-1: without limit), or not at all when
 * something is pending. *events points to the reactor's array of *count events, which
 * is valid until the next poll. */
dbnloop_status dbnloop_reactor_poll(dbnloop_reactor* reactor, int32_t timeout_ms,
                                    dbnloop_event** events, size_t* count,
                                    dbnloop_error* error);

/* Makes the present or the next poll return at once. Thread-safe, async-signal-safe. */
void dbnloop_reactor_wake(dbnloop_reactor* reactor);

/* The epoll fd, which is readable when poll has something to do. The reactor owns it.
 * Returns -1 with errno set when the timerfd that it needs cannot be created: call this
 * before starting a request that is billed. */
int dbnloop_reactor_fd(dbnloop_reactor* reactor);
/* Returns 1 if poll may return an event without waiting, because records of the last
 * poll are not acknowledged yet or a call changed a state. Check it before waiting for
 * dbnloop_reactor_fd elsewhere, and poll first if it is set. */
int dbnloop_reactor_pending(const dbnloop_reactor* reactor);

/* Watches an fd of the caller, level-triggered, for EPOLLIN and so on. userdata is
 * returned as event.source. ERR and HUP are always reported. SYSTEM if epoll refuses
 * the fd, INVALID_ARGUMENT if it is already watched. The array of the last poll may
 * hold an event of an fd that has been removed or modified since: when fd numbers are
 * reused, give each add its own userdata. */
dbnloop_status dbnloop_reactor_add(dbnloop_reactor* reactor, int fd, uint32_t events,
                                   uint64_t userdata, dbnloop_error* error);
/* Changes the events. INVALID_ARGUMENT if the fd is not watched. */
dbnloop_status dbnloop_reactor_modify(dbnloop_reactor* reactor, int fd, uint32_t events,
                                      dbnloop_error* error);
/* Stops watching an fd; call it before close(fd). Ignores an fd that is not watched. */
dbnloop_status dbnloop_reactor_remove(dbnloop_reactor* reactor, int fd,
                                      dbnloop_error* error);
/* Starts a timer that fires after delay_ns and, if period_ns > 0, repeatedly from then
 * on. Both are at most 10 years. Ids are never 0 and never reused. */
dbnloop_status dbnloop_reactor_timer(dbnloop_reactor* reactor, uint64_t delay_ns,
                                     uint64_t period_ns, uint64_t* id,
                                     dbnloop_error* error);
/* Returns 1 if the timer was cancelled; events that poll has already returned remain
 * valid. Returns 0 if it has fired or does not exist. */
int dbnloop_reactor_cancel(dbnloop_reactor* reactor, uint64_t id);

/* ---- Statistics ---- */

#define DBNLOOP_LATENCY_BUCKETS 64

/* Counters of a client since its stream began. Latencies are sampled at the last record
 * of each batch. Bucket 0 counts values of zero or less (two clocks disagree), bucket n
 * counts values of 2^(n-1) to 2^n - 1 ns. */
typedef struct dbnloop_stats {
  size_t struct_size;    /* input: size of the caller's struct */
  uint64_t bytes_read;   /* bytes received, compressed, without TLS and HTTP */
  uint64_t reads;        /* reads that received them */
  uint64_t bytes;        /* bytes of consumed records, upgraded, including ts_out */
  uint64_t batches;      /* batches that contained them */
  uint64_t polls;        /* turns of the reactor during that time */
  uint64_t pauses;       /* calls of pause that took effect */
  uint64_t paused_ns;    /* total duration of the pauses, including the present one */
  uint64_t buffered;     /* bytes buffered now and not yet delivered */
  uint64_t silence_ns;   /* time since the last byte arrived; 0 before the first */
  uint64_t records[256]; /* consumed records, by rtype */
  /* live with ts_out: the local clock minus ts_out, and ts_out minus ts_recv */
  uint64_t gateway_to_client[DBNLOOP_LATENCY_BUCKETS];
  uint64_t venue_to_gateway[DBNLOOP_LATENCY_BUCKETS];
} dbnloop_stats;

typedef struct dbnloop_live dbnloop_live;
typedef struct dbnloop_hist dbnloop_hist;
typedef struct dbnloop_file dbnloop_file;

/* The statistics of a client. Set out->struct_size first; that many bytes are written.
 * Thread-safe, also during dbnloop_reactor_poll, as long as no other thread frees the
 * client or its reactor meanwhile. The counters are read one by one, so they may differ
 * by the batch that is being delivered. */
dbnloop_status dbnloop_live_stats(const dbnloop_live* client, dbnloop_stats* out,
                                  dbnloop_error* error);
dbnloop_status dbnloop_hist_stats(const dbnloop_hist* client, dbnloop_stats* out,
                                  dbnloop_error* error);
dbnloop_status dbnloop_file_stats(const dbnloop_file* file, dbnloop_stats* out,
                                  dbnloop_error* error);

/* ---- Live client ---- */

typedef enum dbnloop_live_state {
  DBNLOOP_LIVE_DISCONNECTED = 0,
  DBNLOOP_LIVE_CONNECTING = 1,
  DBNLOOP_LIVE_AUTHENTICATING = 2,
  DBNLOOP_LIVE_READY = 3,
  DBNLOOP_LIVE_STREAMING = 4
} dbnloop_live_state;

typedef struct dbnloop_live_options {
  size_t struct_size;
  const char* dataset; /* may be NULL: the first subscription then sets it */
  size_t dataset_len;
  const char* user_agent_extension; /* may be NULL */
  size_t user_agent_extension_len;
  int32_t ts_out;               /* 0 or 1; default 0 */
  int32_t heartbeat_interval_s; /* 5 to 1800; default DBNLOOP_UNSET */
  int32_t heartbeat_grace_ms;   /* default 5000 */
  /* What the gateway does when this client reads too slowly: 0 warn, 1 skip; default
   * DBNLOOP_UNSET. By default the gateway skips records of mbp-1, mbp-10, cmbp-1,
   * bbo-1s, bbo-1m, cbbo-1s and cbbo-1m, and warns for all other schemas. A program
   * that stores data must ask for 0; otherwise its data may have gaps. */
  int32_t slow_reader_behavior;
  int32_t compression;        /* 0 none, 1 zstd; default 0 */
  int32_t upgrade_policy;     /* 1 as is, 2 to v2, 3 to v3; default 3 */
  int32_t connect_timeout_ms; /* 0: none; default 10000 */
  int32_t auth_timeout_ms;    /* 0: none; default 30000 */
  uint64_t buffer_size;       /* bytes; default 262144 */
  uint64_t max_metadata;      /* bytes; default 268435456 */
  int32_t ack_timeout_ms; /* for the answer to a subscription in a started session; 0:
                             none; default 10000 */
  int32_t resolve_timeout_ms; /* name lookup; counts toward connect_timeout_ms; 0: none;
                                 default 5000 */
  const char* name_servers;   /* "192.0.2.1:53,…"; NULL: those of /etc/resolv.conf */
  size_t name_servers_len;
} dbnloop_live_options;

void dbnloop_live_options_init(dbnloop_live_options* options);

typedef struct dbnloop_subscription {
  size_t struct_size;
  const char* dataset; /* may be NULL: the dataset of the session */
  size_t dataset_len;
  const char* symbols; /* comma-separated */
  size_t symbols_len;
  uint32_t schema;   /* DBN schema number */
  uint32_t stype_in; /* DBN stype number; default raw_symbol (1) */
  int32_t snapshot;  /* 0 or 1 */
  int32_t has_start; /* 1 if start is set: replay from there */
  uint64_t start;    /* UNIX nanoseconds, inclusive */
} dbnloop_subscription;

void dbnloop_subscription_init(dbnloop_subscription* subscription);

/* options may be NULL (defaults). A client whose reactor was freed can only be freed.
 */
dbnloop_status dbnloop_live_new(dbnloop_reactor* reactor, const char* api_key,
                                size_t api_key_len, const dbnloop_live_options* options,
                                dbnloop_live** out, dbnloop_error* error);
/* Closes the session without an event and frees the handle. Pointers of its events
 * become invalid. */
void dbnloop_live_free(dbnloop_live* client);

/* The id that event.source contains; never 0, never reused within a reactor. */
uint64_t dbnloop_live_id(const dbnloop_live* client);

/* Begins to connect. STATE events report the progress, and an ERROR event the reason
 * for the end. If gateway_len is 0, the gateway is derived from the dataset as soon as
 * that is known; port 0 is 13000. INVALID_STATE unless disconnected: the present
 * session is not touched, and dbnloop_live_close ends it at once. */
dbnloop_status dbnloop_live_connect(dbnloop_live* client, const char* gateway,
                                    size_t gateway_len, int32_t port,
                                    dbnloop_error* error);
/* Subscribes, at any time, even before connect. *id receives the subscription's id,
 * counted from 1; id may be NULL. INVALID_DATASET, INVALID_SYMBOL or INVALID_SCHEMA if
 * the respective argument is invalid; INVALID_STATE while the session is being stopped.
 * The gateway's answers arrive as SESSION events. */
dbnloop_status dbnloop_live_subscribe(dbnloop_live* client,
                                      const dbnloop_subscription* subscription,
                                      uint32_t* id, dbnloop_error* error);
/* Asks the gateway to begin the stream, now or once the session is ready. INVALID_STATE
 * when called a second time in a session. */
dbnloop_status dbnloop_live_start(dbnloop_live* client, dbnloop_error* error);
/* Ends the session in order: records that the gateway had sent before it noticed are
 * still delivered, for at most 5 s, and then an ERROR event whose code is CANCELLED. If
 * the last poll returned records of this client, or before the stream begins, the
 * session ends at once, without further records. */
dbnloop_status dbnloop_live_stop(dbnloop_live* client, dbnloop_error* error);
/* Ends the session at once, without a further event. The client can still be used:
 * connect begins another session. */
void dbnloop_live_close(dbnloop_live* client);
/* Stops RECORDS events from the next poll on. Nothing more is read, so memory is
 * bounded, and no record is lost. For events that were already returned see
 * dbnloop_event.consumed. Pausing a file or a historical client has the same meaning.
 */
void dbnloop_live_pause(dbnloop_live* client);
/* Resumes with the next poll; buffered records come first. */
void dbnloop_live_resume(dbnloop_live* client);
/* Returns 1 between pause and resume. */
int dbnloop_live_is_paused(const dbnloop_live* client);
/* Returns a dbnloop_live_state. */
uint32_t dbnloop_live_get_state(const dbnloop_live* client);
/* The gateway's id of this session, or of the one that ended last. It is kept until the
 * next connect, so it is known when the ERROR event arrives. It is 0 before
 * authentication, and when the gateway's id is not a number up to 2^64 - 1; see
 * dbnloop_live_session_id_text. */
uint64_t dbnloop_live_session_id(const dbnloop_live* client);
/* The session id as the gateway wrote it (UTF-8, without control characters,
 * NUL-terminated); "" before authentication. Valid until the next connect, or until the
 * client is freed. */
const char* dbnloop_live_session_id_text(const dbnloop_live* client);

/* ---- Historical client ---- */

typedef struct dbnloop_hist_options {
  size_t struct_size;
  const char* url; /* NULL: https://hist.databento.com */
  size_t url_len;
  const char* ca_file; /* PEM; if this and ca_dir are NULL: the system's authorities */
  size_t ca_file_len;
  const char* ca_dir;
  size_t ca_dir_len;
  /* "http://[user:password@]host:port". NULL: from the environment, but never for this
   * machine itself; non-NULL with length 0: no proxy. */
  const char* proxy;
  size_t proxy_len;
  const char* user_agent_extension; /* may be NULL */
  size_t user_agent_extension_len;
  int32_t upgrade_policy;      /* 1 as is, 2 to v2, 3 to v3; default 3 */
  int32_t max_retries;         /* retries of idempotent requests; default 0 */
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
} dbnloop_hist_options;

void dbnloop_hist_options_init(dbnloop_hist_options* options);

/* A range of records: timeseries.get_range of the API. */
typedef struct dbnloop_range {
  size_t struct_size;
  const char* dataset;
  size_t dataset_len;
  const char* symbols; /* comma-separated, at most 2,000, or ALL_SYMBOLS */
  size_t symbols_len;
  uint32_t schema;    /* DBN schema number */
  uint32_t stype_in;  /* DBN stype number; default raw_symbol (1) */
  uint32_t stype_out; /* DBN stype number; default instrument_id (0) */
  int32_t has_end;    /* 1 if end is set, which a range needs; default 0 */
  uint64_t start;     /* UNIX nanoseconds, inclusive */
  uint64_t end;       /* UNIX nanoseconds, exclusive */
  uint64_t limit;     /* number of records; 0: no limit */
} dbnloop_range;

void dbnloop_range_init(dbnloop_range* range);
/* Sets start, end and has_end to the UTC day that contains a time, given in UNIX
 * nanoseconds. */
dbnloop_status dbnloop_range_day(dbnloop_range* range, uint64_t time,
                                 dbnloop_error* error);

/* options may be NULL (defaults). A client whose reactor was freed can only be freed.
 */
dbnloop_status dbnloop_hist_new(dbnloop_reactor* reactor, const char* api_key,
                                size_t api_key_len, const dbnloop_hist_options* options,
                                dbnloop_hist** out, dbnloop_error* error);
/* Cancels its stream, calls and downloads without emitting events, then frees the
 * handle. */
void dbnloop_hist_free(dbnloop_hist* client);
/* The id that event.source contains; never 0, never reused within a reactor. */
uint64_t dbnloop_hist_id(const dbnloop_hist* client);

/* Sets the range that start requests. INVALID_ARGUMENT if it has no end, or one that is
 * not after its start. */
dbnloop_status dbnloop_hist_request(dbnloop_hist* client, const dbnloop_range* range,
                                    dbnloop_error* error);
/* Sends the request, once, because it may cost money. The stream ends with one COMPLETE
 * or ERROR event. */
dbnloop_status dbnloop_hist_start(dbnloop_hist* client, dbnloop_error* error);
/* No further RECORDS events; the stream ends with an ERROR event whose code is
 * CANCELLED. */
dbnloop_status dbnloop_hist_stop(dbnloop_hist* client, dbnloop_error* error);
void dbnloop_hist_pause(dbnloop_hist* client);
void dbnloop_hist_resume(dbnloop_hist* client);
int dbnloop_hist_is_paused(const dbnloop_hist* client);
/* Returns 1 from start until the end of the stream. */
int dbnloop_hist_is_streaming(const dbnloop_hist* client);
/* Compressed bytes received by the present or the last stream. */
uint64_t dbnloop_hist_received(const dbnloop_hist* client);

typedef enum dbnloop_call_kind {
  DBNLOOP_CALL_GET = 0,        /* the parameters become the query */
  DBNLOOP_CALL_POST_READS = 1, /* may be retried, see max_retries */
  DBNLOOP_CALL_POST_BILLS = 2  /* retried only after 429, or 503 with Retry-After */
} dbnloop_call_kind;

/* Calls an endpoint such as "metadata.list_datasets". params is
 * application/x-www-form-urlencoded. One RESPONSE event follows, with the id as its
 * source. */
dbnloop_status dbnloop_hist_call(dbnloop_hist* client, uint32_t kind,
                                 const char* endpoint, size_t endpoint_len,
                                 const char* params, size_t params_len, uint64_t* id,
                                 dbnloop_error* error);

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

void dbnloop_download_init(dbnloop_download* download);

/* PROGRESS events and then one RESPONSE event follow, with the id as their source. If
 * the download fails or is cancelled, the part remains. The next attempt resumes the
 * part of a job's file. The part of a range was paid for: it is never overwritten, and
 * the next attempt uses another name. The error message names the part that remains,
 * unless `part` named it. A file that appears at `path` in the meantime is not replaced
 * without overwrite: the complete data then keeps the name of the part, which the
 * message gives. */
dbnloop_status dbnloop_hist_download(dbnloop_hist* client,
                                     const dbnloop_download* download, uint64_t* id,
                                     dbnloop_error* error);
/* Cancels a call or a download without a further event. Returns 1 if it was cancelled,
 * 0 if it has ended or does not exist. */
int dbnloop_hist_cancel(dbnloop_hist* client, uint64_t id);

/* ---- File ---- */

typedef struct dbnloop_file_options {
  size_t struct_size;
  int32_t upgrade_policy; /* 1 as is, 2 to v2, 3 to v3; default 3 */
  /* 1 to 3: the file is a fragment (records without a header) of that DBN version;
   * default 0: it is not a fragment. 3 is refused together with upgrade_policy 2. */
  int32_t fragment_version;
  int32_t fragment_ts_out; /* 1 if the fragment's records carry a ts_out; default 0 */
  int32_t use_mmap; /* 1: read through a mapping, only for files that are not truncated
                       while in use; default 0 */
  uint64_t buffer_size;  /* bytes; default 262144 */
  uint64_t max_metadata; /* bytes; default 268435456 */
} dbnloop_file_options;

void dbnloop_file_options_init(dbnloop_file_options* options);

/* Creates a source for a DBN file, plain or zstd; the path "-" is standard input.
 * options may be NULL (defaults). */
dbnloop_status dbnloop_file_new(dbnloop_reactor* reactor, const char* path,
                                size_t path_len, const dbnloop_file_options* options,
                                dbnloop_file** out, dbnloop_error* error);
void dbnloop_file_free(dbnloop_file* file);
/* The id that event.source contains; never 0, never reused within a reactor. */
uint64_t dbnloop_file_id(const dbnloop_file* file);
/* Opens the file and begins to read. The stream ends with one COMPLETE or ERROR event;
 * start may then be called again to read from the beginning. */
dbnloop_status dbnloop_file_start(dbnloop_file* file, dbnloop_error* error);
/* No further RECORDS events; the stream ends with an ERROR event whose code is
 * CANCELLED. */
dbnloop_status dbnloop_file_stop(dbnloop_file* file, dbnloop_error* error);
void dbnloop_file_pause(dbnloop_file* file);
void dbnloop_file_resume(dbnloop_file* file);
int dbnloop_file_is_paused(const dbnloop_file* file);
/* The number of bytes read from the file. */
uint64_t dbnloop_file_read_bytes(const dbnloop_file* file);
/* The size of the file in bytes when it was opened; DBNLOOP_UNSET if it is not a
 * regular file. */
int64_t dbnloop_file_total_bytes(const dbnloop_file* file);

#ifdef __cplusplus
}
#endif

#endif /* DBNLOOP_H */
