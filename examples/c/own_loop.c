/* The reactor inside a poll(2) loop of the program's own, beside standard input.
 *
 *   own_loop [HOST PORT] */
#include <dbnloop.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static dbnloop_error error;

static void must(dbnloop_status status) {
  if (status == DBNLOOP_OK) return;
  fprintf(stderr, "own_loop: %s\n", error.message);
  exit(1);
}

int main(int argc, char** argv) {
  const char* host = argc == 3 ? argv[1] : NULL;
  int port = argc == 3 ? atoi(argv[2]) : DBNLOOP_LIVE_PORT;
  dbnloop_reactor* reactor = NULL;
  dbnloop_live* client = NULL;
  must(dbnloop_reactor_new(&reactor, &error));
  must(dbnloop_live_new(reactor, getenv("DATABENTO_API_KEY"), DBNLOOP_STRLEN, NULL,
                        &client, &error));
  must(dbnloop_live_subscribe_to(client, "GLBX.MDP3", DBNLOOP_SCHEMA_TRADES,
                                 DBNLOOP_ALL_SYMBOLS, &error));
  must(dbnloop_live_connect(client, host, DBNLOOP_STRLEN, port, &error));
  must(dbnloop_live_start(client, &error));

  // docs: loop
  size_t trades = 0;
  int ended = 0;
  struct pollfd fds[2] = {{.fd = dbnloop_reactor_fd(reactor), .events = POLLIN},
                          {.fd = STDIN_FILENO, .events = POLLIN}};
  while (!ended) {
    /* What a poll returned is acknowledged by the next one, without any fd: do not wait
     * while something is pending. */
    int timeout = dbnloop_reactor_pending(reactor) ? 0 : -1;
    if (poll(fds, 2, timeout) < 0 && errno != EINTR) break;
    if (fds[1].revents != 0) {
      char line[80];
      if (read(STDIN_FILENO, line, sizeof line) > 0)
        printf("%zu trades so far\n", trades);
      else
        fds[1].fd = -1; /* at its end: poll ignores it from now on */
    }
    dbnloop_event* events = NULL;
    size_t count = 0;
    must(dbnloop_reactor_poll(reactor, 0, &events, &count, &error));
    for (dbnloop_event* e = events; e < events + count; ++e) {
      const dbnloop_record_header* r = NULL;
      while ((r = dbnloop_next_record(e, r)) != NULL)
        if (dbnloop_trade_msg_if(r) != NULL) ++trades;
      if (e->kind == DBNLOOP_EVENT_ERROR) ended = 1;
    }
  }
  // docs: end
  printf("%zu trades\n", trades);
  dbnloop_live_free(client);
  dbnloop_reactor_free(reactor);
  return 0;
}
