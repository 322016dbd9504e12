#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// Calls `f(std::type_identity<T>{})` with the record type of `rtype` (current
/// version), or with Record for an rtype that this version does not know.
template <typename F>
constexpr decltype(auto) VisitRType(RType rtype, F&& f) {
  switch (rtype) {
    case RType::Mbo:
      return std::forward<F>(f)(std::type_identity<MboMsg>{});
    case RType::Mbp0:
      return std::forward<F>(f)(std::type_identity<TradeMsg>{});
    case RType::Mbp1:
      return std::forward<F>(f)(std::type_identity<Mbp1Msg>{});
    case RType::Mbp10:
      return std::forward<F>(f)(std::type_identity<Mbp10Msg>{});
    case RType::Bbo1S:
    case RType::Bbo1M:
      return std::forward<F>(f)(std::type_identity<BboMsg>{});
    case RType::Cmbp1:
    case RType::Tcbbo:
      return std::forward<F>(f)(std::type_identity<Cmbp1Msg>{});
    case RType::Cbbo1S:
    case RType::Cbbo1M:
      return std::forward<F>(f)(std::type_identity<CbboMsg>{});
    case RType::Ohlcv1S:
    case RType::Ohlcv1M:
    case RType::Ohlcv1H:
    case RType::Ohlcv1D:
    case RType::OhlcvEod:
    case RType::OhlcvDeprecated:
      return std::forward<F>(f)(std::type_identity<OhlcvMsg>{});
    case RType::Status:
      return std::forward<F>(f)(std::type_identity<StatusMsg>{});
    case RType::InstrumentDef:
      return std::forward<F>(f)(std::type_identity<InstrumentDefMsg>{});
    case RType::Imbalance:
      return std::forward<F>(f)(std::type_identity<ImbalanceMsg>{});
    case RType::Statistics:
      return std::forward<F>(f)(std::type_identity<StatMsg>{});
    case RType::Error:
      return std::forward<F>(f)(std::type_identity<ErrorMsg>{});
    case RType::SymbolMapping:
      return std::forward<F>(f)(std::type_identity<SymbolMappingMsg>{});
    case RType::System:
      return std::forward<F>(f)(std::type_identity<SystemMsg>{});
    default:
      return std::forward<F>(f)(std::type_identity<Record>{});
  }
}

/// Whether this version has a record type for `rtype`.
constexpr bool IsKnown(RType rtype) {
  return VisitRType(rtype, []<typename T>(std::type_identity<T>) {
    return !std::is_same_v<T, Record>;
  });
}

/// The size in bytes of a record's header, the minimum of any record.
inline constexpr std::size_t kRecordHeaderSize = sizeof(RecordHeader);
/// The size in bytes of the largest record that a length byte can express.
inline constexpr std::size_t kMaxEncodableRecordSize = 255 * 4;

/// The size in bytes of the struct of `rtype` in a DBN version, without ts_out;
/// kRecordHeaderSize for an unknown rtype.
constexpr std::size_t MinRecordSize(RType rtype, std::uint8_t version) {
  switch (rtype) {
    case RType::InstrumentDef:
      return version == 1   ? sizeof(v1::InstrumentDefMsg)
             : version == 2 ? sizeof(v2::InstrumentDefMsg)
                            : sizeof(InstrumentDefMsg);
    case RType::Statistics:
      return version < 3 ? sizeof(v1::StatMsg) : sizeof(StatMsg);
    case RType::Error:
      return version == 1 ? sizeof(v1::ErrorMsg) : sizeof(ErrorMsg);
    case RType::SymbolMapping:
      return version == 1 ? sizeof(v1::SymbolMappingMsg) : sizeof(SymbolMappingMsg);
    case RType::System:
      return version == 1 ? sizeof(v1::SystemMsg) : sizeof(SystemMsg);
    default:
      return VisitRType(rtype, []<typename T>(std::type_identity<T>) -> std::size_t {
        if constexpr (std::is_same_v<T, Record>) {
          return kRecordHeaderSize;
        } else {
          return sizeof(T);
        }
      });
  }
}

}  // namespace dbnloop
