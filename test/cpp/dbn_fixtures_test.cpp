// Real DBN files: each schema, version and framing as the official tools write them.
// DBN_TESTDATA names their folder.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "proto/zstd_stream.hpp"
#include "support/dbn_bytes.hpp"

namespace dbnloop {
namespace {

namespace fs = std::filesystem;
using test::Bytes;

fs::path Folder() {
  if (const char* given = std::getenv("DBN_TESTDATA")) return given;
  return fs::path{__FILE__}.parent_path() / "../../../shared/testdata/dbn";
}

std::vector<fs::path> Files() {
  std::vector<fs::path> out;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator{Folder(), missing}) {
    out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

bool IsFragment(const fs::path& path) {
  return path.filename().string().find(".frag") != std::string::npos;
}

// ".v1." in the name; files without are of the time of version 2.
std::uint8_t VersionOf(const fs::path& path) {
  const auto name = path.filename().string();
  const auto at = name.find(".v");
  return static_cast<std::uint8_t>(at == std::string::npos ? 2 : name[at + 2] - '0');
}

Bytes Load(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto raw = test::BytesOfText(text);
  if (path.extension() != ".zst") return raw;
  proto::ZstdStream zstd;
  Bytes out;
  std::span<const std::byte> in = raw;
  while (!in.empty() || zstd.HasPending()) {
    Bytes room(64 * 1024);
    const auto [consumed, produced] = zstd.Decompress(in, room);
    if (consumed + produced == 0) break;
    in = in.subspan(consumed);
    test::Append(out, std::span{room}.first(produced));
  }
  EXPECT_FALSE(zstd.Finish()) << path << ": " << zstd.Finish().message;
  return out;
}

test::Outcome Parse(const fs::path& path, VersionUpgradePolicy policy) {
  ParserOptions options;
  options.upgrade_policy = policy;
  if (IsFragment(path)) {
    options.fragment = ParserOptions::Fragment{VersionOf(path), false};
  }
  return test::Parse(Load(path), options);
}

class FixturesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (Files().empty()) {
      GTEST_SKIP() << "no DBN files in " << Folder() << "; set DBN_TESTDATA";
    }
  }
};

TEST_F(FixturesTest, EveryFileDecodesWhollyUnderEveryPolicy) {
  using enum VersionUpgradePolicy;
  for (const auto& path : Files()) {
    SCOPED_TRACE(path.filename());
    const auto as_is = Parse(path, AsIs);
    EXPECT_EQ(as_is.code, ErrorCode::None) << as_is.message;
    // The daily bars are a stream without records.
    EXPECT_EQ(as_is.records.empty(),
              path.filename().string().find("ohlcv-1d") != std::string::npos);
    EXPECT_EQ(as_is.metadata.has_value(), !IsFragment(path));
    if (as_is.metadata) {
      EXPECT_EQ(as_is.metadata->version, VersionOf(path));
      EXPECT_FALSE(as_is.metadata->dataset.empty());
    }

    const auto to_v3 = Parse(path, UpgradeToV3);
    EXPECT_EQ(to_v3.code, ErrorCode::None) << to_v3.message;
    EXPECT_EQ(to_v3.records.size(), as_is.records.size());
    EXPECT_TRUE(std::ranges::all_of(to_v3.records, &test::Seen::typed));

    const auto to_v2 = Parse(path, UpgradeToV2);
    if (VersionOf(path) == 3 && !IsFragment(path)) {
      EXPECT_EQ(to_v2.code, ErrorCode::InvalidArgument);
    } else {
      EXPECT_EQ(to_v2.code, ErrorCode::None) << to_v2.message;
      EXPECT_EQ(to_v2.records.size(), as_is.records.size());
    }
  }
}

// The files of one schema hold the same records, each version written by the official
// tool: upgraded by us they must be equal, byte for byte.
TEST_F(FixturesTest, OlderFilesUpgradedAreWhatTheOfficialToolWrote) {
  std::map<std::string, std::map<std::uint8_t, test::Outcome>> schemas;
  for (const auto& path : Files()) {
    const auto name = path.filename().string();
    if (IsFragment(path) || !name.ends_with(".dbn.zst")) continue;
    schemas[name.substr(0, name.find(".v"))][VersionOf(path)] =
        Parse(path, VersionUpgradePolicy::UpgradeToV3);
  }
  std::size_t compared = 0;
  for (const auto& [schema, versions] : schemas) {
    const auto& newest = versions.rbegin()->second;
    for (const auto& [version, outcome] : versions) {
      EXPECT_EQ(outcome.records, newest.records)
          << schema << " of version " << static_cast<int>(version);
      ++compared;
    }
  }
  EXPECT_GT(compared, schemas.size());
}

// Read as they are and written again, they are the bytes that were read, but for
// version 1's record_count (bytes 50 to 57): nobody reads it, we write that it is not
// known.
TEST_F(FixturesTest, EveryFileIsWrittenAgainByteForByte) {
  for (const auto& path : Files()) {
    SCOPED_TRACE(path.filename());
    const auto out = Parse(path, VersionUpgradePolicy::AsIs);
    ASSERT_EQ(out.code, ErrorCode::None) << out.message;
    Bytes written;
    if (out.metadata) written = test::HeaderOf(*out.metadata);
    for (const auto& seen : out.records) test::Append(written, seen.bytes);
    auto read = Load(path);
    if (out.metadata && out.metadata->version == 1) {
      std::fill_n(read.begin() + 50, 8, std::byte{0xFF});
    }
    const auto [ours, theirs] = std::ranges::mismatch(written, read);
    EXPECT_TRUE(written == read)
        << written.size() << " of " << read.size() << " bytes, first difference at "
        << ours - written.begin();
  }
}

}  // namespace
}  // namespace dbnloop
