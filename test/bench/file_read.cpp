// Reading a file: what a record costs through the reactor, plain by read(2) and by the
// mapping, and compressed, beside bare loops over the same files. The files lie in the
// page cache. Rounds are interleaved; medians come out.
//
//   file_read [ROUNDS [MIB [NAME=PROGRAM]...]]
//
// A PROGRAM is called with the path of a file; what it does and says then: see
// OtherProgram.

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

#include "bench/bare.hpp"
#include "bench/mbo_stream.hpp"
#include "bench/measure.hpp"
#include "dbnloop/dbn_file_source.hpp"
#include "dbnloop/reactor.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::bench {
namespace {

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

// The plain and the compressed file.
void WriteFiles(const TempFile& plain, const TempFile& zstd, std::uint64_t blocks) {
  EachPiece(blocks, [&](std::span<const char> piece) { plain.Append(piece); });
  EachZstdPiece(blocks, [&](std::span<const char> piece) { zstd.Append(piece); });
}

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
  std::size_t at = MboHeader().size();
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

Sample BareZstdFile(const std::string& path) {
  const net::ScopedFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::vector<char> in(ZSTD_DStreamInSize());
  return BareZstd([&] {
    const auto n = ::read(fd.get(), in.data(), in.size());
    return std::span<const char>{in}.first(n > 0 ? static_cast<std::size_t>(n) : 0);
  });
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

int Main(int rounds, std::uint64_t blocks, const std::vector<OtherProgram>& programs) {
  const TempFile plain;
  const TempFile zstd;
  WriteFiles(plain, zstd, blocks);
  const auto expected = RecordsOf(blocks);
  std::vector<Way> ways;
  ways.push_back({"bare read, 256 KiB", [&] { return BareRead(plain.path()); }});
  ways.push_back({"bare mmap", [&] { return BareMmap(plain.path()); }});
  for (const auto& [name, options] : Variants()) {
    ways.push_back({name, [&, options] { return Source(plain.path(), options); }});
  }
  const auto add_programs = [&](const TempFile& file) {
    for (const auto& [name, program] : programs) {
      ways.push_back(
          {name, [&file, program] { return RunProgram(program + " " + file.path()); }});
    }
  };
  add_programs(plain);
  if (!Compare("plain file", rounds, expected, ways)) return 1;
  ways.clear();
  ways.push_back({"bare zstd", [&] { return BareZstdFile(zstd.path()); }});
  ways.push_back({"source, zstd", [&] { return Source(zstd.path(), {}); }});
  add_programs(zstd);
  return Compare("zstd file", rounds, expected, ways) ? 0 : 1;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  const dbnloop::bench::Arguments given{argc, argv};
  return dbnloop::bench::Main(given.rounds, given.mib, given.programs);
}
