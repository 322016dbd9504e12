#include "dbnloop/dbn_file_source.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "dbnloop/exception.hpp"
#include "support/dbn.hpp"
#include "support/historical_fixture.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

class FileSource : public test::HistoricalFixture {
 protected:
  std::unique_ptr<DbnFileSource> Make(const std::string& path,
                                      FileOptions options = {}) {
    auto source = std::make_unique<DbnFileSource>(&reactor_, path, options);
    source->OnError([this](const Error& e) { errors_.push_back(e); });
    source->OnComplete([this] { ++completed_; });
    source->OnRecord([this](const TradeMsg& m) { sequences_.push_back(m.sequence); });
    return source;
  }
  std::string File(const std::string& content) {
    folder_.Write("f", content);
    return folder_.Path("f");
  }
  static std::string Dbn(std::uint32_t first, std::uint32_t count) {
    return test::Header() + test::Trades(first, count);
  }
  void Run(DbnFileSource& source) {
    errors_.clear();
    sequences_.clear();
    completed_ = 0;
    source.Start();
    EXPECT_THAT(sequences_, IsEmpty()) << "nothing is delivered inside Start";
    ASSERT_TRUE(UntilEnd());
  }
};

TEST_F(FileSource, ReadsEveryForm) {
  const auto skippable = std::string{"\x53\x2A\x4D\x18\x04\0\0\0skip", 12};
  const auto plain = Dbn(0, 30'000);  // 1.4 MB: several turns
  const std::vector<std::pair<const char*, std::string>> forms{
      {"plain", plain},
      {"zstd", test::Zstd(plain)},
      {"frames", test::Zstd(test::Header()) + test::Zstd(test::Trades(0, 10'000)) +
                     test::Zstd(test::Trades(10'000, 20'000))},
      {"skippable frames", skippable + test::Zstd(plain) + skippable},
  };
  for (const auto& [name, content] : forms) {
    for (const bool use_mmap : {false, true}) {
      FileOptions options;
      options.use_mmap = use_mmap;
      const auto source = Make(File(content), options);
      Run(*source);
      EXPECT_THAT(errors_, IsEmpty()) << name;
      EXPECT_EQ(completed_, 1) << name;
      EXPECT_EQ(sequences_, Numbers(0, 30'000)) << name;
      EXPECT_EQ(source->ReadBytes(), content.size());
      EXPECT_EQ(source->TotalBytes(), content.size());
      Run(*source);
      EXPECT_EQ(sequences_.size(), 30'000U) << "once more, from the beginning";
    }
  }
}

TEST_F(FileSource, ReadsAFragment) {
  FileOptions options;
  options.fragment.emplace();
  const auto source = Make(File(test::Trades(5, 100)), options);
  Run(*source);
  EXPECT_EQ(sequences_, Numbers(5, 100));
  const auto compressed = Make(File(test::Zstd(test::Trades(5, 100))), options);
  Run(*compressed);
  EXPECT_EQ(sequences_, Numbers(5, 100));
}

TEST_F(FileSource, GivesTheRecordsBeforeAFaultAndThenTheFault) {
  const auto trades = test::Trades(0, 100);
  const auto zstd = test::Zstd(test::Header() + trades);
  auto bad = test::Header() + trades;
  bad[test::Header().size() + 48 * 60] = 0;
  struct Case {
    const char* name;
    std::string content;
    ErrorCode code;
    const char* words;
    std::size_t records;
  };
  for (const auto& c : std::vector<Case>{
           {"cut record", test::Header() + trades + "abc", ErrorCode::Truncated,
            "inside a DBN record", 100},
           {"cut header", test::Header().substr(0, 60), ErrorCode::Truncated, "", 0},
           {"empty", "", ErrorCode::ParseError, "before its DBN metadata", 0},
           {"two bytes", "DB", ErrorCode::Truncated, "", 0},
           {"no DBN", "#!/bin/sh\nexit 0\n", ErrorCode::ParseError, "", 0},
           {"bad length", bad, ErrorCode::ParseError, "byte", 60},
           {"cut frame", zstd.substr(0, zstd.size() - 3), ErrorCode::Truncated,
            "inside a frame", 0},
           {"junk behind a frame", zstd + "junk", ErrorCode::DecompressionError, "",
            100},
           {"legacy DBZ",
            std::string{"\x50\x2A\x4D\x18\x60\0\0\0DBZ\x01", 12} +
                std::string(100, 'x'),
            ErrorCode::ParseError, "legacy format DBZ", 0}}) {
    const auto source = Make(File(c.content));
    Run(*source);
    EXPECT_EQ(completed_, 0) << c.name;
    ASSERT_EQ(errors_.size(), 1U) << c.name;
    EXPECT_EQ(errors_[0].code, c.code) << c.name << ": " << errors_[0].message;
    EXPECT_THAT(errors_[0].message, HasSubstr(c.words));
    EXPECT_THAT(errors_[0].message, HasSubstr(folder_.Path("f")));
    EXPECT_GE(sequences_.size(), c.records) << c.name;
    EXPECT_EQ(sequences_, Numbers(0, static_cast<std::uint32_t>(sequences_.size())));
  }
}

TEST_F(FileSource, ReadsStreamsThatFollowEachOther) {
  const auto one = Dbn(0, 30'000);
  const auto two = Dbn(30'000, 10);
  const auto empty = test::Header();
  for (const auto& content :
       {one + two + empty, test::Zstd(one + two + empty),
        test::Zstd(one) + test::Zstd(two) + test::Zstd(empty),
        test::Zstd(one + two.substr(0, 60)) + test::Zstd(two.substr(60) + empty)}) {
    const auto source = Make(File(content));
    std::vector<std::size_t> headers;
    source->OnMetadata([&](const Metadata& m) {
      EXPECT_EQ(m.dataset, "GLBX.MDP3");
      headers.push_back(sequences_.size());
    });
    Run(*source);
    EXPECT_THAT(errors_, IsEmpty());
    EXPECT_EQ(completed_, 1);
    EXPECT_EQ(sequences_, Numbers(0, 30'010));
    EXPECT_THAT(headers, testing::ElementsAre(0, 30'000, 30'010));
  }
}

TEST_F(FileSource, SaysWhereAnotherStreamBeginsThatCannotBeReadOn) {
  const auto one = Dbn(0, 10);
  struct Case {
    std::string content;
    std::string words;
    bool fragment = false;
  };
  const auto at = std::to_string(one.size());
  for (const auto& c : std::vector<Case>{
           {one + test::Header(true), "at byte " + at + " another DBN stream begins"},
           {one + test::Zstd(one),
            "at byte " + at + " of the DBN stream zstd-compressed"},
           {test::Zstd(one) + one, "no zstd frame begins there"},
           {one + test::Header().substr(0, 20),
            "DBN metadata that begins at byte " + at},
           {one + test::Header().substr(0, 7),
            "DBN metadata that begins at byte " + at},
           {one, "at byte 0 of the DBN stream a DBN header begins, but a fragment",
            true},
           {test::Trades(0, 10) + one, "at byte 480 of the DBN stream a DBN header",
            true},
       }) {
    FileOptions options;
    if (c.fragment) options.fragment.emplace();
    const auto source = Make(File(c.content), options);
    Run(*source);
    EXPECT_EQ(completed_, 0) << c.words;
    ASSERT_EQ(errors_.size(), 1U) << c.words;
    EXPECT_THAT(errors_[0].message, HasSubstr(c.words));
    EXPECT_EQ(sequences_.size(), c.content.starts_with("DBN") && c.fragment ? 0U : 10U);
  }
}

TEST_F(FileSource, WhatCannotBeOpenedIsRefusedAtStart) {
  for (const auto& path : {folder_.Path("missing"), folder_.Path("")}) {
    const auto source = Make(path);
    try {
      source->Start();
      ADD_FAILURE() << path << " was opened";
    } catch (const Exception& e) {
      EXPECT_EQ(e.error().code, ErrorCode::System);
      EXPECT_THAT(e.error().message, HasSubstr(path));
      EXPECT_NE(e.error().os_errno, 0);
    }
  }
  const auto source = Make(File(Dbn(0, 10)));
  source->Start();
  EXPECT_THROW(source->Start(), Exception);
}

// The number is free then, and the reactor's own fd takes it.
TEST_F(FileSource, AClosedStandardInputIsSaidSo) {
  const int saved = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  ASSERT_GE(saved, 0);
  ::close(STDIN_FILENO);
  std::vector<std::string> messages;
  {
    DbnFileSource early{&reactor_, "-"};
    Reactor reactor;
    DbnFileSource late{&reactor, "-"};
    for (auto* source : {&early, &late}) {
      try {
        source->Start();
        messages.emplace_back("it is read");
      } catch (const Exception& e) {
        messages.emplace_back(e.what());
        EXPECT_EQ(e.error().os_errno, EBADF);
      }
    }
  }
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  for (const auto& message : messages) {
    EXPECT_THAT(message, HasSubstr("cannot read standard input: it is closed"));
  }
  EXPECT_EQ(messages.size(), 2U);
}

TEST_F(FileSource, APathWithANulIsNotThatOfAnotherFile) {
  const auto source = Make(File(Dbn(0, 10)) + std::string{"\0x", 2});
  try {
    source->Start();
    ADD_FAILURE() << "it was opened";
  } catch (const Exception& e) {
    EXPECT_EQ(e.error().code, ErrorCode::InvalidArgument);
  }
}

TEST_F(FileSource, PauseHoldsAndResumeLosesNothing) {
  for (const auto& content : {Dbn(0, 100'000), test::Zstd(Dbn(0, 100'000))}) {
    const auto source = Make(File(content));
    int pauses = 0;
    source->OnRecord([&](const TradeMsg& m) {
      ASSERT_FALSE(source->IsPaused());
      sequences_.push_back(m.sequence);
      if (m.sequence % 9973 == 0 || m.sequence == 99'999) {
        source->Pause();
        ++pauses;
      }
    });
    source->Start();
    sequences_.clear();
    completed_ = 0;
    while (completed_ == 0) {
      ASSERT_TRUE(Until([&] { return source->IsPaused() || completed_ != 0; }));
      const auto held = sequences_.size();
      Settle();
      if (!source->IsPaused()) continue;
      EXPECT_EQ(sequences_.size(), held);
      EXPECT_EQ(completed_, 0);
      source->Resume();
      EXPECT_EQ(sequences_.size(), held);
    }
    EXPECT_EQ(pauses, 12);
    EXPECT_EQ(sequences_, Numbers(0, 100'000));
  }
}

TEST_F(FileSource, StopEndsAtOnce) {
  const auto source = Make(File(Dbn(0, 1000)));
  source->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence == 7) source->Stop();
  });
  source->Start();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
  EXPECT_EQ(sequences_, Numbers(0, 8));
}

TEST_F(FileSource, MayBeDestroyedInAHandlerAndMayThrow) {
  auto source = Make(File(Dbn(0, 1000)));
  source->OnRecord([&](const TradeMsg&) { source.reset(); });
  source->Start();
  ASSERT_TRUE(Until([&] { return source == nullptr; }));
  Settle();

  source = Make(File(test::Zstd(Dbn(0, 1000))));
  source->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence % 300 == 0) throw std::runtime_error{"handler"};
  });
  source->Start();
  int threw = 0;
  while (completed_ == 0) {
    try {
      ASSERT_TRUE(UntilEnd());
    } catch (const std::runtime_error&) {
      ++threw;
    }
  }
  EXPECT_EQ(threw, 4);
  EXPECT_EQ(sequences_, Numbers(0, 1000));
  completed_ = 0;
  source->OnRecord([](const TradeMsg&) {});
  source->OnComplete([&] { source.reset(); });
  source->Start();
  ASSERT_TRUE(Until([&] { return source == nullptr; }));
}

TEST_F(FileSource, TwoOfThemAndATimerTakeTurns) {
  folder_.Write("a", Dbn(0, 200'000));  // 9.6 MB each
  folder_.Write("b", test::Zstd(Dbn(0, 200'000)));
  std::string order;
  const auto a = Make(folder_.Path("a"));
  const auto b = Make(folder_.Path("b"));
  const auto note = [&](char c) {
    if (order.empty() || order.back() != c) order += c;
  };
  a->OnRecord([&](const TradeMsg&) { note('a'); });
  b->OnRecord([&](const TradeMsg&) { note('b'); });
  a->Start();
  b->Start();
  ASSERT_TRUE(Until([&] { return completed_ == 2; }));
  EXPECT_GT(order.size(), 12U) << order;
}

TEST_F(FileSource, ATurnIsShortHoweverTheFileIsMade) {
  // Compressed to a third or so: less than a turn's share of input is far more records.
  auto noisy = test::Header();
  std::uint32_t noise = 1;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    auto trade = test::Trade(i);
    trade.price = noise = noise * 1664525 + 1013904223;
    trade.ts_recv = UnixNanos{std::chrono::nanoseconds{noise >> 1U}};
    trade.hd.instrument_id = noise >> 2U;
    noisy += test::WireBytes(trade);
  }
  FileOptions plain;
  FileOptions mapped;
  mapped.use_mmap = true;
  mapped.buffer_size = 8 * 1024 * 1024;
  for (const auto& [content, options] :
       {std::pair{noisy, plain}, {noisy, mapped}, {test::Zstd(noisy), plain}}) {
    const auto source = Make(File(content), options);
    completed_ = 0;
    sequences_.clear();
    source->Start();
    std::size_t most = 0;
    while (completed_ == 0) {
      const auto before = sequences_.size();
      reactor_.Poll(1000);
      most = std::max(most, sequences_.size() - before);
    }
    EXPECT_EQ(sequences_.size(), 200'000U);
    EXPECT_LT(most * sizeof(TradeMsg), 2.1 * 1024 * 1024) << content.size();
  }
}

TEST_F(FileSource, APipeIsReadAsItComes) {
  const auto path = folder_.Path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto source = Make(path);
  source->Start();
  Settle();
  EXPECT_EQ(completed_, 0) << "nobody writes yet";
  net::ScopedFd out{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  const auto content = Dbn(0, 50);
  std::string_view rest = content;
  while (!rest.empty()) {
    const auto piece = rest.substr(0, 37);
    rest.remove_prefix(piece.size());
    ASSERT_EQ(::write(out.get(), piece.data(), piece.size()),
              static_cast<ssize_t>(piece.size()));
    Settle();
  }
  EXPECT_EQ(sequences_, Numbers(0, 50));
  EXPECT_EQ(completed_, 0);
  EXPECT_FALSE(source->TotalBytes());
  source->Pause();
  out.Reset();
  Settle();
  EXPECT_EQ(completed_, 0);
  source->Resume();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(completed_, 1);
}

TEST_F(FileSource, AFileThatShrinksIsATruncatedOne) {
  const auto content = Dbn(0, 800'000);
  for (const bool use_mmap : {false, true}) {
    const auto path = File(content);
    FileOptions options;
    options.use_mmap = use_mmap;
    const auto source = Make(path, options);
    bool cut = false;
    source->OnRecord([&](const TradeMsg& m) {
      sequences_.push_back(m.sequence);
      // Behind the window of 16 MiB that is mapped now.
      if (!std::exchange(cut, true)) {
        ASSERT_EQ(::truncate(path.c_str(), 20'000'001), 0);
      }
    });
    errors_.clear();
    sequences_.clear();
    source->Start();
    ASSERT_TRUE(UntilEnd());
    ASSERT_EQ(errors_.size(), 1U);
    EXPECT_EQ(errors_[0].code, ErrorCode::Truncated);
    EXPECT_EQ(sequences_.size(), (20'000'001 - test::Header().size()) / 48);
    EXPECT_EQ(source->ReadBytes(), 20'000'001U);
  }
}

}  // namespace
}  // namespace dbnloop
