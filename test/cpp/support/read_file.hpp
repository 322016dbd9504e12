#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace dbnloop::test {

/// What a file holds; nothing if it is not there. In one piece: the tests are compiled
/// without optimisation, where an iterator takes a second for 20 MiB.
inline std::string ReadFile(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream{path, std::ios::binary}.rdbuf();
  return std::move(out).str();
}

}  // namespace dbnloop::test
