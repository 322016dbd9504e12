/* dbnloop_live.h: the live client.
 *
 * Include dbnloop.h, whose first comment describes the conventions. */
#ifndef DBNLOOP_H
#error "include dbnloop.h"
#endif
#ifndef DBNLOOP_LIVE_H
#define DBNLOOP_LIVE_H

#ifdef __cplusplus
extern "C" {
#endif

/* A live client: one session with the gateway at a time. */
typedef struct dbnloop_live dbnloop_live;

/* The states of a session, in order. */
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
  /* What the gateway does when this client reads too slowly; default DBNLOOP_UNSET. By
   * default the gateway skips records of mbp-1, mbp-10, cmbp-1, bbo-1s, bbo-1m, cbbo-1s
   * and cbbo-1m, and warns for all other schemas. A program that stores data must ask
   * for DBNLOOP_SLOW_READER_WARN; otherwise its data may have gaps. */
  int32_t slow_reader_behavior; /* dbnloop_slow_reader_behavior */
  int32_t compression;    /* dbnloop_compression; default DBNLOOP_COMPRESSION_NONE */
  int32_t upgrade_policy; /* dbnloop_upgrade_policy; default DBNLOOP_UPGRADE_TO_V3 */
  int32_t connect_timeout_ms; /* 0: none; default 10000 */
  int32_t auth_timeout_ms;    /* 0: none; default 30000 */
  uint64_t buffer_size;       /* bytes; default 262144 */
  uint64_t max_metadata;      /* bytes; default 268435456 */
  int32_t ack_timeout_ms; /* for the answer to a subscription or an unsubscription in a
                             started session; 0: none; default 10000 */
  int32_t resolve_timeout_ms; /* name lookup; counts toward connect_timeout_ms; 0: none;
                                 default 5000 */
  const char* name_servers;   /* "192.0.2.1:53,…"; NULL: those of /etc/resolv.conf */
  size_t name_servers_len;
  uint64_t receive_buffer; /* SO_RCVBUF, bytes, 4096 to 2^30; 0: the system's, which
                              grows as needed; default 0 */
  int32_t busy_poll_us;    /* SO_BUSY_POLL, 0 to 1000000; 0: the system's; default 0 */
  int32_t quick_ack;       /* TCP_QUICKACK after each read, 0 or 1; default 0 */
} dbnloop_live_options;

/* Fills in the size and the defaults. */
void dbnloop_live_options_init(dbnloop_live_options* options);

/* Requests records of a schema for some symbols. */
typedef struct dbnloop_subscription {
  size_t struct_size;
  const char* dataset; /* may be NULL: the dataset of the session */
  size_t dataset_len;
  const char* symbols; /* comma-separated */
  size_t symbols_len;
  uint32_t schema;   /* dbnloop_schema; default DBNLOOP_SCHEMA_TRADES */
  uint32_t stype_in; /* dbnloop_stype; default DBNLOOP_STYPE_RAW_SYMBOL */
  int32_t snapshot;  /* 0 or 1 */
  int32_t has_start; /* 1 if start is set: replay from there */
  uint64_t start;    /* UNIX nanoseconds, inclusive */
} dbnloop_subscription;

/* Fills in the size and the defaults. */
void dbnloop_subscription_init(dbnloop_subscription* subscription);

/* Takes symbols away from the subscriptions to a schema. */
typedef struct dbnloop_unsubscription {
  size_t struct_size;
  const char* dataset; /* may be NULL: the dataset of the session */
  size_t dataset_len;
  /* Comma-separated: any part of what was subscribed; symbols that were not subscribed
   * have no effect. ALL_SYMBOLS alone ends every subscription to the schema. */
  const char* symbols;
  size_t symbols_len;
  uint32_t schema; /* dbnloop_schema; default DBNLOOP_SCHEMA_TRADES */
  /* RAW_SYMBOL (the default), PARENT or INSTRUMENT_ID, and one that the schema was
   * subscribed with. ALL_SYMBOLS, and symbols of subscriptions to ALL_SYMBOLS or by
   * another symbology than these three, may be unsubscribed with each of the three. */
  uint32_t stype_in; /* dbnloop_stype */
} dbnloop_unsubscription;

/* Fills in the size and the defaults. */
void dbnloop_unsubscription_init(dbnloop_unsubscription* unsubscription);

/* One request of an effective set. Only the library creates this struct: newer versions
 * may append fields, with another DBNLOOP_ABI_VERSION. */
typedef struct dbnloop_effective_request {
  uint32_t id; /* of the subscription, counted from 1; 0: an unsubscription */
  dbnloop_subscription subscription; /* with the symbols that are left; id 0: unset */
  dbnloop_unsubscription unsubscription; /* only if id is 0 */
} dbnloop_effective_request;

/* What a session is subscribed to. */
typedef struct dbnloop_effective_set {
  const dbnloop_effective_request* requests;
  size_t count;
} dbnloop_effective_set;

/* Creates a client. api_key is 32 characters; options may be NULL (defaults). A client
 * whose reactor was freed can only be freed. INVALID_API_KEY if the key is malformed;
 * INVALID_ARGUMENT or INVALID_DATASET if an option is out of its range. */
dbnloop_status dbnloop_live_new(dbnloop_reactor* reactor, const char* api_key,
                                size_t api_key_len, const dbnloop_live_options* options,
                                dbnloop_live** out, dbnloop_error* error);
/* Closes the session without an event and frees the handle. Pointers of its events
 * become invalid. */
void dbnloop_live_free(dbnloop_live* client);

/* Returns the id that event.source contains; never 0, never reused within a reactor. */
uint64_t dbnloop_live_id(const dbnloop_live* client);

/* Begins to connect. STATE events report the progress, and an ERROR event the reason
 * for the end. If gateway is NULL or empty, it is derived from the dataset as soon as
 * that is known; port 0 is DBNLOOP_LIVE_PORT. INVALID_STATE unless disconnected: the
 * present session is not touched, and dbnloop_live_close ends it at once. */
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
/* Subscribes to the raw symbols of a comma-separated list. All strings end with a NUL;
 * otherwise this is dbnloop_live_subscribe with its defaults and its
 * errors. schema: dbnloop_schema. */
dbnloop_status dbnloop_live_subscribe_to(dbnloop_live* client, const char* dataset,
                                         uint32_t schema, const char* symbols,
                                         dbnloop_error* error);
/* Takes symbols away from what this session has subscribed to; the session continues.
 * The answer arrives as a SESSION event of kind UNSUBSCRIBE_ACK; until then, records of
 * these symbols may still arrive. It may be called whenever dbnloop_live_subscribe may
 * be. Nothing is sent if it fails: INVALID_DATASET if the dataset is not the session's;
 * INVALID_SYMBOL or INVALID_SCHEMA if the respective argument is invalid;
 * INVALID_ARGUMENT for a stype_in that cannot be used, or that the schema was not
 * subscribed with; INVALID_STATE if this session has never subscribed to the schema,
 * and while it is being stopped. */
dbnloop_status dbnloop_live_unsubscribe(dbnloop_live* client,
                                        const dbnloop_unsubscription* unsubscription,
                                        dbnloop_error* error);
/* Returns the effective set: the requests that, made in this order, subscribe a new
 * session to what this one is subscribed to. Symbols that were unsubscribed are missing
 * from the lists that contained them, and a subscription without symbols is missing.
 * Where no list contained them (ALL_SYMBOLS, or a symbology such as continuous) the
 * unsubscription is part of the set, after the subscriptions that it concerns.
 *
 * The set consists of what was asked for, whatever the gateway has answered. It is that
 * of the present session, including what was asked for before connect; after the end of
 * a session, that of the session that ended, until the next connect or subscribe. It is
 * a copy, which does not change; its pointers are valid until
 * dbnloop_effective_set_free. */
dbnloop_status dbnloop_live_subscriptions(const dbnloop_live* client,
                                          const dbnloop_effective_set** out,
                                          dbnloop_error* error);
/* Frees what dbnloop_live_subscriptions returned. */
void dbnloop_effective_set_free(const dbnloop_effective_set* set);
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
 * dbnloop_records_event.consumed. Pausing a file or a historical client has the same
 * meaning. */
void dbnloop_live_pause(dbnloop_live* client);
/* Resumes with the next poll; buffered records come first. */
void dbnloop_live_resume(dbnloop_live* client);
/* Returns 1 between pause and resume. */
int dbnloop_live_is_paused(const dbnloop_live* client);
/* Returns a dbnloop_live_state. */
uint32_t dbnloop_live_get_state(const dbnloop_live* client);
/* Returns the gateway's id of this session, or of the one that ended last. It is kept
 * until the next connect, so it is known when the ERROR event arrives. It is 0 before
 * authentication, and when the gateway's id is not a number up to 2^64 - 1; see
 * dbnloop_live_session_id_text. */
uint64_t dbnloop_live_session_id(const dbnloop_live* client);
/* Returns the session id as the gateway wrote it, without control characters; "" before
 * authentication. Valid until the next connect, or until the client is freed. */
const char* dbnloop_live_session_id_text(const dbnloop_live* client);
/* Returns the session's socket, for options that dbnloop_live_options does not have; -1
 * while the client is not connected. The client owns it: do not read, write or close
 * it.
 */
int dbnloop_live_fd(const dbnloop_live* client);
/* Reads the statistics of the client. Set out->struct_size first; that many bytes are
 * written. Thread-safe, also during dbnloop_reactor_poll, as long as no other thread
 * frees the client or its reactor meanwhile. The counters are read one by one, so they
 * may differ by the batch that is being delivered. */
dbnloop_status dbnloop_live_stats(const dbnloop_live* client, dbnloop_stats* out,
                                  dbnloop_error* error);

#ifdef __cplusplus
}
#endif

#endif /* DBNLOOP_LIVE_H */
