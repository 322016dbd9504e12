/* A whole session in C: the gateway is scripted on the same loop, through the reactor's
 * own fd events. Partial use of batches, pause and resume, and the end. */
#define _GNU_SOURCE
#include <dbnloop.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "listener.h"

enum { kListener = 1, kPeer = 2, kRecords = 100, kRecordSize = 56, kMessageSize = 320 };

static const char kAck[] = "Subscription request 1 for mbo data succeeded";
/* What a gateway says, and the event that stands for it. (SUBSCRIPTION_OVERDUE is what
 * it does not say.) */
static const struct message {
  const char* text;
  uint8_t rtype, code; /* DBN's SystemCode or ErrorCode, by rtype */
  uint32_t kind, error_code;
  int32_t schema, fatal;
} kMessages[] = {
    {kAck, 0x17, 1, DBNLOOP_SESSION_SUBSCRIPTION_ACK, 255, DBNLOOP_SCHEMA_MBO, 0},
    {"it broke", 0x15, 6, DBNLOOP_SESSION_GATEWAY_ERROR, 6, DBNLOOP_UNSET, 1},
    {"no such symbol", 0x15, 4, DBNLOOP_SESSION_SYMBOL_UNRESOLVED, 4, DBNLOOP_UNSET, 0},
    {"slow", 0x17, 2, DBNLOOP_SESSION_SLOW_READER, 255, DBNLOOP_UNSET, 0},
    {"skipped", 0x15, 7, DBNLOOP_SESSION_RECORDS_SKIPPED, 7, DBNLOOP_UNSET, 0},
    {"Finished mbo replay", 0x17, 3, DBNLOOP_SESSION_REPLAY_COMPLETED, 255,
     DBNLOOP_SCHEMA_MBO, 0},
    {"End of interval", 0x17, 4, DBNLOOP_SESSION_END_OF_INTERVAL, 255, DBNLOOP_UNSET,
     0},
    {"Unsubscribe request for mbo data succeeded", 0x17, 5,
     DBNLOOP_SESSION_UNSUBSCRIBE_ACK, 255, DBNLOOP_SCHEMA_MBO, 0},
    {"closed", 0x17, 255, DBNLOOP_SESSION_NOTICE, 255, DBNLOOP_UNSET, 0},
};
enum { kMessageCount = sizeof kMessages / sizeof *kMessages };
static const char kKey[] = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012";

typedef struct gateway {
  dbnloop_reactor* reactor;
  int listener, peer, port;
  char received[4096];
  size_t received_len;
  int authenticated, streaming;
} gateway;

static void gateway_open(gateway* g, dbnloop_reactor* reactor) {
  memset(g, 0, sizeof *g);
  g->reactor = reactor;
  g->peer = -1;
  g->listener = open_listener(SOCK_NONBLOCK, &g->port);
  CHECK(dbnloop_reactor_add(reactor, g->listener, EPOLLIN, kListener, NULL) ==
        DBNLOOP_OK);
}

static void gateway_send(gateway* g, const void* data, size_t size) {
  CHECK(send(g->peer, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void gateway_say(gateway* g, const char* text) {
  gateway_send(g, text, strlen(text));
}

static void gateway_accept(gateway* g) {
  g->peer = accept4(g->listener, NULL, NULL, SOCK_NONBLOCK);
  CHECK(g->peer >= 0);
  CHECK(dbnloop_reactor_add(g->reactor, g->peer, EPOLLIN, kPeer, NULL) == DBNLOOP_OK);
  gateway_say(g, "lsg_version=test\ncram=0123456789abcdefghijklmnopqrstuv\n");
}

/* A version-3 header of 128 bytes: fixed part and five empty counts. */
static void send_metadata(gateway* g) {
  unsigned char m[128] = {0};
  memcpy(m, "DBN\x03", 4);
  m[4] = 120;
  memcpy(m + 8, "GLBX.MDP3", 9);
  m[24] = m[25] = 0xFF;
  memset(m + 34, 0xFF, 8);
  m[50] = 0xFF;
  m[53] = 71;
  gateway_send(g, m, sizeof m);
}

static void send_records(gateway* g) {
  unsigned char all[kRecords * kRecordSize] = {0};
  for (int i = 0; i < kRecords; ++i) {
    unsigned char* r = all + i * kRecordSize;
    r[0] = kRecordSize / 4;
    r[1] = 0xA0;
    r[4] = (unsigned char)i; /* instrument id */
  }
  gateway_send(g, all, sizeof all);
}

static void gateway_read(gateway* g) {
  ssize_t n = recv(g->peer, g->received + g->received_len,
                   sizeof g->received - g->received_len - 1, 0);
  if (n <= 0) return;
  g->received_len += (size_t)n;
  g->received[g->received_len] = '\0';
  if (!g->authenticated && strstr(g->received, "auth=") != NULL) {
    g->authenticated = 1;
    CHECK(strstr(g->received,
                 "auth=f0f36e23543121486f20e6964311a4cd2415814fa391fb78aef90c13d8085bf9"
                 "-YZ012|dataset=GLBX.MDP3|encoding=dbn|ts_out=0|compression=none") !=
          NULL);
    gateway_say(g, "success=1|session_id=4711\n");
  }
  if (!g->streaming && strstr(g->received, "start_session\n") != NULL) {
    g->streaming = 1;
    CHECK(strstr(g->received, "schema=mbo|") != NULL);
    CHECK(strstr(g->received, "symbols=ESZ6,NQZ6|") != NULL);
    send_metadata(g);
    send_records(g);
  }
}

static void send_message(gateway* g, const struct message* what) {
  unsigned char m[kMessageSize] = {0};
  m[0] = kMessageSize / 4;
  m[1] = what->rtype;
  m[8] = 42; /* ts_event */
  strcpy((char*)m + 16, what->text);
  /* An error's code has is_last behind it. */
  m[what->rtype == 0x15 ? kMessageSize - 2 : kMessageSize - 1] = what->code;
  gateway_send(g, m, sizeof m);
}

static void gateway_close(gateway* g) {
  if (g->peer >= 0) {
    dbnloop_reactor_remove(g->reactor, g->peer, NULL);
    close(g->peer);
    g->peer = -1;
  }
}

typedef struct seen {
  int metadata, errors, records, pauses, messages, told, overdue, not_removed;
  uint32_t error_code, last_state;
} seen;

/* Uses at most seven records of a batch, so that the rest is offered again; pauses now
 * and then. Each record must come once and in order. */
static void take(dbnloop_records_event* event, dbnloop_live* client, seen* s) {
  CHECK(!dbnloop_live_is_paused(client));
  if (event->runs[0].rtype != DBNLOOP_RTYPE_MBO) { /* a run of messages ends a batch */
    CHECK(event->run_count == 1);
    s->messages += event->runs[0].count;
    return;
  }
  const unsigned char* p = event->data;
  size_t described = 0;
  for (size_t i = 0; i < event->run_count; ++i) {
    CHECK(event->runs[i].rtype == DBNLOOP_RTYPE_MBO && event->runs[i].typed == 1);
    described += (size_t)event->runs[i].count * event->runs[i].record_size;
  }
  CHECK(described == event->size && event->consumed == event->size);
  size_t used = 0;
  while (used < event->size && used < 7 * kRecordSize) {
    CHECK(p[used + 4] == s->records);
    ++s->records;
    used += kRecordSize;
  }
  event->consumed = used;
  if (s->records % 21 == 0) {
    dbnloop_live_pause(client);
    ++s->pauses;
  }
}

/* The session's events come after their records, in order. */
static void check_told(const dbnloop_session_event* told, seen* s) {
  CHECK(told->message[told->message_len] == '\0');
  if (told->kind == DBNLOOP_SESSION_SUBSCRIPTION_OVERDUE) {
    CHECK(told->subscription_id == 1 && told->ts_event == DBNLOOP_UNDEF_TIMESTAMP);
    CHECK(told->error_code == DBNLOOP_GATEWAY_ERROR_CODE_UNSET &&
          told->schema == DBNLOOP_UNSET && !told->fatal);
    CHECK(strstr(told->message, "127.0.0.1") != NULL);
    ++s->overdue;
    return;
  }
  if (told->kind == DBNLOOP_SESSION_UNSUBSCRIBE_OVERDUE) {
    CHECK(told->subscription_id == 0 && told->ts_event == DBNLOOP_UNDEF_TIMESTAMP);
    CHECK(told->schema == DBNLOOP_SCHEMA_MBO && !told->fatal);
    ++s->not_removed;
    return;
  }
  const struct message* said = &kMessages[s->told++];
  CHECK(s->messages >= s->told);
  CHECK(told->kind == said->kind && told->error_code == said->error_code);
  CHECK(told->schema == said->schema && told->fatal == said->fatal);
  CHECK(told->subscription_id == (said->text == kAck ? 1u : 0u));
  CHECK(told->ts_event == 42);
  CHECK(strcmp(told->message, said->text) == 0);
}

static void turn(gateway* g, dbnloop_live* client, seen* s) {
  dbnloop_event* events = NULL;
  size_t count = 0;
  dbnloop_error error;
  CHECK(dbnloop_reactor_poll(g->reactor, 1000, &events, &count, &error) == DBNLOOP_OK);
  for (size_t i = 0; i < count; ++i) {
    dbnloop_event* e = &events[i];
    if (e->kind == DBNLOOP_EVENT_FD) {
      CHECK(e->source == 0);
      if (e->fd.userdata == kListener) {
        gateway_accept(g);
      } else {
        gateway_read(g);
      }
      continue;
    }
    CHECK(e->source == dbnloop_live_id(client));
    switch (e->kind) {
      case DBNLOOP_EVENT_RECORDS:
        CHECK(s->metadata == 1);
        take(&e->records, client, s);
        break;
      case DBNLOOP_EVENT_METADATA:
        CHECK(e->metadata.size == 128 && memcmp(e->metadata.data, "DBN\x03", 4) == 0);
        CHECK(e->metadata.ts_out == 0);
        ++s->metadata;
        break;
      case DBNLOOP_EVENT_STATE:
        s->last_state = e->state.state;
        break;
      case DBNLOOP_EVENT_SESSION:
        check_told(&e->session, s);
        break;
      case DBNLOOP_EVENT_ERROR:
        ++s->errors;
        s->error_code = e->error.code;
        CHECK(strlen(e->error.message) == e->error.message_len);
        CHECK(strstr(e->error.message, "ABCDEFGHIJ") == NULL && e->error.http == NULL);
        break;
      default:
        CHECK(0);
    }
  }
}

/* What is left of "ESZ6,NQZ6". */
static void check_set(const dbnloop_live* client) {
  const dbnloop_effective_set* set = NULL;
  dbnloop_error error;
  CHECK(dbnloop_live_subscriptions(client, &set, &error) == DBNLOOP_OK);
  CHECK(set->count == 1 && set->requests[0].id == 1);
  const dbnloop_subscription* left = &set->requests[0].subscription;
  CHECK(strcmp(left->symbols, "ESZ6") == 0 && left->symbols_len == 4);
  CHECK(strcmp(left->dataset, "GLBX.MDP3") == 0 && left->dataset_len == 9);
  CHECK(left->schema == DBNLOOP_SCHEMA_MBO &&
        left->stype_in == DBNLOOP_STYPE_RAW_SYMBOL);
  CHECK(!left->snapshot && !left->has_start);
  dbnloop_effective_set_free(set);
}

/* The requests of a set can be made as they are, by another client too. */
static void check_restored(dbnloop_reactor* reactor, dbnloop_live* from) {
  dbnloop_live* to = NULL;
  const dbnloop_effective_set *set = NULL, *again = NULL;
  dbnloop_error error;
  CHECK(dbnloop_live_new(reactor, kKey, 32, NULL, &to, &error) == DBNLOOP_OK);
  dbnloop_subscription subscription;
  dbnloop_subscription_init(&subscription);
  subscription.dataset = "GLBX.MDP3";
  subscription.symbols = "ALL_SYMBOLS";
  subscription.has_start = 1;
  subscription.start = 7;
  uint32_t id = 0;
  CHECK(dbnloop_live_subscribe(from, &subscription, &id, &error) == DBNLOOP_OK);
  dbnloop_unsubscription unsubscription;
  dbnloop_unsubscription_init(&unsubscription);
  unsubscription.symbols = "ES.FUT,NQ.FUT";
  unsubscription.stype_in = DBNLOOP_STYPE_PARENT;
  CHECK(dbnloop_live_unsubscribe(from, &unsubscription, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_subscriptions(from, &set, &error) == DBNLOOP_OK);
  CHECK(set->count == 2 && set->requests[0].id == id && set->requests[1].id == 0);
  for (size_t i = 0; i < set->count; ++i) {
    const dbnloop_effective_request* r = &set->requests[i];
    CHECK((r->id != 0 ? dbnloop_live_subscribe(to, &r->subscription, NULL, &error)
                      : dbnloop_live_unsubscribe(to, &r->unsubscription, &error)) ==
          DBNLOOP_OK);
  }
  CHECK(dbnloop_live_subscriptions(to, &again, &error) == DBNLOOP_OK);
  CHECK(again->count == 2);
  CHECK(again->requests[0].subscription.has_start == 1 &&
        again->requests[0].subscription.start == 7);
  CHECK(strcmp(again->requests[1].unsubscription.symbols, "ES.FUT,NQ.FUT") == 0);
  CHECK(again->requests[1].unsubscription.stype_in == DBNLOOP_STYPE_PARENT);
  dbnloop_effective_set_free(set);
  dbnloop_effective_set_free(again);
  dbnloop_live_free(to);
}

int main(void) {
  dbnloop_reactor* reactor = NULL;
  dbnloop_live* client = NULL;
  dbnloop_error error;
  gateway g;
  seen s = {0};
  CHECK(dbnloop_reactor_new(&reactor, &error) == DBNLOOP_OK);
  gateway_open(&g, reactor);
  dbnloop_live_options options;
  dbnloop_live_options_init(&options);
  options.ack_timeout_ms = 1;
  options.receive_buffer = 65536;
  options.quick_ack = 1;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) == DBNLOOP_OK);
  dbnloop_subscription subscription;
  dbnloop_subscription_init(&subscription);
  subscription.dataset = "GLBX.MDP3";
  subscription.dataset_len = 9;
  subscription.symbols = "ESZ6,NQZ6";
  subscription.symbols_len = 9;
  subscription.schema = 0;
  CHECK(dbnloop_live_subscribe(client, &subscription, NULL, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_connect(client, "127.0.0.1", 9, g.port, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_start(client, &error) == DBNLOOP_OK);

  while (s.records < kRecords) {
    turn(&g, client, &s);
    if (dbnloop_live_is_paused(client)) {
      const int before = s.records;
      dbnloop_event* events = NULL;
      size_t count = 0;
      CHECK(dbnloop_reactor_poll(reactor, 0, &events, &count, &error) == DBNLOOP_OK);
      CHECK(count == 0 && s.records == before);
      dbnloop_live_resume(client);
    }
  }
  CHECK(s.pauses == kRecords / 21);
  CHECK(s.last_state == DBNLOOP_LIVE_STREAMING);
  CHECK(dbnloop_live_session_id(client) == 4711);
  int size = 0;
  socklen_t length = sizeof size;
  CHECK(getsockopt(dbnloop_live_fd(client), SOL_SOCKET, SO_RCVBUF, &size, &length) ==
        0);
  CHECK(size == 2 * 65536);

  while (s.overdue == 0) turn(&g, client, &s);

  dbnloop_unsubscription unsubscription;
  dbnloop_unsubscription_init(&unsubscription);
  unsubscription.symbols = "NQZ6";
  unsubscription.schema = DBNLOOP_SCHEMA_MBO;
  CHECK(dbnloop_live_unsubscribe(client, &unsubscription, &error) == DBNLOOP_OK);
  while (s.not_removed == 0) turn(&g, client, &s);
  CHECK(strstr(g.received,
               "start_session\n"
               "unsubscribe|schema=mbo|stype_in=raw_symbol|symbols=NQZ6|is_last=1\n") !=
        NULL);
  check_set(client);
  for (int i = 0; i < kMessageCount; ++i) send_message(&g, &kMessages[i]);
  while (s.told < kMessageCount) turn(&g, client, &s);
  CHECK(s.overdue == 1 && s.not_removed == 1);
  dbnloop_stats stats;
  memset(&stats, 0xAA, sizeof stats);
  stats.struct_size = sizeof stats;
  CHECK(dbnloop_live_stats(client, &stats, &error) == DBNLOOP_OK);
  CHECK(stats.records[0xA0] == kRecords);
  CHECK(stats.records[0x17] + stats.records[0x15] == kMessageCount);
  CHECK(stats.bytes == kRecords * kRecordSize + kMessageCount * kMessageSize);
  CHECK(stats.bytes_read > stats.bytes && stats.reads > 0 && stats.polls > 0);
  CHECK(stats.batches >= kRecords / 7 && stats.buffered == 0);
  CHECK(stats.pauses == (uint64_t)s.pauses && stats.gateway_to_client[0] == 0);
  /* An older caller's struct is shorter: nothing behind it is written. */
  memset(&stats, 0xAA, sizeof stats);
  stats.struct_size = offsetof(dbnloop_stats, bytes);
  CHECK(dbnloop_live_stats(client, &stats, &error) == DBNLOOP_OK);
  CHECK(stats.reads > 0 && stats.bytes == 0xAAAAAAAAAAAAAAAAu);

  gateway_close(&g);
  while (s.errors == 0) turn(&g, client, &s);
  CHECK(s.records == kRecords && s.errors == 1);
  CHECK(s.error_code == DBNLOOP_CONNECTION_CLOSED);
  CHECK(dbnloop_live_get_state(client) == DBNLOOP_LIVE_DISCONNECTED);
  check_set(client); /* that of the session that ended */
  check_restored(reactor, client);

  dbnloop_reactor_remove(reactor, g.listener, NULL);
  close(g.listener);
  dbnloop_live_free(client);
  dbnloop_reactor_free(reactor);
  return 0;
}
