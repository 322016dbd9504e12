/* Built against an installed dbnloop through pkg-config, as C11. */
#include <dbnloop.h>
#include <stdio.h>

int main(void) {
  dbnloop_reactor* reactor = NULL;
  dbnloop_event* events = NULL;
  size_t count = 1;
  dbnloop_error error;
  if (dbnloop_abi_version() != DBNLOOP_ABI_VERSION) return 1;
  if (dbnloop_reactor_new(&reactor, &error) != DBNLOOP_OK) return 2;
  if (dbnloop_reactor_poll(reactor, 0, &events, &count, &error) != DBNLOOP_OK) return 3;
  dbnloop_reactor_free(reactor);
  puts(count == 0 ? "ok" : "unexpected event");
  return count == 0 ? 0 : 4;
}
