/*
 * dbnloop.h: the flat C API (C11; C++ from C++11 on). It is poll-style:
 * dbnloop_reactor_poll runs epoll in the library and returns events. The library never
 * calls back into the caller.
 *
 * This header holds the errors, the events and the reactor, and includes the others:
 *   dbnloop_status.h      the codes of errors
 *   dbnloop_records.h     the structs of the records, and a name for every number
 *   dbnloop_publishers.h  the ids of publishers, datasets and venues
 *   dbnloop_data.h        metadata, symbol maps, prices, times and enums as text
 *   dbnloop_live.h        the live client
 *   dbnloop_historical.h  the historical client
 *   dbnloop_continuous.h  one stream across broken sessions, from history into live
 *   dbnloop_file.h        DBN files
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
 *    not know must be 0. Where a field has_x says whether x is set, a non-zero x
 *    without it is refused.
 *  - Input strings are a pointer and a length, and are copied. The length
 *    DBNLOOP_STRLEN stands for strlen; X_init sets every length to it.
 *  - Output strings are UTF-8 and end with a NUL, which their length does not count.
 *    Each documents its lifetime.
 *  - Numbers that have a name are uint32_t in functions and events; their comments name
 *    the enum, such as dbnloop_schema. Other values than its constants may occur.
 *  - `const` handles are not changed.
 *  - One thread at a time may use a reactor and its clients. Other threads may only
 *    call dbnloop_reactor_wake and dbnloop_X_stats, while what they are given exists.
 *  - After fork() everything belongs to the parent. The child may close and free what
 *    it inherited, which does not affect the parent. Any other call in the child
 *    returns INVALID_STATE or does nothing.
 *  - No C++ exception crosses this boundary.
 *
 * The life of a batch
 *  1. dbnloop_reactor_poll returns an array of events. A RECORDS event points to
 *     records in the library's memory; nothing was copied.
 *  2. The caller reads them. It may pause, stop and close clients meanwhile. If it does
 *     not use all records, it sets `records.consumed` to the number of bytes used.
 *  3. The next dbnloop_reactor_poll acknowledges `consumed` bytes and invalidates the
 *     array. Records that were not consumed are returned again.
 *
 *   dbnloop_event* events;
 *   size_t count;
 *   int ended = 0;
 *   while (!ended && dbnloop_reactor_poll(reactor, -1, &events, &count, &error) == 0) {
 *     for (dbnloop_event* e = events; e < events + count; ++e) {
 *       const dbnloop_record_header* record = NULL;
 *       while ((record = dbnloop_next_record(e, record)) != NULL) {
 *         const dbnloop_trade_msg* trade = dbnloop_trade_msg_if(record);
 *         if (trade != NULL) use(trade->price, trade->size);
 *       }
 *       if (e->kind == DBNLOOP_EVENT_COMPLETE) ended = 1;
 *       if (e->kind == DBNLOOP_EVENT_ERROR) ended = report(e->error.message);
 *     }
 *   }
 */
#ifndef DBNLOOP_H
#define DBNLOOP_H

#include <stddef.h>
#include <stdint.h>

#include "dbnloop_publishers.h"
#include "dbnloop_records.h"
#include "dbnloop_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ---- */

#define DBNLOOP_VERSION_MAJOR 0
#define DBNLOOP_VERSION_MINOR 1
#define DBNLOOP_VERSION_PATCH 0
/* Increases whenever a struct or the meaning of a function changes. */
#define DBNLOOP_ABI_VERSION 6

/* Returns the ABI version of the linked library; compare it with DBNLOOP_ABI_VERSION.
 */
uint32_t dbnloop_abi_version(void);
/* Returns the version of the linked library, such as "0.1.0"; static storage. */
const char* dbnloop_version(void);

/* The length of an input string that ends with a NUL. */
#define DBNLOOP_STRLEN SIZE_MAX

/* ---- Errors ---- */

#define DBNLOOP_ERROR_MESSAGE_SIZE 1024

/* Owned by the caller. The message is NUL-terminated; one that is too long is cut
 * between two UTF-8 characters. */
typedef struct dbnloop_error {
  uint32_t code;    /* dbnloop_status */
  int32_t os_errno; /* errno of the failing system call, or 0 */
  char message[DBNLOOP_ERROR_MESSAGE_SIZE];
} dbnloop_error;

/* Returns the name of a dbnloop_status, such as "AuthFailed"; "Unknown" for other
 * values. Static storage. */
const char* dbnloop_status_name(uint32_t code);

/* ---- Events ---- */

/* The kind of an event, which selects the member of its union. */
typedef enum dbnloop_event_kind {
  DBNLOOP_EVENT_RECORDS = 1,  /* records: a batch of records */
  DBNLOOP_EVENT_METADATA = 2, /* metadata: the header of a DBN stream */
  DBNLOOP_EVENT_STATE = 3,    /* state: a live or continuous client changed its state */
  DBNLOOP_EVENT_ERROR = 4,    /* error: the stream or the session ended, and why */
  DBNLOOP_EVENT_TIMER = 5,    /* timer: a timer fired */
  DBNLOOP_EVENT_FD = 6,       /* fd: an fd of the caller is ready */
  DBNLOOP_EVENT_COMPLETE = 7, /* no member: every record of the range was delivered */
  DBNLOOP_EVENT_WARNING = 8,  /* warning: the historical API sent a warning */
  DBNLOOP_EVENT_RESPONSE = 9, /* response: a call or a download ended */
  DBNLOOP_EVENT_PROGRESS = 10,  /* progress: a download has received more */
  DBNLOOP_EVENT_SESSION = 11,   /* session: a live gateway reported something */
  DBNLOOP_EVENT_CONTINUITY = 12 /* continuity: of a continuous client's stream */
} dbnloop_event_kind;

/* In signed fields: not requested, or not reported. */
#define DBNLOOP_UNSET (-1)

/* A run: count consecutive records of the same rtype and size. */
typedef struct dbnloop_run {
  uint32_t count;
  uint16_t record_size; /* bytes, including ts_out */
  uint8_t rtype;        /* dbnloop_rtype */
  uint8_t typed; /* 1 if readable as the struct of this rtype in dbnloop_records.h */
} dbnloop_run;

/* What a reader of mixed records works with; see dbnloop_next_mixed. */
typedef struct dbnloop_mixed {
  const uint16_t* heads; /* by rtype: length and rtype of a plain record, or 0 */
  uint32_t* counts;      /* by rtype: how many records were used */
  size_t last;           /* where the last one that was used begins, in bytes */
} dbnloop_mixed;

typedef struct dbnloop_records_event {
  const void* data;        /* records, one after the other; see dbnloop_next_record */
  size_t size;             /* bytes */
  const dbnloop_run* runs; /* the same records; their sizes add up to size */
  size_t run_count;        /* 0 for mixed records; see dbnloop_reactor_accept_mixed */
  /* The number of bytes of data that the caller used, which the caller writes before
   * the next poll. It ranges from 0 to size and must be a record boundary; the next
   * poll refuses any other count and acknowledges nothing. It is initially `size`, so a
   * caller that uses everything need not touch it. Unused records are returned again by
   * the next poll, or after resume when the client was paused. A caller that pauses or
   * stops a client sets `consumed` to 0 in that client's later RECORDS events of the
   * array. */
  size_t consumed;
  int32_t ts_out;       /* 1 if each record ends with an 8-byte ts_out, otherwise 0 */
  dbnloop_mixed* mixed; /* NULL unless mixed records are accepted; see below */
} dbnloop_records_event;

/* It precedes the first record, and the records of each further DBN stream in the same
 * input (which must have the same dataset, schema, version and ts_out). Decode it with
 * dbnloop_metadata_new or make a symbol map of it; see dbnloop_data.h. */
typedef struct dbnloop_metadata_event {
  const void* data; /* the DBN header, upgraded */
  size_t size;      /* bytes; 0 if the header holds text that DBN cannot represent */
  int32_t ts_out;   /* 1 if each record will end with an 8-byte ts_out, otherwise 0 */
} dbnloop_metadata_event;

typedef struct dbnloop_state_event {
  uint32_t state; /* dbnloop_live_state; of a continuous client
                     dbnloop_continuous_state */
} dbnloop_state_event;

/* The details of a request that the historical API refused. Texts may be empty. */
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

/* No further event of the stream follows. */
typedef struct dbnloop_error_event {
  uint32_t code;       /* dbnloop_status */
  int32_t os_errno;    /* errno of the failing system call, or 0 */
  const char* message; /* what failed, on what, and what to do */
  size_t message_len;
  const dbnloop_http_failure* http; /* NULL unless an HTTP status is the reason */
} dbnloop_error_event;

typedef struct dbnloop_timer_event {
  uint64_t id; /* from dbnloop_reactor_timer */
} dbnloop_timer_event;

typedef struct dbnloop_fd_event {
  uint64_t userdata; /* of dbnloop_reactor_add */
  uint32_t ready;    /* epoll's events: EPOLLIN and so on */
} dbnloop_fd_event;

typedef struct dbnloop_warning_event {
  const char* text; /* from the server */
  size_t text_len;
} dbnloop_warning_event;

/* The end of a call or a download. error.code 0 means success; otherwise only request
 * and error are set. */
typedef struct dbnloop_response_event {
  uint64_t request; /* the id from dbnloop_historical_call or _download */
  dbnloop_error_event error;
  const char* body; /* of a call: the response body; of a download: NULL */
  size_t body_len;
  const char* sha256; /* of a download: of the file, hexadecimal; of a call: NULL */
  uint64_t file_size; /* of a download: bytes; of a call: 0 */
} dbnloop_response_event;

/* Coalesced: at most one event per download and poll. */
typedef struct dbnloop_progress_event {
  uint64_t request; /* the id from dbnloop_historical_download */
  uint64_t bytes;   /* in the file so far */
  uint64_t total;   /* expected size of the file in bytes; 0 if unknown */
} dbnloop_progress_event;

/* What a live gateway reports about the session, or fails to report in time. */
typedef enum dbnloop_session_event_kind {
  DBNLOOP_SESSION_SUBSCRIPTION_ACK = 1,     /* the gateway accepted a subscription */
  DBNLOOP_SESSION_SUBSCRIPTION_OVERDUE = 2, /* no answer within ack_timeout_ms */
  DBNLOOP_SESSION_GATEWAY_ERROR = 3,        /* an error other than the following ones */
  DBNLOOP_SESSION_SYMBOL_UNRESOLVED = 4,    /* a symbol did not resolve */
  DBNLOOP_SESSION_SLOW_READER = 5, /* this reader falls behind; nothing is lost yet */
  DBNLOOP_SESSION_RECORDS_SKIPPED = 6,  /* this reader was too slow: data has a gap */
  DBNLOOP_SESSION_REPLAY_COMPLETED = 7, /* a schema's replay has caught up */
  DBNLOOP_SESSION_END_OF_INTERVAL = 8,  /* every bar of an interval was sent */
  DBNLOOP_SESSION_NOTICE = 9,           /* another system message */
  DBNLOOP_SESSION_UNSUBSCRIBE_ACK = 10, /* the gateway accepted an unsubscription */
  DBNLOOP_SESSION_UNSUBSCRIBE_OVERDUE = 11 /* none was answered within ack_timeout_ms */
} dbnloop_session_event_kind;

/* It comes with the poll that acknowledges the record which contains it. */
typedef struct dbnloop_session_event {
  uint32_t kind;            /* dbnloop_session_event_kind */
  uint32_t error_code;      /* dbnloop_gateway_error_code */
  uint32_t subscription_id; /* 0 if the message does not name it */
  int32_t schema;           /* dbnloop_schema; DBNLOOP_UNSET if none is named;
                               UNSUBSCRIBE_OVERDUE: the unsubscription's */
  int32_t fatal;            /* 1 if the gateway closes the session afterwards */
  uint64_t ts_event;   /* UNIX ns, of the record; of the two overdue kinds: undefined */
  const char* message; /* the gateway's, without control characters; of the two
                          overdue kinds: the library's */
  size_t message_len;
} dbnloop_session_event;

/* What happened to the continuity of a continuous client's stream. */
typedef enum dbnloop_continuity_kind {
  /* The session broke for `error`. Attempt `attempt` begins after `delay_ms`. */
  DBNLOOP_CONTINUITY_RECONNECTING = 1,
  /* The stream of `schema` was completed from `from` to `to`, with `replayed` records,
   * of which `dropped` had been handed out before. */
  DBNLOOP_CONTINUITY_RECOVERED = 2,
  /* Everything that was to be replayed has come: what follows is live. */
  DBNLOOP_CONTINUITY_CAUGHT_UP = 3,
  /* Records of `schema` from `from` to `to` may be missing; `gap` says why. */
  DBNLOOP_CONTINUITY_GAP = 4,
  /* The historical range that is about to be requested costs `cost`. Nothing was
   * bought yet. If that exceeds what max_cost allows, nothing will be. */
  DBNLOOP_CONTINUITY_PRICE = 5
} dbnloop_continuity_kind;

/* Why records may be missing. */
typedef enum dbnloop_gap_reason {
  DBNLOOP_GAP_NONE = 0, /* the event is not a gap */
  /* The replay, or history, lacked records that had been handed out before the break,
   * so it may lack others too. */
  DBNLOOP_GAP_CONTRADICTION = 1,
  DBNLOOP_GAP_AGED_OUT = 2, /* the gateway no longer retains these records */
  /* History has the records, but max_cost does not allow buying them. */
  DBNLOOP_GAP_PRICE = 3,
  DBNLOOP_GAP_POLICY = 4,    /* the subscription's policy is not to recover them */
  DBNLOOP_GAP_NO_HISTORY = 5 /* history does not have the records (yet) */
} dbnloop_gap_reason;

/* Fields that do not belong to the kind are 0. */
typedef struct dbnloop_continuity_event {
  uint32_t kind;     /* dbnloop_continuity_kind */
  uint32_t gap;      /* dbnloop_gap_reason */
  uint32_t attempt;  /* from 1; counts since the last progress */
  int32_t schema;    /* dbnloop_schema; DBNLOOP_UNSET: none, or several */
  uint64_t delay_ms; /* until the attempt begins */
  /* UNIX ns, inclusive, by the clock of replays: ts_event, of BBO and CBBO schemas
   * ts_recv; 0: not known */
  uint64_t from;
  uint64_t to;
  uint64_t replayed; /* records that the replay brought */
  uint64_t dropped;  /* of them those that had been handed out before */
  double cost;       /* US dollars */
  /* Why the session ended; for GAP perhaps the gateway's words. NULL: no reason. */
  const dbnloop_error_event* error;
} dbnloop_continuity_event;

/* An event. Its pointers are valid until the next dbnloop_reactor_poll of the same
 * reactor, or until the client is freed. */
typedef struct dbnloop_event {
  uint32_t kind;   /* dbnloop_event_kind */
  uint64_t source; /* the id of the client, such as dbnloop_live_id; TIMER, FD: 0 */
  union {
    dbnloop_records_event records;
    dbnloop_metadata_event metadata;
    dbnloop_state_event state;
    dbnloop_error_event error;
    dbnloop_timer_event timer;
    dbnloop_fd_event fd;
    dbnloop_warning_event warning;
    dbnloop_response_event response;
    dbnloop_progress_event progress;
    dbnloop_session_event session;
    dbnloop_continuity_event continuity;
  };
} dbnloop_event;

/* Returns the record after `record` in a RECORDS event, the first one for NULL, and
 * NULL after the last one. Returns NULL for other events. */
static inline const dbnloop_record_header* dbnloop_next_record(
    const dbnloop_event* event, const dbnloop_record_header* record) {
  if (event == NULL || event->kind != DBNLOOP_EVENT_RECORDS) return NULL;
  const char* const begin = (const char*)event->records.data;
  const char* const next =
      record == NULL ? begin : (const char*)record + dbnloop_record_size(record);
  return next == begin + event->records.size ? NULL
                                             : (const dbnloop_record_header*)next;
}

/* Returns the next record of a RECORDS event whose `mixed` is not NULL, and uses it:
 * `consumed`, which is 0 at first, then counts it. Such an event has no runs, and its
 * bytes were not checked: this function checks each record. Returns NULL when the rest
 * is left for the next poll, and for other events. The record can be read as the struct
 * of its rtype, which ts_out follows if the stream has it. */
static inline const dbnloop_record_header* dbnloop_next_mixed(dbnloop_event* event) {
  if (event == NULL || event->kind != DBNLOOP_EVENT_RECORDS) return NULL;
  dbnloop_records_event* const batch = &event->records;
  if (batch->mixed == NULL) return NULL;
  const dbnloop_record_header* const record =
      (const dbnloop_record_header*)((const char*)batch->data + batch->consumed);
  const size_t left = batch->size - batch->consumed;
  if (left < sizeof(*record) || dbnloop_record_size(record) > left ||
      batch->mixed->heads[record->rtype] !=
          (uint16_t)(record->length | record->rtype << 8)) {
    return NULL;
  }
  batch->mixed->counts[record->rtype]++;
  batch->mixed->last = batch->consumed;
  batch->consumed += dbnloop_record_size(record);
  return record;
}

/* Return the name of a dbnloop_live_state, a dbnloop_continuous_state, a
 * dbnloop_session_event_kind, a dbnloop_continuity_kind, a dbnloop_gap_reason or a
 * dbnloop_recovery_policy, such as "Streaming" and "SlowReader"; "Unknown" for other
 * values. Static storage. */
const char* dbnloop_live_state_name(uint32_t state);
const char* dbnloop_continuous_state_name(uint32_t state);
const char* dbnloop_session_event_name(uint32_t kind);
const char* dbnloop_continuity_name(uint32_t kind);
const char* dbnloop_gap_reason_name(uint32_t reason);
const char* dbnloop_recovery_policy_name(uint32_t policy);

/* ---- Reactor ---- */

/* An event loop, with its clients, timers and fds. */
typedef struct dbnloop_reactor dbnloop_reactor;

typedef struct dbnloop_reactor_options {
  size_t struct_size;
  /* How long poll asks again and again whether something is ready before it waits, in
   * microseconds, 0 to 1000000; default 0. It then sees an event some microseconds
   * sooner, and keeps a processor busy meanwhile. */
  int32_t spin_us;
} dbnloop_reactor_options;

/* Fills in the size and the defaults. */
void dbnloop_reactor_options_init(dbnloop_reactor_options* options);

/* Creates a reactor. SYSTEM if its file descriptors cannot be created. */
dbnloop_status dbnloop_reactor_new(dbnloop_reactor** out, dbnloop_error* error);
/* The same, with options, which may be NULL (defaults). INVALID_ARGUMENT if an option
 * is out of its range. */
dbnloop_status dbnloop_reactor_new_with(const dbnloop_reactor_options* options,
                                        dbnloop_reactor** out, dbnloop_error* error);
/* Frees the reactor and closes the connections of its clients. The client handles must
 * still be freed, before or after this call. */
void dbnloop_reactor_free(dbnloop_reactor* reactor);

/* Runs one bounded turn. It first acknowledges the `consumed` bytes of the events that
 * the last poll returned (the caller writes to events[i].records.consumed, in the
 * reactor's own array). It then waits at most timeout_ms (-1: without limit), or not at
 * all when something is pending. It may return earlier and without an event: *count 0
 * does not mean that the time is over. *events points to the reactor's array of *count
 * events, which is valid until the next poll. Once a turn has gathered 1 MiB of
 * records, or 64 events, the other clients wait for the next turns, in which they come
 * first. INVALID_ARGUMENT, and nothing is acknowledged, if a `consumed` is not a record
 * boundary. */
dbnloop_status dbnloop_reactor_poll(dbnloop_reactor* reactor, int32_t timeout_ms,
                                    dbnloop_event** events, size_t* count,
                                    dbnloop_error* error);

/* Whether the records of clients that are created from now on may come without runs
 * (accept 1). Where records of many types alternate, runs are short, and a table of
 * them costs more than it saves. RECORDS events of such records have `mixed` set, runs
 * NULL and run_count 0: read them with dbnloop_next_mixed. By default (0) every event
 * has runs. */
void dbnloop_reactor_accept_mixed(dbnloop_reactor* reactor, int accept);

/* Makes the present or the next poll return at once. Thread-safe, async-signal-safe. */
void dbnloop_reactor_wake(dbnloop_reactor* reactor);

/* Returns the epoll fd, which is readable when poll has something to do. The reactor
 * owns it. Returns -1 with errno set when the timerfd that it needs cannot be created:
 * call this before starting a request that is billed. */
int dbnloop_reactor_fd(dbnloop_reactor* reactor);
/* Returns 1 if poll may return an event without waiting, because records of the last
 * poll are not acknowledged yet or a call changed a state. Check it before waiting for
 * dbnloop_reactor_fd elsewhere, and poll first if it is set. */
int dbnloop_reactor_pending(const dbnloop_reactor* reactor);

/* Watches an fd of the caller, level-triggered, for EPOLLIN and so on. userdata is
 * returned in fd.userdata. ERR and HUP are always reported. SYSTEM if epoll refuses
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
 * on. A time of more than 10 years counts as 10 years; INVALID_ARGUMENT above 2^62 ns.
 * Ids are never 0 and never reused. */
dbnloop_status dbnloop_reactor_timer(dbnloop_reactor* reactor, uint64_t delay_ns,
                                     uint64_t period_ns, uint64_t* id,
                                     dbnloop_error* error);
/* Returns 1 if the timer was cancelled; events that poll has already returned remain
 * valid. Returns 0 if it has fired or does not exist. */
int dbnloop_reactor_cancel(dbnloop_reactor* reactor, uint64_t id);

/* ---- Statistics ---- */

#define DBNLOOP_LATENCY_BUCKETS 64

/* Counters of a client since its stream began, which dbnloop_live_stats,
 * dbnloop_historical_stats, dbnloop_continuous_stats and dbnloop_file_stats read.
 * Latencies are sampled at the last record of each batch. Bucket 0 counts values of
 * zero or less (two clocks disagree), bucket n counts values of 2^(n-1) to 2^n - 1 ns.
 */
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
  uint64_t records[256]; /* consumed records, by dbnloop_rtype */
  /* live with ts_out: the local clock minus ts_out, and ts_out minus ts_recv */
  uint64_t gateway_to_client[DBNLOOP_LATENCY_BUCKETS];
  uint64_t venue_to_gateway[DBNLOOP_LATENCY_BUCKETS];
} dbnloop_stats;

#ifdef __cplusplus
}
#endif

#include "dbnloop_data.h"
#include "dbnloop_file.h"
#include "dbnloop_historical.h"
#include "dbnloop_live.h"

/* It names structs of the two above. */
#include "dbnloop_continuous.h"

#endif /* DBNLOOP_H */
