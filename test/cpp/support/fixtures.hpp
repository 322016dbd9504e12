#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "dbn/zstd_stream.hpp"
#include "support/dbn_bytes.hpp"
#include "support/read_file.hpp"
#include "support/source_dir.hpp"

// Real DBN files: each schema, version and framing as the official tools write them.
namespace dbnloop::test {

namespace fs = std::filesystem;
/// DBN_TESTDATA, or the folder beside the project.
inline fs::path FixtureFolder() {
  if (const char* given = std::getenv("DBN_TESTDATA")) return given;
  return SourceDir() / "../shared/testdata/dbn";
}

inline std::vector<fs::path> Fixtures() {
  std::vector<fs::path> out;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator{FixtureFolder(), missing}) {
    out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

inline bool IsFragment(const fs::path& path) {
  return path.filename().string().find(".frag") != std::string::npos;
}

/// ".v1." in the name; files without are of the time of version 2.
inline std::uint8_t VersionOf(const fs::path& path) {
  const auto name = path.filename().string();
  const auto at = name.find(".v");
  return static_cast<std::uint8_t>(at == std::string::npos ? 2 : name[at + 2] - '0');
}

/// The bytes of a file as they are.
inline Bytes LoadRaw(const fs::path& path) { return BytesOfText(ReadFile(path)); }

/// The bytes of a file, decompressed.
inline Bytes Load(const fs::path& path) {
  const auto raw = LoadRaw(path);
  if (path.extension() != ".zst") return raw;
  codec::ZstdStream zstd;
  Bytes out;
  std::span<const std::byte> in = raw;
  while (!in.empty() || zstd.HasPending()) {
    Bytes room(64 * 1024);
    const auto [consumed, produced] = zstd.Decompress(in, room);
    if (consumed + produced == 0) break;
    in = in.subspan(consumed);
    Append(out, std::span{room}.first(produced));
  }
  EXPECT_FALSE(zstd.Finish()) << path << ": " << zstd.Finish().message;
  return out;
}

inline ParserOptions OptionsOf(const fs::path& path, VersionUpgradePolicy policy) {
  ParserOptions options;
  options.upgrade_policy = policy;
  if (IsFragment(path)) {
    options.fragment = ParserOptions::Fragment{VersionOf(path), false};
  }
  return options;
}

/// A test for each file. Without files there is one that says so and is skipped.
class FixtureTest : public testing::TestWithParam<fs::path> {
 protected:
  void SetUp() override {
    if (GetParam().empty()) {
      GTEST_SKIP() << "no DBN files in " << FixtureFolder() << "; set DBN_TESTDATA";
    }
  }
};

inline std::vector<fs::path> FixturesOrNone() {
  auto files = Fixtures();
  if (files.empty()) files.emplace_back();
  return files;
}

inline std::string FixtureName(const testing::TestParamInfo<fs::path>& info) {
  auto name = info.param.empty() ? "none" : info.param.filename().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

}  // namespace dbnloop::test
