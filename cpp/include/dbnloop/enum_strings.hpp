#pragma once

#include <optional>
#include <string_view>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// The reverse of ToString, for every enum of DBN: FromString<Schema>("mbp-10").
/// Strings are the wire's where it has them ("raw_symbol"), else the value's name
/// ("Ask"); older names are accepted ("native", "product_id", "dbz"). None for any
/// other text.
template <typename E>
[[nodiscard]] std::optional<E> FromString(std::string_view text);

template <>
std::optional<RType> FromString(std::string_view text);
template <>
std::optional<Side> FromString(std::string_view text);
template <>
std::optional<Action> FromString(std::string_view text);
template <>
std::optional<InstrumentClass> FromString(std::string_view text);
template <>
std::optional<MatchAlgorithm> FromString(std::string_view text);
template <>
std::optional<UserDefinedInstrument> FromString(std::string_view text);
template <>
std::optional<SecurityUpdateAction> FromString(std::string_view text);
template <>
std::optional<SType> FromString(std::string_view text);
template <>
std::optional<Schema> FromString(std::string_view text);
template <>
std::optional<Encoding> FromString(std::string_view text);
template <>
std::optional<Compression> FromString(std::string_view text);
template <>
std::optional<StatType> FromString(std::string_view text);
template <>
std::optional<StatUpdateAction> FromString(std::string_view text);
template <>
std::optional<StatusAction> FromString(std::string_view text);
template <>
std::optional<StatusReason> FromString(std::string_view text);
template <>
std::optional<TradingEvent> FromString(std::string_view text);
template <>
std::optional<TriState> FromString(std::string_view text);
template <>
std::optional<VersionUpgradePolicy> FromString(std::string_view text);
template <>
std::optional<GatewayErrorCode> FromString(std::string_view text);
template <>
std::optional<SystemCode> FromString(std::string_view text);
template <>
std::optional<SlowReaderBehavior> FromString(std::string_view text);

}  // namespace dbnloop
