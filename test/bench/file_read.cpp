// Reading a file: what a record costs through the reactor, plain by read(2) and by the
// mapping, and compressed, beside bare loops over the same files. The files lie in the
// page cache. Rounds are interleaved; medians come out.
//
//   file_read [ROUNDS [MIB]]

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/mbo_block.hpp"
#include "bench/measure.hpp"
#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/dbn_file_source.hpp"
#include "dbnloop/reactor.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::bench {
namespace {

constexpr std::size_t kChunk = 256 * 1024;  // as the source reads

/// A file that goes away with it.
class TempFile {
 public:
  TempFile() {
    const net::ScopedFd fd{::mkstemp(path_.data())};
    if (!fd) std::abort();
  }
  ~TempFile() { ::unlink(path_.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  void Append(std::span<const char> bytes) const {
    const net::ScopedFd fd{::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
    while (!bytes.empty()) {
      const auto n = ::write(fd.get(), bytes.data(), bytes.size());
      if (n < 0) std::abort();
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/dbnloop-bench-XXXXXX";
};

std::string Header() {
  Metadata metadata;
  metadata.dataset = "GLBX.MDP3";
  const auto bytes = EncodeMetadata(metadata);
  if (!bytes) std::abort();
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

// The plain and the compressed file: blocks differ by their order ids, so that
// compression finds what it finds in real data and not one block over and over.
void WriteFiles(const TempFile& plain, const TempFile& zstd, std::uint64_t blocks) {
  auto* const context = ZSTD_createCCtx();
  std::vector<char> out(ZSTD_CStreamOutSize());
  const auto write = [&](std::span<const char> bytes, ZSTD_EndDirective mode) {
    plain.Append(bytes);
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (std::size_t left = 1; left != 0;) {
      ZSTD_outBuffer room{out.data(), out.size(), 0};
      left = ZSTD_compressStream2(context, &room, &in, mode);
      if (ZSTD_isError(left) != 0) std::abort();
      zstd.Append(std::span{out}.first(room.pos));
      if (mode == ZSTD_e_continue) left = in.size - in.pos;
    }
  };
  write(Header(), ZSTD_e_continue);
  auto block = MboBlock();
  std::uint64_t state = 1;
  for (std::uint64_t b = 0; b < blocks; ++b) {
    auto* const records = reinterpret_cast<MboMsg*>(block.data());
    for (std::size_t i = 0; i < block.size() / sizeof(MboMsg); ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      records[i].order_id = state >> 32U;
      records[i].price = 4'000'000'000'000 + static_cast<std::int64_t>(state >> 58U);
    }
    write(block, ZSTD_e_continue);
  }
  write({}, ZSTD_e_end);
  ZSTD_freeCCtx(context);
}

// The records of a stream whose pieces come in any size, header first.
class BareWalk {
 public:
  std::span<char> Room() { return std::span{buffer_}.subspan(held_, kChunk); }
  void Walk(std::size_t n, Sample& sample) {
    held_ += n;
    auto at = std::exchange(skip_, 0);
    const auto* p = reinterpret_cast<const MboMsg*>(buffer_.data() + at);
    const auto count = (held_ - at) / sizeof(MboMsg);
    sample.Take({p, count});
    at += count * sizeof(MboMsg);
    held_ -= at;
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(at), held_,
                buffer_.begin());
  }

 private:
  std::vector<char> buffer_ = std::vector<char>(2 * kChunk);
  std::size_t held_ = 0;
  std::size_t skip_ = Header().size();
};

Sample BareRead(const std::string& path) {
  const net::ScopedFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  BareWalk walk;
  Sample sample;
  const Stopwatch watch;
  for (;;) {
    const auto room = walk.Room();
    const auto n = ::read(fd.get(), room.data(), room.size());
    if (n <= 0) break;
    walk.Walk(static_cast<std::size_t>(n), sample);
  }
  watch.Note(sample);
  return sample;
}

// No copy at all: the most that a mapping could give. Windows of a MiB, filled at once.
Sample BareMmap(const std::string& path) {
  constexpr std::size_t kWindow = 1024 * 1024;
  const net::ScopedFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const auto size = static_cast<std::size_t>(::lseek(fd.get(), 0, SEEK_END));
  Sample sample;
  const Stopwatch watch;
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapped == MAP_FAILED) std::abort();
  auto* const begin = static_cast<char*>(mapped);
  std::size_t at = Header().size();
  for (std::size_t window = 0; window < size; window += kWindow) {
    const auto end = std::min(window + kWindow, size);
    ::madvise(begin + window, end - window, MADV_POPULATE_READ);
    const auto count = (end - at) / sizeof(MboMsg);
    sample.Take({reinterpret_cast<const MboMsg*>(begin + at), count});
    at += count * sizeof(MboMsg);
  }
  ::munmap(mapped, size);
  watch.Note(sample);
  return sample;
}

Sample BareZstd(const std::string& path) {
  const net::ScopedFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::vector<char> in(ZSTD_DStreamInSize());
  auto* const context = ZSTD_createDCtx();
  BareWalk walk;
  Sample sample;
  const Stopwatch watch;
  for (;;) {
    const auto n = ::read(fd.get(), in.data(), in.size());
    if (n <= 0) break;
    ZSTD_inBuffer from{in.data(), static_cast<std::size_t>(n), 0};
    for (bool more = true; more;) {
      const auto room = walk.Room();
      ZSTD_outBuffer to{room.data(), room.size(), 0};
      if (ZSTD_isError(ZSTD_decompressStream(context, &to, &from)) != 0) std::abort();
      walk.Walk(to.pos, sample);
      more = from.pos < from.size || to.pos == to.size;
    }
  }
  watch.Note(sample);
  ZSTD_freeDCtx(context);
  return sample;
}

Sample Source(const std::string& path, const FileOptions& options) {
  Reactor reactor;
  DbnFileSource source{&reactor, path, options};
  Sample sample;
  bool ended = false;
  source.OnRecord([&](std::span<const MboMsg> run) { sample.Take(run); });
  source.OnComplete([&] { ended = true; });
  source.OnError([&](const Error&) { ended = true; });
  const Stopwatch watch;
  source.Start();
  while (!ended) reactor.Poll();
  watch.Note(sample);
  return sample;
}

std::vector<std::pair<const char*, FileOptions>> Variants() {
  FileOptions small;
  small.buffer_size = 64 * 1024;
  FileOptions mapped;
  mapped.use_mmap = true;
  return {{"source, 256 KiB", {}}, {"source, 64 KiB", small}, {"source, mmap", mapped}};
}

int Main(int rounds, std::uint64_t blocks) {
  const TempFile plain;
  const TempFile zstd;
  WriteFiles(plain, zstd, blocks);
  const auto expected = blocks * (MboBlock().size() / sizeof(MboMsg));
  std::vector<Way> ways;
  ways.push_back({"bare read, 256 KiB", [&] { return BareRead(plain.path()); }});
  ways.push_back({"bare mmap", [&] { return BareMmap(plain.path()); }});
  for (const auto& [name, options] : Variants()) {
    ways.push_back({name, [&, options] { return Source(plain.path(), options); }});
  }
  if (!Compare("plain file", rounds, expected, ways)) return 1;
  ways.clear();
  ways.push_back({"bare zstd", [&] { return BareZstd(zstd.path()); }});
  ways.push_back({"source, zstd", [&] { return Source(zstd.path(), {}); }});
  return Compare("zstd file", rounds, expected, ways) ? 0 : 1;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const auto mib = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 512;
  return dbnloop::bench::Main(std::max(rounds, 1), mib);
}
