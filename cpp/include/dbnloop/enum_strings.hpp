#pragma once

#include <concepts>
#include <optional>
#include <span>
#include <string_view>

#include "dbnloop/publishers.hpp"
#include "dbnloop/record.hpp"
#include "dbnloop/service_words.gen.hpp"

/// The strings of every enum, in both directions. `ToString(value)` is declared beside
/// each enum; this header has the reverse and the lists of values. None of these
/// functions allocates (except for flags), and each may be called from any thread.
namespace dbnloop {

using dbn::DatasetCondition;
using dbn::Delivery;
using dbn::FeedMode;
using dbn::HistoricalGateway;
using dbn::JobState;
using dbn::SplitDuration;

#if DBNLOOP_HAS_DATABENTO_CPP
/// The URL of the gateway. (databento-cpp has no ToString for it.)
[[nodiscard]] const char* ToString(HistoricalGateway value) noexcept;
#endif

namespace detail {
template <typename T, typename... Ts>
concept OneOf = (std::same_as<T, Ts> || ...);
}  // namespace detail

/// The enums that have strings.
template <typename E>
concept NamedEnum =
    detail::OneOf<E, RType, Side, Action, InstrumentClass, MatchAlgorithm,
                  UserDefinedInstrument, SecurityUpdateAction, SType, Schema, Encoding,
                  Compression, StatType, StatUpdateAction, StatusAction, StatusReason,
                  TradingEvent, TriState, VersionUpgradePolicy, GatewayErrorCode,
                  SystemCode, SlowReaderBehavior, HistoricalGateway, FeedMode,
                  SplitDuration, Delivery, JobState, DatasetCondition, Venue, Dataset,
                  Publisher, RollRule, SymbologyResolutionStatus, PriceType,
                  ReconnectPolicy, Packaging>;

/// A known value of an enum and its string: the string that the API and files use, if
/// there is one ("mbp-1", "raw_symbol"), otherwise its name ("Ask", "OpeningPrice").
template <typename E>
struct EnumText {
  E value;
  const char* text;
};

/// The same string as that of ToString, whichever library's types are used; "Unknown"
/// for values that this version does not know.
///
/// The types of databento-cpp 0.65.0 know less than this function, FromString and
/// EnumValues. They have no string for SType::Smart and RType::OhlcvDeprecated, and no
/// name for SystemCode 5 ("unsubscribe_ack"), SecurityUpdateAction '~'
/// ("Invalid", of old files), Venue 72 ("DBIX"), Dataset 53 ("DBIX.CORE") and Publisher
/// 146 to 153 ("DBIX.CORE.…"): write these as numbers, such as SystemCode{5}, in code
/// that must build with either library. Venue 68 and Publisher 142 are Def ("DEF") and
/// MainCgifDef ("MAIN.CGIF.DEF") there, as they were before the venue became "CDEF".
template <NamedEnum E>
[[nodiscard]] const char* TextOf(E value) noexcept;

/// Every known value, in numeric order. The span is in static storage.
template <NamedEnum E>
[[nodiscard]] std::span<const EnumText<E>> EnumValues() noexcept;

/// The reverse of ToString: FromString<Schema>("mbp-1"). It also reads older names:
/// "native", "product_id", "nasdaq" and "cms" for symbologies, and "dbz" for encodings.
/// Returns nullopt for other strings; the comparison is case-sensitive.
///
/// databento-cpp has a FromString that throws instead. In code that uses both
/// namespaces with `using namespace`, write dbnloop::FromString.
template <NamedEnum E>
[[nodiscard]] std::optional<E> FromString(std::string_view text) noexcept;

/// Parses flags such as "LAST | MBP (144)", "LAST | MBP", "144" or "0". Returns nullopt
/// for unknown names, and when the number and the names disagree.
template <std::same_as<FlagSet> F>
[[nodiscard]] std::optional<FlagSet> FromString(std::string_view text) noexcept;

}  // namespace dbnloop
