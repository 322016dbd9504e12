#include "proto/subscription_set.hpp"

#include <algorithm>
#include <map>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "dbnloop/enum_strings.hpp"
#include "proto/validate.hpp"

namespace dbnloop::proto {
namespace {

// Below this size old requests are not worth the work of removing them.
constexpr std::size_t kSmallSet = 1000;

bool IsAll(const std::vector<std::string>& symbols) {
  return symbols.size() == 1 && symbols.front() == kAllSymbols;
}

// A subscription whose list does not name what an unsubscription may take from it.
bool IsCoarse(const Subscription& subscription) {
  return !CanUnsubscribeBy(subscription.stype_in) || IsAll(subscription.symbols);
}

std::size_t SizeOf(const EffectiveRequest& request) {
  const auto* subscription = std::get_if<EffectiveSubscription>(&request);
  return 1 + (subscription != nullptr
                  ? subscription->subscription.symbols.size()
                  : std::get<Unsubscription>(request).symbols.size());
}

// What is unsubscribed after the request that is looked at: requests are read
// backwards.
class LaterRemovals {
 public:
  // The symbols of the unsubscription that no later one contains.
  std::vector<std::string> Note(const Unsubscription& request) {
    std::vector<std::string> fresh;
    if (whole_.contains(request.schema)) return fresh;
    if (IsAll(request.symbols)) {
      whole_.insert(request.schema);
      return fresh;
    }
    auto& named = named_[{request.schema, request.stype_in}];
    for (const auto& symbol : request.symbols) {
      if (named.insert(symbol).second) fresh.push_back(symbol);
    }
    return fresh;
  }

  // The symbols of the subscription that no later unsubscription names.
  [[nodiscard]] std::vector<std::string> Left(const Subscription& request) const {
    if (whole_.contains(request.schema)) return {};
    const auto named = named_.find({request.schema, request.stype_in});
    if (IsCoarse(request) || named == named_.end()) return request.symbols;
    std::vector<std::string> left;
    for (const auto& symbol : request.symbols) {
      if (!named->second.contains(symbol)) left.push_back(symbol);
    }
    return left;
  }

 private:
  std::set<Schema> whole_;
  std::map<std::pair<Schema, SType>, std::unordered_set<std::string_view>> named_;
};

// Drops the unsubscriptions that only lists were about: they have done their work. One
// stays if it may concern a subscription before it that does not name its symbols:
// ALL_SYMBOLS, or one by another symbology. It must also be possible there.
void DropFinished(std::vector<EffectiveRequest>& requests) {
  struct Before {
    bool coarse = false;
    std::set<SType> named;
  };
  std::map<Schema, Before> by_schema;
  std::erase_if(requests, [&](const EffectiveRequest& request) {
    if (const auto* made = std::get_if<EffectiveSubscription>(&request)) {
      auto& before = by_schema[made->subscription.schema];
      if (IsCoarse(made->subscription)) {
        before.coarse = true;
      } else {
        before.named.insert(made->subscription.stype_in);
      }
      return false;
    }
    const auto& u = std::get<Unsubscription>(request);
    const auto& [coarse, named] = by_schema[u.schema];
    return !coarse && (named.size() < 2 || !named.contains(u.stype_in));
  });
}

}  // namespace

void SubscriptionSet::Add(Subscription subscription, std::uint32_t id) {
  const Way way{subscription.schema, IsCoarse(subscription)
                                         ? std::nullopt
                                         : std::optional{subscription.stype_in}};
  requests_.emplace_back(EffectiveSubscription{id, std::move(subscription)});
  try {
    ways_.insert(way);
  } catch (...) {
    requests_.pop_back();
    throw;
  }
  size_ += SizeOf(requests_.back());
}

void SubscriptionSet::Remove(Unsubscription unsubscription) {
  CheckRemovable(unsubscription);
  // A program that changes its subscriptions for days must not need more and more
  // memory. Twice as much as is in effect makes the work linear in all requests.
  if (size_ > 2 * compact_ + kSmallSet) {
    requests_ = Effective();
    size_ = 0;
    for (const auto& request : requests_) size_ += SizeOf(request);
    compact_ = size_;
  }
  requests_.emplace_back(std::move(unsubscription));
  size_ += SizeOf(requests_.back());
}

void SubscriptionSet::CheckRemovable(const Unsubscription& unsubscription) const {
  const auto schema = unsubscription.schema;
  const auto all = IsAll(unsubscription.symbols);
  std::string known;
  for (auto way = ways_.lower_bound({schema, std::nullopt});
       way != ways_.end() && way->first == schema; ++way) {
    if (all || !way->second || *way->second == unsubscription.stype_in) return;
    known += known.empty() ? "" : " and ";
    known += TextOf(*way->second);
  }
  if (known.empty()) {
    base::Throw(ErrorCode::InvalidState,
                base::StrCat("Unsubscribe: this session has not subscribed to schema ",
                             TextOf(schema),
                             "; subscribe first, or name the schema that was "
                             "subscribed"));
  }
  base::Throw(
      ErrorCode::InvalidArgument,
      base::StrCat("Unsubscribe: schema ", TextOf(schema), " was subscribed by ", known,
                   ", not by ", TextOf(unsubscription.stype_in),
                   "; use the stype_in of the subscription"));
}

std::vector<EffectiveRequest> SubscriptionSet::Effective() const {
  LaterRemovals later;
  std::vector<EffectiveRequest> effective;
  for (const auto& request : requests_ | std::views::reverse) {
    if (const auto* made = std::get_if<EffectiveSubscription>(&request)) {
      auto left = later.Left(made->subscription);
      if (left.empty()) continue;
      const auto& s = made->subscription;
      effective.emplace_back(EffectiveSubscription{
          made->id,
          {s.dataset, s.schema, s.stype_in, std::move(left), s.start, s.snapshot}});
    } else {
      const auto& u = std::get<Unsubscription>(request);
      auto fresh = later.Note(u);
      if (fresh.empty()) continue;
      effective.emplace_back(
          Unsubscription{u.dataset, u.schema, u.stype_in, std::move(fresh)});
    }
  }
  std::ranges::reverse(effective);
  DropFinished(effective);
  return effective;
}

}  // namespace dbnloop::proto
