// What a program without the library would do at the least: system calls, zstd, TLS,
// and a loop over the records of a stream that is trusted.
//
//   bare live|file|mmap|historical array|headers|table PORT|PATH RECORDS
//
// "array" is for a stream of mbo records alone, the others for any: "headers" tells the
// types apart in the loop, and "table" calls a function of a table by the type. A
// compressed file is recognised.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/result.hpp"

namespace dbnloop::bench {
namespace {

constexpr std::size_t kChunk = 1024 * 1024;  // as a file source reads

void Require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error{what};
}

/// What is called for each type of record.
using Table = std::array<void (*)(Totals&, const RecordHeader*), 256>;

template <typename T>
void TakeAs(Totals& totals, const RecordHeader* hd) {
  totals.Take(*reinterpret_cast<const T*>(hd));
}

Table MakeTable() {
  Table table;
  table.fill([](Totals&, const RecordHeader*) {});
  const auto of = [&](RType rtype) -> auto& {
    return table[static_cast<std::uint8_t>(rtype)];
  };
  of(RType::Mbo) = TakeAs<MboMsg>;
  of(RType::Mbp0) = TakeAs<TradeMsg>;
  of(RType::Mbp1) = TakeAs<Mbp1Msg>;
  of(RType::Mbp10) = TakeAs<Mbp10Msg>;
  of(RType::Ohlcv1S) = TakeAs<OhlcvMsg>;
  return table;
}

/// The records of a stream whose pieces have any size, header first.
class Walk {
 public:
  enum class Form { Array, Headers, Table };
  explicit Walk(Form form) : form_{form} {}

  [[nodiscard]] std::span<char> Room() {
    return std::span{buffer_}.subspan(held_, kChunk);
  }
  /// Walks what lies in Room() from its beginning, and keeps the tail.
  void Take(std::size_t n) {
    held_ += n;
    const auto at = Records({buffer_.data(), held_});
    held_ -= at;
    std::memmove(buffer_.data(), buffer_.data() + at, held_);
  }
  /// Walks complete records, and returns how many bytes those are.
  std::size_t Records(std::span<const char> bytes) {
    std::size_t at = 0;
    if (!begun_) {
      std::uint32_t length = 0;
      if (bytes.size() < 8) return 0;
      std::memcpy(&length, bytes.data() + 4, sizeof(length));
      at = 8 + length;
      if (bytes.size() < at) return 0;
      begun_ = true;
    }
    if (form_ == Form::Array) {
      const auto count = (bytes.size() - at) / sizeof(MboMsg);
      totals_.TakeRun(
          std::span{reinterpret_cast<const MboMsg*>(bytes.data() + at), count});
      return at + count * sizeof(MboMsg);
    }
    while (bytes.size() - at >= sizeof(RecordHeader)) {
      const auto* const hd = reinterpret_cast<const RecordHeader*>(bytes.data() + at);
      const auto size = hd->length * RecordHeader::kLengthMultiplier;
      if (size > bytes.size() - at) break;
      if (form_ == Form::Table) {
        table_[static_cast<std::uint8_t>(hd->rtype)](totals_, hd);
      } else {
        totals_.TakeAny(hd);
      }
      at += size;
    }
    return at;
  }
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  const Form form_;
  const Table table_ = MakeTable();
  bool begun_ = false;
  std::vector<char> buffer_ = std::vector<char>(2 * kChunk);
  std::size_t held_ = 0;
  Totals totals_;
};

int ConnectTo(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  in.sin_port = htons(static_cast<std::uint16_t>(port));
  Require(::connect(fd, reinterpret_cast<const sockaddr*>(&in), sizeof(in)) == 0,
          "connect");
  return fd;
}

// Says what a client says, and reads the gateway's three lines.
void Handshake(int fd) {
  constexpr std::string_view kSaid = "auth=bare\nstart_session\n";
  Require(::send(fd, kSaid.data(), kSaid.size(), 0) > 0, "send");
  for (int lines = 0; lines < 3;) {
    char c = 0;
    Require(::recv(fd, &c, 1, 0) == 1, "the handshake");
    lines += c == '\n' ? 1 : 0;
  }
}

void Live(Walk& walk, int port) {
  const int fd = ConnectTo(port);
  Handshake(fd);
  const Stopwatch watch;
  // As the client does: wait, then read at most 64 KiB.
  pollfd wait{fd, POLLIN, 0};
  for (;;) {
    ::poll(&wait, 1, -1);
    const auto room = walk.Room().first(64 * 1024);
    const auto n = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) break;
    if (n > 0) walk.Take(static_cast<std::size_t>(n));
  }
  watch.Print(walk.totals());
  ::close(fd);
}

/// Decompresses what it is given into a walk.
class Zstd {
 public:
  explicit Zstd(Walk& walk) : walk_{walk} {}
  ~Zstd() { ZSTD_freeDCtx(context_); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  void Take(std::span<const char> bytes) {
    ZSTD_inBuffer from{bytes.data(), bytes.size(), 0};
    for (bool more = true; more;) {
      const auto room = walk_.Room();
      ZSTD_outBuffer to{room.data(), room.size(), 0};
      Require(ZSTD_isError(ZSTD_decompressStream(context_, &to, &from)) == 0, "zstd");
      walk_.Take(to.pos);
      more = from.pos < from.size || to.pos == to.size;
    }
  }

 private:
  Walk& walk_;
  ZSTD_DCtx* const context_ = ZSTD_createDCtx();
};

void File(Walk& walk, const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Require(fd >= 0, "open");
  const Stopwatch watch;
  if (path.ends_with(".zst")) {
    Zstd zstd{walk};
    std::vector<char> in(ZSTD_DStreamInSize());
    for (ssize_t n = 0; (n = ::read(fd, in.data(), in.size())) > 0;) {
      zstd.Take(std::span<const char>{in}.first(static_cast<std::size_t>(n)));
    }
  } else {
    for (;;) {
      const auto room = walk.Room();
      const auto n = ::read(fd, room.data(), room.size());
      if (n <= 0) break;
      walk.Take(static_cast<std::size_t>(n));
    }
  }
  watch.Print(walk.totals());
  ::close(fd);
}

// No copy at all: the most that a mapping could give. Windows of a MiB, filled at once.
void Mmap(Walk& walk, const std::string& path) {
  constexpr std::size_t kWindow = 1024 * 1024;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Require(fd >= 0, "open");
  const auto size = static_cast<std::size_t>(::lseek(fd, 0, SEEK_END));
  const Stopwatch watch;
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  Require(mapped != MAP_FAILED, "mmap");
  auto* const begin = static_cast<char*>(mapped);
  std::size_t at = 0;
  for (std::size_t window = 0; window < size; window += kWindow) {
    const auto end = std::min(window + kWindow, size);
    ::madvise(begin + window, end - window, MADV_POPULATE_READ);
    at += walk.Records({begin + at, end - at});
  }
  ::munmap(mapped, size);
  watch.Print(walk.totals());
  ::close(fd);
}

void Historical(Walk& walk, int port) {
  const Stopwatch watch;
  const int fd = ConnectTo(port);
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL* const ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  Require(SSL_connect(ssl) == 1, "SSL_connect");
  constexpr std::string_view kRequest =
      "GET /v0/timeseries.get_range HTTP/1.1\r\nHost: bare\r\nConnection: "
      "close\r\n\r\n";
  SSL_write(ssl, kRequest.data(), kRequest.size());
  Zstd zstd{walk};
  std::vector<char> in(64 * 1024);
  std::string head;
  for (bool body = false;;) {
    const auto n = SSL_read(ssl, in.data(), static_cast<int>(in.size()));
    if (n <= 0) break;
    const std::span piece{in.data(), static_cast<std::size_t>(n)};
    if (body) {
      zstd.Take(piece);
      continue;
    }
    head.append(piece.data(), piece.size());
    const auto end = head.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    body = true;
    if (head.size() > end + 4) zstd.Take(std::span{head}.subspan(end + 4));
  }
  watch.Print(walk.totals());
  SSL_free(ssl);
  SSL_CTX_free(context);
  ::close(fd);
}

int Main(std::span<char* const> args) {
  if (args.size() != 5) return 2;
  const std::string_view transport = args[1];
  const std::string_view form = args[2];
  Walk walk{form == "array"   ? Walk::Form::Array
            : form == "table" ? Walk::Form::Table
                              : Walk::Form::Headers};
  if (transport == "live") {
    Live(walk, std::atoi(args[3]));
  } else if (transport == "file") {
    File(walk, args[3]);
  } else if (transport == "mmap") {
    Mmap(walk, args[3]);
  } else if (transport == "historical") {
    Historical(walk, std::atoi(args[3]));
  } else {
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  try {
    return dbnloop::bench::Main({argv, static_cast<std::size_t>(argc)});
  } catch (const std::runtime_error& e) {
    std::fprintf(stderr, "bare: %s failed\n", e.what());
    return 1;
  }
}
