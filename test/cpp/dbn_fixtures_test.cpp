// Every real file under every upgrade policy; see support/fixtures.hpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dbnloop/dbn_file_source.hpp"
#include "dbnloop/exception.hpp"
#include "support/fixtures.hpp"

namespace dbnloop {
namespace {

namespace fs = std::filesystem;
using test::Bytes;
using test::FixtureTest;
using test::IsFragment;
using test::VersionOf;

test::Outcome Parse(const fs::path& path, VersionUpgradePolicy policy) {
  return test::Parse(test::Load(path), test::OptionsOf(path, policy));
}

class FixtureDecode : public FixtureTest {};

TEST_P(FixtureDecode, WhollyUnderEveryPolicy) {
  using enum VersionUpgradePolicy;
  const auto& path = GetParam();
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

  if (VersionOf(path) == 3 && IsFragment(path)) {
    EXPECT_THROW(Parse(path, UpgradeToV2), Exception);
    return;
  }
  const auto to_v2 = Parse(path, UpgradeToV2);
  if (VersionOf(path) == 3) {
    EXPECT_EQ(to_v2.code, ErrorCode::InvalidArgument);
  } else {
    EXPECT_EQ(to_v2.code, ErrorCode::None) << to_v2.message;
    EXPECT_EQ(to_v2.records.size(), as_is.records.size());
  }
}

// Read as it is and written again, it is the bytes that were read.
TEST_P(FixtureDecode, AndEncodeByteForByte) {
  const auto out = Parse(GetParam(), VersionUpgradePolicy::AsIs);
  ASSERT_EQ(out.code, ErrorCode::None) << out.message;
  Bytes written;
  if (out.metadata) written = test::HeaderOf(*out.metadata);
  for (const auto& seen : out.records) test::Append(written, seen.bytes);
  const auto read = test::Load(GetParam());
  const auto [ours, theirs] = std::ranges::mismatch(written, read);
  EXPECT_TRUE(written == read)
      << written.size() << " of " << read.size() << " bytes, first difference at "
      << ours - written.begin();
}

INSTANTIATE_TEST_SUITE_P(File, FixtureDecode, testing::ValuesIn(test::FixturesOrNone()),
                         test::FixtureName);

// ---- Through the reactor ------------------------------------------------------------

class FixtureFileSource : public test::FixtureTest {};

TEST_P(FixtureFileSource, GivesWhatTheParserGives) {
  using enum VersionUpgradePolicy;
  for (const auto policy : {AsIs, UpgradeToV3}) {
    const auto parser_options = test::OptionsOf(GetParam(), policy);
    const auto want = test::Parse(test::Load(GetParam()), parser_options);
    for (const bool use_mmap : {false, true}) {
      Reactor reactor;
      FileOptions options;
      options.upgrade_policy = policy;
      options.fragment = parser_options.fragment;
      options.use_mmap = use_mmap;
      DbnFileSource source{&reactor, GetParam().string(), options};
      std::vector<test::Bytes> records;
      std::optional<Metadata> metadata;
      bool done = false;
      source.OnMetadata([&](const Metadata& m) { metadata = m; });
      source.OnRecord([&](const Record& r) {
        const auto* p = reinterpret_cast<const std::byte*>(&r.Header());
        records.emplace_back(p, p + r.Size());
      });
      source.OnComplete([&] { done = true; });
      source.OnError([&](const Error& e) {
        done = true;
        ADD_FAILURE() << e.message;
      });
      source.Start();
      while (!done) reactor.Poll(1000);
      EXPECT_EQ(metadata, want.metadata);
      EXPECT_TRUE(
          std::ranges::equal(records, want.records, {}, {}, &test::Seen::bytes));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(File, FixtureFileSource,
                         testing::ValuesIn(test::FixturesOrNone()), test::FixtureName);

// The files of one schema hold the same records, each version written by the official
// tool: upgraded by us they must be equal, byte for byte.
TEST(Fixtures, OlderFilesUpgradedAreWhatTheOfficialToolWrote) {
  std::map<std::string, std::map<std::uint8_t, test::Outcome>> schemas;
  for (const auto& path : test::Fixtures()) {
    const auto name = path.filename().string();
    if (IsFragment(path) || !name.ends_with(".dbn.zst")) continue;
    schemas[name.substr(0, name.find(".v"))][VersionOf(path)] =
        Parse(path, VersionUpgradePolicy::UpgradeToV3);
  }
  if (schemas.empty()) GTEST_SKIP() << "no DBN files; set DBN_TESTDATA";
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

}  // namespace
}  // namespace dbnloop
