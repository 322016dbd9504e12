#pragma once

#include <concepts>
#include <optional>
#include <span>
#include <string_view>

#include "dbnloop/publishers.hpp"
#include "dbnloop/record.hpp"
#include "dbnloop/service_words.gen.hpp"

/// The strings of every enum, both ways. `ToString(value)` is declared beside each
/// enum; this header has the reverse and the lists of values. All of it is free of
/// allocations (but for flags) and may be called from any thread.
namespace dbnloop {

using dbn::DatasetCondition;
using dbn::Delivery;
using dbn::FeedMode;
using dbn::HistoricalGateway;
using dbn::JobState;
using dbn::SplitDuration;

#if DBNLOOP_HAS_DATABENTO_CPP
/// The gateway's URL. (databento-cpp has no ToString of it.)
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

/// A known value of an enum and its string: that of the API and of files where it has
/// one there ("mbp-1", "raw_symbol"), else its name ("Ask", "OpeningPrice").
template <typename E>
struct EnumText {
  E value;
  const char* text;
};

/// The same string as ToString's, whose types ever are used; "Unknown" for values that
/// this version does not know.
///
/// The types of databento-cpp 0.65.0 know less than this function, FromString and
/// EnumValues. They have no string for SType::Smart and RType::OhlcvDeprecated. They
/// have no name for SystemCode 5 ("unsubscribe_ack"), SecurityUpdateAction '~'
/// ("Invalid", of old files), Venue 72 ("DBIX"), Dataset 53 ("DBIX.CORE") and Publisher
/// 146 to 153 ("DBIX.CORE.…"): write these as numbers, such as SystemCode{5}, in code
/// that must build with either library. Venue 68 and Publisher 142 are Def ("DEF") and
/// MainCgifDef ("MAIN.CGIF.DEF") there, as they were before the venue became "CDEF".
template <NamedEnum E>
[[nodiscard]] const char* TextOf(E value) noexcept;

/// Every known value, in the order of their numbers. Lives for ever.
template <NamedEnum E>
[[nodiscard]] std::span<const EnumText<E>> EnumValues() noexcept;

/// The reverse of ToString: FromString<Schema>("mbp-1"). Reads older names too:
/// "native", "product_id", "nasdaq", "cms" of symbologies and "dbz" of encodings. None
/// for other strings; the case of letters counts.
///
/// databento-cpp has a FromString that throws instead: in code that names both
/// namespaces with `using namespace`, write dbnloop::FromString.
template <NamedEnum E>
[[nodiscard]] std::optional<E> FromString(std::string_view text) noexcept;

/// The flags of "LAST | MBP (144)", "LAST | MBP", "144" or "0". None for unknown names,
/// and when the number and the names do not agree.
template <std::same_as<FlagSet> F>
[[nodiscard]] std::optional<FlagSet> FromString(std::string_view text) noexcept;

}  // namespace dbnloop
