#include "dbnloop/detail/dispatch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "dbnloop/data_source.hpp"
#include "support/dbn.hpp"

namespace dbnloop {
namespace {

using test::Mbo;
using test::Trade;
using test::Trades;
using test::WireBytes;
using testing::ElementsAre;

using Log = std::vector<std::string>;

// What DataSource::Pump does, without a source.
template <typename H>
std::size_t Deliver(H handler, const std::string& bytes) {
  DbnParser parser;
  detail::DeliveryControl control;
  detail::Dispatcher<H> dispatcher{std::move(handler)};
  EXPECT_EQ(parser.Push(test::AsBytes(bytes)), bytes.size());
  for (auto batch = parser.Peek(); !batch.empty(); batch = parser.Peek()) {
    dispatcher(batch, parser, control);
  }
  EXPECT_FALSE(parser.error());
  return parser.buffered();
}

template <typename Msg>
std::string TsOut(Msg msg, std::uint64_t ts_out) {
  return WireBytes(WithTsOut<Msg>{msg, UnixNanos{std::chrono::nanoseconds{ts_out}}});
}

std::string Name(std::span<const TradeMsg> run) {
  return "span " + std::to_string(run.size());
}
std::string Name(std::span<const WithTsOut<TradeMsg>> run) {
  return "span+ts " + std::to_string(run.size());
}
std::string Name(const TradeMsg& m) { return "trade " + std::to_string(m.sequence); }
std::string Name(const WithTsOut<TradeMsg>& m) {
  return "trade+ts " + std::to_string(m.ts_out.time_since_epoch().count());
}
std::string Name(const MboMsg& m) { return "mbo " + std::to_string(m.sequence); }
std::string Name(const Record& r) { return "record " + std::to_string(r.Size()); }

// A handler that names the form it was called in.
template <typename... Forms>
auto Named(Log& log) {
  return Overload{[&log](Forms form) { log.push_back(Name(form)); }...};
}

TEST(Dispatch, SpanGetsConsecutiveRecordsAtOnce) {
  Log log;
  const auto bytes = test::Header() + Trades(0, 3) + WireBytes(Mbo(3)) + Trades(4, 2);
  EXPECT_EQ(Deliver(Named<std::span<const TradeMsg>>(log), bytes), 0U);
  EXPECT_THAT(log, ElementsAre("span 3", "span 2"));
}

TEST(Dispatch, ReferenceGetsEachRecord) {
  Log log;
  const auto bytes = test::Header() + Trades(0, 2) + WireBytes(Mbo(2)) + Trades(3, 1);
  EXPECT_EQ(Deliver(Named<const TradeMsg&>(log), bytes), 0U);
  EXPECT_THAT(log, ElementsAre("trade 0", "trade 1", "trade 3"));
}

TEST(Dispatch, RecordGetsEverything) {
  Log log;
  const auto bytes =
      test::Header() + Trades(0, 1) + WireBytes(Mbo(1)) + test::UnknownRecord(24);
  EXPECT_EQ(Deliver(Named<const Record&>(log), bytes), 0U);
  EXPECT_THAT(log, ElementsAre("record 48", "record 56", "record 24"));
}

TEST(Dispatch, GenericGetsTheTypedRecordOrRecordForUnknownTypes) {
  Log log;
  const auto fallback = [&log](const auto& form) {
    using Form = std::remove_cvref_t<decltype(form)>;
    if constexpr (std::is_same_v<Form, TradeMsg>) {
      log.push_back("trade");
    } else if constexpr (std::is_same_v<Form, MboMsg>) {
      log.push_back("mbo");
    } else if constexpr (std::is_same_v<Form, RawRecord>) {
      log.push_back("record");
    } else {
      log.push_back("other");
    }
  };
  const auto bytes = test::Header() + Trades(0, 1) + WireBytes(Mbo(1)) +
                     test::UnknownRecord(24) + test::GatewayErrorRecord("no");
  EXPECT_EQ(Deliver(fallback, bytes), 0U);
  EXPECT_THAT(log, ElementsAre("trade", "mbo", "record", "other"));
}

TEST(Dispatch, ALambdaOfAutoIsNoHandlerOfSpans) {
  int calls = 0;
  EXPECT_EQ(Deliver([&](const auto&) { ++calls; }, test::Header() + Trades(0, 5)), 0U);
  EXPECT_EQ(calls, 5);
}

TEST(Dispatch, MostSpecificFormOfAnOverloadSetWins) {
  Log log;
  const auto bytes = test::Header() + Trades(0, 2) + WireBytes(Mbo(2)) +
                     WireBytes(test::Zeroed<OhlcvMsg>(RType::Ohlcv1S));
  const auto all = Overload{
      [&](std::span<const TradeMsg> f) { log.push_back(Name(f)); },
      [&](const TradeMsg& f) { log.push_back(Name(f)); },
      [&](const MboMsg& f) { log.push_back(Name(f)); },
      [&](const Record& f) { log.push_back(Name(f)); },
      [&](const auto&) { log.push_back("auto"); },
  };
  EXPECT_EQ(Deliver(all, bytes), 0U);
  EXPECT_THAT(log, ElementsAre("span 2", "mbo 2", "record 56"));
}

TEST(Dispatch, FallbackOfAnOverloadSetGetsTheRest) {
  Log log;
  const auto bytes =
      test::Header() + Trades(0, 1) + WireBytes(Mbo(1)) + test::UnknownRecord(16);
  const auto some = Overload{[&](const TradeMsg& f) { log.push_back(Name(f)); },
                             [&](const auto&) { log.push_back("auto"); }};
  EXPECT_EQ(Deliver(some, bytes), 0U);
  EXPECT_THAT(log, ElementsAre("trade 0", "auto", "auto"));
}

TEST(Dispatch, OverloadSetsNest) {
  Log log;
  const auto nested =
      Overload{Overload{[&](const TradeMsg& f) { log.push_back(Name(f)); },
                        [&](const MboMsg& f) { log.push_back(Name(f)); }},
               [&](const auto&) { log.push_back("auto"); }};
  EXPECT_EQ(Deliver(nested, test::Header() + Trades(0, 1) + WireBytes(Mbo(1)) +
                                WireBytes(test::Zeroed<StatusMsg>(RType::Status))),
            0U);
  EXPECT_THAT(log, ElementsAre("trade 0", "mbo 1", "auto"));
}

TEST(Dispatch, WithTsOutIsChosenWhenTheStreamHasIt) {
  Log log;
  const auto both = Overload{
      [&](const WithTsOut<TradeMsg>& f) { log.push_back(Name(f)); },
      [&](const TradeMsg& f) { log.push_back(Name(f)); },
  };
  EXPECT_EQ(
      Deliver(both, test::Header(true) + TsOut(Trade(1), 77) + TsOut(Trade(2), 78)),
      0U);
  EXPECT_EQ(Deliver(both, test::Header(false) + Trades(3, 1)), 0U);
  EXPECT_THAT(log, ElementsAre("trade+ts 77", "trade+ts 78", "trade 3"));
}

TEST(Dispatch, SpanOfWithTsOutGetsARun) {
  Log log;
  EXPECT_EQ(Deliver(Named<std::span<const WithTsOut<TradeMsg>>>(log),
                    test::Header(true) + TsOut(Trade(1), 77) + TsOut(Trade(2), 78)),
            0U);
  EXPECT_THAT(log, ElementsAre("span+ts 2"));
}

TEST(Dispatch, PlainFormsWorkOnAStreamWithTsOut) {
  Log log;
  const auto bytes = test::Header(true) + TsOut(Trade(1), 77) + TsOut(Trade(2), 78);
  EXPECT_EQ(Deliver(Named<const TradeMsg&>(log), bytes), 0U);
  EXPECT_EQ(Deliver(Named<std::span<const TradeMsg>>(log), bytes), 0U);
  EXPECT_EQ(Deliver(Named<const Record&>(log), bytes), 0U);
  EXPECT_THAT(log, ElementsAre("trade 1", "trade 2", "span 1", "span 1", "record 56",
                               "record 56"));
}

TEST(Dispatch, WithTsOutHandlerGetsNothingFromAStreamWithoutIt) {
  Log log;
  EXPECT_EQ(
      Deliver(Named<const WithTsOut<TradeMsg>&>(log), test::Header() + Trades(0, 3)),
      0U);
  EXPECT_TRUE(log.empty());
}

TEST(Dispatch, RecordsThatNothingTakesAreSkipped) {
  Log log;
  const auto bytes = test::Header() + WireBytes(Mbo(0)) + test::UnknownRecord(1020) +
                     test::UnknownRecord(20) + Trades(3, 1);
  EXPECT_EQ(Deliver(Named<const TradeMsg&>(log), bytes), 0U);
  EXPECT_THAT(log, ElementsAre("trade 3"));
}

// A newer DBN version appends fields: what we know of the record is still good.
TEST(Dispatch, RecordsLongerThanTheirStructAreTyped) {
  Log log;
  auto trade = Trade(7);
  trade.hd.length += 2;
  const auto bytes = test::Header() + WireBytes(trade) + std::string(8, 'x') +
                     WireBytes(trade) + std::string(8, 'x');
  EXPECT_EQ(Deliver(Named<const TradeMsg&>(log), bytes), 0U);
  EXPECT_EQ(Deliver(Named<std::span<const TradeMsg>>(log), bytes), 0U);
  EXPECT_THAT(log, ElementsAre("trade 7", "trade 7", "span 1", "span 1"));
}

// A typed view of it would read behind its end.
TEST(Dispatch, RecordsShorterThanTheirStructAreOnlyRecords) {
  Log log;
  auto trade = Trade(7);
  trade.hd.length = 32 / RecordHeader::kLengthMultiplier;
  const auto bytes = test::Header() + WireBytes(trade).substr(0, 32) + Trades(8, 1);
  const auto both = Overload{[&](const TradeMsg& f) { log.push_back(Name(f)); },
                             [&](const Record& f) { log.push_back(Name(f)); }};
  EXPECT_EQ(Deliver(both, bytes), 0U);
  EXPECT_EQ(
      Deliver(
          [&](const auto& f) {
            using Form = std::remove_cvref_t<decltype(f)>;
            log.push_back(std::is_same_v<Form, RawRecord> ? "auto record" : "auto");
          },
          bytes),
      0U);
  EXPECT_THAT(log, ElementsAre("record 32", "trade 8", "auto record", "auto"));
}

// Each form stops behind the record that was handed out when `stop` was set, and the
// parser stands there.
template <typename H>
std::size_t LeftAfterStop(detail::DeliveryControl& control, H handler,
                          const std::string& bytes) {
  DbnParser parser;
  detail::Dispatcher<H> dispatcher{std::move(handler)};
  parser.Push(test::AsBytes(bytes));
  dispatcher(parser.Peek(), parser, control);
  return parser.buffered();
}

TEST(Dispatch, StopEndsTheBatchBehindTheRecord) {
  const auto bytes = test::Header() + Trades(0, 4);
  const auto wide = [&] {
    auto trade = Trade(7);
    trade.hd.length += 2;
    const auto one = WireBytes(trade) + std::string(8, 'x');
    return test::Header() + one + one + one;
  }();
  {
    detail::DeliveryControl c;
    EXPECT_EQ(LeftAfterStop(
                  c, [&](const TradeMsg&) { c.stop = true; }, bytes),
              3 * sizeof(TradeMsg));
  }
  {
    detail::DeliveryControl c;
    EXPECT_EQ(LeftAfterStop(
                  c, [&](const Record&) { c.stop = true; }, bytes),
              3 * sizeof(TradeMsg));
  }
  {
    detail::DeliveryControl c;
    EXPECT_EQ(LeftAfterStop(
                  c, [&](const auto&) { c.stop = true; }, bytes),
              3 * sizeof(TradeMsg));
  }
  {
    detail::DeliveryControl c;
    EXPECT_EQ(LeftAfterStop(
                  c, [&](std::span<const TradeMsg>) { c.stop = true; }, wide),
              2 * (sizeof(TradeMsg) + 8));
  }
  {
    detail::DeliveryControl c;
    EXPECT_EQ(LeftAfterStop(
                  c, [&](std::span<const TradeMsg>) { c.stop = true; },
                  bytes + WireBytes(Mbo(4))),
              sizeof(MboMsg));
  }
}

// Handlers that take no record do not compile; the traits behind the message:
struct NotARecord {};
static_assert(!detail::kTakesAnything<decltype([](int) {})>);
static_assert(!detail::kTakesAnything<decltype([] {})>);
static_assert(!detail::kTakesAnything<decltype([](const NotARecord&) {})>);
static_assert(!detail::kTakesAnything<decltype([](TradeMsg&) {})>,
              "records are read-only");
static_assert(!detail::kTakesAnything<decltype([](std::span<TradeMsg>) {})>);
static_assert(!detail::kTakesAnything<decltype([](const TradeMsg&, int) {})>);
static_assert(!detail::kTakesAnything<Overload<decltype([](int) {})>>);
static_assert(detail::kTakesAnything<decltype([](const TradeMsg&) {})>);
static_assert(detail::kTakesAnything<decltype([](TradeMsg) {})>, "a copy is fine");
static_assert(detail::kTakesAnything<decltype([](const Record&) {})>);
static_assert(detail::kTakesAnything<decltype([](const auto&) {})>);
static_assert(detail::kTakesAnything<decltype([](std::span<const SystemMsg>) {})>);
static_assert(detail::kTakesAnything<decltype([](const WithTsOut<MboMsg>&) {})>);

// What is chosen, without and with ts_out.
using detail::Form;
using detail::FormOf;
using OneTrade = decltype([](const TradeMsg&) {});
using TradeRun = decltype([](std::span<const TradeMsg>) {});
using TsOutTrade = decltype([](const WithTsOut<TradeMsg>&) {});
using TsOutTradeRun = decltype([](std::span<const WithTsOut<TradeMsg>>) {});
using AnyRecord = decltype([](const Record&) {});
// Its body compiles for records only: asking what it takes must not try other things.
using Generic = decltype([](const auto& r) { return r.hd.rtype; });
using AnySpan = decltype([]<typename T>(std::span<const T>) {});

static_assert(FormOf<OneTrade, TradeMsg>(false) == Form::One);
static_assert(FormOf<OneTrade, TradeMsg>(true) == Form::One);
static_assert(FormOf<OneTrade, MboMsg>(false) == Form::Skip);
static_assert(FormOf<TradeRun, TradeMsg>(false) == Form::Run);
static_assert(FormOf<TradeRun, MboMsg>(false) == Form::Skip);
static_assert(FormOf<TsOutTrade, TradeMsg>(true) == Form::TsOut);
static_assert(FormOf<TsOutTrade, TradeMsg>(false) == Form::Skip);
static_assert(FormOf<TsOutTradeRun, TradeMsg>(true) == Form::TsOutRun);
static_assert(FormOf<AnyRecord, TradeMsg>(true) == Form::Any);
static_assert(FormOf<Generic, TradeMsg>(false) == Form::One);
static_assert(FormOf<Generic, TradeMsg>(true) == Form::One);
static_assert(FormOf<AnySpan, TradeMsg>(false) == Form::Run);
static_assert(detail::TakesRaw<Generic>() && !detail::NamesRecord<Generic>);
static_assert(detail::TakesRaw<AnyRecord>() && detail::NamesRecord<AnyRecord>);
static_assert(!detail::TakesRaw<OneTrade>() && !detail::TakesRaw<AnySpan>());

using TradeAndGeneric = Overload<OneTrade, Generic>;
static_assert(FormOf<TradeAndGeneric, TradeMsg>(false) == Form::One);
static_assert(FormOf<TradeAndGeneric, MboMsg>(false) == Form::One);
using RunAndGeneric = Overload<TradeRun, Generic>;
static_assert(FormOf<RunAndGeneric, TradeMsg>(false) == Form::Run);
static_assert(FormOf<RunAndGeneric, TradeMsg>(true) == Form::Run);
static_assert(FormOf<RunAndGeneric, MboMsg>(false) == Form::One);
using Everything =
    Overload<OneTrade, TradeRun, TsOutTrade, TsOutTradeRun, AnyRecord, Generic>;
static_assert(FormOf<Everything, TradeMsg>(false) == Form::Run);
static_assert(FormOf<Everything, TradeMsg>(true) == Form::TsOutRun);
static_assert(FormOf<Everything, MboMsg>(false) == Form::Any);

// Not only lambdas in an Overload: any callable says what it takes.
struct Methods {
  void operator()(std::span<const MboMsg>) {}
  void operator()(const TradeMsg&) {}
  template <typename T>
  void operator()(const T&) {}
};
static_assert(FormOf<Methods, MboMsg>(false) == Form::Run);
static_assert(FormOf<Methods, TradeMsg>(false) == Form::One);
static_assert(FormOf<Methods, StatusMsg>(false) == Form::One);
static_assert(FormOf<void (*)(const TradeMsg&), TradeMsg>(false) == Form::One);
static_assert(FormOf<std::function<void(std::span<const MboMsg>)>, MboMsg>(false) ==
              Form::Run);
struct Bound {
  void OnRun(std::span<const MboMsg>) {}
  void OnTsOut(const WithTsOut<MboMsg>&) {}
};
using BoundRun = decltype(std::bind_front(&Bound::OnRun, std::declval<Bound*>()));
static_assert(FormOf<BoundRun, MboMsg>(false) == Form::Run);
static_assert(FormOf<BoundRun, TradeMsg>(false) == Form::Skip);
using BoundTsOut = decltype(std::bind_front(&Bound::OnTsOut, std::declval<Bound*>()));
static_assert(FormOf<BoundTsOut, MboMsg>(true) == Form::TsOut);

template <typename H>
concept CanBeGivenToOnRecord =
    requires(DataSource& source, H h) { source.OnRecord(h); };
static_assert(CanBeGivenToOnRecord<Generic> && CanBeGivenToOnRecord<OneTrade>);
// (That OnRecord refuses another handler, and says what it takes, is in
// test/consumer/headers.sh: such a program must not compile.)

TEST(Dispatch, AGenericHandlerReadsTheHeaderOfWhateverComes) {
  std::vector<int> rtypes;
  const auto bytes = test::Header() + Trades(0, 1) + test::UnknownRecord(24);
  Deliver([&](const auto& r) { rtypes.push_back(static_cast<int>(r.hd.rtype)); },
          bytes);
  EXPECT_THAT(rtypes, ElementsAre(0x00, 0xEE));
}

TEST(Dispatch, TsOutIsFoundAtTheVeryEndOfLongerRecords) {
  auto trade = Trade(7);
  trade.hd.length += 4;  // 8 bytes that we do not know, then ts_out
  const std::uint64_t ts_out = 99;
  const auto bytes =
      test::Header(true) + WireBytes(trade) + std::string(8, 'x') + WireBytes(ts_out);
  Log log;
  EXPECT_EQ(Deliver(Named<const WithTsOut<TradeMsg>&>(log), bytes), 0U);
  EXPECT_EQ(Deliver(Named<std::span<const WithTsOut<TradeMsg>>>(log), bytes), 0U);
  EXPECT_THAT(log, ElementsAre("trade+ts 99", "span+ts 1"));
}

TEST(Dispatch, AnExceptionLeavesTheParserBehindTheRecordThatThrew) {
  DbnParser parser;
  detail::DeliveryControl control;
  int calls = 0;
  const auto throws = [&](const TradeMsg&) {
    if (++calls == 2) throw std::runtime_error{"handler"};
  };
  detail::Dispatcher<decltype(throws)> dispatcher{throws};
  parser.Push(test::AsBytes(test::Header() + Trades(0, 4)));
  EXPECT_THROW(dispatcher(parser.Peek(), parser, control), std::runtime_error);
  EXPECT_EQ(parser.buffered(), 2 * sizeof(TradeMsg));
}

TEST(Dispatch, AStreamThatBeginsInsideAHandlerIsNotConsumedFrom) {
  DbnParser parser;
  detail::DeliveryControl control;
  const auto bytes = test::Header() + Trades(0, 4);
  const auto anew = [&](const TradeMsg&) {
    parser.Reset();
    ++control.stream;
    control.stop = true;
    parser.Push(test::AsBytes(bytes));
  };
  detail::Dispatcher<decltype(anew)> dispatcher{anew};
  parser.Push(test::AsBytes(bytes));
  dispatcher(parser.Peek(), parser, control);
  EXPECT_EQ(parser.Peek().size, 4 * sizeof(TradeMsg));
}

}  // namespace
}  // namespace dbnloop
