/* The program is away for longer than every limit: stopped by a signal, with a batch in
 * hand, or after a resume. What the peers said meanwhile is read before anyone is taken
 * for silent; who says nothing ends on time. Time and epoll_wait are this program's
 * own.
 */
#define _GNU_SOURCE
#include <dbnloop.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "listener.h"

enum { kRecordSize = 56, kAwayS = 600 };
static const char kKey[] = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012";

static time_t skipped_s;         /* what the monotonic clock runs ahead */
static void (*meanwhile)(void*); /* while the next epoll_wait is interrupted */
static void* meanwhile_with;
static int stopped_behind; /* the next answer of epoll_wait */

int clock_gettime(clockid_t id, struct timespec* out) {
  const int result = (int)syscall(SYS_clock_gettime, id, out);
  if (result == 0 && id == CLOCK_MONOTONIC) out->tv_sec += skipped_s;
  return result;
}

int epoll_wait(int fd, struct epoll_event* events, int most, int timeout_ms) {
  void (*const act)(void*) = meanwhile;
  if (act != NULL) {
    meanwhile = NULL;
    act(meanwhile_with);
    skipped_s += kAwayS;
    errno = EINTR;
    return -1;
  }
  const int count = epoll_pwait(fd, events, most, timeout_ms, NULL);
  if (stopped_behind) skipped_s += kAwayS;
  stopped_behind = 0;
  return count;
}

typedef struct session {
  dbnloop_reactor* reactor;
  dbnloop_live* live;
  int listener, peer, records, errors, responses;
  uint32_t code;
  uint64_t session_id;
  char session_text[32];
} session;

static void turn(session* s, int timeout_ms) {
  dbnloop_event* events = NULL;
  size_t count = 0;
  CHECK(dbnloop_reactor_poll(s->reactor, timeout_ms, &events, &count, NULL) ==
        DBNLOOP_OK);
  for (size_t i = 0; i < count; ++i) {
    const dbnloop_event* e = &events[i];
    if (e->kind == DBNLOOP_EVENT_RECORDS)
      s->records += (int)(e->records.size / kRecordSize);
    if (e->kind == DBNLOOP_EVENT_RESPONSE) {
      ++s->responses;
      s->code = e->response.error.code;
    }
    if (e->kind != DBNLOOP_EVENT_ERROR) continue;
    ++s->errors;
    s->code = e->error.code;
    s->session_id = dbnloop_live_session_id(s->live);
    strncpy(s->session_text, dbnloop_live_session_id_text(s->live),
            sizeof s->session_text - 1);
  }
}

static void turns(session* s) {
  for (int i = 0; i < 20; ++i) turn(s, 0);
}

static void say(int peer, const void* data, size_t size) {
  CHECK(send(peer, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void say_text(int peer, const char* text) { say(peer, text, strlen(text)); }

static void hear(int peer, const char* what) {
  char heard[4096] = {0};
  size_t size = 0;
  while (strstr(heard, what) == NULL) {
    const ssize_t n = recv(peer, heard + size, sizeof heard - 1 - size, 0);
    CHECK(n > 0);
    size += (size_t)n;
  }
}

static void say_records(void* with) {
  const session* s = with;
  unsigned char all[10 * kRecordSize] = {0};
  for (int i = 0; i < 10; ++i) {
    all[i * kRecordSize] = kRecordSize / 4;
    all[i * kRecordSize + 1] = 0xA0;
  }
  say(s->peer, all, sizeof all);
}

static void say_metadata(int peer) {
  unsigned char m[128] = {0};
  memcpy(m, "DBN\x03", 4);
  m[4] = 120;
  memcpy(m + 8, "GLBX.MDP3", 9);
  m[24] = m[25] = 0xFF;
  memset(m + 34, 0xFF, 8);
  m[50] = 0xFF;
  m[53] = 71;
  say(peer, m, sizeof m);
}

static void say_hello(void* with) {
  const session* s = with;
  say_text(s->peer, "lsg_version=test\ncram=0123456789abcdefghijklmnopqrstuv\n");
}

static void say_welcome(void* with) {
  const session* s = with;
  say_text(s->peer, "success=1|session_id=live-7\n");
}

static void away(session* s, void (*while_away)(void*)) {
  meanwhile = while_away;
  meanwhile_with = s;
  turn(s, -1);
  turns(s);
}

/* A session that streams, away at each step of its beginning too. */
static void open_session(session* s) {
  int port = 0;
  memset(s, 0, sizeof *s);
  CHECK(dbnloop_reactor_new(&s->reactor, NULL) == DBNLOOP_OK);
  s->listener = open_listener(0, &port);
  dbnloop_live_options options;
  dbnloop_live_options_init(&options);
  options.dataset = "GLBX.MDP3";
  options.dataset_len = 9;
  options.ack_timeout_ms = 0;
  CHECK(dbnloop_live_new(s->reactor, kKey, 32, &options, &s->live, NULL) == DBNLOOP_OK);
  dbnloop_subscription subscription;
  dbnloop_subscription_init(&subscription);
  subscription.symbols = "ES";
  subscription.symbols_len = 2;
  subscription.schema = 0;
  CHECK(dbnloop_live_subscribe(s->live, &subscription, NULL, NULL) == DBNLOOP_OK);
  CHECK(dbnloop_live_connect(s->live, "127.0.0.1", 9, port, NULL) == DBNLOOP_OK);
  CHECK(dbnloop_live_start(s->live, NULL) == DBNLOOP_OK);
  skipped_s += kAwayS;
  turns(s);
  s->peer = accept(s->listener, NULL, NULL);
  CHECK(s->peer >= 0);
  away(s, say_hello);
  hear(s->peer, "auth=");
  away(s, say_welcome);
  hear(s->peer, "start_session\n");
  CHECK(s->errors == 0);
  CHECK(dbnloop_live_get_state(s->live) == DBNLOOP_LIVE_STREAMING);
  say_metadata(s->peer);
  say_records(s);
  while (s->records < 10) turn(s, 1000);
}

static void close_session(session* s) {
  close(s->peer);
  close(s->listener);
  dbnloop_live_free(s->live);
  dbnloop_reactor_free(s->reactor);
}

static void live(void) {
  session s;
  open_session(&s);
  away(&s, say_records);
  CHECK(s.errors == 0 && s.records == 20);

  /* With a batch of the last poll in hand. */
  say_records(&s);
  turn(&s, 1000);
  skipped_s += kAwayS;
  say_records(&s);
  turns(&s);
  CHECK(s.errors == 0 && s.records == 40);

  dbnloop_live_pause(s.live);
  turns(&s);
  say_records(&s);
  dbnloop_live_resume(s.live);
  skipped_s += kAwayS;
  turns(&s);
  CHECK(s.errors == 0 && s.records == 50);

  /* Who says nothing ends on time; the id is known then. */
  skipped_s += 34;
  turns(&s);
  CHECK(s.errors == 0);
  skipped_s += 1;
  turns(&s);
  CHECK(s.errors == 1 && s.code == DBNLOOP_HEARTBEAT_TIMEOUT);
  CHECK(s.session_id == 0 && strcmp(s.session_text, "live-7") == 0);
  close_session(&s);
}

static void say_head(void* with) {
  const session* s = with;
  say_text(s->peer, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
}

static void say_rest(void* with) {
  const session* s = with;
  say_text(s->peer, "def");
}

static void historical(int silent) {
  session s = {0};
  int port = 0;
  char url[64];
  CHECK(dbnloop_reactor_new(&s.reactor, NULL) == DBNLOOP_OK);
  s.listener = open_listener(0, &port);
  dbnloop_historical_options options;
  dbnloop_historical_options_init(&options);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
  options.url = url;
  options.url_len = strlen(url);
  dbnloop_historical* hist = NULL;
  uint64_t id = 0;
  CHECK(dbnloop_historical_new(s.reactor, kKey, 32, &options, &hist, NULL) ==
        DBNLOOP_OK);
  CHECK(dbnloop_historical_call(hist, DBNLOOP_CALL_GET, "metadata.list_datasets", 22,
                                NULL, 0, &id, NULL) == DBNLOOP_OK);
  skipped_s += kAwayS;
  turns(&s);
  s.peer = accept(s.listener, NULL, NULL);
  CHECK(s.peer >= 0);
  turns(&s);
  hear(s.peer, "\r\n\r\n");
  away(&s, say_head);
  CHECK(s.responses == 0);
  if (silent) {
    skipped_s += 100;
    turns(&s);
    CHECK(s.responses == 1 && s.code == DBNLOOP_TIMEOUT);
  } else {
    away(&s, say_rest);
    CHECK(s.responses == 1 && s.code == DBNLOOP_OK);
  }
  close(s.peer);
  close(s.listener);
  dbnloop_historical_free(hist);
  dbnloop_reactor_free(s.reactor);
}

/* A turn that asks twice, because a timer came due in it, reports an fd once. */
static void watched(void) {
  dbnloop_reactor* reactor = NULL;
  dbnloop_event* events = NULL;
  size_t count = 0;
  uint64_t timer = 0;
  int fds[2];
  CHECK(pipe(fds) == 0 && write(fds[1], "x", 1) == 1);
  CHECK(dbnloop_reactor_new(&reactor, NULL) == DBNLOOP_OK);
  CHECK(dbnloop_reactor_add(reactor, fds[0], EPOLLIN, 7, NULL) == DBNLOOP_OK);
  CHECK(dbnloop_reactor_timer(reactor, 1000000000, 0, &timer, NULL) == DBNLOOP_OK);
  stopped_behind = 1;
  CHECK(dbnloop_reactor_poll(reactor, -1, &events, &count, NULL) == DBNLOOP_OK);
  CHECK(count == 2);
  CHECK(events[0].kind == DBNLOOP_EVENT_FD && events[0].fd.userdata == 7);
  CHECK(events[0].fd.ready == EPOLLIN);
  CHECK(events[1].kind == DBNLOOP_EVENT_TIMER && events[1].timer.id == timer);
  /* It is still readable: the next turn says so again. */
  CHECK(dbnloop_reactor_poll(reactor, 0, &events, &count, NULL) == DBNLOOP_OK);
  CHECK(count == 1 && events[0].kind == DBNLOOP_EVENT_FD);
  dbnloop_reactor_free(reactor);
  close(fds[0]);
  close(fds[1]);
}

/* A child of fork that frees what it inherited ends nothing of the parent's. */
static void inherited(void) {
  session s;
  open_session(&s);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    CHECK(dbnloop_reactor_poll(s.reactor, 0, &events, &count, NULL) ==
          DBNLOOP_INVALID_STATE);
    CHECK(dbnloop_live_stop(s.live, NULL) == DBNLOOP_INVALID_STATE);
    CHECK(dbnloop_live_start(s.live, NULL) == DBNLOOP_INVALID_STATE);
    CHECK(dbnloop_reactor_fd(s.reactor) == -1);
    dbnloop_reactor_wake(s.reactor);
    dbnloop_live_pause(s.live);
    dbnloop_live_close(s.live);
    dbnloop_live_free(s.live);
    dbnloop_reactor_free(s.reactor);
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  say_records(&s);
  while (s.records < 20 && s.errors == 0) turn(&s, 1000);
  CHECK(s.errors == 0);
  shutdown(s.peer, SHUT_WR);
  while (s.errors == 0) turn(&s, 1000);
  CHECK(s.code == DBNLOOP_CONNECTION_CLOSED);
  close_session(&s);
}

int main(void) {
  live();
  historical(0);
  historical(1);
  watched();
  inherited();
  return 0;
}
