/* A listening socket on loopback, on a port of the system's choice. */
#ifndef DBNLOOP_TEST_LISTENER_H
#define DBNLOOP_TEST_LISTENER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "check.h"

/* flags: of socket(2), SOCK_NONBLOCK or 0. */
static int open_listener(int flags, int* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  CHECK(fd >= 0 && bind(fd, (struct sockaddr*)&address, length) == 0);
  CHECK(listen(fd, SOMAXCONN) == 0);
  CHECK(getsockname(fd, (struct sockaddr*)&address, &length) == 0);
  *port = ntohs(address.sin_port);
  return fd;
}

#endif
