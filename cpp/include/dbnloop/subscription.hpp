#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// The symbol that selects every instrument of a dataset. It must be the only one.
inline constexpr std::string_view kAllSymbols = "ALL_SYMBOLS";

struct Subscription {
  std::string dataset;  ///< empty: the session's
  Schema schema = Schema::Trades;
  SType stype_in = SType::RawSymbol;
  /// Sent in chunks of 500. With stype_in InstrumentId they must be numbers.
  std::vector<std::string> symbols;
  /// Intraday replay from this time, inclusive; only before Start. 0: everything that
  /// the gateway retains.
  std::optional<UnixNanos> start;
  /// Asks for a snapshot first (mbo only; conflicts with start).
  bool snapshot = false;
};

/// Symbols whose records of a schema are no longer wanted.
struct Unsubscription {
  std::string dataset;  ///< empty: the session's
  Schema schema = Schema::Trades;
  /// RawSymbol, Parent or InstrumentId, and one that the schema was subscribed with.
  /// ALL_SYMBOLS, and symbols of subscriptions to ALL_SYMBOLS or by another symbology
  /// than these three, may be unsubscribed with each of the three.
  SType stype_in = SType::RawSymbol;
  /// Sent in chunks of 500. Any part of what was subscribed; symbols that were not
  /// subscribed have no effect. ALL_SYMBOLS alone ends every subscription to the
  /// schema.
  std::vector<std::string> symbols;
};

/// A subscription as far as it is still in effect.
struct EffectiveSubscription {
  std::uint32_t id = 0;       ///< as Subscribe returned it
  Subscription subscription;  ///< as it was made, with the symbols that are left
};

/// One request of an effective set: a subscription, or symbols that were unsubscribed
/// from the subscriptions before it and that no list of theirs contains, such as one
/// symbol of ALL_SYMBOLS.
using EffectiveRequest = std::variant<EffectiveSubscription, Unsubscription>;

}  // namespace dbnloop
