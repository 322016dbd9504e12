/* Every function with NULL for every pointer, older and newer structs, free orders: an
 * error that says what, never a crash. */
#include <dbnloop.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"

static const char kKey[] = "0123456789abcdef0123456789abcdef";

static void versions_and_names(void) {
  CHECK(dbnloop_abi_version() == DBNLOOP_ABI_VERSION);
  char expected[32];
  snprintf(expected, sizeof expected, "%d.%d.%d", DBNLOOP_VERSION_MAJOR,
           DBNLOOP_VERSION_MINOR, DBNLOOP_VERSION_PATCH);
  CHECK(strcmp(dbnloop_version(), expected) == 0);
  CHECK(strcmp(dbnloop_status_name(DBNLOOP_AUTH_FAILED), "AuthFailed") == 0);
  CHECK(strcmp(dbnloop_status_name(DBNLOOP_HANDLER_FAILED), "HandlerFailed") == 0);
  CHECK(strcmp(dbnloop_status_name(DBNLOOP_TRUNCATED), "Truncated") == 0);
  CHECK(strcmp(dbnloop_status_name(DBNLOOP_CHECKSUM_MISMATCH), "ChecksumMismatch") ==
        0);
  CHECK(strcmp(dbnloop_status_name(12345), "Unknown") == 0);
  CHECK(strcmp(dbnloop_status_name(256 + DBNLOOP_AUTH_FAILED), "Unknown") == 0);
}

static void null_reactor(void) {
  dbnloop_error error;
  dbnloop_event* events = NULL;
  size_t count = 0;
  uint64_t id = 0;
  CHECK(dbnloop_reactor_new(NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "out is NULL") != NULL);
  CHECK(dbnloop_reactor_new(NULL, NULL) == DBNLOOP_INVALID_ARGUMENT);
  dbnloop_reactor_free(NULL);
  CHECK(dbnloop_reactor_poll(NULL, 0, &events, &count, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  dbnloop_reactor_wake(NULL);
  CHECK(dbnloop_reactor_fd(NULL) == -1);
  CHECK(dbnloop_reactor_pending(NULL) == 0);
  CHECK(dbnloop_reactor_add(NULL, 0, EPOLLIN, 0, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_modify(NULL, 0, EPOLLIN, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_remove(NULL, 0, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_timer(NULL, 0, 0, &id, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_cancel(NULL, 1) == 0);

  dbnloop_reactor* reactor = NULL;
  CHECK(dbnloop_reactor_new(&reactor, NULL) == DBNLOOP_OK);
  CHECK(dbnloop_reactor_poll(reactor, -2, &events, &count, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  dbnloop_range day;
  memset(&day, 0, sizeof(day));
  day.struct_size = sizeof(day.struct_size);
  CHECK(dbnloop_range_day(&day, 0, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(day.has_end == 0);
  CHECK(dbnloop_reactor_poll(reactor, 0, NULL, &count, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_poll(reactor, 0, &events, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_timer(reactor, 0, 0, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_timer(reactor, UINT64_MAX, 0, &id, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_add(reactor, -1, EPOLLIN, 0, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_modify(reactor, 12345, EPOLLIN, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_cancel(reactor, 12345) == 0);
  dbnloop_reactor_free(reactor);
}

static void null_client(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_live* client = NULL;
  dbnloop_subscription subscription;
  dbnloop_subscription_init(&subscription);
  dbnloop_live_options_init(NULL);
  dbnloop_subscription_init(NULL);
  dbnloop_unsubscription unsubscription;
  dbnloop_unsubscription_init(&unsubscription);
  dbnloop_unsubscription_init(NULL);
  const dbnloop_effective_set* set = NULL;
  CHECK(dbnloop_live_new(NULL, kKey, 32, NULL, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_new(reactor, NULL, 32, NULL, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_new(reactor, kKey, 32, NULL, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  dbnloop_live_free(NULL);
  CHECK(dbnloop_live_id(NULL) == 0);
  CHECK(dbnloop_live_connect(NULL, "h", 1, 1, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_subscribe(NULL, &subscription, NULL, &error) != DBNLOOP_OK);
  CHECK(dbnloop_live_unsubscribe(NULL, &unsubscription, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_subscriptions(NULL, &set, &error) == DBNLOOP_INVALID_ARGUMENT);
  dbnloop_effective_set_free(NULL);
  CHECK(dbnloop_live_start(NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_stop(NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  dbnloop_live_close(NULL);
  dbnloop_live_pause(NULL);
  dbnloop_live_resume(NULL);
  CHECK(dbnloop_live_is_paused(NULL) == 0);
  CHECK(dbnloop_live_get_state(NULL) == DBNLOOP_LIVE_DISCONNECTED);
  CHECK(dbnloop_live_session_id(NULL) == 0);

  dbnloop_stats stats = {.struct_size = sizeof stats};
  CHECK(dbnloop_live_stats(NULL, &stats, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_historical_stats(NULL, &stats, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_file_stats(NULL, &stats, &error) == DBNLOOP_INVALID_ARGUMENT);

  CHECK(dbnloop_live_new(reactor, kKey, 32, NULL, &client, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_stats(client, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  stats.struct_size = 0;
  CHECK(dbnloop_live_stats(client, &stats, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "struct_size is 0") != NULL);
  CHECK(dbnloop_live_connect(client, NULL, 5, 1, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "gateway is NULL") != NULL);
  CHECK(dbnloop_live_connect(client, "127.0.0.1", 9, 70000, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_subscribe(client, NULL, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_unsubscribe(client, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_subscriptions(client, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_live_subscriptions(client, &set, NULL) == DBNLOOP_OK);
  CHECK(set->count == 0);
  dbnloop_effective_set_free(set);
  dbnloop_live_free(client);
}

static void bad_unsubscriptions(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_live* client = NULL;
  CHECK(dbnloop_live_new(reactor, kKey, 32, NULL, &client, &error) == DBNLOOP_OK);
  dbnloop_unsubscription u;
  dbnloop_unsubscription_init(&u);
  CHECK(u.schema == DBNLOOP_SCHEMA_TRADES && u.stype_in == DBNLOOP_STYPE_RAW_SYMBOL);
  CHECK(dbnloop_live_unsubscribe(client, &u, &error) == DBNLOOP_INVALID_SYMBOL);
  u.symbols = "ESZ6";
  CHECK(dbnloop_live_unsubscribe(client, &u, &error) == DBNLOOP_INVALID_STATE);
  CHECK(strstr(error.message, "has not subscribed to schema trades") != NULL);
  CHECK(dbnloop_live_subscribe_to(client, "GLBX.MDP3", DBNLOOP_SCHEMA_TRADES, "ESZ6",
                                  &error) == DBNLOOP_OK);
  u.dataset = "XNAS.ITCH";
  CHECK(dbnloop_live_unsubscribe(client, &u, &error) == DBNLOOP_INVALID_DATASET);
  u.dataset = NULL;
  u.schema = 70000;
  CHECK(dbnloop_live_unsubscribe(client, &u, &error) == DBNLOOP_INVALID_SCHEMA);
  u.schema = DBNLOOP_SCHEMA_TRADES;
  u.stype_in = DBNLOOP_STYPE_PARENT;
  CHECK(dbnloop_live_unsubscribe(client, &u, &error) == DBNLOOP_INVALID_ARGUMENT);
  u.stype_in = DBNLOOP_STYPE_CONTINUOUS;
  CHECK(dbnloop_live_unsubscribe(client, &u, &error) == DBNLOOP_INVALID_ARGUMENT);
  u.stype_in = DBNLOOP_STYPE_RAW_SYMBOL;
  u.struct_size = 7; /* smaller than itself */
  CHECK(dbnloop_live_unsubscribe(client, &u, &error) == DBNLOOP_INVALID_ARGUMENT);
  /* A shorter struct ends before schema and stype_in, which keep their defaults. */
  u.struct_size = offsetof(dbnloop_unsubscription, schema);
  u.schema = DBNLOOP_SCHEMA_MBO;
  u.stype_in = DBNLOOP_STYPE_CONTINUOUS;
  CHECK(dbnloop_live_unsubscribe(client, &u, &error) == DBNLOOP_OK);
  dbnloop_live_free(client);
}

static void bad_arguments(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_live* client = NULL;
  CHECK(dbnloop_live_new(reactor, "db-secret", 9, NULL, &client, &error) ==
        DBNLOOP_INVALID_API_KEY);
  CHECK(strstr(error.message, "secret") == NULL);

  CHECK(dbnloop_live_new(reactor, kKey, 32, NULL, &client, &error) == DBNLOOP_OK);
  dbnloop_subscription s;
  dbnloop_subscription_init(&s);
  s.symbols = "ESZ6";
  s.symbols_len = 4;
  CHECK(dbnloop_live_subscribe(client, &s, NULL, &error) == DBNLOOP_INVALID_DATASET);
  s.dataset = "GLBX|MDP3";
  s.dataset_len = 9;
  CHECK(dbnloop_live_subscribe(client, &s, NULL, &error) == DBNLOOP_INVALID_DATASET);
  s.dataset = "GLBX.MDP3";
  s.schema = 70000;
  CHECK(dbnloop_live_subscribe(client, &s, NULL, &error) == DBNLOOP_INVALID_SCHEMA);
  s.schema = DBNLOOP_SCHEMA_TRADES;
  s.symbols = "A\nB";
  s.symbols_len = 3;
  CHECK(dbnloop_live_subscribe(client, &s, NULL, &error) == DBNLOOP_INVALID_SYMBOL);
  s.symbols = "ESZ6";
  s.symbols_len = 4;
  s.snapshot = 2;
  CHECK(dbnloop_live_subscribe(client, &s, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  s.snapshot = 0;
  s.start = 1; /* without has_start it would be ignored */
  CHECK(dbnloop_live_subscribe(client, &s, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "has_start") != NULL);
  s.start = 0;
  s.stype_in = DBNLOOP_STYPE_INSTRUMENT_ID; /* which a name is not */
  CHECK(dbnloop_live_subscribe(client, &s, NULL, &error) == DBNLOOP_INVALID_SYMBOL);
  CHECK(strstr(error.message, "instrument_id") != NULL);
  s.stype_in = DBNLOOP_STYPE_RAW_SYMBOL;
  uint32_t id = 0;
  CHECK(dbnloop_live_subscribe(client, &s, &id, &error) == DBNLOOP_OK && id == 1);
  CHECK(error.code == DBNLOOP_OK && error.message[0] == '\0');
  CHECK(dbnloop_live_start(client, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_start(client, &error) == DBNLOOP_INVALID_STATE);
  dbnloop_live_free(client);
}

static void struct_sizes(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_live* client = NULL;
  dbnloop_live_options options;
  dbnloop_live_options_init(&options);
  options.struct_size = 0;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "struct_size") != NULL);
  /* A struct that nobody filled: it is not read up to that size. */
  options.struct_size = SIZE_MAX;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "_init") != NULL);
  /* No struct ends within a pointer. */
  options.struct_size = 13;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  /* An older caller knew the fields before buffer_size; what follows is not read. */
  dbnloop_live_options_init(&options);
  options.buffer_size = 1;
  options.struct_size = offsetof(dbnloop_live_options, buffer_size);
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) == DBNLOOP_OK);
  dbnloop_live_free(client);
  /* The whole struct is read. */
  options.struct_size = sizeof options;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "buffer_size") != NULL);
  /* A newer caller's unknown fields must be unset. */
  struct {
    dbnloop_live_options known;
    uint64_t unknown;
  } newer;
  memset(&newer, 0, sizeof newer);
  dbnloop_live_options_init(&newer.known);
  newer.known.struct_size = sizeof newer;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &newer.known, &client, &error) ==
        DBNLOOP_OK);
  dbnloop_live_free(client);
  newer.unknown = 1;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &newer.known, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
}

static void socket_options(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_live* client = NULL;
  dbnloop_live_options options;
  dbnloop_live_options_init(&options);
  CHECK(options.receive_buffer == 0 && options.busy_poll_us == 0 &&
        options.quick_ack == 0);
  options.receive_buffer = 100;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "receive_buffer is 100 bytes") != NULL);
  /* An older caller's struct ends before it. */
  options.struct_size = offsetof(dbnloop_live_options, receive_buffer);
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_fd(client) == -1);
  dbnloop_live_free(client);
  CHECK(dbnloop_live_fd(NULL) == -1);
  dbnloop_live_options_init(&options);
  options.busy_poll_us = -1;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "busy_poll is -1 us") != NULL);
  dbnloop_live_options_init(&options);
  options.quick_ack = 2;
  CHECK(dbnloop_live_new(reactor, kKey, 32, &options, &client, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "options.quick_ack") != NULL);
}

static void reactor_options(void) {
  dbnloop_error error;
  dbnloop_reactor* reactor = NULL;
  dbnloop_reactor_options options;
  dbnloop_reactor_options_init(NULL);
  dbnloop_reactor_options_init(&options);
  CHECK(options.spin_us == 0);
  CHECK(dbnloop_reactor_new_with(&options, NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  options.spin_us = -1;
  CHECK(dbnloop_reactor_new_with(&options, &reactor, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "spin is -1 us") != NULL);
  options.struct_size = 0;
  CHECK(dbnloop_reactor_new_with(&options, &reactor, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_reactor_new_with(NULL, &reactor, &error) == DBNLOOP_OK);
  dbnloop_reactor_free(reactor);
  dbnloop_reactor_options_init(&options);
  options.spin_us = 1000;
  CHECK(dbnloop_reactor_new_with(&options, &reactor, &error) == DBNLOOP_OK);
  dbnloop_event* events = NULL;
  size_t count = 0;
  uint64_t timer = 0;
  CHECK(dbnloop_reactor_timer(reactor, 1, 0, &timer, &error) == DBNLOOP_OK);
  while (count == 0) {
    CHECK(dbnloop_reactor_poll(reactor, -1, &events, &count, &error) == DBNLOOP_OK);
  }
  CHECK(events[0].kind == DBNLOOP_EVENT_TIMER && events[0].timer.id == timer);
  dbnloop_reactor_free(reactor);
}

static void free_orders(void) {
  dbnloop_error error;
  dbnloop_reactor* reactor = NULL;
  dbnloop_live *first = NULL, *second = NULL;
  dbnloop_event* events = NULL;
  size_t count = 0;
  CHECK(dbnloop_reactor_new(&reactor, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_new(reactor, kKey, 32, NULL, &first, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_new(reactor, kKey, 32, NULL, &second, &error) == DBNLOOP_OK);
  CHECK(dbnloop_live_id(first) != dbnloop_live_id(second));
  /* A state event is pending when its client goes. */
  CHECK(dbnloop_live_connect(first, "127.0.0.1", 9, 1, &error) == DBNLOOP_OK);
  CHECK(dbnloop_reactor_pending(reactor) == 1);
  dbnloop_live_free(first);
  CHECK(dbnloop_reactor_poll(reactor, 0, &events, &count, &error) == DBNLOOP_OK);
  CHECK(count == 0);
  dbnloop_reactor_free(reactor);
  /* Only freeing is possible now, and every other call says so. */
  CHECK(dbnloop_live_start(second, &error) == DBNLOOP_INVALID_STATE);
  dbnloop_live_pause(second);
  dbnloop_live_close(second);
  CHECK(dbnloop_live_get_state(second) == DBNLOOP_LIVE_DISCONNECTED);
  dbnloop_live_free(second);
}

static void fds_timers_and_wake(dbnloop_reactor* reactor) {
  dbnloop_error error;
  dbnloop_event* events = NULL;
  size_t count = 0;
  int pipe_fds[2];
  CHECK(pipe(pipe_fds) == 0);
  CHECK(dbnloop_reactor_add(reactor, pipe_fds[0], EPOLLIN, 77, &error) == DBNLOOP_OK);
  CHECK(dbnloop_reactor_add(reactor, pipe_fds[0], EPOLLIN, 77, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(write(pipe_fds[1], "x", 1) == 1);
  CHECK(dbnloop_reactor_poll(reactor, 1000, &events, &count, &error) == DBNLOOP_OK);
  CHECK(count == 1 && events[0].kind == DBNLOOP_EVENT_FD &&
        events[0].fd.userdata == 77);
  CHECK((events[0].fd.ready & EPOLLIN) != 0);
  CHECK(dbnloop_reactor_remove(reactor, pipe_fds[0], &error) == DBNLOOP_OK);
  close(pipe_fds[0]);
  close(pipe_fds[1]);

  uint64_t id = 0, other = 0;
  CHECK(dbnloop_reactor_timer(reactor, 1, 0, &id, &error) == DBNLOOP_OK);
  CHECK(dbnloop_reactor_timer(reactor, 3600000000000u, 0, &other, &error) ==
        DBNLOOP_OK);
  CHECK(dbnloop_reactor_poll(reactor, 1000, &events, &count, &error) == DBNLOOP_OK);
  CHECK(count == 1 && events[0].kind == DBNLOOP_EVENT_TIMER &&
        events[0].timer.id == id);
  CHECK(dbnloop_reactor_cancel(reactor, other) == 1);
  CHECK(dbnloop_reactor_cancel(reactor, other) == 0);

  dbnloop_reactor_wake(reactor);
  CHECK(dbnloop_reactor_poll(reactor, -1, &events, &count, &error) == DBNLOOP_OK);
  CHECK(count == 0);
}

int main(void) {
  dbnloop_reactor* reactor = NULL;
  versions_and_names();
  null_reactor();
  CHECK(dbnloop_reactor_new(&reactor, NULL) == DBNLOOP_OK);
  null_client(reactor);
  bad_unsubscriptions(reactor);
  bad_arguments(reactor);
  struct_sizes(reactor);
  socket_options(reactor);
  reactor_options();
  fds_timers_and_wake(reactor);
  dbnloop_reactor_free(reactor);
  free_orders();
  return 0;
}
