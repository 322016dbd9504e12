#include "dbn/upgrade.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string_view>

#include "dbn/record_size.hpp"
#include "dbn/upgrade_definition.gen.hpp"

namespace dbnloop::codec {
namespace {

template <std::size_t N>
std::string_view Text(const std::array<char, N>& field) {
  return {field.data(), ::strnlen(field.data(), N)};
}

void Upgrade(const v1::StatMsg& in, StatMsg& out) {
  out.ts_recv = in.ts_recv;
  out.ts_ref = in.ts_ref;
  out.price = in.price;
  out.quantity = in.quantity == std::numeric_limits<std::int32_t>::max()
                     ? kUndefStatQuantity
                     : in.quantity;
  out.sequence = in.sequence;
  out.ts_in_delta = in.ts_in_delta;
  out.stat_type = in.stat_type;
  out.channel_id = in.channel_id;
  out.update_action = in.update_action;
  out.stat_flags = in.stat_flags;
}

void Upgrade(const v1::ErrorMsg& in, ErrorMsg& out) {
  std::ranges::copy(in.err, out.err.begin());
  out.code = ErrorCodeOfText(Text(in.err));
  out.is_last = 255;
}

void Upgrade(const v1::SystemMsg& in, SystemMsg& out) {
  std::ranges::copy(in.msg, out.msg.begin());
  // A text without its NUL may be cut off: its code is not known.
  out.code = Text(in.msg).size() == in.msg.size() ? SystemCode::Unset
                                                  : SystemCodeOfText(Text(in.msg));
}

void Upgrade(const v1::SymbolMappingMsg& in, SymbolMappingMsg& out) {
  out.stype_in = static_cast<SType>(255);
  out.stype_out = static_cast<SType>(255);
  std::ranges::copy(in.stype_in_symbol, out.stype_in_symbol.begin());
  std::ranges::copy(in.stype_out_symbol, out.stype_out_symbol.begin());
  out.start_ts = in.start_ts;
  out.end_ts = in.end_ts;
}

void Upgrade(const v1::InstrumentDefMsg& in, v2::InstrumentDefMsg& out) {
  UpgradeDefinition(in, out);
}
void Upgrade(const v1::InstrumentDefMsg& in, InstrumentDefMsg& out) {
  UpgradeDefinition(in, out);
}
void Upgrade(const v2::InstrumentDefMsg& in, InstrumentDefMsg& out) {
  UpgradeDefinition(in, out);
}

template <typename From, typename To>
std::size_t Rewrite(const std::byte* in, std::byte* out, bool ts_out) {
  std::memset(out, 0, sizeof(To));
  From from;  // `in` may be misaligned
  std::memcpy(&from, in, sizeof(From));
  auto& to = *reinterpret_cast<To*>(out);
  to.hd = from.hd;
  Upgrade(from, to);
  std::size_t size = sizeof(To);
  if (ts_out) {
    std::memcpy(out + size, in + SizeOf(from.hd) - sizeof(std::uint64_t),
                sizeof(std::uint64_t));
    size += sizeof(std::uint64_t);
  }
  to.hd.length = static_cast<std::uint8_t>(size / RecordHeader::kLengthMultiplier);
  return size;
}

}  // namespace

bool NeedsUpgrade(RType rtype, std::uint8_t from, std::uint8_t to) noexcept {
  if (from >= to) return false;
  switch (rtype) {
    case RType::InstrumentDef:
      return true;
    case RType::Statistics:
      return to == 3;
    case RType::Error:
    case RType::SymbolMapping:
    case RType::System:
      return from == 1;
    default:
      return false;
  }
}

std::size_t UpgradeRecord(const std::byte* in, std::uint8_t from, std::uint8_t to,
                          bool ts_out, std::byte* out) noexcept {
  switch (static_cast<RType>(in[offsetof(RecordHeader, rtype)])) {
    case RType::InstrumentDef:
      if (from == 2)
        return Rewrite<v2::InstrumentDefMsg, InstrumentDefMsg>(in, out, ts_out);
      if (to == 2) {
        return Rewrite<v1::InstrumentDefMsg, v2::InstrumentDefMsg>(in, out, ts_out);
      }
      return Rewrite<v1::InstrumentDefMsg, InstrumentDefMsg>(in, out, ts_out);
    case RType::Statistics:
      return Rewrite<v1::StatMsg, StatMsg>(in, out, ts_out);
    case RType::Error:
      return Rewrite<v1::ErrorMsg, ErrorMsg>(in, out, ts_out);
    case RType::SymbolMapping:
      return Rewrite<v1::SymbolMappingMsg, SymbolMappingMsg>(in, out, ts_out);
    default:
      return Rewrite<v1::SystemMsg, SystemMsg>(in, out, ts_out);
  }
}

}  // namespace dbnloop::codec
