#include "dbnloop/format.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "dbnloop/enum_strings.hpp"
#include "support/allocations.hpp"
#include "support/dbn.hpp"

namespace dbnloop {
namespace {

using test::Time;

TEST(PriceToDouble, IsTheNearestNumberAndNotANumberWhenItIsNotSet) {
  EXPECT_EQ(PriceToDouble(6012'250'000'000), 6012.25);
  EXPECT_EQ(PriceToDouble(-1), -1e-9);
  EXPECT_EQ(PriceToDouble(kUndefPrice - 1), 9223372036.854775806);
  EXPECT_TRUE(std::isnan(PriceToDouble(kUndefPrice)));
}

TEST(FormatFlags, IsToStringAndBackForEverySet) {
  for (int i = 0; i < 256; ++i) {
    const FlagSet flags{static_cast<FlagSet::Repr>(i)};
    FlagsText room;
    const auto text = FormatFlags(flags, room);
    EXPECT_EQ(text, ToString(flags));
    EXPECT_EQ(FromString<FlagSet>(text), flags) << text;
    EXPECT_EQ(FromString<FlagSet>(std::to_string(i)), flags);
  }
  EXPECT_EQ(ToString(FlagSet{144}), "LAST | MBP (144)");
  EXPECT_EQ(ToString(FlagSet{0}), "0");
  EXPECT_EQ(ToString(FlagSet{1}), "1");
  EXPECT_EQ(ToString(FlagSet{255}),
            "LAST | TOB | SNAPSHOT | MBP | BAD_TS_RECV | MAYBE_BAD_BOOK | "
            "PUBLISHER_SPECIFIC (255)");
}

TEST(FlagsFromString, ReadsNamesAloneAndRefusesOthers) {
  EXPECT_EQ(FromString<FlagSet>("LAST"), FlagSet{128});
  EXPECT_EQ(FromString<FlagSet>("MBP|LAST"), FlagSet{144});
  for (const auto* bad :
       {"", " ", "LAST |", "| LAST", "last", "LAST MBP", "LAST (64)", "LAST (128",
        "LAST ()", "LAST (128) ", "256", "-1", "(128)"}) {
    EXPECT_EQ(FromString<FlagSet>(bad), std::nullopt) << bad;
  }
}

TEST(DateOf, IsNoneOfATimeThatIsNotSet) {
  EXPECT_EQ(DateOf(Time(kUndefTimestamp)), 0U);
  EXPECT_EQ(DateOf(Time(kUndefTimestamp - 1)), 25540721U);
}

TEST(Formatting, DoesNotAllocate) {
  if (!test::kCountsAllocations) GTEST_SKIP() << "a sanitizer has its own allocator";
  PriceText price;
  TimeText time;
  FlagsText flags;
  const auto before = test::AllocationCount();
  bool ok = true;
  for (int i = 0; i < 100; ++i) {
    ok &= !FormatPrice(-i * 1'234'567LL, price).empty();
    ok &= !FormatTime(Time(1'700'000'000'000'000'000), time).empty();
    ok &= !FormatFlags(FlagSet{255}, flags).empty();
    ok &= FromString<Schema>("mbp-10") == Schema::Mbp10;
    ok &= FromString<FlagSet>("LAST | MBP (144)") == FlagSet{144};
    ok &= FindPublisher(Publisher::GlbxMdp3Glbx) != nullptr;
  }
  EXPECT_TRUE(ok);
  EXPECT_EQ(test::AllocationCount(), before);
}

TEST(IndexTs, IsTsRecvWhereThereIsOneElseTsEvent) {
  auto trade = test::Trade(1);
  trade.hd.ts_event = Time(1);
  trade.ts_recv = Time(2);
  EXPECT_EQ(IndexTs(Record{&trade.hd}), Time(2));
  trade.hd.length = sizeof(RecordHeader) / 4;  // too short for it
  EXPECT_EQ(IndexTs(Record{&trade.hd}), Time(1));

  auto bar = test::Zeroed<OhlcvMsg>(RType::Ohlcv1S);
  bar.hd.ts_event = Time(3);
  EXPECT_EQ(IndexTs(Record{&bar.hd}), Time(3));
  bar.hd.rtype = static_cast<RType>(0xEE);
  EXPECT_EQ(IndexTs(Record{&bar.hd}), Time(3));

  auto older = test::Zeroed<v1::InstrumentDefMsg>(RType::InstrumentDef);
  older.hd.ts_event = Time(4);
  older.ts_recv = Time(5);
  EXPECT_EQ(IndexTs(Record{&older.hd}), Time(5));
}

}  // namespace
}  // namespace dbnloop
