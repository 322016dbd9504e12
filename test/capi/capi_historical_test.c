/* A range, a call and their refusals in C; the server is scripted on the same loop. */
#define _GNU_SOURCE
#include <dbnloop.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#include "check.h"
#include "listener.h"

enum { kListener = 1, kPeer = 2, kRecords = 200, kRecordSize = 56 };

static const char kKey[] = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012";

typedef struct server {
  dbnloop_reactor* reactor;
  int listener, peer, port;
  char request[4096];
  size_t size;
  const char* answer;              /* NULL: a stream of records */
  uint64_t warned;                 /* source of the last warning "w" */
  dbnloop_progress_event progress; /* the last one */
} server;

static void server_open(server* s, dbnloop_reactor* reactor) {
  memset(s, 0, sizeof *s);
  s->reactor = reactor;
  s->peer = -1;
  s->listener = open_listener(SOCK_NONBLOCK, &s->port);
  CHECK(dbnloop_reactor_add(reactor, s->listener, EPOLLIN, kListener, NULL) ==
        DBNLOOP_OK);
}

static void server_close_peer(server* s) {
  CHECK(dbnloop_reactor_remove(s->reactor, s->peer, NULL) == DBNLOOP_OK);
  close(s->peer);
  s->peer = -1;
}

static void server_answer(server* s) {
  static unsigned char plain[128 + kRecords * kRecordSize];
  static unsigned char body[sizeof plain + 1024];
  static char head[256];
  if (s->answer != NULL) {
    CHECK(send(s->peer, s->answer, strlen(s->answer), MSG_NOSIGNAL) > 0);
    return;
  }
  memset(plain, 0, sizeof plain);
  memcpy(plain, "DBN\x03", 4);
  plain[4] = 120;
  memcpy(plain + 8, "GLBX.MDP3", 9);
  memset(plain + 34, 0xFF, 8);
  plain[53] = 71;
  for (uint32_t i = 0; i < kRecords; ++i) {
    unsigned char* record = plain + 128 + i * kRecordSize;
    record[0] = kRecordSize / 4;
    record[1] = 0xA0;
    memcpy(record + 52, &i, sizeof i);
  }
  size_t size = ZSTD_compress(body, sizeof body, plain, sizeof plain, 1);
  CHECK(!ZSTD_isError(size));
  int n = snprintf(
      head, sizeof head,
      "HTTP/1.1 200 OK\r\nX-Warning: [\"w\"]\r\nContent-Length: %zu\r\n\r\n", size);
  CHECK(send(s->peer, head, (size_t)n, MSG_NOSIGNAL) == n);
  CHECK(send(s->peer, body, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void server_event(server* s, uint64_t which) {
  if (which == kListener) {
    if (s->peer >= 0) server_close_peer(s);
    s->peer = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK);
    CHECK(s->peer >= 0);
    s->size = 0;
    CHECK(dbnloop_reactor_add(s->reactor, s->peer, EPOLLIN, kPeer, NULL) == DBNLOOP_OK);
    return;
  }
  if (s->peer < 0) return;
  ssize_t n = recv(s->peer, s->request + s->size, sizeof s->request - 1 - s->size, 0);
  if (n <= 0) {
    server_close_peer(s);
    return;
  }
  s->size += (size_t)n;
  s->request[s->size] = 0;
  const char* end = strstr(s->request, "\r\n\r\n");
  if (end == NULL) return;
  const char* length = strstr(s->request, "Content-Length: ");
  size_t body = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
  if ((size_t)(end + 4 - s->request) + body > s->size) return;
  server_answer(s);
  s->size = 0;
}

/* Polls until an event of this kind and client, of a call: of this request; the
 * server's events are handled on the way. */
static dbnloop_event* wait_for(server* s, uint32_t kind, uint64_t source,
                               uint64_t request, uint32_t* records) {
  dbnloop_error error;
  for (int turn = 0; turn < 10000; ++turn) {
    dbnloop_event* events = NULL;
    size_t count = 0;
    CHECK(dbnloop_reactor_poll(s->reactor, 1000, &events, &count, &error) ==
          DBNLOOP_OK);
    dbnloop_event* found = NULL;
    for (size_t i = 0; i < count; ++i) {
      dbnloop_event* e = &events[i];
      if (e->kind == DBNLOOP_EVENT_FD) server_event(s, e->fd.userdata);
      if (e->kind == DBNLOOP_EVENT_RECORDS && records != NULL) {
        *records += (uint32_t)(e->records.size / kRecordSize);
      }
      if (e->kind == DBNLOOP_EVENT_WARNING) {
        CHECK(e->warning.text_len == 1 && strcmp(e->warning.text, "w") == 0);
        s->warned = e->source;
      }
      if (e->kind == DBNLOOP_EVENT_PROGRESS) {
        CHECK(e->source == source);
        s->progress = e->progress;
      }
      if (e->kind != kind || e->source != source) continue;
      if (request == 0 || e->response.request == request) found = e;
    }
    if (found != NULL) return found;
  }
  CHECK(!"the event did not come");
  return NULL;
}

/* Downloads "abc" and checks every field of the events. */
static void a_download(server* s, dbnloop_historical* hist) {
  dbnloop_error error;
  char directory[] = "/tmp/dbnloop-capi-XXXXXX";
  char path[64];
  CHECK(mkdtemp(directory) != NULL);
  snprintf(path, sizeof path, "%s/abc", directory);
  s->answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
  dbnloop_download download;
  dbnloop_download_init(&download);
  download.url_path = "/v0/batch/download/abc";
  download.path = path;
  uint64_t request = 0;
  CHECK(dbnloop_historical_download(hist, &download, &request, &error) == DBNLOOP_OK);
  const dbnloop_event* e =
      wait_for(s, DBNLOOP_EVENT_RESPONSE, dbnloop_historical_id(hist), request, NULL);
  CHECK(e->response.error.code == DBNLOOP_OK && e->response.error.http == NULL);
  CHECK(e->response.file_size == 3);
  CHECK(strcmp(e->response.sha256,
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") ==
        0);
  CHECK(e->response.body == NULL && e->response.body_len == 0);
  CHECK(s->progress.request == request && s->progress.bytes == 3 &&
        s->progress.total == 3);

  /* The same again: the file exists, and is refused. */
  CHECK(dbnloop_historical_download(hist, &download, &request, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(unlink(path) == 0 && rmdir(directory) == 0);
}

static void streams_and_calls(void) {
  dbnloop_error error;
  dbnloop_reactor* reactor = NULL;
  CHECK(dbnloop_reactor_new(&reactor, &error) == DBNLOOP_OK);
  server s;
  server_open(&s, reactor);
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
  dbnloop_historical_options options;
  dbnloop_historical_options_init(&options);
  options.url = url;
  options.url_len = strlen(url);
  options.proxy = "";
  dbnloop_historical* hist = NULL;
  CHECK(dbnloop_historical_new(reactor, kKey, strlen(kKey), &options, &hist, &error) ==
        DBNLOOP_OK);
  uint64_t id = dbnloop_historical_id(hist);
  CHECK(dbnloop_historical_start(hist, &error) == DBNLOOP_INVALID_STATE);

  dbnloop_range range;
  dbnloop_range_init(&range);
  range.dataset = "GLBX.MDP3";
  range.dataset_len = 9;
  range.symbols = "ESZ6,NQZ6";
  range.symbols_len = 9;
  range.schema = DBNLOOP_SCHEMA_MBO;
  range.start = 1;
  range.has_end = 1;
  range.end = 2;
  CHECK(dbnloop_historical_request(hist, &range, &error) == DBNLOOP_OK);
  CHECK(dbnloop_historical_start(hist, &error) == DBNLOOP_OK);
  CHECK(dbnloop_historical_is_streaming(hist) == 1);
  uint32_t records = 0;
  wait_for(&s, DBNLOOP_EVENT_COMPLETE, id, 0, &records);
  CHECK(records == kRecords);
  CHECK(s.warned == id);
  CHECK(dbnloop_historical_is_streaming(hist) == 0 &&
        dbnloop_historical_received(hist) > 0);

  s.answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]";
  uint64_t call = 0;
  const char* endpoint = "metadata.list_schemas";
  CHECK(dbnloop_historical_call(hist, DBNLOOP_CALL_GET, endpoint, strlen(endpoint),
                                "a=b+c", 5, &call, &error) == DBNLOOP_OK);
  dbnloop_event* e = wait_for(&s, DBNLOOP_EVENT_RESPONSE, id, call, NULL);
  CHECK(e->response.error.code == DBNLOOP_OK && e->response.error.message == NULL);
  CHECK(e->response.body_len == 3 && strcmp(e->response.body, "[1]") == 0);
  CHECK(e->response.sha256 == NULL && e->response.file_size == 0);
  CHECK(strstr(s.request, "GET /v0/metadata.list_schemas?a=b+c HTTP/1.1") != NULL);

  a_download(&s, hist);

  s.answer =
      "HTTP/1.1 422 No\r\nrequest-id: r1\r\nRetry-After: 4\r\nContent-Length: "
      "104\r\n\r\n{\"detail\":{\"case\":\"cc\",\"message\":\"some ms\",\"payload\":"
      "{\"available_start\":\"2010\",\"available_end\":\"2026\"}}}";
  CHECK(dbnloop_historical_start(hist, &error) == DBNLOOP_OK);
  CHECK(dbnloop_historical_stop(hist, &error) == DBNLOOP_OK);
  e = wait_for(&s, DBNLOOP_EVENT_ERROR, id, 0, NULL);
  CHECK(e->error.code == DBNLOOP_CANCELLED && e->error.http == NULL);
  CHECK(dbnloop_historical_start(hist, &error) == DBNLOOP_OK);
  e = wait_for(&s, DBNLOOP_EVENT_ERROR, id, 0, NULL);
  CHECK(e->error.code == DBNLOOP_HTTP_ERROR && e->error.http != NULL);
  CHECK(e->error.http->status == 422 && e->error.http->retry_after_s == 4);
  CHECK(e->error.http->retryable == 0);
  CHECK(e->error.http->error_case_len == 2 &&
        memcmp(e->error.http->error_case, "cc", 2) == 0);
  CHECK(e->error.http->request_id_len == 2 &&
        memcmp(e->error.http->request_id, "r1", 2) == 0);
  CHECK(e->error.http->available_start_len == 4 &&
        memcmp(e->error.http->available_start, "2010", 4) == 0);
  CHECK(e->error.http->available_end_len == 4 &&
        memcmp(e->error.http->available_end, "2026", 4) == 0);
  const char* payload = "{\"available_start\":\"2010\",\"available_end\":\"2026\"}";
  CHECK(e->error.http->payload_len == strlen(payload) &&
        memcmp(e->error.http->payload, payload, strlen(payload)) == 0);

  s.answer = "";
  CHECK(dbnloop_historical_call(hist, DBNLOOP_CALL_POST_IDEMPOTENT, endpoint,
                                strlen(endpoint), NULL, 0, &call,
                                &error) == DBNLOOP_OK);
  CHECK(dbnloop_historical_cancel(hist, call) == 1);
  CHECK(dbnloop_historical_cancel(hist, call) == 0);
  CHECK(dbnloop_historical_call(hist, 7, endpoint, strlen(endpoint), NULL, 0, &call,
                                &error) == DBNLOOP_INVALID_ARGUMENT);

  if (s.peer >= 0) server_close_peer(&s);
  close(s.listener);
  dbnloop_reactor_free(reactor);
  CHECK(dbnloop_historical_start(hist, &error) == DBNLOOP_INVALID_STATE);
  dbnloop_historical_free(hist);
}

static void misuse(void) {
  dbnloop_error error;
  dbnloop_reactor* reactor = NULL;
  dbnloop_historical* hist = NULL;
  uint64_t id = 0;
  CHECK(dbnloop_reactor_new(&reactor, &error) == DBNLOOP_OK);
  CHECK(dbnloop_historical_new(NULL, kKey, 32, NULL, &hist, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_new(reactor, NULL, 32, NULL, &hist, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_new(reactor, kKey, 32, NULL, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_new(reactor, "short", 5, NULL, &hist, &error) ==
        DBNLOOP_INVALID_API_KEY);
  CHECK(strstr(error.message, "short") == NULL);
  dbnloop_historical_options options;
  dbnloop_historical_options_init(NULL);
  dbnloop_historical_options_init(&options);
  options.url = "gopher://x";
  options.url_len = 10;
  CHECK(dbnloop_historical_new(reactor, kKey, 32, &options, &hist, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_new(reactor, kKey, 32, NULL, &hist, &error) == DBNLOOP_OK);
  CHECK(dbnloop_historical_request(hist, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  dbnloop_range range;
  dbnloop_range_init(NULL);
  dbnloop_range_init(&range);
  CHECK(dbnloop_historical_request(NULL, &range, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_request(hist, &range, &error) == DBNLOOP_INVALID_DATASET);
  range.dataset = "GLBX.MDP3";
  range.dataset_len = 9;
  range.symbols = "ESZ6";
  range.symbols_len = 4;
  CHECK(dbnloop_historical_request(hist, &range, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "the range has no end") != NULL);
  range.has_end = 1;
  CHECK(dbnloop_historical_request(hist, &range, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_range_day(NULL, 0, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_range_day(&range, UINT64_MAX, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_range_day(&range, 1795132800000000001, &error) == DBNLOOP_OK);
  CHECK(range.has_end == 1 && range.start == 1795132800000000000 &&
        range.end == 1795219200000000000);
  CHECK(dbnloop_historical_request(hist, &range, &error) == DBNLOOP_OK);
  dbnloop_download download;
  dbnloop_download_init(NULL);
  dbnloop_download_init(&download);
  CHECK(dbnloop_historical_download(hist, &download, &id, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_download(hist, NULL, &id, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_download(NULL, &download, &id, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_download(hist, &download, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_call(NULL, 0, "x", 1, NULL, 0, &id, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_call(hist, 0, "x", 1, NULL, 0, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_start(NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_stop(NULL, NULL) == DBNLOOP_INVALID_ARGUMENT);
  dbnloop_historical_pause(NULL);
  dbnloop_historical_resume(NULL);
  CHECK(dbnloop_historical_is_paused(NULL) == 0 &&
        dbnloop_historical_is_streaming(NULL) == 0);
  CHECK(dbnloop_historical_id(NULL) == 0 && dbnloop_historical_received(NULL) == 0);
  CHECK(dbnloop_historical_cancel(NULL, 1) == 0);
  dbnloop_historical_free(NULL);
  dbnloop_historical_free(hist);
  dbnloop_reactor_free(reactor);
}

int main(void) {
  streams_and_calls();
  misuse();
  return 0;
}
