#include "dbnloop/dbn_encoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "dbn/zstd_stream.hpp"
#include "dbnloop/exception.hpp"
#include "support/allocations.hpp"
#include "support/dbn_bytes.hpp"

namespace dbnloop {
namespace {

using test::Bytes;
using testing::AllOf;
using testing::HasSubstr;

Bytes TakeOutput(DbnEncoder& encoder) {
  const auto output = encoder.Output();
  Bytes out{output.begin(), output.end()};
  encoder.Taken(out.size());
  return out;
}

// Several records of several kinds, one behind the other.
Bytes SomeRecords(std::uint8_t version, bool ts_out = false) {
  Bytes out;
  for (const auto rtype : {RType::SymbolMapping, RType::Mbo, RType::Mbo,
                           RType::InstrumentDef, RType::Statistics, RType::System}) {
    test::Append(out, test::RecordOf(rtype, version, ts_out));
  }
  return out;
}

struct Decompressed {
  Bytes plain;
  Error end;
};

Decompressed Decompress(std::span<const std::byte> in) {
  codec::ZstdStream zstd;
  Decompressed out;
  Bytes room(64 * 1024);
  while (!in.empty() || zstd.HasPending()) {
    const auto [consumed, produced] = zstd.Decompress(in, room);
    if (consumed + produced == 0) break;
    in = in.subspan(consumed);
    test::Append(out.plain, std::span{room}.first(produced));
  }
  out.end = zstd.Finish();
  return out;
}

EncoderOptions Zstd(std::size_t frame_size = 1 << 20, int level = 0) {
  return {.compression = Compression::Zstd, .level = level, .frame_size = frame_size};
}

// ---- Uncompressed -------------------------------------------------------------------

class EncoderTest : public testing::TestWithParam<std::tuple<std::uint8_t, bool>> {};
INSTANTIATE_TEST_SUITE_P(VersionsAndTsOut, EncoderTest,
                         testing::Combine(testing::Values(1, 2, 3), testing::Bool()));

TEST_P(EncoderTest, WritesTheHeaderAndThenTheRecordsAsTheyAre) {
  const auto [version, ts_out] = GetParam();
  const auto metadata = test::LiveMetadata(version, ts_out);
  const auto records = SomeRecords(version, ts_out);
  DbnEncoder encoder{metadata};
  encoder.Write(records);
  auto expected = test::HeaderOf(metadata);
  test::Append(expected, records);
  EXPECT_EQ(TakeOutput(encoder), expected);
}

TEST_P(EncoderTest, WhatItWritesIsWhatTheParserReads) {
  const auto [version, ts_out] = GetParam();
  const auto metadata = test::LiveMetadata(version, ts_out);
  const auto records = SomeRecords(version, ts_out);
  for (const auto compression : {Compression::None, Compression::Zstd}) {
    DbnEncoder encoder{metadata, {.compression = compression}};
    encoder.Write(records);
    encoder.Flush();
    auto stream = TakeOutput(encoder);
    if (compression == Compression::Zstd) stream = Decompress(stream).plain;
    ParserOptions as_is;
    as_is.upgrade_policy = VersionUpgradePolicy::AsIs;
    const auto out = test::Parse(stream, as_is);
    EXPECT_EQ(out.code, ErrorCode::None) << out.message;
    EXPECT_EQ(out.metadata, metadata);
    Bytes read;
    for (const auto& seen : out.records) test::Append(read, seen.bytes);
    EXPECT_EQ(read, records);
  }
}

TEST(DbnEncoderTest, OneRecordAtATimeGivesWhatABatchGives) {
  const auto metadata = test::LiveMetadata(3);
  const auto records = SomeRecords(3);
  DbnEncoder batch{metadata};
  batch.Write(records);

  DbnEncoder single{metadata};
  DbnParser parser{{.fragment = ParserOptions::Fragment{}}};
  ASSERT_EQ(parser.Push(records), records.size());
  while (const auto record = parser.Pull()) single.Write(*record);
  EXPECT_EQ(TakeOutput(single), TakeOutput(batch));
}

TEST(DbnEncoderTest, TheHeaderIsThereBeforeTheFirstRecord) {
  const auto metadata = test::LiveMetadata(2);
  DbnEncoder encoder{metadata};
  EXPECT_EQ(TakeOutput(encoder), test::HeaderOf(metadata));
  EXPECT_TRUE(encoder.Output().empty());
  encoder.Write(std::span<const std::byte>{});
  encoder.Flush();
  EXPECT_TRUE(encoder.Output().empty());
}

TEST(DbnEncoderTest, OutputThatIsTakenInPartIsGoneOnFromThere) {
  const auto records = SomeRecords(3);
  DbnEncoder encoder{test::LiveMetadata(3)};
  auto expected = test::HeaderOf(test::LiveMetadata(3));
  Bytes taken;
  for (int i = 0; i < 20; ++i) {
    encoder.Write(records);
    test::Append(expected, records);
    const auto part = encoder.Output().first(std::min<std::size_t>(
        encoder.Output().size(), static_cast<std::size_t>(i) * 97));
    test::Append(taken, part);
    encoder.Taken(part.size());
  }
  test::Append(taken, TakeOutput(encoder));
  EXPECT_EQ(taken, expected);
}

TEST(DbnEncoderTest, MemoryIsBoundedThoughNeverAllIsTaken) {
  const auto records = SomeRecords(3);
  for (const auto& options : {EncoderOptions{}, Zstd(records.size())}) {
    DbnEncoder encoder{test::LiveMetadata(3), options};
    const auto go_on = [&] {
      for (int i = 0; i < 100; ++i) {
        encoder.Write(records);
        encoder.Taken(encoder.Output().size() - 1);
      }
    };
    go_on();
    const auto before = test::AllocationCount();
    go_on();
    EXPECT_EQ(test::AllocationCount(), before);
  }
}

TEST(DbnEncoderTest, AMovedEncoderGoesOnWhereTheOtherWas) {
  const auto records = SomeRecords(3);
  DbnEncoder first{test::LiveMetadata(3), Zstd()};
  first.Write(records);
  DbnEncoder second{std::move(first)};
  DbnEncoder third{test::LiveMetadata(1)};
  third = std::move(second);
  third.Write(records);
  third.Flush();
  auto expected = test::HeaderOf(test::LiveMetadata(3));
  test::Append(expected, records);
  test::Append(expected, records);
  EXPECT_EQ(Decompress(TakeOutput(third)).plain, expected);
}

// ---- zstd ---------------------------------------------------------------------------

TEST(DbnEncoderTest, AFrameIsClosedOnceItHoldsTheFrameSize) {
  const auto metadata = test::LiveMetadata(3);
  const auto record = test::RecordOf(RType::Mbo, 3, false);
  DbnEncoder encoder{metadata, Zstd(4096)};
  Bytes expected = test::HeaderOf(metadata);
  Bytes output;
  std::size_t readable = 0;
  std::size_t frames = 0;
  for (int i = 0; i < 1000; ++i) {
    encoder.Write(record);
    test::Append(expected, record);
    test::Append(output, TakeOutput(encoder));
    const auto so_far = Decompress(output);
    if (so_far.end || so_far.plain.size() == readable) continue;
    // Between frames everything that was written can be read.
    ASSERT_EQ(so_far.plain, expected);
    EXPECT_GE(so_far.plain.size() - readable, 4096U);
    EXPECT_LT(so_far.plain.size() - readable, 4096U + record.size());
    readable = so_far.plain.size();
    ++frames;
  }
  // The header and 71 records, then 74 records in each.
  EXPECT_EQ(frames, 1U + (1000 - 71) / 74);
  encoder.Flush();
  test::Append(output, TakeOutput(encoder));
  const auto whole = Decompress(output);
  EXPECT_FALSE(whole.end) << whole.end.message;
  EXPECT_EQ(whole.plain, expected);
}

TEST(DbnEncoderTest, AFrameSizeOf0KeepsOneFrameUntilFlush) {
  const auto records = SomeRecords(3);
  DbnEncoder encoder{test::LiveMetadata(3), Zstd(0)};
  for (int i = 0; i < 3000; ++i) encoder.Write(records);
  auto output = TakeOutput(encoder);
  EXPECT_EQ(Decompress(output).end.code, ErrorCode::Truncated) << "the frame is open";
  encoder.Flush();
  test::Append(output, TakeOutput(encoder));
  const auto whole = Decompress(output);
  EXPECT_FALSE(whole.end) << whole.end.message;
  EXPECT_EQ(whole.plain.size(),
            test::HeaderOf(test::LiveMetadata(3)).size() + 3000 * records.size());
}

TEST(DbnEncoderTest, FlushMakesEverythingReadableAndTwiceIsOnce) {
  const auto records = SomeRecords(3);
  auto expected = test::HeaderOf(test::LiveMetadata(3));
  DbnEncoder encoder{test::LiveMetadata(3), Zstd()};
  Bytes output;
  for (int i = 0; i < 3; ++i) {
    encoder.Write(records);
    test::Append(expected, records);
    encoder.Flush();
    test::Append(output, TakeOutput(encoder));
    const auto so_far = Decompress(output);
    EXPECT_FALSE(so_far.end) << so_far.end.message;
    EXPECT_EQ(so_far.plain, expected);
    encoder.Flush();
    EXPECT_TRUE(encoder.Output().empty()) << "an empty frame was written";
  }
}

TEST(DbnEncoderTest, EveryLevelIsReadBack) {
  const auto records = SomeRecords(3);
  for (const int level : {-5, 0, 1, 9, 19}) {
    DbnEncoder encoder{test::LiveMetadata(3), Zstd(1 << 20, level)};
    for (int i = 0; i < 50; ++i) encoder.Write(records);
    encoder.Flush();
    const auto out = Decompress(TakeOutput(encoder));
    EXPECT_FALSE(out.end) << "level " << level << ": " << out.end.message;
    EXPECT_EQ(out.plain.size(),
              test::HeaderOf(test::LiveMetadata(3)).size() + 50 * records.size());
  }
}

// A file whose writer crashed: what stands before the last byte lost is not taken for
// something else.
TEST(DbnEncoderTest, ALostOrChangedByteOfAFrameIsFound) {
  DbnEncoder encoder{test::LiveMetadata(3), Zstd()};
  encoder.Write(SomeRecords(3));
  encoder.Flush();
  auto output = TakeOutput(encoder);
  EXPECT_EQ(Decompress(std::span{output}.first(output.size() - 1)).end.code,
            ErrorCode::Truncated);
  output.back() ^= std::byte{1};
  EXPECT_THAT(Decompress(output).end.message, HasSubstr("checksum"));
}

// ---- Metadata that cannot be written ------------------------------------------------

struct Unwritable {
  std::string name;
  void (*spoil)(Metadata&);
  std::string says;
};

class UnwritableTest : public testing::TestWithParam<Unwritable> {};

INSTANTIATE_TEST_SUITE_P(
    All, UnwritableTest,
    testing::Values(
        Unwritable{"Version0", [](Metadata& m) { m.version = 0; }, "version 0"},
        Unwritable{"Version4", [](Metadata& m) { m.version = 4; }, "version 4"},
        Unwritable{"LongDataset", [](Metadata& m) { m.dataset.assign(16, 'D'); },
                   "dataset"},
        Unwritable{"DatasetNotAscii", [](Metadata& m) { m.dataset = "\xC3\x84"; },
                   "dataset"},
        Unwritable{"NulInDataset", [](Metadata& m) { m.dataset.assign("A\0B", 3); },
                   "dataset"},
        Unwritable{"LongSymbol",
                   [](Metadata& m) { m.symbols = {"OK", std::string(71, 'S')}; },
                   "symbol"},
        Unwritable{"LongPartial",
                   [](Metadata& m) { m.partial = {std::string(71, 'S')}; },
                   "partial symbol"},
        Unwritable{"LongNotFound",
                   [](Metadata& m) { m.not_found = {std::string(71, 'S')}; },
                   "symbol not found"},
        Unwritable{"LongMapping",
                   [](Metadata& m) { m.mappings = {{std::string(71, 'S'), {}}}; },
                   "mapping"},
        Unwritable{"LongMappedSymbol",
                   [](Metadata& m) {
                     m.mappings = {{"A", {{20260101, 20260102, std::string(71, 'S')}}}};
                   },
                   "mapped symbol"}),
    [](const auto& param) { return param.param.name; });

TEST_P(UnwritableTest, IsRefusedAndTheMessageSaysWhat) {
  const auto& [name, spoil, says] = GetParam();
  auto metadata = test::LiveMetadata(3);
  spoil(metadata);
  const auto bytes = EncodeMetadata(metadata);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(bytes.error().message, AllOf(HasSubstr("metadata"), HasSubstr(says)));
  try {
    DbnEncoder encoder{metadata};
    ADD_FAILURE() << "the encoder took it";
  } catch (const Exception& e) {
    EXPECT_EQ(e.error().message, bytes.error().message);
  }
}

TEST(EncodeMetadataTest, StringsMayFillTheirFieldButForTheNul) {
  for (const std::uint8_t version : {1, 2, 3}) {
    const std::size_t most = version == 1 ? 21 : 70;
    auto metadata = test::LiveMetadata(version);
    metadata.dataset.assign(15, 'D');
    metadata.symbols = {std::string(most, 'S')};
    const auto bytes = EncodeMetadata(metadata);
    ASSERT_TRUE(bytes) << bytes.error().message;
    EXPECT_EQ(*Metadata::Decode(*bytes), metadata);
    metadata.symbols[0] += 'S';
    EXPECT_FALSE(EncodeMetadata(metadata)) << "version " << int{version};
  }
}

TEST(EncodeMetadataTest, TheLengthInItIsItsOwnAndVersion3IsAligned) {
  for (const std::uint8_t version : {1, 2, 3}) {
    for (const std::size_t symbols : {0, 1, 2, 7}) {
      auto metadata = test::LiveMetadata(version);
      metadata.symbols.assign(symbols, "ESZ6");
      const auto bytes = test::HeaderOf(metadata);
      std::uint32_t length = 0;
      std::memcpy(&length, bytes.data() + 4, sizeof(length));
      EXPECT_EQ(length, bytes.size() - 8);
      if (version == 3) {
        EXPECT_EQ(bytes.size() % 8, 0U);
      }
    }
  }
}

}  // namespace
}  // namespace dbnloop
