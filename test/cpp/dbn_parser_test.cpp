#include "dbnloop/dbn_parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "dbnloop/exception.hpp"
#include "support/allocations.hpp"
#include "support/dbn_bytes.hpp"
#include "support/split.hpp"

namespace dbnloop {
namespace {

using test::Bytes;
using test::Outcome;

constexpr auto kAsIs = VersionUpgradePolicy::AsIs;
constexpr auto kToV2 = VersionUpgradePolicy::UpgradeToV2;
constexpr auto kToV3 = VersionUpgradePolicy::UpgradeToV3;

ParserOptions With(VersionUpgradePolicy policy) {
  ParserOptions options;
  options.buffer_size = 16 * 1024;
  options.upgrade_policy = policy;
  return options;
}

// ---- Every version, policy and ts_out -----------------------------------------------

class StreamTest : public testing::TestWithParam<
                       std::tuple<std::uint8_t, VersionUpgradePolicy, bool>> {
 protected:
  std::uint8_t version() const { return std::get<0>(GetParam()); }
  VersionUpgradePolicy policy() const { return std::get<1>(GetParam()); }
  bool ts_out() const { return std::get<2>(GetParam()); }
  std::uint8_t target() const {
    return std::max(version(), static_cast<std::uint8_t>(policy() == kAsIs   ? 1
                                                         : policy() == kToV2 ? 2
                                                                             : 3));
  }

  void Add(const Bytes& record) {
    source_.push_back(record);
    test::Append(stream_, record);
  }
  void Add(RType rtype) { Add(test::RecordOf(rtype, version(), ts_out(), ++seed_)); }

  // Each record type, runs, unknown and odd-sized ones, and one shorter than its
  // struct.
  void Build() {
    stream_ = test::HeaderOf(test::LiveMetadata(version(), ts_out()));
    for (const auto rtype :
         {RType::SymbolMapping, RType::SymbolMapping, RType::System, RType::Mbo,
          RType::Mbo, RType::Mbo, RType::Mbp0, RType::InstrumentDef,
          RType::InstrumentDef, RType::Statistics, RType::Mbo, RType::Error}) {
      Add(rtype);
    }
    Add(test::RawRecord(test::kUnknownRType, 24));
    Add(test::RawRecord(test::kUnknownRType, 20));
    Add(RType::Mbo);
    Add(RType::System);
    Add(test::RawRecord(test::kUnknownRType, 1020));
    Add(test::RawRecord(test::kUnknownRType, 20));
    Add(RType::Statistics);
    Add(test::RawRecord(RType::Mbo, 40));
    Add(test::RawRecord(RType::InstrumentDef, 40));
    Add(test::RawRecord(RType::Status, 16));
  }

  Bytes stream_;
  std::vector<Bytes> source_;
  unsigned seed_ = 0;
};

INSTANTIATE_TEST_SUITE_P(All, StreamTest,
                         testing::Combine(testing::Values(1, 2, 3),
                                          testing::Values(kAsIs, kToV2, kToV3),
                                          testing::Bool()),
                         [](const auto& param) {
                           return "V" + std::to_string(std::get<0>(param.param)) +
                                  (std::get<1>(param.param) == kAsIs   ? "AsIs"
                                   : std::get<1>(param.param) == kToV2 ? "ToV2"
                                                                       : "ToV3") +
                                  (std::get<2>(param.param) ? "TsOut" : "");
                         });

TEST_P(StreamTest, GivesTheSameEventsHoweverItIsCut) {
  Build();
  test::ExpectSameEventsHoweverCut(stream_, [&](const test::Pieces& pieces) {
    return test::Parse(pieces, With(policy()));
  });
}

TEST_P(StreamTest, HandsOutEveryRecordInOrderAndRewritesOnlyWhatThePolicyNames) {
  Build();
  const auto out = test::Parse(stream_, With(policy()));
  if (version() == 3 && policy() == kToV2) {
    EXPECT_EQ(out.code, ErrorCode::InvalidArgument);
    EXPECT_TRUE(out.records.empty());
    return;
  }
  EXPECT_EQ(out.code, ErrorCode::None) << out.message;
  ASSERT_TRUE(out.metadata);
  EXPECT_EQ(out.metadata->version, target());
  EXPECT_EQ(out.metadata->ts_out, ts_out());
  ASSERT_EQ(out.records.size(), source_.size());
  const std::size_t behind = ts_out() ? 8 : 0;
  for (std::size_t i = 0; i < source_.size(); ++i) {
    const auto& in = source_[i];
    const auto& got = out.records[i];
    ASSERT_EQ(static_cast<RType>(in[1]), got.rtype());
    const auto before = MinRecordSize(got.rtype(), version());
    const auto after = MinRecordSize(got.rtype(), target());
    if (before == after || in.size() < before + behind) {
      EXPECT_EQ(got.bytes, in) << "record " << i;
    } else {
      EXPECT_EQ(got.bytes.size(), after + behind) << "record " << i;
      EXPECT_TRUE(std::equal(in.begin() + 1, in.begin() + 16, got.bytes.begin() + 1));
      EXPECT_TRUE(std::equal(in.end() - static_cast<std::ptrdiff_t>(behind), in.end(),
                             got.bytes.end() - static_cast<std::ptrdiff_t>(behind)))
          << "ts_out of record " << i;
    }
    const bool typed = got.rtype() != test::kUnknownRType &&
                       after == MinRecordSize(got.rtype(), 3) &&
                       got.bytes.size() >= after + behind;
    EXPECT_EQ(got.typed, typed) << "record " << i;
  }
}

TEST_P(StreamTest, PullGivesWhatPeekGives) {
  Build();
  const auto peeked = test::Parse(stream_, With(policy()));
  DbnParser parser{With(policy())};
  std::vector<Bytes> pulled;
  std::span<const std::byte> rest = stream_;
  while (!rest.empty() && !parser.error()) {
    const auto n = parser.Push(rest.first(std::min<std::size_t>(rest.size(), 700)));
    rest = rest.subspan(n);
    while (const auto record = parser.Pull()) {
      const auto* p = reinterpret_cast<const std::byte*>(&record->Header());
      pulled.emplace_back(p, p + record->Size());
    }
  }
  ASSERT_EQ(pulled.size(), peeked.records.size());
  for (std::size_t i = 0; i < pulled.size(); ++i) {
    EXPECT_EQ(pulled[i], peeked.records[i].bytes) << "record " << i;
  }
}

TEST_P(StreamTest, PeekWithoutConsumeGivesTheSameAgainAndAPartMayBeTaken) {
  Build();
  const auto expected = test::Parse(stream_, With(policy()));
  DbnParser parser{With(policy())};
  Outcome out;
  ASSERT_EQ(parser.Push(stream_), stream_.size());
  for (auto batch = parser.Peek(); !batch.empty(); batch = parser.Peek()) {
    const Bytes first{batch.data, batch.data + batch.size};
    const auto again = parser.Peek();
    ASSERT_EQ(first, (Bytes{again.data, again.data + again.size}));
    // Two of the records at a time, through two calls, whatever the batch holds.
    std::size_t size = again.runs[0].record_size;
    out.records.push_back(
        {Bytes{again.data, again.data + size}, again.runs[0].typed != 0});
    if (again.runs[0].count > 1) {
      out.records.push_back(
          {Bytes{again.data + size, again.data + 2 * size}, again.runs[0].typed != 0});
      parser.Consume(size);
    }
    parser.Consume(size);
  }
  test::End(parser, out);
  EXPECT_EQ(out.records, expected.records);
  EXPECT_EQ(out.code, expected.code);
}

TEST_P(StreamTest, ReceivesStraightIntoTheBufferInReadsOfAnySize) {
  Build();
  for (int i = 0; i < 40; ++i) {
    for (const auto& record : source_) test::Append(stream_, record);
  }
  const auto expected = test::Parse(stream_, With(policy()));
  std::mt19937 random{42};
  DbnParser parser{With(policy())};
  Outcome out;
  std::size_t at = 0;
  while (at < stream_.size() && !parser.error()) {
    const auto room = parser.WritableSpan();
    ASSERT_GE(room.size(), kMaxEncodableRecordSize) << "no progress is possible";
    const auto n =
        std::min({room.size(), stream_.size() - at, std::size_t{1} + random() % 9000});
    std::copy_n(stream_.begin() + static_cast<std::ptrdiff_t>(at), n, room.begin());
    parser.Commit(n);
    at += n;
    test::TakeAll(parser, out);
  }
  test::End(parser, out);
  EXPECT_TRUE(out == expected);
}

TEST_P(StreamTest, AllocatesNothingOnceTheMetadataIsRead) {
  if (!test::kCountsAllocations) GTEST_SKIP() << "sanitizers allocate for themselves";
  Build();
  const auto header = test::HeaderOf(test::LiveMetadata(version(), ts_out()));
  DbnParser parser{With(policy())};
  parser.Push(header);
  ASSERT_TRUE(parser.Peek().empty());
  if (parser.error()) return;  // version 3 to 2
  const auto before = test::AllocationCount();
  std::size_t taken = 0;
  for (int i = 0; i < 20; ++i) {
    auto rest = std::span{stream_}.subspan(header.size());
    while (!rest.empty()) {
      rest = rest.subspan(
          parser.Push(rest.first(std::min<std::size_t>(rest.size(), 999))));
      for (auto b = parser.Peek(); !b.empty(); b = parser.Peek()) {
        taken += b.runs.size();
        parser.Consume(b.size);
      }
    }
    while (parser.Pull()) ++taken;
  }
  EXPECT_EQ(test::AllocationCount(), before);
  EXPECT_GT(taken, 0U);
}

// ---- Runs ---------------------------------------------------------------------------

Bytes StreamOf(std::initializer_list<Bytes> records) {
  auto stream = test::HeaderOf(test::LiveMetadata(3));
  for (const auto& record : records) test::Append(stream, record);
  return stream;
}

TEST(DbnParserTest, OneRunHoldsAllConsecutiveRecordsOfOneTypeAndSize) {
  Bytes stream = StreamOf({});
  for (unsigned i = 0; i < 4000; ++i) {
    test::Append(stream, test::RecordOf(RType::Mbo, 3, false, i));
  }
  DbnParser parser;
  ASSERT_EQ(parser.Push(stream), stream.size());
  const auto batch = parser.Peek();
  ASSERT_EQ(batch.runs.size(), 1U);
  EXPECT_EQ(batch.runs[0].count, 4000U);
  EXPECT_EQ(batch.runs[0].record_size, sizeof(MboMsg));
  EXPECT_EQ(batch.runs[0].rtype, RType::Mbo);
  EXPECT_EQ(batch.runs[0].typed, 1);
  EXPECT_EQ(batch.size, 4000 * sizeof(MboMsg));
}

TEST(DbnParserTest, ARunEndsWhereTypeOrSizeChanges) {
  const auto stream =
      StreamOf({test::RawRecord(RType::Mbo, 56), test::RawRecord(RType::Mbo, 56),
                test::RawRecord(RType::Mbo, 64), test::RawRecord(RType::Mbp0, 64),
                test::RawRecord(RType::Mbp0, 48)});
  DbnParser parser;
  parser.Push(stream);
  const auto batch = parser.Peek();
  ASSERT_EQ(batch.runs.size(), 4U);
  EXPECT_EQ(batch.runs[0].count, 2U);
  EXPECT_EQ(batch.runs[1].record_size, 64U);
  EXPECT_EQ(batch.runs[2].rtype, RType::Mbp0);
  EXPECT_EQ(batch.runs[3].record_size, 48U);
}

TEST(DbnParserTest, ARecordOfAnotherTypeEndsARunWhereverItStands) {
  for (std::size_t odd_one = 0; odd_one < 14; ++odd_one) {
    Bytes stream = StreamOf({});
    for (std::size_t i = 0; i < 14; ++i) {
      test::Append(stream,
                   test::RawRecord(i == odd_one ? RType::Bbo1S : RType::Mbp1, 80));
    }
    DbnParser parser;
    parser.Push(stream);
    const auto batch = parser.Peek();
    ASSERT_EQ(batch.runs.size(), odd_one == 0 || odd_one == 13 ? 2U : 3U) << odd_one;
    std::size_t at = 0;
    for (const auto& run : batch.runs) {
      EXPECT_EQ(run.rtype == RType::Bbo1S, at == odd_one);
      at += run.count;
    }
    EXPECT_EQ(at, 14U);
  }
}

TEST(DbnParserTest, OldBytesBehindTheEndAreNeverTakenForRecords) {
  DbnParser parser;
  parser.Push(StreamOf({}));
  ASSERT_TRUE(parser.Peek().empty());
  for (std::uint32_t count = 40; count > 0; --count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      parser.Push(test::RecordOf(RType::Mbo, 3, false, count));
    }
    const auto batch = parser.Peek();
    ASSERT_EQ(batch.runs.size(), 1U);
    ASSERT_EQ(batch.runs[0].count, count);
    parser.Consume(batch.size);
    ASSERT_TRUE(parser.Peek().empty());
  }
}

TEST(DbnParserTest, ALongRunOfUpgradedRecordsComesInSeveralBatches) {
  auto stream = test::HeaderOf(test::LiveMetadata(1));
  for (unsigned i = 0; i < 1000; ++i) {
    test::Append(stream, test::RecordOf(RType::SymbolMapping, 1, false, i));
  }
  const auto out = test::Parse(stream);
  ASSERT_EQ(out.records.size(), 1000U);
  for (unsigned i = 0; i < 1000; ++i) {
    const auto in = test::RecordOf(RType::SymbolMapping, 1, false, i);
    const auto& got = out.records[i].bytes;
    ASSERT_EQ(got.size(), sizeof(SymbolMappingMsg));
    ASSERT_TRUE(std::equal(in.begin() + 16, in.begin() + 38, got.begin() + 17)) << i;
    ASSERT_TRUE(std::equal(in.end() - 16, in.end(), got.end() - 16)) << i;
  }
}

TEST(DbnParserTest, MoreRunsThanTheTableHoldsComeInSeveralBatches) {
  Bytes stream = StreamOf({});
  std::size_t count = 0;
  for (unsigned i = 0; i < 1500; ++i) {
    test::Append(stream, test::RecordOf(RType::Mbo, 3, false, i));
    test::Append(stream, test::RecordOf(RType::Mbp0, 3, false, i));
    count += 2;
  }
  DbnParser parser;
  ASSERT_EQ(parser.Push(stream), stream.size());
  const auto batch = parser.Peek();
  EXPECT_LT(batch.runs.size(), count);
  Outcome out;
  test::TakeAll(parser, out);
  EXPECT_EQ(out.records.size(), count);
}

// ---- Typed views --------------------------------------------------------------------

TEST(DbnParserTest, ARecordIsTypedWhenItIsAtLeastAsLongAsItsStructAndTsOut) {
  for (const bool ts_out : {false, true}) {
    for (const auto rtype :
         {RType::Mbo, RType::Mbp10, RType::InstrumentDef, RType::Statistics,
          RType::System, RType::OhlcvDeprecated}) {
      const auto size = MinRecordSize(rtype, 3) + (ts_out ? 8 : 0);
      auto stream = test::HeaderOf(test::LiveMetadata(3, ts_out));
      test::Append(stream, test::RawRecord(rtype, size - 4));
      test::Append(stream, test::RawRecord(rtype, size));
      test::Append(stream, test::RawRecord(rtype, size + 16));
      const auto out = test::Parse(stream);
      ASSERT_EQ(out.records.size(), 3U);
      EXPECT_FALSE(out.records[0].typed) << "rtype " << static_cast<int>(rtype);
      EXPECT_TRUE(out.records[1].typed) << "rtype " << static_cast<int>(rtype);
      EXPECT_TRUE(out.records[2].typed) << "rtype " << static_cast<int>(rtype);
    }
  }
}

TEST(DbnParserTest, AnOlderLayoutIsNeverTypedHoweverLongItIs) {
  auto stream = test::HeaderOf(test::LiveMetadata(1));
  test::Append(stream, test::RawRecord(RType::InstrumentDef, 600));
  test::Append(stream, test::RawRecord(RType::Mbo, 56));
  const auto out = test::Parse(stream, With(kAsIs));
  ASSERT_EQ(out.records.size(), 2U);
  EXPECT_FALSE(out.records[0].typed);
  EXPECT_TRUE(out.records[1].typed);
}

// ---- Fragments, states, options -----------------------------------------------------

TEST(DbnParserTest, AFragmentHasNoMetadataAndItsVersionIsGiven) {
  auto options = With(kToV3);
  options.fragment = ParserOptions::Fragment{.version = 1, .ts_out = true};
  const auto out = test::Parse(test::RecordOf(RType::System, 1, true), options);
  EXPECT_EQ(out.code, ErrorCode::None);
  EXPECT_FALSE(out.metadata);
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_EQ(out.records[0].bytes.size(), sizeof(SystemMsg) + 8);
  EXPECT_TRUE(out.records[0].typed);
}

TEST(DbnParserTest, CountsTheOffsetFromTheStartOfTheStream) {
  const auto header = test::HeaderOf(test::LiveMetadata(2));
  Bytes stream = header;
  test::Append(stream, test::RecordOf(RType::InstrumentDef, 2, false));
  test::Append(stream, test::RecordOf(RType::Mbo, 2, false));
  DbnParser parser;
  parser.Push(stream);
  EXPECT_EQ(parser.offset(), 0U);
  ASSERT_TRUE(parser.Pull());
  EXPECT_EQ(parser.offset(), header.size() + 400) << "of the input, not the upgraded";
  EXPECT_EQ(parser.input_version(), 2);
  EXPECT_EQ(parser.buffered(), sizeof(MboMsg));
  ASSERT_TRUE(parser.Pull());
  EXPECT_EQ(parser.offset(), stream.size());
  EXPECT_FALSE(parser.Pull());
}

TEST(DbnParserTest, ResetBeginsANewStreamEvenAfterAnError) {
  DbnParser parser;
  Outcome out;
  test::Feed(parser, test::BytesOfText("HTTP/1.1 400 Bad Request"), out);
  ASSERT_TRUE(parser.error());
  parser.Reset();
  EXPECT_FALSE(parser.error());
  EXPECT_EQ(parser.metadata(), nullptr);
  test::Feed(parser, StreamOf({test::RecordOf(RType::Mbo, 3, false)}), out);
  EXPECT_EQ(out.records.size(), 1U);
  EXPECT_FALSE(parser.Finish());
}

TEST(DbnParserTest, RefusesOptionsThatAreOutOfRange) {
  const auto code_of = [](const ParserOptions& options) {
    try {
      DbnParser{options};
    } catch (const Exception& e) {
      return e.error().code;
    }
    return ErrorCode::None;
  };
  ParserOptions options;
  options.buffer_size = 16 * 1024 - 1;
  EXPECT_EQ(code_of(options), ErrorCode::InvalidArgument);
  options.buffer_size = (std::size_t{1} << 30) + 1;
  EXPECT_EQ(code_of(options), ErrorCode::InvalidArgument);
  options = {};
  options.fragment = ParserOptions::Fragment{.version = 4, .ts_out = false};
  EXPECT_EQ(code_of(options), ErrorCode::InvalidArgument);
  options.fragment->version = 0;
  EXPECT_EQ(code_of(options), ErrorCode::InvalidArgument);
  options.fragment->version = 3;
  EXPECT_EQ(code_of(options), ErrorCode::None);
  options.upgrade_policy = VersionUpgradePolicy::UpgradeToV2;
  EXPECT_EQ(code_of(options), ErrorCode::InvalidArgument) << "it cannot go back";
  options.fragment->version = 2;
  EXPECT_EQ(code_of(options), ErrorCode::None);
}

}  // namespace
}  // namespace dbnloop
