#include <gtest/gtest.h>

#include <cstring>
#include <iomanip>
#include <sstream>
#include <string>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/record.hpp"
#include "dbnloop/std_format.hpp"
#include "support/dbn.hpp"

namespace dbnloop {
namespace {

template <typename T>
std::string Print(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

template <typename T>
T Blank(RType rtype) {
  T record;
  std::memset(static_cast<void*>(&record), 0, sizeof(record));
  record.hd.length = sizeof(T) / RecordHeader::kLengthMultiplier;
  record.hd.rtype = rtype;
  return record;
}

// Whichever library's types: each has an operator<<, and only one.
TEST(Print, EveryRecordNamesItsFields) {
  EXPECT_NE(Print(Blank<MboMsg>(RType::Mbo)).find("order_id = 0"), std::string::npos);
  EXPECT_NE(Print(Blank<TradeMsg>(RType::Mbp0)).find("sequence = 0"),
            std::string::npos);
  EXPECT_NE(Print(Blank<Mbp1Msg>(RType::Mbp1)).find("ask_ct = 0"), std::string::npos);
  EXPECT_NE(Print(Blank<Mbp10Msg>(RType::Mbp10)).find("bid_sz = 0"), std::string::npos);
  EXPECT_NE(Print(Blank<BboMsg>(RType::Bbo1S)).find("bid_sz = 0"), std::string::npos);
  EXPECT_NE(Print(Blank<Cmbp1Msg>(RType::Cmbp1)).find("ask_pb = "), std::string::npos);
  EXPECT_NE(Print(Blank<CbboMsg>(RType::Cbbo1S)).find("bid_pb = "), std::string::npos);
  EXPECT_NE(Print(Blank<OhlcvMsg>(RType::Ohlcv1D)).find("volume = 0"),
            std::string::npos);
  EXPECT_NE(Print(Blank<StatusMsg>(RType::Status)).find("is_trading"),
            std::string::npos);
  EXPECT_NE(Print(Blank<ImbalanceMsg>(RType::Imbalance)).find("paired_qty = 0"),
            std::string::npos);
  EXPECT_NE(Print(Blank<InstrumentDefMsg>(RType::InstrumentDef)).find("leg_count = 0"),
            std::string::npos);
  EXPECT_NE(Print(Blank<StatMsg>(RType::Statistics)).find("stat_type"),
            std::string::npos);
  EXPECT_NE(Print(Blank<ErrorMsg>(RType::Error)).find("is_last"), std::string::npos);
  EXPECT_NE(Print(Blank<SystemMsg>(RType::System)).find("msg = \"\""),
            std::string::npos);
  EXPECT_NE(
      Print(Blank<SymbolMappingMsg>(RType::SymbolMapping)).find("stype_in_symbol"),
      std::string::npos);
  EXPECT_NE(Print(Blank<v1::InstrumentDefMsg>(RType::InstrumentDef)).find("raw_symbol"),
            std::string::npos);
  EXPECT_NE(Print(Blank<v1::StatMsg>(RType::Statistics)).find("quantity = 0"),
            std::string::npos);
  EXPECT_NE(Print(Blank<v1::ErrorMsg>(RType::Error)).find("err = \"\""),
            std::string::npos);
  EXPECT_NE(Print(Blank<v1::SystemMsg>(RType::System)).find("msg = \"\""),
            std::string::npos);
  EXPECT_NE(Print(Blank<v2::InstrumentDefMsg>(RType::InstrumentDef)).find("raw_symbol"),
            std::string::npos);
}

TEST(Print, EveryEnumWritesItsString) {
  EXPECT_EQ(Print(Side::Ask), ToString(Side::Ask));
  EXPECT_EQ(Print(Schema::Mbp1), "mbp-1");
  EXPECT_EQ(Print(SType::RawSymbol), "raw_symbol");
  EXPECT_EQ(Print(Publisher::GlbxMdp3Glbx), "GLBX.MDP3.GLBX");
  EXPECT_EQ(Print(FlagSet{144}), ToString(FlagSet{144}));
  EXPECT_EQ(Print(RollRule::Volume), TextOf(RollRule::Volume));
  EXPECT_EQ(Print(static_cast<RollRule>(99)), "Unknown (99)");
}

#if !DBNLOOP_HAS_DATABENTO_CPP

TradeMsg Trade() {
  auto trade = Blank<TradeMsg>(RType::Mbp0);
  trade.hd.publisher_id = 1;
  trade.hd.instrument_id = 5482;
  trade.hd.ts_event = test::Time(1'795'444'200'000'000'001);
  trade.price = -5411'250000000;
  trade.size = kUndefOrderSize;
  trade.action = Action::Trade;
  trade.side = static_cast<Side>('?');
  trade.flags = FlagSet{130};
  trade.ts_recv = test::Time(kUndefTimestamp);
  trade.ts_in_delta = TimeDeltaNanos{-165};
  trade.sequence = 7;
  return trade;
}

constexpr const char* kTrade =
    "TradeMsg { hd = RecordHeader { length = 12, rtype = mbp-0, publisher_id = 1, "
    "instrument_id = 5482, ts_event = 2026-11-23T14:30:00.000000001Z }, "
    "price = -5411.250000000, size = undefined, action = Trade, side = Unknown (63), "
    "flags = LAST | PUBLISHER_SPECIFIC (130), depth = 0, ts_recv = undefined, "
    "ts_in_delta = -165ns, sequence = 7 }";

TEST(Print, ATradeAsItStandsInALog) { EXPECT_EQ(Print(Trade()), kTrade); }

TEST(Print, TheStateOfTheStreamChangesNoField) {
  std::ostringstream out;
  out << std::hex << std::showbase << std::setfill('*') << std::setprecision(2)
      << Trade();
  EXPECT_EQ(out.str(), kTrade);
  out.str({});
  out << std::setw(6) << Side::Ask << '|' << std::left << std::setw(6) << Side::Bid;
  EXPECT_EQ(out.str(), "***Ask|Bid***");
}

TEST(Print, TextOfAPeerStaysOnItsLineAndInItsField) {
  auto mapping = Blank<SymbolMappingMsg>(RType::SymbolMapping);
  std::memset(mapping.stype_in_symbol.data(), 'x', mapping.stype_in_symbol.size());
  std::strcpy(mapping.stype_out_symbol.data(), "a\n\"b\\\x1b");
  const auto text = Print(mapping);
  EXPECT_NE(text.find("stype_in_symbol = \"" + std::string(71, 'x') + "\", stype_out"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(stype_out_symbol = "a\x0a\"b\\\x1b", start)"),
            std::string::npos)
      << text;
}

TEST(Print, LevelsAreAList) {
  auto quote = Blank<Mbp1Msg>(RType::Mbp1);
  quote.levels[0].bid_px = kUndefPrice;
  quote.levels[0].ask_sz = 3;
  EXPECT_NE(Print(quote).find("levels = [BidAskPair { bid_px = undefined, ask_px = "
                              "0.000000000, bid_sz = 0, ask_sz = 3, bid_ct = 0, "
                              "ask_ct = 0 }] }"),
            std::string::npos)
      << Print(quote);
}

TEST(Print, AViewIsWrittenAsWhatItHolds) {
  auto trade = Trade();
  EXPECT_EQ(Print(Record{&trade.hd}), kTrade);
  EXPECT_EQ(Print(WithTsOut<TradeMsg>{trade, test::Time(1)}).substr(0, 35),
            "TradeMsg { hd = RecordHeader { leng");
  EXPECT_TRUE(
      Print(WithTsOut<TradeMsg>{trade, test::Time(1)})
          .ends_with(", sequence = 7 } ts_out = 1970-01-01T00:00:00.000000001Z"));
  // Shorter than the struct: nothing after it is read.
  trade.hd.length = 11;
  EXPECT_EQ(Print(Record{&trade.hd}), Print(trade.hd));
  trade.hd.rtype = static_cast<RType>(0x7f);
  EXPECT_EQ(Print(Record{&trade.hd}),
            "RecordHeader { length = 11, rtype = Unknown (127), publisher_id = 1, "
            "instrument_id = 5482, ts_event = 2026-11-23T14:30:00.000000001Z }");
}

#endif

#if __cpp_lib_format
TEST(Print, StdFormatWritesTheSame) {
  EXPECT_EQ(std::format("{}", Side::Ask), Print(Side::Ask));
  EXPECT_EQ(std::format("{:>6}|", Side::Ask), "   Ask|");
  const auto trade = Blank<TradeMsg>(RType::Mbp0);
  EXPECT_EQ(std::format("{}", trade), Print(trade));
  EXPECT_EQ(std::format("{}", trade.hd), Print(trade.hd));
}
#endif

}  // namespace
}  // namespace dbnloop
