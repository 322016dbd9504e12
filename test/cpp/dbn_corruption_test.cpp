// Damaged copies of every real file: each byte flipped in turn, each length of
// truncation, plain and as the decompressor sees it, by the parser alone and through a
// file source. Nothing crashes, hangs or passes a record off as sound that was not
// there before the fault.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "dbnloop/dbn_file_source.hpp"
#include "net/scoped_fd.hpp"
#include "support/fixtures.hpp"

namespace dbnloop {
namespace {

using test::Bytes;

// What a file as it lies on the disk gives, through the decompressor where it has one.
test::Outcome ParseFile(std::span<const std::byte> file, bool compressed,
                        const ParserOptions& options) {
  if (!compressed) return test::Parse(file, options);
  DbnParser parser{options};
  codec::ZstdStream zstd;
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

// One source that reads one file after the other, each in memory.
class SourceUnderTest {
 public:
  explicit SourceUnderTest(const ParserOptions& options)
      : source_{&reactor_, "/proc/self/fd/" + std::to_string(fd_.get()),
                OptionsOf(options)} {
    source_.OnMetadata([this](const Metadata& m) { out_.metadata = m; });
    source_.OnRecord([this](const Record& r) {
      const auto* p = reinterpret_cast<const std::byte*>(&r.Header());
      out_.records.push_back({{p, p + r.Size()}, true});
    });
    source_.OnComplete([this] { ++ends_; });
    source_.OnError([this](const Error& e) {
      ++ends_;
      out_.code = e.code;
      out_.message = e.message;
    });
  }

  test::Outcome Read(std::span<const std::byte> file) {
    out_ = {};
    ends_ = 0;
    EXPECT_EQ(::ftruncate(fd_.get(), 0), 0);
    EXPECT_EQ(::pwrite(fd_.get(), file.data(), file.size(), 0),
              static_cast<ssize_t>(file.size()));
    source_.Start();
    for (int turns = 0; ends_ == 0 && turns < 1000; ++turns) reactor_.Poll(1000);
    EXPECT_EQ(reactor_.Poll(0), 0) << "something goes on behind the end";
    EXPECT_EQ(ends_, 1);
    return std::move(out_);
  }

 private:
  static FileOptions OptionsOf(const ParserOptions& options) {
    FileOptions out;
    out.upgrade_policy = options.upgrade_policy;
    out.fragment = options.fragment;
    return out;
  }

  net::ScopedFd fd_{::memfd_create("damaged", MFD_CLOEXEC)};
  Reactor reactor_;
  DbnFileSource source_;
  test::Outcome out_;
  int ends_ = 0;
};

class FixtureCorruption : public test::FixtureTest {
 protected:
  // The file as it lies on the disk, then, if it is compressed, what is in it.
  void ForEachForm(const std::function<void()>& check) {
    options_ = test::OptionsOf(GetParam(), VersionUpgradePolicy::UpgradeToV3);
    source_ = std::make_unique<SourceUnderTest>(options_);
    const bool compressed = GetParam().extension() == ".zst";
    if (compressed) Check(test::LoadRaw(GetParam()), true, check);
    Check(test::Load(GetParam()), false, check);
  }
  // What the parser gives, having seen that the source gives the same: of every fourth,
  // for the time that it takes.
  [[nodiscard]] test::Outcome Read(std::span<const std::byte> file) {
    // A fragment whose compression cannot be recognised any more is read as a plain
    // one.
    constexpr std::byte kMagic[]{std::byte{0x28}, std::byte{0xB5}, std::byte{0x2F},
                                 std::byte{0xFD}};
    const bool zstd =
        std::ranges::equal(file.first(std::min(file.size(), sizeof(kMagic))), kMagic);
    auto seen = ParseFile(file, zstd || (compressed_ && !options_.fragment), options_);
    if (reads_++ % 4 != 0) return seen;
    const auto given = source_->Read(file);
    EXPECT_TRUE(std::ranges::equal(given.records, seen.records, {}, &test::Seen::bytes,
                                   &test::Seen::bytes));
    EXPECT_EQ(given.metadata, seen.metadata);
    // A cut frame mostly cuts a record too: which of them is told is no matter.
    EXPECT_EQ(given.code == ErrorCode::None, seen.code == ErrorCode::None)
        << given.message << " / " << seen.message;
    return seen;
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

  ParserOptions options_;
  Bytes file_;
  bool compressed_ = false;
  bool checksum_ = false;
  test::Outcome sound_;

 private:
  void Check(Bytes file, bool compressed, const std::function<void()>& check) {
    file_ = std::move(file);
    compressed_ = compressed;
    // RFC 8878, section 3.1.1.1.1: bit 2 of the frame's descriptor.
    checksum_ = compressed_ && (file_[kDescriptor] & std::byte{4}) != std::byte{0};
    sound_ = Read(file_);
    ASSERT_EQ(sound_.code, ErrorCode::None);
    SCOPED_TRACE(compressed ? "compressed" : "plain");
    check();
  }

  std::unique_ptr<SourceUnderTest> source_;
  std::size_t reads_ = 0;
};

TEST_P(FixtureCorruption, EachByteFlipped) {
  ForEachForm([this] {
    for (std::size_t i = 0; i < file_.size(); ++i) {
      auto damaged = file_;
      damaged[i] ^= std::byte{static_cast<unsigned char>(1U << (i % 8))};
      SCOPED_TRACE("byte " + std::to_string(i));
      const auto seen = Read(damaged);
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
  });
}

TEST_P(FixtureCorruption, EachLengthOfTruncation) {
  ForEachForm([this] {
    for (std::size_t length = 0; length < file_.size(); ++length) {
      const auto seen = Read(std::span{file_}.first(length));
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
        EXPECT_EQ(seen.code, length == 0 ? ErrorCode::ParseError : ErrorCode::Truncated)
            << "cut at " << length;
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(File, FixtureCorruption,
                         testing::ValuesIn(test::FixturesOrNone()), test::FixtureName);

}  // namespace
}  // namespace dbnloop
