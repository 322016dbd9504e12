#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace dbnloop::bench {

/// Another program that does the same work.
struct OtherProgram {
  std::string name;
  std::string command;
};

/// What follows the first argument: [MIB [NAME=PROGRAM]...].
struct Arguments {
  std::uint64_t mib = 512;
  std::vector<OtherProgram> programs;

  Arguments(int argc, char** argv) {
    if (argc > 2) mib = std::strtoull(argv[2], nullptr, 10);
    for (int i = 3; i < argc; ++i) {
      const std::string given{argv[i]};
      const auto cut = given.find('=');
      if (cut == std::string::npos) {
        std::fprintf(stderr, "'%s' must be NAME=PROGRAM\n", argv[i]);
        std::exit(2);
      }
      programs.push_back({given.substr(0, cut), given.substr(cut + 1)});
    }
  }
};

}  // namespace dbnloop::bench
