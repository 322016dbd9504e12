// Records of many types in one stream: delivered without runs where those are short,
// and by runs where they are long. Every form gives the same records either way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dbnloop/data_source.hpp"
#include "support/dbn_bytes.hpp"

namespace dbnloop {
namespace {

using test::Bytes;
using Records = std::vector<Bytes>;

// Compares without printing every byte.
testing::AssertionResult Same(const Records& seen, const Records& expected) {
  const auto [at, wanted] = std::ranges::mismatch(seen, expected);
  if (at == seen.end() && wanted == expected.end()) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << seen.size() << " records instead of " << expected.size()
         << ", the first difference is at record " << at - seen.begin();
}

// Which DBN the stream is, and what it becomes.
struct Layout {
  std::uint8_t version = kDbnVersion;
  bool ts_out = false;
  VersionUpgradePolicy policy = VersionUpgradePolicy::UpgradeToV3;
};

constexpr std::array kPlain{RType::Mbo,    RType::Mbp0,     RType::Mbp1,
                            RType::Mbp10,  RType::Ohlcv1S,  RType::Cbbo1M,
                            RType::Status, RType::Imbalance};
constexpr std::array kSpecial{RType::InstrumentDef, RType::Statistics,
                              RType::System,        RType::Error,
                              RType::SymbolMapping, test::kUnknownRType};

/// Streams of records, the same ones for the same seed.
class Mixer {
 public:
  explicit Mixer(Layout kind, unsigned seed = 1) : kind_{kind}, random_{seed} {}

  void Append(RType rtype, std::size_t more = 0) {
    const auto size =
        rtype == test::kUnknownRType
            ? 24
            : MinRecordSize(rtype, kind_.version) + (kind_.ts_out ? 8 : 0);
    test::Append(bytes_, test::RawRecord(rtype, size + more, ++count_));
  }
  /// Records of plain types, in runs of one or two.
  Mixer& Mixed(int count) {
    for (; count > 0; --count) {
      Append(Below(2) == 0 ? RType::Mbo : kPlain[Below(kPlain.size())]);
    }
    return *this;
  }
  Mixer& Uniform(int count) {
    for (; count > 0; --count) Append(RType::Mbo);
    return *this;
  }
  /// Mixed, and now and then something that is not plain.
  Mixer& Anything(int count) {
    for (; count > 0; --count) {
      switch (Below(10)) {
        case 0:
          Append(kSpecial[Below(kSpecial.size())]);
          break;
        case 1:  // of a newer version, or misaligning what follows it
          // Where a ts_out follows, some forms get a copy without what is not known.
          Append(kind_.ts_out ? RType::Mbp1 : kPlain[Below(kPlain.size())],
                 Below(2) == 0 ? 8 : 4);
          break;
        default:
          Mixed(1);
      }
    }
    return *this;
  }

  [[nodiscard]] Layout kind() const { return kind_; }
  [[nodiscard]] Bytes Stream() const {
    auto stream = test::HeaderOf(test::LiveMetadata(kind_.version, kind_.ts_out));
    test::Append(stream, bytes_);
    return stream;
  }
  /// What must come out, in every form that takes any record.
  [[nodiscard]] Records Expected() const {
    DbnParser parser{{.upgrade_policy = kind_.policy, .fragment = std::nullopt}};
    Records records;
    const auto stream = Stream();
    for (std::span<const std::byte> rest{stream}; !rest.empty();) {
      rest = rest.subspan(parser.Push(rest));
      while (const auto record = parser.Pull()) {
        const auto* const at = reinterpret_cast<const std::byte*>(&record->Header());
        records.emplace_back(at, at + static_cast<std::size_t>(at[0]) * 4);
      }
    }
    EXPECT_FALSE(parser.error()) << parser.error().message;
    return records;
  }

 private:
  std::size_t Below(std::size_t n) { return random_() % n; }

  Layout kind_;
  std::mt19937 random_;
  unsigned count_ = 0;
  Bytes bytes_;
};

// Bytes in memory; whatever is left is delivered in the next turn.
class TurnSource : public DataSource {
 public:
  TurnSource(Reactor* reactor, Layout kind)
      : DataSource{reactor, ParserOptions{.buffer_size = 16 * 1024,
                                          .upgrade_policy = kind.policy,
                                          .fragment = std::nullopt}} {}

  void Start() override { BeginStream(); }
  void Stop() override { EndStream(); }
  void Pause() override { SetPaused(true); }
  void Resume() override { SetPaused(false); }

  void Deliver(std::span<const std::byte> bytes) {
    rest_ = bytes;
    DeliverFrom(rest_);
  }
  [[nodiscard]] bool Delivered() const { return rest_.empty(); }
  [[nodiscard]] std::size_t buffered() const { return parser_.buffered(); }
  [[nodiscard]] const Error& error() const { return parser_.error(); }

 private:
  void ContinueDelivery() override { DeliverFrom(rest_); }

  std::span<const std::byte> rest_;
};

// ---- Forms: what a record is once a handler has received it
// --------------------------

void Note(Records& to, const void* record, std::size_t size) {
  const auto* const at = static_cast<const std::byte*>(record);
  to.emplace_back(at, at + size);
}
void Note(Records& to, const RecordHeader& header) {
  Note(to, &header, header.length * RecordHeader::kLengthMultiplier);
}

// All that a form needs to note a record; `after` runs after each call.
struct Taking {
  Records& to;
  std::function<void()> after = [] {};
};

auto AsRecord(Taking t) {
  return [t](const Record& r) {
    Note(t.to, r.Header());
    t.after();
  };
}
auto AsGeneric(Taking t) {
  return [t](const auto& r) {
    Note(t.to, r.hd);
    t.after();
  };
}
// Some types by themselves, the others as they come.
auto AsTyped(Taking t) {
  return Overload{[t](const MboMsg& m) {
                    Note(t.to, m.hd);
                    t.after();
                  },
                  [t](const Mbp1Msg& m) {
                    Note(t.to, m.hd);
                    t.after();
                  },
                  [t](const OhlcvMsg& m) {
                    Note(t.to, m.hd);
                    t.after();
                  },
                  [t](const Record& r) {
                    Note(t.to, r.Header());
                    t.after();
                  }};
}
template <typename T>
const RecordHeader& HeaderOf(const T& record) {
  if constexpr (requires { record.hd; }) {
    return record.hd;
  } else {
    return record.rec.hd;
  }
}
// Runs of most types, with and without ts_out.
auto AsRuns(Taking t) {
  const auto note = [t](const auto& run) {
    for (const auto& record : run) Note(t.to, HeaderOf(record));
    t.after();
  };
  return Overload{[note](std::span<const MboMsg> run) { note(run); },
                  [note](std::span<const WithTsOut<MboMsg>> run) { note(run); },
                  [note](std::span<const TradeMsg> run) { note(run); },
                  [note](std::span<const WithTsOut<TradeMsg>> run) { note(run); },
                  [note](std::span<const Mbp10Msg> run) { note(run); },
                  [t](const WithTsOut<StatusMsg>& m) {
                    Note(t.to, m.rec.hd);
                    t.after();
                  },
                  [t](const Record& r) {
                    Note(t.to, r.Header());
                    t.after();
                  }};
}

// Calls `with` for each form, with a function that makes its handler.
template <typename F>
void ForEachForm(F with) {
  with("Record", [](Taking t) { return AsRecord(std::move(t)); });
  with("auto", [](Taking t) { return AsGeneric(std::move(t)); });
  with("typed", [](Taking t) { return AsTyped(std::move(t)); });
  with("runs", [](Taking t) { return AsRuns(std::move(t)); });
}

// ---- Tests
// ---------------------------------------------------------------------------

class MixedRecords : public testing::TestWithParam<std::tuple<int, bool, int>> {
 protected:
  [[nodiscard]] static Layout KindOf(const ParamType& param) {
    return {static_cast<std::uint8_t>(std::get<0>(param)), std::get<1>(param),
            static_cast<VersionUpgradePolicy>(std::get<2>(param))};
  }
  [[nodiscard]] static Layout Current() { return KindOf(GetParam()); }

  // What a source delivers of `stream`, which arrives in two pieces.
  template <typename Make>
  Records Deliver(Layout kind, std::span<const std::byte> stream, std::size_t cut,
                  Make make) {
    TurnSource source{&reactor_, kind};
    Records seen;
    source.OnRecord(make(Taking{seen}));
    source.Start();
    source.Deliver(stream.first(cut));
    source.Deliver(stream.subspan(cut));
    EXPECT_FALSE(source.error()) << source.error().message;
    EXPECT_TRUE(source.Delivered());
    return seen;
  }

  Reactor reactor_;
};

INSTANTIATE_TEST_SUITE_P(
    OfEachVersion, MixedRecords,
    testing::Combine(
        testing::Values(1, 2, 3), testing::Bool(),
        testing::Values(static_cast<int>(VersionUpgradePolicy::AsIs),
                        static_cast<int>(VersionUpgradePolicy::UpgradeToV3))));

// Otherwise the tests below compare runs with runs.
TEST_P(MixedRecords, HaveNoRuns) {
  DbnParser parser{{.upgrade_policy = Current().policy, .fragment = std::nullopt}};
  const auto stream = Mixer{Current()}.Mixed(500).Stream();
  ASSERT_EQ(parser.Push(stream), stream.size());
  const auto probe = parser.PeekMixed();
  ASSERT_FALSE(probe.mixed());
  if (Current().version < 3) return;  // misaligned, until the buffer is compacted
  parser.Consume(probe.size);
  const auto batch = parser.PeekMixed();
  ASSERT_TRUE(batch.mixed());
  EXPECT_EQ(batch.size, stream.size() - parser.offset());
  EXPECT_FALSE(parser.Peek().mixed()) << "whoever asks for runs gets them";
}

TEST_P(MixedRecords, AreTheSameInEveryForm) {
  auto mixer = Mixer{Current()};
  mixer.Uniform(100).Mixed(400).Anything(600).Uniform(300).Mixed(40).Anything(100);
  const auto stream = mixer.Stream();
  const auto expected = mixer.Expected();
  ForEachForm([&](const char* form, auto make) {
    EXPECT_TRUE(Same(Deliver(Current(), stream, 0, make), expected)) << form;
  });
}

TEST_P(MixedRecords, AreTheSameWhereverTheStreamIsCut) {
  auto mixer = Mixer{Current()};
  mixer.Mixed(20).Anything(20);
  const auto stream = mixer.Stream();
  const auto expected = mixer.Expected();
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    ForEachForm([&](const char* form, auto make) {
      ASSERT_TRUE(Same(Deliver(Current(), stream, cut, make), expected))
          << form << ", cut at " << cut;
    });
  }
}

TEST_P(MixedRecords, ComeByteByByte) {
  auto mixer = Mixer{Current(), 2};
  mixer.Mixed(30).Anything(60).Uniform(10);
  const auto stream = mixer.Stream();
  const auto expected = mixer.Expected();
  ForEachForm([&](const char* form, auto make) {
    TurnSource source{&reactor_, Current()};
    Records seen;
    source.OnRecord(make(Taking{seen}));
    source.Start();
    for (std::size_t i = 0; i < stream.size(); ++i) {
      source.Deliver(std::span{stream}.subspan(i, 1));
    }
    EXPECT_TRUE(Same(seen, expected)) << form;
  });
}

TEST_P(MixedRecords, AreTheSameWithAPauseAtEach) {
  auto mixer = Mixer{Current(), 3};
  mixer.Uniform(20).Mixed(200).Anything(200).Uniform(20);
  const auto stream = mixer.Stream();
  const auto expected = mixer.Expected();
  ForEachForm([&](const char* form, auto make) {
    TurnSource source{&reactor_, Current()};
    Records seen;
    int calls = 0;
    source.OnRecord(make(Taking{seen, [&] {
                                  ++calls;
                                  source.Pause();
                                }}));
    source.Start();
    source.Deliver(stream);
    while (source.IsPaused()) {
      ASSERT_EQ(calls, 1) << form << ": more than one before the pause held";
      calls = 0;
      source.Resume();
      reactor_.Poll(0);
    }
    EXPECT_TRUE(Same(seen, expected)) << form;
  });
}

TEST_P(MixedRecords, AreTheSameWhenEachHandlerThrows) {
  auto mixer = Mixer{Current(), 4};
  mixer.Mixed(100).Anything(200);
  const auto stream = mixer.Stream();
  const auto expected = mixer.Expected();
  ForEachForm([&](const char* form, auto make) {
    TurnSource source{&reactor_, Current()};
    Records seen;
    source.OnRecord(make(Taking{seen, [] { throw std::runtime_error{"mine"}; }}));
    source.Start();
    EXPECT_THROW(source.Deliver(stream), std::runtime_error);
    for (bool more = true; more;) {
      try {
        more = reactor_.Poll(0) != 0;
      } catch (const std::runtime_error&) {
        more = true;
      }
    }
    EXPECT_TRUE(Same(seen, expected)) << form;
  });
}

TEST_P(MixedRecords, AreCountedByType) {
  auto mixer = Mixer{Current(), 5};
  mixer.Mixed(300).Anything(300).Uniform(50).Mixed(100);
  std::array<std::uint64_t, 256> expected{};
  std::uint64_t bytes = 0;
  for (const auto& record : mixer.Expected()) {
    ++expected[std::to_integer<std::size_t>(record[1])];
    bytes += record.size();
  }
  const auto stream = mixer.Stream();
  const auto check = [&](const TurnSource& source, const char* form) {
    const auto stats = source.Stats();
    EXPECT_TRUE(std::ranges::equal(stats.records, expected)) << form;
    EXPECT_EQ(stats.bytes, bytes) << form;
  };
  ForEachForm([&](const char* form, auto make) {
    TurnSource source{&reactor_, Current()};
    Records seen;
    source.OnRecord(make(Taking{seen}));
    source.Start();
    source.Deliver(stream);
    check(source, form);
  });
  TurnSource source{&reactor_, Current()};
  source.OnRecord([](std::span<const MboMsg>) {});
  source.Start();
  source.Deliver(stream);
  check(source, "most are skipped");
}

// A binding may take any number of the records of a batch, at once and later.
TEST_P(MixedRecords, AreHeldForBatchSinks) {
  auto mixer = Mixer{Current(), 6};
  mixer.Mixed(300).Anything(100).Uniform(60).Mixed(100);
  const auto stream = mixer.Stream();
  const auto expected = mixer.Expected();
  for (const auto form :
       {DataSource::BatchForm::Runs, DataSource::BatchForm::RunsOrMixed}) {
    for (const std::size_t most : {1U, 3U, 1000U}) {
      TurnSource source{&reactor_, Current()};
      Records seen;
      std::size_t held = 0;
      std::size_t mixed = 0;
      const auto take = [&](const RecordBatch& batch, std::size_t from) {
        std::size_t at = from;
        detail::PlainRecords plain{batch.data + from, batch.data + batch.size,
                                   source.PlainHeads()};
        for (std::size_t n = 0; n < most && at < batch.size; ++n) {
          if (batch.mixed() && plain.Take() == nullptr) break;
          const auto size = std::to_integer<std::size_t>(batch.data[at]) * 4;
          Note(seen, batch.data + at, size);
          at += size;
        }
        return at - from;
      };
      std::size_t later = 0;
      source.OnBatch(
          [&](const RecordBatch& batch) {
            if (batch.mixed()) ++mixed;
            const auto now = take(batch, 0);
            later = take(batch, now);
            held = batch.size - now;
            return now;
          },
          form);
      source.Start();
      source.Deliver(stream);
      while (held != 0) {
        held = 0;  // of a mixed batch, perhaps nothing that may be taken
        source.Release(later);
        reactor_.Poll(0);
      }
      EXPECT_TRUE(Same(seen, expected)) << most;
      EXPECT_EQ(source.Stats().TotalRecords(), expected.size()) << most;
      const bool wanted =
          form == DataSource::BatchForm::RunsOrMixed && Current().version == 3;
      if (wanted) {
        EXPECT_GT(mixed, 0U);
      }
      if (form == DataSource::BatchForm::Runs) {
        EXPECT_EQ(mixed, 0U);
      }
    }
  }
}

// The bytes of a mixed batch are checked while they are delivered.
TEST_P(MixedRecords, AreCheckedLikeRuns) {
  std::mt19937 random{7};
  const auto good = Mixer{Current(), 7}.Mixed(60).Stream();
  const auto header =
      test::HeaderOf(test::LiveMetadata(Current().version, Current().ts_out)).size();
  for (int round = 0; round < 400; ++round) {
    auto stream = good;
    const auto at = header + random() % (stream.size() - header);
    stream[at] = static_cast<std::byte>(random());
    const auto expected =
        test::Parse(stream, {.upgrade_policy = Current().policy, .fragment = {}});
    TurnSource source{&reactor_, Current()};
    Records seen;
    source.OnRecord(AsRecord({seen}));
    source.Start();
    source.Deliver(stream);
    ASSERT_EQ(seen.size(), expected.records.size()) << "byte " << at;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i], expected.records[i].bytes)
          << "byte " << at << ", record " << i;
    }
    if (source.error()) {
      EXPECT_EQ(source.error().message, expected.message);
    }
  }
}

// ---- What a handler may do
// -----------------------------------------------------------

class MixedHandlers : public testing::Test {
 protected:
  MixedHandlers() : source_{std::make_unique<TurnSource>(&reactor_, Layout{})} {
    mixer_.Mixed(200);
    stream_ = mixer_.Stream();
    expected_ = mixer_.Expected();
    source_->Start();
  }

  Mixer mixer_{Layout{}};
  Bytes stream_;
  Records expected_;
  Records seen_;
  Reactor reactor_;
  std::unique_ptr<TurnSource> source_;
};

TEST_F(MixedHandlers, MayReplaceThemselvesAtEachRecord) {
  int made = 0;
  std::function<void()> replace = [&] {
    ++made;
    if (made % 2 == 0) {
      source_->OnRecord(AsRecord({seen_, [&] { replace(); }}));
    } else {
      source_->OnRecord(AsRuns({seen_, [&] { replace(); }}));
    }
  };
  replace();
  source_->Deliver(stream_);
  EXPECT_TRUE(Same(seen_, expected_));
  EXPECT_GT(made, 100);
}

TEST_F(MixedHandlers, MayDestroyTheSourceAtAnyRecord) {
  for (std::size_t last = 1; last <= 40; ++last) {
    source_ = std::make_unique<TurnSource>(&reactor_, Layout{});
    seen_.clear();
    source_->OnRecord(AsTyped({seen_, [&, last] {
                                 if (seen_.size() == last) source_.reset();
                               }}));
    source_->Start();
    source_->Deliver(stream_);
    ASSERT_TRUE(
        Same(seen_, Records(expected_.begin(),
                            expected_.begin() + static_cast<std::ptrdiff_t>(last))));
  }
}

TEST_F(MixedHandlers, MayStopAtAnyRecord) {
  for (std::size_t last = 1; last <= 40; ++last) {
    seen_.clear();
    source_->OnRecord(AsTyped({seen_, [&, last] {
                                 if (seen_.size() == last) source_->Stop();
                               }}));
    source_->Start();
    source_->Deliver(stream_);
    ASSERT_TRUE(
        Same(seen_, Records(expected_.begin(),
                            expected_.begin() + static_cast<std::ptrdiff_t>(last))));
    EXPECT_EQ(source_->Stats().TotalRecords(), last);
  }
}

TEST_F(MixedHandlers, MayBeginAnotherStreamAtAnyRecord) {
  for (std::size_t last = 1; last <= 40; ++last) {
    seen_.clear();
    source_->OnRecord(AsTyped({seen_, [&, last] {
                                 if (seen_.size() == last) source_->Start();
                               }}));
    source_->Start();
    source_->Deliver(std::span{stream_}.first(stream_.size() / 2));
    ASSERT_EQ(seen_.size(), last) << "the old stream is over";
    EXPECT_EQ(source_->Stats().TotalRecords(), 0U) << "of the new one";
    EXPECT_EQ(source_->buffered(), 0U);
    source_->Deliver(stream_);
    ASSERT_EQ(seen_.size(), last + expected_.size());
    EXPECT_EQ(source_->Stats().TotalRecords(), expected_.size());
  }
}

// Long runs are found again, wherever they begin.
TEST_F(MixedHandlers, AreGivenRunsAgainWhereRunsAreLong) {
  mixer_.Mixed(20'000).Uniform(20'000);
  std::size_t longest = 0;
  std::size_t records = 0;
  source_->OnRecord(Overload{[&](std::span<const MboMsg> run) {
                               longest = std::max(longest, run.size());
                               records += run.size();
                             },
                             [&](const Record&) { ++records; }});
  source_->Deliver(mixer_.Stream());
  EXPECT_EQ(records, 40'200U);
  EXPECT_GT(longest, 100U);
  DbnParser parser;
  const auto stream = mixer_.Stream();
  std::size_t mixed = 0;
  std::size_t runs = 0;
  for (std::span<const std::byte> rest{stream}; !rest.empty();) {
    rest = rest.subspan(parser.Push(rest));
    for (auto batch = parser.PeekMixed(); !batch.empty(); batch = parser.PeekMixed()) {
      auto size = batch.size;
      if (batch.mixed()) {
        detail::PlainRecords records{batch.data, batch.data + batch.size,
                                     parser.plain_heads()};
        while (records.Take() != nullptr) {
        }
        size = static_cast<std::size_t>(records.next() - batch.data);
        mixed += size;
      } else {
        runs += size;
      }
      ASSERT_GT(size, 0U);
      parser.Consume(size);
    }
  }
  EXPECT_GT(mixed, 1'000'000U) << "what is mixed is taken so";
  EXPECT_GT(runs, 100'000U) << "what is uniform is not, after at most a MiB";
}

}  // namespace
}  // namespace dbnloop
