// Runs a fuzz target over files and folders of inputs, so that ordinary test runs keep
// what fuzzing found. Fails when there is no input at all.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "replay.hpp"

namespace {
int replayed = 0;

void Replay(FuzzTarget& target, const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  const std::string input{std::istreambuf_iterator<char>{file}, {}};
  target(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  ++replayed;
}
}  // namespace

int main(int argc, char** argv) {
  const auto target = kFuzzTargets.find(argc > 1 ? argv[1] : "");
  if (target == kFuzzTargets.end()) {
    std::fprintf(stderr, "usage: fuzz_replay TARGET (FILE|FOLDER)...; targets:\n");
    for (const auto& [name, unused] : kFuzzTargets) {
      std::fprintf(stderr, "  %s\n", name.data());
    }
    return 2;
  }
  for (int i = 2; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      Replay(*target->second, argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator{argv[i]}) {
      Replay(*target->second, entry.path());
    }
  }
  std::printf("%d inputs replayed\n", replayed);
  return replayed > 0 ? 0 : 1;
}
