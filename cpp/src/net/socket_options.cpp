#include "net/socket_options.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/str_cat.hpp"

namespace dbnloop::net {
namespace {

Error Refused(const char* option, int value, const char* what_to_do) {
  const int reason = errno;
  return {ErrorCode::System,
          base::StrCat("the system refuses ", option, " of ", value, ": ",
                       std::strerror(reason), what_to_do),
          reason};
}

}  // namespace

Error Apply(const SocketOptions& options, int fd) {
  if (options.receive_buffer != 0) {
    const int bytes = static_cast<int>(options.receive_buffer);
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) != 0) {
      return Refused("receive_buffer (SO_RCVBUF)", bytes, "");
    }
  }
  if (options.busy_poll.count() != 0) {
    const int micros = static_cast<int>(options.busy_poll.count());
    if (::setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &micros, sizeof(micros)) != 0) {
      return Refused("busy_poll (SO_BUSY_POLL)", micros,
                     "; more than net.core.busy_read needs the capability "
                     "CAP_NET_ADMIN");
    }
  }
  return {};
}

}  // namespace dbnloop::net
