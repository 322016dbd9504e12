#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <databento/dbn.hpp>
#include <databento/dbn_store.hpp>
#include <databento/enums.hpp>
#include <databento/log.hpp>
#include <databento/record.hpp>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// What both comparisons need: the simulator's process, a file's records, and a look at
// how two lists differ.
namespace interop {

namespace db = databento;
namespace fs = std::filesystem;

inline constexpr auto kKey = "db-simSIMsimSIMsimSIMsimSIMsim00";
inline constexpr auto kDataset = "GLBX.MDP3";

/// A dbn-sim process; it ends when this is destroyed.
class Simulator {
 public:
  Simulator(const fs::path& program, std::vector<std::string> args) {
    args.insert(args.begin(), {program.string(), "--quiet"});
    int fds[2];
    if (::pipe(fds) != 0) throw std::runtime_error{"no pipe"};
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(fds[1], STDOUT_FILENO);
      ::close(fds[0]);
      std::vector<char*> argv;
      for (auto& arg : args) argv.push_back(arg.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(fds[1]);
    output_ = ::fdopen(fds[0], "r");
  }
  ~Simulator() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    std::fclose(output_);
  }
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  /// What stands behind `prefix` in the next line, which says that it is ready.
  std::string Ready(const std::string& prefix) {
    std::string line;
    for (int c; (c = std::fgetc(output_)) != EOF && c != '\n';) {
      line.push_back(static_cast<char>(c));
    }
    if (line.rfind(prefix, 0) != 0) {
      throw std::runtime_error{"dbn-sim is not ready: '" + line + "'"};
    }
    return line.substr(prefix.size());
  }

 private:
  pid_t process_ = -1;
  std::FILE* output_ = nullptr;
};

using Bytes = std::vector<std::byte>;

inline Bytes Raw(const db::Record& record) {
  const auto* const begin = reinterpret_cast<const std::byte*>(&record.Header());
  return {begin, begin + record.Size()};
}

/// A file's records and metadata, as databento-cpp reads them.
inline std::pair<std::vector<Bytes>, db::Metadata> FromFile(
    const fs::path& path, db::VersionUpgradePolicy policy) {
  db::NullLogReceiver log;
  db::DbnStore store{&log, path, policy};
  auto metadata = store.GetMetadata();
  std::vector<Bytes> records;
  while (const auto* const record = store.NextRecord()) records.push_back(Raw(*record));
  return {std::move(records), std::move(metadata)};
}

/// The DBN files of a folder by name; without fragments, which have no metadata.
inline std::vector<fs::path> DbnFiles(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator{folder}) {
    const auto name = entry.path().filename().string();
    if (name.find(".dbn") != name.npos && name.find(".frag") == name.npos) {
      paths.push_back(entry.path());
    }
  }
  if (paths.empty()) throw std::runtime_error{folder.string() + ": no DBN files"};
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// The schema of a file of the sample data, by its name.
inline db::Schema SampleSchema(const fs::path& path) {
  return db::FromString<db::Schema>(path.stem().stem().string());
}

/// The instrument in the header of a record.
inline std::uint32_t Instrument(const Bytes& record) {
  return reinterpret_cast<const db::RecordHeader*>(record.data())->instrument_id;
}

inline void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error{"not as expected: " + what};
}

/// Throws, saying where, unless the records are equal byte for byte; gives their
/// number.
inline std::size_t Same(const std::string& name, const std::vector<Bytes>& got,
                        const std::vector<Bytes>& want) {
  if (got == want) return got.size();
  const auto first =
      std::mismatch(got.begin(), got.end(), want.begin(), want.end()).first;
  throw std::runtime_error{name + ": " + std::to_string(got.size()) +
                           " records, want " + std::to_string(want.size()) +
                           "; the first difference is at " +
                           std::to_string(first - got.begin())};
}

}  // namespace interop
