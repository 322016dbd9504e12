#include "dbn/zstd_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "support/dbn_bytes.hpp"
#include "support/split.hpp"

namespace dbnloop::proto {
namespace {

using test::Bytes;
using testing::AllOf;
using testing::HasSubstr;

Bytes Compressed(std::span<const std::byte> plain, int checksum = 1) {
  auto* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
  Bytes out(ZSTD_compressBound(plain.size()));
  out.resize(
      ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  return out;
}

Bytes Skippable(std::size_t size) {
  Bytes out{std::byte{0x5A},
            std::byte{0x2A},
            std::byte{0x4D},
            std::byte{0x18},
            static_cast<std::byte>(size),
            std::byte{0},
            std::byte{0},
            std::byte{0}};
  out.resize(8 + size, std::byte{0x28});
  return out;
}

Bytes Pattern(std::size_t size) {
  Bytes out(size);
  std::uint32_t state = 1;
  for (auto& byte : out) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 30);
  }
  return out;
}

// A frame that says its window has 2^log bytes, with one block of 3 bytes as they are.
Bytes FrameWithWindow(int log) {
  Bytes out;
  for (const int byte :
       std::initializer_list<int>{0x28, 0xB5, 0x2F, 0xFD, 0x00, (log - 10) << 3, 0x19,
                                  0x00, 0x00, 'a', 'b', 'c'}) {
    out.push_back(static_cast<std::byte>(byte));
  }
  return out;
}

constexpr std::size_t kBlock = 128 * 1024;  // of plain bytes, the most that one holds

// Where the blocks of a frame begin (RFC 8878, section 3.1.1).
std::vector<std::size_t> BlocksOf(std::span<const std::byte> frame) {
  const auto descriptor = std::to_integer<unsigned>(frame[4]);
  const bool single_segment = (descriptor & 0x20U) != 0;
  const std::size_t size_field = (descriptor >> 6U) == 0
                                     ? (single_segment ? 1U : 0U)
                                     : std::size_t{1} << (descriptor >> 6U);
  std::size_t at = 5 + (single_segment ? 0 : 1) + size_field;
  std::vector<std::size_t> blocks;
  for (bool last = false; !last;) {
    blocks.push_back(at);
    const auto header = std::to_integer<unsigned>(frame[at]) |
                        std::to_integer<unsigned>(frame[at + 1]) << 8U |
                        std::to_integer<unsigned>(frame[at + 2]) << 16U;
    last = (header & 1U) != 0;
    at += 3 + (header >> 3U);
  }
  return blocks;
}

struct Result {
  Bytes plain;
  ErrorCode code = ErrorCode::None;
  std::string message;
  bool operator==(const Result&) const = default;
};

// As a client does it: whatever is produced is taken before more is read.
Result Decompress(const test::Pieces& pieces, std::size_t room = 64 * 1024) {
  codec::ZstdStream zstd;
  Result result;
  Bytes out(room);
  for (auto piece : pieces) {
    while (!zstd.error() && (!piece.empty() || zstd.HasPending())) {
      const auto [consumed, produced] = zstd.Decompress(piece, out);
      EXPECT_LE(consumed, piece.size());
      EXPECT_LE(produced, out.size());
      EXPECT_TRUE(consumed + produced > 0 || zstd.error() ||
                  (piece.empty() && !zstd.HasPending()))
          << "no progress";
      if (consumed + produced == 0) break;
      piece = piece.subspan(consumed);
      test::Append(result.plain, std::span{out}.first(produced));
    }
  }
  const auto end = zstd.Finish();
  result.code = end.code;
  result.message = end.message;
  return result;
}

TEST(ZstdStreamTest, FramesAndSkippableFramesAreOneStreamHoweverItIsCut) {
  const auto plain = Pattern(3000);
  Bytes input = Skippable(20);
  test::Append(input, Compressed(std::span{plain}.first(1000)));
  test::Append(input, Compressed({}));
  test::Append(input, Skippable(0));
  test::Append(input, Compressed(std::span{plain}.subspan(1000), 0));
  const auto whole = Decompress({input});
  EXPECT_EQ(whole.code, ErrorCode::None) << whole.message;
  EXPECT_TRUE(whole.plain == plain);
  test::ExpectSameEventsHoweverCut(
      input, [](const test::Pieces& pieces) { return Decompress(pieces); });
}

TEST(ZstdStreamTest, GivesTheSameWhateverRoomThereIsForOutput) {
  const auto plain = Pattern(300'000);
  const auto input = Compressed(plain);
  for (const std::size_t room : {1UL, 7UL, 1000UL, 128UL * 1024, 1UL << 20}) {
    const auto result = Decompress({input}, room);
    EXPECT_EQ(result.code, ErrorCode::None);
    EXPECT_TRUE(result.plain == plain) << room;
  }
}

TEST(ZstdStreamTest, KnowsThatOutputIsHeldBackWhenAllInputIsTaken) {
  const Bytes plain(100'000, std::byte{7});
  const auto input = Compressed(plain);
  codec::ZstdStream zstd;
  EXPECT_FALSE(zstd.HasPending());
  Bytes out(1000);
  auto progress = zstd.Decompress(input, out);
  EXPECT_EQ(progress.produced, out.size());
  EXPECT_TRUE(zstd.HasPending());
  EXPECT_TRUE(zstd.Finish()) << "not at the end while bytes are held";
  std::size_t total = progress.produced;
  std::span<const std::byte> rest = std::span{input}.subspan(progress.consumed);
  while (zstd.HasPending()) {
    progress = zstd.Decompress(rest, out);
    rest = rest.subspan(progress.consumed);
    total += progress.produced;
  }
  EXPECT_EQ(total, plain.size());
  EXPECT_TRUE(rest.empty());
  EXPECT_FALSE(zstd.Finish());
}

TEST(ZstdStreamTest, NoRoomAndNoInputChangeNothing) {
  const auto input = Compressed(Pattern(100));
  codec::ZstdStream zstd;
  auto progress = zstd.Decompress(input, {});
  EXPECT_EQ(progress.consumed + progress.produced, 0U);
  Bytes out(1000);
  progress = zstd.Decompress({}, out);
  EXPECT_EQ(progress.consumed + progress.produced, 0U);
  EXPECT_FALSE(zstd.HasPending());
  EXPECT_FALSE(zstd.Finish());
  EXPECT_EQ(zstd.Decompress(input, out).produced, 100U);
}

TEST(ZstdStreamTest, AnEndInsideAFrameIsTruncation) {
  const auto input = Compressed(Pattern(500));
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    const auto result = Decompress({std::span{input}.first(cut)});
    EXPECT_EQ(result.code, ErrorCode::Truncated) << cut;
    EXPECT_THAT(result.message, HasSubstr("inside a frame"));
  }
  EXPECT_EQ(Decompress({}).code, ErrorCode::None);
}

TEST(ZstdStreamTest, WhatIsNoZstdIsRefusedWithTheOffset) {
  const auto frame = Compressed(Pattern(50));
  for (const std::size_t before : {std::size_t{0}, frame.size()}) {
    Bytes input{frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(before)};
    test::Append(input, test::BytesOfText("DBN\x03 and plain records"));
    const auto result = Decompress({input});
    EXPECT_EQ(result.code, ErrorCode::DecompressionError);
    EXPECT_THAT(result.message, AllOf(HasSubstr("byte " + std::to_string(before)),
                                      HasSubstr("was compression agreed on?")));
    EXPECT_EQ(result.plain.size(), before == 0 ? 0U : 50U);
  }
}

TEST(ZstdStreamTest, AChangedByteIsFoundByTheChecksumBehindAllThatWasThere) {
  const auto plain = Pattern(500);
  auto input = Compressed(plain);
  input[input.size() - 1] ^= std::byte{1};
  const auto result = Decompress({input});
  EXPECT_EQ(result.code, ErrorCode::DecompressionError);
  EXPECT_THAT(result.message, HasSubstr("checksum"));
  EXPECT_TRUE(result.plain == plain);
}

TEST(ZstdStreamTest, TheBlocksBeforeACorruptOneAreGiven) {
  const auto plain = Pattern(5 * kBlock + 1000);
  const auto input = Compressed(plain);
  const auto blocks = BlocksOf(input);
  ASSERT_EQ(blocks.size(), 6U);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    auto damaged = input;
    damaged[blocks[i]] |= std::byte{6};  // a type that there is not
    for (const std::size_t room : {1000UL, 64UL * 1024, 256UL * 1024, 4UL << 20}) {
      const auto result = Decompress({damaged}, room);
      EXPECT_EQ(result.code, ErrorCode::DecompressionError);
      EXPECT_THAT(result.message,
                  HasSubstr("near compressed byte " + std::to_string(blocks[i]) + ":"));
      EXPECT_TRUE(std::ranges::equal(result.plain, std::span{plain}.first(i * kBlock)))
          << result.plain.size() << " bytes before block " << i << ", room " << room;
    }
  }
}

TEST(ZstdStreamTest, AWindowOf128MiBIsAcceptedAndALargerOneRefused) {
  const auto fits = Decompress({FrameWithWindow(27)});
  EXPECT_EQ(fits.code, ErrorCode::None) << fits.message;
  EXPECT_EQ(fits.plain, test::BytesOfText("abc"));
  const auto large = Decompress({FrameWithWindow(28)});
  EXPECT_EQ(large.code, ErrorCode::DecompressionError);
  EXPECT_THAT(large.message, HasSubstr("128 MiB"));
}

TEST(ZstdStreamTest, ResetBeginsANewStreamEvenAfterAnError) {
  codec::ZstdStream zstd;
  Bytes out(1000);
  zstd.Decompress(test::BytesOfText("garbage!"), out);
  ASSERT_TRUE(zstd.error());
  EXPECT_EQ(zstd.Decompress(Compressed(Pattern(9)), out).consumed, 0U);
  zstd.Reset();
  EXPECT_FALSE(zstd.error());
  EXPECT_EQ(zstd.Decompress(Compressed(Pattern(9)), out).produced, 9U);
  EXPECT_FALSE(zstd.Finish());
}

}  // namespace
}  // namespace dbnloop::proto
