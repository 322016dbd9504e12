/* What an event promises: how long its bytes live, what may be written to `consumed`,
 * timers, and that no source starves another. */
#define _GNU_SOURCE
#include <dbnloop.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "listener.h"

enum { kRecordSize = 56, kRecords = 2000, kFeeds = 2 };

static const char kKey[] = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012";

static dbnloop_reactor* new_reactor(void) {
  dbnloop_reactor* reactor = NULL;
  CHECK(dbnloop_reactor_new(&reactor, NULL) == DBNLOOP_OK);
  return reactor;
}

static dbnloop_live* new_client(dbnloop_reactor* reactor) {
  dbnloop_live* client = NULL;
  dbnloop_live_options options;
  dbnloop_live_options_init(&options);
  options.dataset = "GLBX.MDP3";
  options.dataset_len = 9;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, NULL) == DBNLOOP_OK);
  return client;
}

static size_t poll_once(dbnloop_reactor* reactor, int timeout, dbnloop_event** events) {
  size_t count = 0;
  dbnloop_error error;
  CHECK(dbnloop_reactor_poll(reactor, timeout, events, &count, &error) == DBNLOOP_OK);
  return count;
}

/* An error's text stays as it is until the next poll, whatever is called before. */
static void an_error_text_outlives_a_new_session(void) {
  dbnloop_reactor* reactor = new_reactor();
  dbnloop_live* client = new_client(reactor);
  int port = 0;
  close(open_listener(0, &port)); /* nobody listens there any more */
  CHECK(dbnloop_live_connect(client, "127.0.0.1", 9, port, NULL) == DBNLOOP_OK);
  const dbnloop_event* ended = NULL;
  while (ended == NULL) {
    dbnloop_event* events = NULL;
    const size_t count = poll_once(reactor, 1000, &events);
    for (size_t i = 0; i < count; ++i) {
      if (events[i].kind == DBNLOOP_EVENT_ERROR) ended = &events[i];
    }
  }
  CHECK(ended->error.code == DBNLOOP_CONNECTION_FAILED && ended->error.os_errno != 0);
  char before[512] = {0};
  CHECK(ended->error.message_len < sizeof before);
  strcpy(before, ended->error.message);
  /* Another session, ended too: its text must not take the place of the first. */
  CHECK(dbnloop_live_connect(client, "not a host", 10, port, NULL) == DBNLOOP_OK);
  CHECK(dbnloop_live_stop(client, NULL) == DBNLOOP_OK);
  CHECK(strcmp(before, ended->error.message) == 0);
  dbnloop_live_free(client);
  dbnloop_reactor_free(reactor);
}

static void timers_begin_after_their_delay_and_repeat(void) {
  dbnloop_reactor* reactor = new_reactor();
  dbnloop_event* events = NULL;
  uint64_t late = 0, soon = 0;
  /* The delay is the first one's; then the period counts. */
  CHECK(dbnloop_reactor_timer(reactor, 3600000000000u, 1, &late, NULL) == DBNLOOP_OK);
  CHECK(dbnloop_reactor_timer(reactor, 1, 1000, &soon, NULL) == DBNLOOP_OK);
  CHECK(late != 0 && soon != 0 && late != soon);
  for (int fired = 0; fired < 3;) {
    const size_t count = poll_once(reactor, 1000, &events);
    for (size_t i = 0; i < count; ++i) {
      CHECK(events[i].kind == DBNLOOP_EVENT_TIMER && events[i].source == 0);
      CHECK(events[i].timer.id == soon);
      ++fired;
    }
  }
  CHECK(dbnloop_reactor_cancel(reactor, soon) == 1);
  CHECK(dbnloop_reactor_cancel(reactor, soon) == 0);
  CHECK(poll_once(reactor, 0, &events) == 0);
  CHECK(dbnloop_reactor_cancel(reactor, late) == 1);
  dbnloop_reactor_free(reactor);
}

/* ---- Two sessions that have more to give than one batch holds ---- */

typedef struct feed {
  dbnloop_live* client;
  int peer;
  uint32_t next; /* the record that must come now */
} feed;

static void say(int fd, const void* data, size_t size) {
  CHECK(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void say_header_and_records(int fd) {
  static unsigned char all[128 + kRecords * kRecordSize];
  memset(all, 0, sizeof all);
  memcpy(all, "DBN\x03", 4);
  all[4] = 120;
  memcpy(all + 8, "GLBX.MDP3", 9);
  all[24] = all[25] = 0xFF;
  memset(all + 34, 0xFF, 8);
  all[50] = 0xFF;
  all[53] = 71;
  for (uint32_t i = 0; i < kRecords; ++i) {
    unsigned char* r = all + 128 + i * kRecordSize;
    r[0] = kRecordSize / 4;
    r[1] = 0xA0;
    memcpy(r + 4, &i, sizeof i); /* instrument id */
  }
  say(fd, all, sizeof all);
}

static void read_until(int fd, const char* end) {
  char text[4096];
  size_t have = 0;
  for (;;) {
    const ssize_t n = recv(fd, text + have, sizeof text - have - 1, 0);
    CHECK(n > 0);
    have += (size_t)n;
    text[have] = '\0';
    if (strstr(text, end) != NULL) return;
  }
}

/* Plays client and gateway in turn on one thread, up to a stream that waits whole in
 * the socket. Blocking reads are answered by bytes that are there already. */
static void open_feed(dbnloop_reactor* reactor, feed* f) {
  int port = 0;
  const int listener = open_listener(0, &port);
  dbnloop_event* events = NULL;
  memset(f, 0, sizeof *f);
  f->client = new_client(reactor);
  CHECK(dbnloop_live_connect(f->client, "127.0.0.1", 9, port, NULL) == DBNLOOP_OK);
  CHECK(dbnloop_live_start(f->client, NULL) == DBNLOOP_OK);
  while (dbnloop_live_get_state(f->client) != DBNLOOP_LIVE_AUTHENTICATING) {
    poll_once(reactor, 1000, &events);
  }
  f->peer = accept(listener, NULL, NULL); /* connected already: it waits in the queue */
  CHECK(f->peer >= 0);
  const int room = 1 << 20; /* for the whole stream, so that no send waits */
  CHECK(setsockopt(f->peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0);
  close(listener);
  say(f->peer, "lsg_version=t\ncram=0123456789abcdefghijklmnopqrstuv\n", 52);
  poll_once(reactor, 1000, &events);
  read_until(f->peer, "auth=");
  say(f->peer, "success=1|session_id=7\n", 23);
  while (dbnloop_live_get_state(f->client) != DBNLOOP_LIVE_STREAMING) {
    poll_once(reactor, 1000, &events);
  }
  read_until(f->peer, "start_session");
}

static void close_feed(feed* f) {
  dbnloop_live_free(f->client);
  close(f->peer);
}

static void take_all(feed* f, const dbnloop_records_event* event) {
  const unsigned char* p = event->data;
  for (size_t at = 0; at < event->size; at += kRecordSize, ++f->next) {
    uint32_t id = 0;
    memcpy(&id, p + at + 4, sizeof id);
    CHECK(id == f->next);
  }
}

static feed* feed_of(feed* feeds, uint64_t id) {
  for (int i = 0; i < kFeeds; ++i) {
    if (dbnloop_live_id(feeds[i].client) == id) return &feeds[i];
  }
  CHECK(0);
  return NULL;
}

/* In each turn a source has at most one batch, and its events come in order: states,
 * metadata, records. */
static void one_batch_per_source_and_turn(void) {
  dbnloop_reactor* reactor = new_reactor();
  feed feeds[kFeeds];
  for (int i = 0; i < kFeeds; ++i) open_feed(reactor, &feeds[i]);
  for (int i = 0; i < kFeeds; ++i) say_header_and_records(feeds[i].peer);
  int turns_with_both = 0;
  while (feeds[0].next < kRecords || feeds[1].next < kRecords) {
    dbnloop_event* events = NULL;
    const size_t count = poll_once(reactor, 1000, &events);
    int batches[kFeeds] = {0};
    for (size_t i = 0; i < count; ++i) {
      feed* f = feed_of(feeds, events[i].source);
      if (events[i].kind == DBNLOOP_EVENT_METADATA) CHECK(batches[f - feeds] == 0);
      if (events[i].kind != DBNLOOP_EVENT_RECORDS) continue;
      CHECK(++batches[f - feeds] == 1);
      take_all(f, &events[i].records);
    }
    if (batches[0] && batches[1]) ++turns_with_both;
  }
  CHECK(turns_with_both > 0);
  for (int i = 0; i < kFeeds; ++i) close_feed(&feeds[i]);
  dbnloop_reactor_free(reactor);
}

static dbnloop_records_event* next_batch(dbnloop_reactor* reactor) {
  for (;;) {
    dbnloop_event* events = NULL;
    const size_t count = poll_once(reactor, 1000, &events);
    for (size_t i = 0; i < count; ++i) {
      if (events[i].kind == DBNLOOP_EVENT_RECORDS) return &events[i].records;
    }
  }
}

/* A count that cannot be is refused, nothing is lost by it, and it can be corrected. */
static void consumed_must_be_at_a_record_boundary(void) {
  dbnloop_reactor* reactor = new_reactor();
  dbnloop_error error;
  dbnloop_event* events = NULL;
  size_t count = 0;
  feed f;
  open_feed(reactor, &f);
  say_header_and_records(f.peer);
  dbnloop_records_event* batch = next_batch(reactor);
  const size_t size = batch->size;
  const size_t wrong[] = {1,        kRecordSize - 1, kRecordSize + 8,
                          size - 1, size + 1,        SIZE_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    batch->consumed = wrong[i];
    CHECK(dbnloop_reactor_poll(reactor, 0, &events, &count, &error) ==
          DBNLOOP_INVALID_ARGUMENT);
    CHECK(strstr(error.message, "consumed") != NULL);
  }
  batch->consumed = 3 * kRecordSize;
  f.next = 3;
  batch = next_batch(reactor);
  batch->consumed = 0; /* nothing was used: all of it comes again */
  batch = next_batch(reactor);
  take_all(&f, batch);
  while (f.next < kRecords) take_all(&f, next_batch(reactor));
  close_feed(&f);
  dbnloop_reactor_free(reactor);
}

/* Records of a batch that is in hand stay readable after Close, until the next poll. */
static void a_batch_outlives_close(void) {
  dbnloop_reactor* reactor = new_reactor();
  dbnloop_event* events = NULL;
  feed f;
  open_feed(reactor, &f);
  say_header_and_records(f.peer);
  dbnloop_records_event* batch = next_batch(reactor);
  dbnloop_live_close(f.client);
  take_all(&f, batch);
  CHECK(f.next > 0);
  batch->consumed = 0;
  CHECK(poll_once(reactor, 0, &events) == 0);
  CHECK(dbnloop_live_get_state(f.client) == DBNLOOP_LIVE_DISCONNECTED);
  close_feed(&f);
  dbnloop_reactor_free(reactor);
}

/* Stop with a batch in hand: nothing but the end comes after it. */
static void stop_with_a_batch_in_hand_ends_at_once(void) {
  dbnloop_reactor* reactor = new_reactor();
  feed f;
  open_feed(reactor, &f);
  say_header_and_records(f.peer);
  dbnloop_records_event* batch = next_batch(reactor);
  CHECK(dbnloop_live_stop(f.client, NULL) == DBNLOOP_OK);
  CHECK(batch->consumed == batch->size);
  int states = 0, errors = 0;
  while (errors == 0) {
    dbnloop_event* events = NULL;
    const size_t count = poll_once(reactor, 1000, &events);
    for (size_t i = 0; i < count; ++i) {
      CHECK(errors == 0 && events[i].kind != DBNLOOP_EVENT_RECORDS);
      if (events[i].kind == DBNLOOP_EVENT_STATE) ++states;
      if (events[i].kind == DBNLOOP_EVENT_ERROR) {
        CHECK(events[i].error.code == DBNLOOP_CANCELLED);
        ++errors;
      }
    }
  }
  CHECK(states == 1);
  close_feed(&f);
  dbnloop_reactor_free(reactor);
}

/* The reactor goes first while a client still has a batch in hand. */
static void free_with_batches_in_hand(void) {
  dbnloop_reactor* reactor = new_reactor();
  feed f;
  open_feed(reactor, &f);
  say_header_and_records(f.peer);
  next_batch(reactor);
  dbnloop_reactor_free(reactor);
  close_feed(&f);

  reactor = new_reactor();
  open_feed(reactor, &f);
  say_header_and_records(f.peer);
  next_batch(reactor)->consumed = kRecordSize;
  close_feed(&f);
  dbnloop_event* events = NULL;
  CHECK(poll_once(reactor, 0, &events) == 0);
  dbnloop_reactor_free(reactor);
}

int main(void) {
  an_error_text_outlives_a_new_session();
  timers_begin_after_their_delay_and_repeat();
  one_batch_per_source_and_turn();
  consumed_must_be_at_a_record_boundary();
  a_batch_outlives_close();
  stop_with_a_batch_in_hand_ends_at_once();
  free_with_batches_in_hand();
  return 0;
}
