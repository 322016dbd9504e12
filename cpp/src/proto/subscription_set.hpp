#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "dbnloop/subscription.hpp"

namespace dbnloop::proto {

/// What a session was asked for, in order, and what of it is in effect. The gateway's
/// answers are not taken into account.
class SubscriptionSet {
 public:
  /// Adds it, or nothing when it throws (bad_alloc).
  void Add(Subscription subscription, std::uint32_t id);
  /// Throws Exception, and changes nothing, for what the gateway would refuse:
  /// InvalidState when the schema was never subscribed, InvalidArgument when it was
  /// not subscribed in a way that the symbology can take back.
  void Remove(Unsubscription unsubscription);

  /// The requests that lead to the same subscriptions in a new session, in the order in
  /// which they must be sent. Symbols that were unsubscribed are missing from the lists
  /// that contained them, and a subscription without symbols is missing. What was
  /// unsubscribed from ALL_SYMBOLS, or from a symbology that cannot be unsubscribed by
  /// its own names, remains as an unsubscription, at its place: a later subscription
  /// may have added the same instruments again. Linear in the symbols of the set.
  [[nodiscard]] std::vector<EffectiveRequest> Effective() const;

  [[nodiscard]] bool empty() const noexcept { return requests_.empty(); }
  /// How many requests and symbols are kept; at most about twice as many as are in
  /// effect, and a thousand.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  // A schema, and how it was subscribed: by names of a symbology, or (nullopt) by
  // ALL_SYMBOLS or names that cannot be unsubscribed.
  using Way = std::pair<Schema, std::optional<SType>>;

  void CheckRemovable(const Unsubscription& unsubscription) const;

  std::vector<EffectiveRequest> requests_;
  std::set<Way> ways_;       // of all subscriptions ever made
  std::size_t size_ = 0;     // requests and symbols in requests_
  std::size_t compact_ = 0;  // size_ when requests_ was reduced to those in effect
};

}  // namespace dbnloop::proto
