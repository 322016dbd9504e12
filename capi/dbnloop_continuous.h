/* dbnloop_continuous.h: one stream across broken sessions, from history into live.
 *
 * Include dbnloop.h, whose first comment describes the conventions. */
#ifndef DBNLOOP_H
#error "include dbnloop.h"
#endif
#ifndef DBNLOOP_CONTINUOUS_H
#define DBNLOOP_CONTINUOUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* One stream without a gap: every record from a given time on, once and in order,
 * across broken sessions, from history through intraday replay into live.
 *
 * After start the client connects, subscribes, and recovers by itself whatever a broken
 * session made it miss. CONTINUITY events say what happened; what could not be
 * recovered is a GAP. One ERROR event ends the stream: after stop, for an error that no
 * retry can repair (the key is refused, the dataset is unknown, every subscription is
 * refused), or when a limit of the options is reached. STATE events hold a
 * dbnloop_continuous_state, and SESSION events come from every session.
 *
 * Order holds per schema and instrument. A replay precedes the live records of its
 * schema. System and error records of every session are delivered. Symbol mappings that
 * a new session repeats are not, and neither is its metadata unless it differs. */
typedef struct dbnloop_continuous dbnloop_continuous;

/* What the client is doing. */
typedef enum dbnloop_continuous_state {
  DBNLOOP_CONTINUOUS_STOPPED = 0,
  DBNLOOP_CONTINUOUS_WAITING = 1,    /* for the next attempt */
  DBNLOOP_CONTINUOUS_CONNECTING = 2, /* to the gateway */
  DBNLOOP_CONTINUOUS_HISTORY = 3,    /* delivers a historical range */
  DBNLOOP_CONTINUOUS_REPLAYING = 4,  /* delivers what the gateway replays */
  DBNLOOP_CONTINUOUS_LIVE = 5
} dbnloop_continuous_state;

/* What is done about the records that were missed while a session was broken. */
typedef enum dbnloop_recovery_policy {
  DBNLOOP_RECOVERY_REPLAY = 0, /* all are recovered */
  /* None: the stream continues with the present. Each break is a GAP. */
  DBNLOOP_RECOVERY_NATURAL = 1,
  /* Mbo only: a snapshot of the book instead. Each break is a GAP. */
  DBNLOOP_RECOVERY_SNAPSHOT = 2
} dbnloop_recovery_policy;

typedef struct dbnloop_continuous_options {
  size_t struct_size;
  /* Of every session; NULL: the defaults. An unset slow_reader_behavior stands for
   * DBNLOOP_SLOW_READER_WARN here. */
  const dbnloop_live_options* live;
  /* Of the historical API, for what the gateway no longer retains; NULL: the defaults.
   */
  const dbnloop_historical_options* history;
  const char* gateway; /* NULL or empty: derived from the dataset */
  size_t gateway_len;
  int32_t port; /* 0 and by default DBNLOOP_LIVE_PORT */
  /* The delay before attempt n is chosen at random from min_delay_ms to
   * min_delay_ms * (1 + 2^n), and at most max_delay_ms. Records that arrive begin the
   * count again. The service allows 5 connections a second. */
  int32_t min_delay_ms; /* from 0; default 200 */
  int32_t max_delay_ms; /* from min_delay_ms; default 30000 */
  /* 1 if max_cost is set; default 0: nothing that has a price is bought */
  int32_t has_max_cost;
  /* How long attempts may remain without success before the stream ends with the last
   * one's error; 0: without limit; default 0. */
  int64_t give_up_after_ms;
  /* At least this many bytes of records are kept, to recognise what a replay brings
   * again. A record that arrives later than half of them, compared with one that is not
   * older, may be taken for one that was handed out. 65536 to 2^30; default 262144. */
  uint64_t memory;
  /* How far back the gateway replays, in seconds; what is older comes from history.
   * Default 85500 (a day without a quarter of an hour). */
  int64_t replay_limit_s;
  /* How many US dollars the client may spend on history in its life; INFINITY: any
   * price. */
  double max_cost;
} dbnloop_continuous_options;

/* Fills in the size and the defaults. */
void dbnloop_continuous_options_init(dbnloop_continuous_options* options);

/* Creates a client. api_key is 32 characters; options may be NULL (defaults). A client
 * whose reactor was freed can only be freed. INVALID_API_KEY if the key is malformed;
 * INVALID_ARGUMENT or INVALID_DATASET if an option is out of its range. */
dbnloop_status dbnloop_continuous_new(dbnloop_reactor* reactor, const char* api_key,
                                      size_t api_key_len,
                                      const dbnloop_continuous_options* options,
                                      dbnloop_continuous** out, dbnloop_error* error);
/* Ends everything without an event and frees the handle. Pointers of its events become
 * invalid. */
void dbnloop_continuous_free(dbnloop_continuous* client);

/* Returns the id that event.source contains; never 0, never reused within a reactor. */
uint64_t dbnloop_continuous_id(const dbnloop_continuous* client);

/* Subscribes, before or after start. With has_start the stream begins at that time,
 * which may lie years back, but not in the future; after start that is INVALID_STATE.
 * All subscriptions of a schema need the same policy, a dbnloop_recovery_policy. What
 * must come from history needs one start and one stype_in for all subscriptions of a
 * schema, and at most 2000 symbols; tbbo and mbp-1, whose records are alike, need
 * separate clients there. Otherwise the stream ends with an ERROR event whose code is
 * INVALID_ARGUMENT, or after a break with a GAP, before anything is bought. *id
 * receives the subscription's number, counted from 1; id may be NULL. INVALID_DATASET,
 * INVALID_SYMBOL or INVALID_SCHEMA if the respective argument is invalid. */
dbnloop_status dbnloop_continuous_subscribe(dbnloop_continuous* client,
                                            const dbnloop_subscription* subscription,
                                            uint32_t policy, uint32_t* id,
                                            dbnloop_error* error);
/* Takes symbols away, as dbnloop_live_unsubscribe does, with its errors; what is left
 * is what a reconnect restores. */
dbnloop_status dbnloop_continuous_unsubscribe(
    dbnloop_continuous* client, const dbnloop_unsubscription* unsubscription,
    dbnloop_error* error);
/* Returns the effective set, as dbnloop_live_subscriptions does. */
dbnloop_status dbnloop_continuous_subscriptions(const dbnloop_continuous* client,
                                                const dbnloop_effective_set** out,
                                                dbnloop_error* error);
/* Connects in the next poll, whose first event is the STATE CONNECTING. INVALID_STATE
 * without a subscription, and while started. */
dbnloop_status dbnloop_continuous_start(dbnloop_continuous* client,
                                        dbnloop_error* error);
/* Ends the stream as dbnloop_live_stop does: with an ERROR event whose code is
 * CANCELLED. Another start continues where it ended. Does nothing when stopped. */
dbnloop_status dbnloop_continuous_stop(dbnloop_continuous* client,
                                       dbnloop_error* error);
/* Pause and resume as dbnloop_live_pause and dbnloop_live_resume do. */
void dbnloop_continuous_pause(dbnloop_continuous* client);
void dbnloop_continuous_resume(dbnloop_continuous* client);
/* Returns 1 between pause and resume. */
int dbnloop_continuous_is_paused(const dbnloop_continuous* client);

/* Returns where the stream is: what was handed out so far, to begin there again, in
 * another process too. It includes the `consumed` bytes of the client's RECORDS event
 * of the last poll: set `consumed` first, also to 0 for an event that was not read yet.
 * *data is valid until the next call of this function, or until the client is freed; it
 * has at most some 100 KiB, and its form may change with the library's version.
 * INVALID_ARGUMENT if `consumed` is not a record boundary. */
dbnloop_status dbnloop_continuous_position(dbnloop_continuous* client,
                                           const void** data, size_t* size,
                                           dbnloop_error* error);
/* Begins at a position instead of the start of the subscriptions; the bytes are copied.
 * INVALID_STATE after start. INVALID_ARGUMENT, which changes nothing, when the position
 * is damaged, of another version or of another dataset. */
dbnloop_status dbnloop_continuous_resume_from(dbnloop_continuous* client,
                                              const void* data, size_t size,
                                              dbnloop_error* error);

/* Returns a dbnloop_continuous_state. */
uint32_t dbnloop_continuous_get_state(const dbnloop_continuous* client);
/* Returns the US dollars that history has cost so far. */
double dbnloop_continuous_spent(const dbnloop_continuous* client);
/* Reads the statistics of the client, over all sessions since start, as
 * dbnloop_live_stats does. */
dbnloop_status dbnloop_continuous_stats(const dbnloop_continuous* client,
                                        dbnloop_stats* out, dbnloop_error* error);

/* Finds the position at the end of a stream of DBN bytes, such as a file that a capture
 * wrote: a file is a position of its own. It belongs to no reactor. */
typedef struct dbnloop_stream_end dbnloop_stream_end;

/* `memory`: as in dbnloop_continuous_options; 0: the default. INVALID_ARGUMENT if it is
 * out of range. */
dbnloop_status dbnloop_stream_end_new(uint64_t memory, dbnloop_stream_end** out,
                                      dbnloop_error* error);
void dbnloop_stream_end_free(dbnloop_stream_end* end);
/* Takes the next bytes, of any number, not compressed. PARSE_ERROR when they are not
 * DBN. */
dbnloop_status dbnloop_stream_end_push(dbnloop_stream_end* end, const void* data,
                                       size_t size, dbnloop_error* error);
/* Returns the number of bytes up to the end of the last complete record: a file that
 * was cut inside a record is continued there. */
uint64_t dbnloop_stream_end_complete(const dbnloop_stream_end* end);
/* Returns the number of complete records. */
uint64_t dbnloop_stream_end_records(const dbnloop_stream_end* end);
/* Returns the position after the last complete record, as dbnloop_continuous_position
 * does. INVALID_STATE as long as the metadata is not complete. */
dbnloop_status dbnloop_stream_end_position(dbnloop_stream_end* end, const void** data,
                                           size_t* size, dbnloop_error* error);

#ifdef __cplusplus
}
#endif

#endif /* DBNLOOP_CONTINUOUS_H */
