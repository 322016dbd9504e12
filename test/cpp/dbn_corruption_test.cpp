// Damaged copies of every real file: each byte flipped in turn, each length of
// truncation, plain and as the decompressor sees it. Nothing crashes, hangs or passes a
// record off as sound that was not there before the fault.
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>

#include "support/fixtures.hpp"

namespace dbnloop {
namespace {

using test::Bytes;

// What a file as it lies on the disk gives, through the decompressor where it has one.
test::Outcome ParseFile(std::span<const std::byte> file, bool compressed,
                        const ParserOptions& options) {
  if (!compressed) return test::Parse(file, options);
  DbnParser parser{options};
  proto::ZstdStream zstd;
  test::Outcome out;
  Bytes room(16 * 1024);
  for (;;) {
    const auto [consumed, produced] = zstd.Decompress(file, room);
    file = file.subspan(consumed);
    test::Feed(parser, std::span{room}.first(produced), out);
    if (parser.error() || (consumed == 0 && produced == 0)) break;
  }
  test::End(parser, out);
  if (const auto cut = zstd.Finish(); cut && out.code == ErrorCode::None) {
    out.code = cut.code;
  }
  return out;
}

constexpr std::size_t kDescriptor = 4;  // of the frame: behind its magic

// How many records the two have in common at their beginnings.
std::size_t Common(const test::Outcome& a, const test::Outcome& b) {
  const auto [end, other] = std::ranges::mismatch(a.records, b.records);
  return static_cast<std::size_t>(end - a.records.begin());
}

class FixtureCorruption : public test::FixtureTest {
 protected:
  void SetUp() override {
    FixtureTest::SetUp();
    if (IsSkipped()) return;
    file_ = test::LoadRaw(GetParam());
    options_ = test::OptionsOf(GetParam(), VersionUpgradePolicy::UpgradeToV3);
    compressed_ = GetParam().extension() == ".zst";
    // RFC 8878, section 3.1.1.1.1: bit 2 of the frame's descriptor.
    checksum_ = compressed_ && (file_[kDescriptor] & std::byte{4}) != std::byte{0};
    sound_ = ParseFile(file_, compressed_, options_);
    ASSERT_EQ(sound_.code, ErrorCode::None);
  }

  // Offsets in the plain stream: of the first record, and behind the n-th.
  [[nodiscard]] std::size_t HeaderEnd() const {
    if (options_.fragment) return 0;
    std::uint32_t length = 0;
    std::memcpy(&length, file_.data() + 4, sizeof(length));
    return 8 + length;
  }
  // How many whole records lie before a byte of a plain file. Upgraded ones have
  // another size: the file's own is asked.
  [[nodiscard]] std::size_t RecordsBefore(std::size_t byte) const {
    std::size_t n = 0;
    for (auto at = HeaderEnd(); at < file_.size(); ++n) {
      at += static_cast<std::size_t>(file_[at]) * 4;
      if (at > byte) return n;
    }
    return n;
  }
  [[nodiscard]] bool IsBorder(std::size_t length) const {
    for (auto at = HeaderEnd(); at < file_.size();) {
      if (at == length) return true;
      at += static_cast<std::size_t>(file_[at]) * 4;
    }
    return false;
  }

  [[nodiscard]] bool IsFrameBorder(std::size_t length) const {
    std::size_t at = 0;
    while (at < length) {
      at += ZSTD_findFrameCompressedSize(file_.data() + at, file_.size() - at);
    }
    return at == length;
  }

  Bytes file_;
  ParserOptions options_;
  bool compressed_ = false;
  bool checksum_ = false;
  test::Outcome sound_;
};

TEST_P(FixtureCorruption, EachByteFlipped) {
  for (std::size_t i = 0; i < file_.size(); ++i) {
    auto damaged = file_;
    damaged[i] ^= std::byte{static_cast<unsigned char>(1U << (i % 8))};
    const auto seen = ParseFile(damaged, compressed_, options_);
    if (compressed_) {
      // A frame's checksum finds every change, if it has one; the records of its last
      // block may be out by then. What differs must be followed by an error.
      const bool same =
          seen.records == sound_.records && seen.metadata == sound_.metadata;
      if (!same && checksum_ && i >= kDescriptor) {
        EXPECT_NE(seen.code, ErrorCode::None) << "byte " << i;
      }
      continue;
    }
    EXPECT_GE(Common(seen, sound_), i < HeaderEnd() ? 0 : RecordsBefore(i))
        << "byte " << i;
    // A record is never taken for a longer one than there are bytes for.
    if (seen.records.size() > sound_.records.size()) {
      EXPECT_LT(Common(seen, sound_), sound_.records.size()) << "byte " << i;
    }
  }
}

TEST_P(FixtureCorruption, EachLengthOfTruncation) {
  for (std::size_t length = 0; length < file_.size(); ++length) {
    const auto seen = ParseFile(std::span{file_}.first(length), compressed_, options_);
    EXPECT_EQ(Common(seen, sound_), seen.records.size()) << "cut at " << length;
    if (compressed_) {
      // Between two frames of a fragment nothing is missing, as far as can be told.
      const bool whole = options_.fragment && IsFrameBorder(length);
      EXPECT_EQ(seen.code == ErrorCode::None, whole) << "cut at " << length;
      continue;
    }
    EXPECT_EQ(seen.records.size(), length < HeaderEnd() ? 0 : RecordsBefore(length))
        << "cut at " << length;
    if (length >= HeaderEnd() && IsBorder(length)) {
      EXPECT_EQ(seen.code, ErrorCode::None) << "cut at " << length;
    } else {
      EXPECT_EQ(seen.code, ErrorCode::ParseError) << "cut at " << length;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(File, FixtureCorruption,
                         testing::ValuesIn(test::FixturesOrNone()), test::FixtureName);

}  // namespace
}  // namespace dbnloop
