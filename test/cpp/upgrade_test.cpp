#include "dbn/upgrade.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "dbnloop/rtype.hpp"
#include "support/dbn_bytes.hpp"

namespace dbnloop::proto {
namespace {

using test::Bytes;

constexpr std::uint64_t kTsOut = 0x0102030405060708;

// A record of that version in which every byte of every field differs from 0.
template <typename From>
From Filled(RType rtype) {
  const auto bytes = test::RawRecord(rtype, sizeof(From), 5);
  From out;
  std::memcpy(&out, bytes.data(), sizeof(out));
  return out;
}

// Upgrades with and without ts_out, from an aligned and a misaligned place, and checks
// what holds for each of them.
template <typename To, typename From>
To Upgraded(const From& in, std::uint8_t from, std::uint8_t to) {
  EXPECT_TRUE(codec::NeedsUpgrade(in.hd.rtype, from, to));
  To result;
  for (const bool ts_out : {false, true}) {
    for (const std::size_t shift : {0, 3}) {
      Bytes source(shift);
      auto record = in;
      record.hd.length = static_cast<std::uint8_t>((sizeof(From) + ts_out * 8) / 4);
      test::Append(source, test::BytesOf(record));
      if (ts_out) test::Append(source, test::BytesOf(kTsOut));
      alignas(8) std::array<std::byte, kMaxEncodableRecordSize> out;
      out.fill(std::byte{0xCC});
      const auto size =
          codec::UpgradeRecord(source.data() + shift, from, to, ts_out, out.data());
      EXPECT_EQ(size, sizeof(To) + ts_out * 8);
      std::memcpy(&result, out.data(), sizeof(result));
      EXPECT_EQ(result.hd.Size(), size);
      EXPECT_EQ(result.hd.rtype, in.hd.rtype);
      EXPECT_EQ(result.hd.publisher_id, in.hd.publisher_id);
      EXPECT_EQ(result.hd.instrument_id, in.hd.instrument_id);
      EXPECT_TRUE(result.hd.ts_event == in.hd.ts_event);
      if (ts_out) {
        EXPECT_EQ(std::memcmp(out.data() + sizeof(To), &kTsOut, 8), 0);
      }
      EXPECT_EQ(out[size], std::byte{0xCC}) << "wrote behind the record";
    }
  }
  return result;
}

template <std::size_t N, std::size_t M>
void ExpectWidened(const std::array<char, N>& in, const std::array<char, M>& out,
                   const char* field) {
  static_assert(M >= N);
  EXPECT_TRUE(std::equal(in.begin(), in.end(), out.begin())) << field;
  EXPECT_TRUE(std::all_of(out.begin() + N, out.end(), [](char c) { return c == 0; }))
      << field;
}

template <std::size_t N>
bool IsZero(const std::array<std::byte, N>& bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

template <std::size_t N>
void Put(std::array<char, N>& field, std::string_view text) {
  field.fill(0);
  std::ranges::copy(text, field.begin());
}

// ---- Instrument definitions ---------------------------------------------------------

// Every field that all three versions have, strings that grow apart.
template <typename From, typename To>
void ExpectCommonFields(const From& in, const To& out) {
#define SAME(field) EXPECT_TRUE(out.field == in.field) << #field
  SAME(ts_recv);
  SAME(min_price_increment);
  SAME(display_factor);
  SAME(expiration);
  SAME(activation);
  SAME(high_limit_price);
  SAME(low_limit_price);
  SAME(max_price_variation);
  SAME(unit_of_measure_qty);
  SAME(min_price_increment_amount);
  SAME(price_ratio);
  SAME(strike_price);
  SAME(raw_instrument_id);
  SAME(inst_attrib_value);
  SAME(underlying_id);
  SAME(market_depth_implied);
  SAME(market_depth);
  SAME(market_segment_id);
  SAME(max_trade_vol);
  SAME(min_lot_size);
  SAME(min_lot_size_block);
  SAME(min_lot_size_round_lot);
  SAME(min_trade_vol);
  SAME(contract_multiplier);
  SAME(decay_quantity);
  SAME(original_contract_size);
  SAME(appl_id);
  SAME(maturity_year);
  SAME(decay_start_date);
  SAME(channel_id);
  SAME(currency);
  SAME(settl_currency);
  SAME(secsubtype);
  SAME(group);
  SAME(exchange);
  SAME(cfi);
  SAME(security_type);
  SAME(unit_of_measure);
  SAME(underlying);
  SAME(strike_price_currency);
  SAME(instrument_class);
  SAME(match_algorithm);
  SAME(main_fraction);
  SAME(price_display_format);
  SAME(sub_fraction);
  SAME(underlying_product);
  SAME(security_update_action);
  SAME(maturity_month);
  SAME(maturity_day);
  SAME(maturity_week);
  SAME(user_defined_instrument);
  SAME(contract_multiplier_unit);
  SAME(flow_schedule_type);
  SAME(tick_rule);
  ExpectWidened(in.raw_symbol, out.raw_symbol, "raw_symbol");
  ExpectWidened(in.asset, out.asset, "asset");
  EXPECT_TRUE(IsZero(out._reserved));
}

void ExpectNoLeg(const InstrumentDefMsg& out) {
  EXPECT_EQ(out.leg_price, kUndefPrice);
  EXPECT_EQ(out.leg_delta, kUndefPrice);
  EXPECT_EQ(out.leg_instrument_id, 0U);
  EXPECT_EQ(out.leg_underlying_id, 0U);
  EXPECT_EQ(out.leg_ratio_price_numerator, 0);
  EXPECT_EQ(out.leg_ratio_price_denominator, 0);
  EXPECT_EQ(out.leg_ratio_qty_numerator, 0);
  EXPECT_EQ(out.leg_ratio_qty_denominator, 0);
  EXPECT_EQ(out.leg_count, 0);
  EXPECT_EQ(out.leg_index, 0);
  ExpectWidened(std::array<char, 0>{}, out.leg_raw_symbol, "leg_raw_symbol");
  EXPECT_EQ(static_cast<char>(out.leg_instrument_class), '\0');
  EXPECT_EQ(out.leg_side, Side::None);
}

TEST(UpgradeTest, DefinitionFromVersion1To2) {
  const auto in = Filled<v1::InstrumentDefMsg>(RType::InstrumentDef);
  const auto out = Upgraded<v2::InstrumentDefMsg>(in, 1, 2);
  ExpectCommonFields(in, out);
  SAME(trading_reference_price);
  SAME(trading_reference_date);
  SAME(md_security_trading_status);
  SAME(settl_price_type);
}

TEST(UpgradeTest, DefinitionFromVersion1To3) {
  const auto in = Filled<v1::InstrumentDefMsg>(RType::InstrumentDef);
  const auto out = Upgraded<InstrumentDefMsg>(in, 1, 3);
  ExpectCommonFields(in, out);
  ExpectNoLeg(out);
}

TEST(UpgradeTest, DefinitionFromVersion2To3) {
  const auto in = Filled<v2::InstrumentDefMsg>(RType::InstrumentDef);
  const auto out = Upgraded<InstrumentDefMsg>(in, 2, 3);
  ExpectCommonFields(in, out);
  ExpectNoLeg(out);
}

// ---- Statistics ---------------------------------------------------------------------

TEST(UpgradeTest, StatisticsFromVersions1And2To3) {
  for (const std::uint8_t from : {1, 2}) {
    const auto in = Filled<v1::StatMsg>(RType::Statistics);
    const auto out = Upgraded<StatMsg>(in, from, 3);
    SAME(ts_recv);
    SAME(ts_ref);
    SAME(price);
    SAME(quantity);
    SAME(sequence);
    SAME(ts_in_delta);
    SAME(stat_type);
    SAME(channel_id);
    SAME(update_action);
    SAME(stat_flags);
    EXPECT_TRUE(IsZero(out._reserved));
  }
}

TEST(UpgradeTest, AStatisticsQuantityKeepsItsSignAndItsUndefinedValue) {
  auto in = Filled<v1::StatMsg>(RType::Statistics);
  in.quantity = -5;
  EXPECT_EQ(Upgraded<StatMsg>(in, 1, 3).quantity, -5);
  in.quantity = std::numeric_limits<std::int32_t>::max();
  EXPECT_EQ(Upgraded<StatMsg>(in, 1, 3).quantity,
            std::numeric_limits<std::int64_t>::max());
  in.quantity = std::numeric_limits<std::int32_t>::min();
  EXPECT_EQ(Upgraded<StatMsg>(in, 1, 3).quantity,
            std::numeric_limits<std::int32_t>::min());
}

// ---- Gateway messages ---------------------------------------------------------------

class GatewayMessageTest : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(Targets, GatewayMessageTest, testing::Values(2, 3));

TEST_P(GatewayMessageTest, SymbolMapping) {
  const auto in = Filled<v1::SymbolMappingMsg>(RType::SymbolMapping);
  const auto out = Upgraded<SymbolMappingMsg>(in, 1, GetParam());
  ExpectWidened(in.stype_in_symbol, out.stype_in_symbol, "stype_in_symbol");
  ExpectWidened(in.stype_out_symbol, out.stype_out_symbol, "stype_out_symbol");
  SAME(start_ts);
  SAME(end_ts);
  EXPECT_EQ(static_cast<int>(out.stype_in), 255);
  EXPECT_EQ(static_cast<int>(out.stype_out), 255);
}

TEST_P(GatewayMessageTest, Error) {
  auto in = Filled<v1::ErrorMsg>(RType::Error);
  auto out = Upgraded<ErrorMsg>(in, 1, GetParam());
  ExpectWidened(in.err, out.err, "err");
  EXPECT_EQ(out.is_last, 255);
  EXPECT_EQ(out.code, GatewayErrorCode::Unset);

  Put(in.err, "Internal error");
  out = Upgraded<ErrorMsg>(in, 1, GetParam());
  EXPECT_EQ(out.code, GatewayErrorCode::InternalError);
  EXPECT_STREQ(out.Err(), "Internal error");
}

TEST_P(GatewayMessageTest, System) {
  auto in = Filled<v1::SystemMsg>(RType::System);
  Put(in.msg, "Finished mbo replay");
  auto out = Upgraded<SystemMsg>(in, 1, GetParam());
  ExpectWidened(in.msg, out.msg, "msg");
  EXPECT_EQ(out.code, SystemCode::ReplayCompleted);

  in.msg.fill('x');
  std::ranges::copy(std::string_view{"Heartbeat"}, in.msg.begin());
  out = Upgraded<SystemMsg>(in, 1, GetParam());
  ExpectWidened(in.msg, out.msg, "msg");
  EXPECT_EQ(out.code, SystemCode::Unset) << "a text without NUL has no code";
}

TEST(UpgradeTest, CodesOfErrorTexts) {
  using enum GatewayErrorCode;
  EXPECT_EQ(codec::ErrorCodeOfText("User or API key deactivated"), ApiKeyDeactivated);
  EXPECT_EQ(codec::ErrorCodeOfText("User has reached their open connection limit"),
            ConnectionLimitExceeded);
  EXPECT_EQ(codec::ErrorCodeOfText("Failed to resolve symbol ABC"),
            SymbolResolutionFailed);
  EXPECT_EQ(codec::ErrorCodeOfText("Internal error"), InternalError);
  EXPECT_EQ(codec::ErrorCodeOfText("Slow client detected for session"),
            SkippedRecordsAfterSlowReading);
  EXPECT_EQ(codec::ErrorCodeOfText("Internal error."), Unset);
  EXPECT_EQ(codec::ErrorCodeOfText("user or api key deactivated"), Unset);
  EXPECT_EQ(codec::ErrorCodeOfText(""), Unset);
}

TEST(UpgradeTest, CodesOfSystemTexts) {
  using enum SystemCode;
  EXPECT_EQ(codec::SystemCodeOfText("Heartbeat"), Heartbeat);
  EXPECT_EQ(codec::SystemCodeOfText("End of interval for ohlcv-1s"), EndOfInterval);
  EXPECT_EQ(codec::SystemCodeOfText("Subscription request 1 for mbo data succeeded"),
            SubscriptionAck);
  EXPECT_EQ(codec::SystemCodeOfText("Unsubscribe request for mbo data succeeded"),
            static_cast<SystemCode>(5));
  EXPECT_EQ(codec::SystemCodeOfText("Unsubscribe request for mbo data failed"), Unset);
  EXPECT_EQ(codec::SystemCodeOfText("Subscription request 1 failed"), Unset);
  EXPECT_EQ(codec::SystemCodeOfText("Warning: slow reading, 5 s behind"),
            SlowReaderWarning);
  EXPECT_EQ(codec::SystemCodeOfText("Finished trades replay"), ReplayCompleted);
  EXPECT_EQ(codec::SystemCodeOfText("Finished trades"), Unset);
  // One space begins and ends it.
  EXPECT_EQ(codec::SystemCodeOfText("Subscription request succeeded"), SubscriptionAck);
  EXPECT_EQ(codec::SystemCodeOfText("Finished replay"), ReplayCompleted);
  EXPECT_EQ(codec::SystemCodeOfText(""), Unset);
}

// ---- What changes, and how long it is -----------------------------------------------

TEST(UpgradeTest, OnlyTheNamedRecordsChange) {
  for (int i = 0; i < 256; ++i) {
    const auto rtype = static_cast<RType>(i);
    const bool definition = rtype == RType::InstrumentDef;
    const bool statistics = rtype == RType::Statistics;
    const bool message = rtype == RType::Error || rtype == RType::SymbolMapping ||
                         rtype == RType::System;
    EXPECT_EQ(codec::NeedsUpgrade(rtype, 1, 2), definition || message) << i;
    EXPECT_EQ(codec::NeedsUpgrade(rtype, 1, 3), definition || message || statistics)
        << i;
    EXPECT_EQ(codec::NeedsUpgrade(rtype, 2, 3), definition || statistics) << i;
    for (const std::uint8_t version : {1, 2, 3}) {
      EXPECT_FALSE(codec::NeedsUpgrade(rtype, version, version)) << i;
    }
  }
}

TEST(UpgradeTest, SizesOfEachVersionAreThoseOfTheFormat) {
  struct Case {
    RType rtype;
    std::array<std::size_t, 3> sizes;
  };
  for (const auto& [rtype, sizes] :
       {Case{RType::InstrumentDef, {360, 400, 520}},
        Case{RType::Statistics, {64, 64, 80}}, Case{RType::Error, {80, 320, 320}},
        Case{RType::SymbolMapping, {80, 176, 176}}, Case{RType::System, {80, 320, 320}},
        Case{RType::Mbo, {56, 56, 56}}, Case{RType::Mbp10, {368, 368, 368}},
        Case{test::kUnknownRType, {16, 16, 16}}}) {
    for (std::uint8_t version = 1; version <= 3; ++version) {
      EXPECT_EQ(MinRecordSize(rtype, version), sizes[version - 1U]);
    }
  }
}

}  // namespace
}  // namespace dbnloop::proto
