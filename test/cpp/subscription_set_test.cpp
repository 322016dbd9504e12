#include "proto/subscription_set.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/exception.hpp"

namespace dbnloop::proto {
namespace {

constexpr auto kRaw = SType::RawSymbol;
constexpr auto kParent = SType::Parent;

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> out;
  std::istringstream in{list};
  for (std::string symbol; in >> symbol;) out.push_back(symbol);
  return out;
}

std::string Text(const std::vector<EffectiveRequest>& requests) {
  std::string out;
  const auto add = [&](const auto& request) {
    out += std::string{TextOf(request.schema)} + ' ' + TextOf(request.stype_in);
    for (const auto& symbol : request.symbols) out += ' ' + symbol;
    out += '\n';
  };
  for (const auto& request : requests) {
    if (const auto* made = std::get_if<EffectiveSubscription>(&request)) {
      out += '+' + std::to_string(made->id) + ' ';
      add(made->subscription);
    } else {
      out += "- ";
      add(std::get<Unsubscription>(request));
    }
  }
  return out;
}

// A set and a short way to write requests.
class SubscriptionSetTest : public testing::Test {
 protected:
  void Add(const std::string& symbols, SType stype = kRaw,
           Schema schema = Schema::Trades) {
    set_.Add({.dataset = {},
              .schema = schema,
              .stype_in = stype,
              .symbols = Split(symbols),
              .start = {}},
             ++id_);
  }
  void Remove(const std::string& symbols, SType stype = kRaw,
              Schema schema = Schema::Trades) {
    set_.Remove({.dataset = {},
                 .schema = schema,
                 .stype_in = stype,
                 .symbols = Split(symbols)});
  }
  [[nodiscard]] std::string Effective() const { return Text(set_.Effective()); }

  SubscriptionSet set_;
  std::uint32_t id_ = 0;
};

TEST_F(SubscriptionSetTest, BeginsEmpty) {
  EXPECT_TRUE(set_.empty());
  EXPECT_EQ(Effective(), "");
  Add("A");
  EXPECT_FALSE(set_.empty());
}

TEST_F(SubscriptionSetTest, TakesSymbolsFromEveryListOfTheirSchemaAndSymbology) {
  Add("A B C");
  Add("B D B");
  Add("B C", kRaw, Schema::Mbo);
  Add("B", kParent);
  Remove("B X");
  EXPECT_EQ(Effective(),
            "+1 trades raw_symbol A C\n"
            "+2 trades raw_symbol D\n"
            "+3 mbo raw_symbol B C\n"
            "+4 trades parent B\n"
            "- trades raw_symbol B X\n");
}

TEST_F(SubscriptionSetTest, ASubscriptionWithoutSymbolsDisappears) {
  Add("A");
  Add("B C");
  Remove("A B");
  EXPECT_EQ(Effective(), "+2 trades raw_symbol C\n");
  Remove("C");
  EXPECT_EQ(Effective(), "");
}

TEST_F(SubscriptionSetTest, KeepsEverythingElseOfASubscription) {
  set_.Add({.dataset = "GLBX.MDP3",
            .schema = Schema::Mbo,
            .stype_in = kRaw,
            .symbols = {"A", "B"},
            .start = UnixNanos{UnixNanos::duration{7}}},
           4711);
  set_.Add({.dataset = {},
            .schema = Schema::Mbo,
            .stype_in = kRaw,
            .symbols = {"C"},
            .start = {},
            .snapshot = true},
           4712);
  Remove("A", kRaw, Schema::Mbo);
  const auto effective = set_.Effective();
  ASSERT_EQ(effective.size(), 2U);
  const auto& first = std::get<EffectiveSubscription>(effective[0]);
  EXPECT_EQ(first.id, 4711U);
  EXPECT_EQ(first.subscription.dataset, "GLBX.MDP3");
  EXPECT_EQ(first.subscription.start->time_since_epoch().count(), 7U);
  EXPECT_FALSE(first.subscription.snapshot);
  const auto& second = std::get<EffectiveSubscription>(effective[1]);
  EXPECT_FALSE(second.subscription.start);
  EXPECT_TRUE(second.subscription.snapshot);
}

TEST_F(SubscriptionSetTest, KeepsWhatIsMissingFromAllSymbols) {
  Add("ALL_SYMBOLS");
  Remove("A B");
  Remove("ES.FUT", kParent);
  Remove("B C");
  EXPECT_EQ(Effective(),
            "+1 trades raw_symbol ALL_SYMBOLS\n"
            "- trades raw_symbol A\n"
            "- trades parent ES.FUT\n"
            "- trades raw_symbol B C\n");
  Remove("ALL_SYMBOLS", kParent);
  EXPECT_EQ(Effective(), "");
  Add("ALL_SYMBOLS");
  EXPECT_EQ(Effective(), "+2 trades raw_symbol ALL_SYMBOLS\n") << "all of them again";
}

TEST_F(SubscriptionSetTest, WhatIsSubscribedAgainIsNotTakenAgain) {
  Add("ALL_SYMBOLS");
  Remove("A B");
  Add("B");
  EXPECT_EQ(Effective(),
            "+1 trades raw_symbol ALL_SYMBOLS\n"
            "- trades raw_symbol A B\n"
            "+2 trades raw_symbol B\n");
  Remove("B");
  EXPECT_EQ(Effective(),
            "+1 trades raw_symbol ALL_SYMBOLS\n"
            "- trades raw_symbol A\n"
            "- trades raw_symbol B\n");
}

TEST_F(SubscriptionSetTest, AnUnsubscriptionBeforeItsSubscriptionsIsForgotten) {
  Add("A");
  Remove("A B");
  Add("ALL_SYMBOLS");
  Add("B");
  EXPECT_EQ(Effective(),
            "+2 trades raw_symbol ALL_SYMBOLS\n"
            "+3 trades raw_symbol B\n");
}

TEST_F(SubscriptionSetTest, KeepsWhatIsMissingFromNamesThatCannotBeUnsubscribed) {
  Add("ES.c.0 NQ.c.0", SType::Continuous);
  Remove("ESZ6");
  EXPECT_EQ(Effective(),
            "+1 trades continuous ES.c.0 NQ.c.0\n"
            "- trades raw_symbol ESZ6\n");
}

TEST_F(SubscriptionSetTest, KeepsWhatMayConcernNamesOfAnotherSymbology) {
  Add("ESZ6 NQZ6");
  Add("ES.FUT CL.FUT", kParent);
  Remove("ESZ6");
  Remove("ES.FUT", kParent);
  EXPECT_EQ(Effective(),
            "+1 trades raw_symbol NQZ6\n"
            "+2 trades parent CL.FUT\n"
            "- trades raw_symbol ESZ6\n"
            "- trades parent ES.FUT\n");
  Remove("CL.FUT", kParent);
  EXPECT_EQ(Effective(), "+1 trades raw_symbol NQZ6\n")
      << "a new session could not unsubscribe by parent";
}

TEST_F(SubscriptionSetTest, AllSymbolsEndsEverySubscriptionToTheSchemaOnly) {
  Add("A B");
  Add("ES.FUT", kParent);
  Add("ES.c.0", SType::Continuous);
  Add("A", kRaw, Schema::Mbo);
  Remove("ALL_SYMBOLS");
  EXPECT_EQ(Effective(), "+4 mbo raw_symbol A\n");
}

TEST_F(SubscriptionSetTest, RefusesWhatWasNeverSubscribed) {
  const auto refused = [&](const std::string& symbols, SType stype, Schema schema) {
    try {
      Remove(symbols, stype, schema);
    } catch (const Exception& e) {
      return e.error();
    }
    return Error{};
  };
  Add("A");
  Add("ES.FUT", kParent);
  Add("B", SType::InstrumentId, Schema::Mbo);
  const auto before = Effective();
  EXPECT_EQ(refused("A", kRaw, Schema::Mbp1).code, ErrorCode::InvalidState);
  const auto error = refused("A", kRaw, Schema::Mbo);
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
  EXPECT_EQ(error.message,
            "Unsubscribe: schema mbo was subscribed by instrument_id, not by "
            "raw_symbol; use the stype_in of the subscription");
  EXPECT_EQ(refused("7", SType::InstrumentId, Schema::Trades).code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(Effective(), before);
  Remove("A");
  Remove("A");  // what the schema was subscribed with once is known
  EXPECT_EQ(refused("ALL_SYMBOLS", kRaw, Schema::Mbo).code, ErrorCode::None);
}

// The gateway's side: every instrument of a small market has a name, an id and a
// parent, and the set of a schema is what the requests in their order lead to.
struct Market {
  static constexpr int kInstruments = 6;

  static std::set<int> Instruments(SType stype, const std::string& symbol) {
    std::set<int> out;
    for (int i = 0; i < kInstruments; ++i) {
      const bool is_it =
          symbol == kAllSymbols ||
          (stype == kRaw && symbol == "R" + std::to_string(i)) ||
          (stype == SType::Continuous && symbol == "C" + std::to_string(i)) ||
          (stype == kParent && symbol == "P" + std::to_string(i / 2));
      if (is_it) out.insert(i);
    }
    return out;
  }

  // A name of one symbology takes nothing from a list of the other: how many ways an
  // instrument is subscribed is counted by symbology.
  void Apply(const EffectiveRequest& request) {
    if (const auto* made = std::get_if<EffectiveSubscription>(&request)) {
      const auto& s = made->subscription;
      for (const auto& symbol : s.symbols) {
        const auto way = symbol == kAllSymbols ? SType::Continuous : s.stype_in;
        for (const int i : Instruments(s.stype_in, symbol)) {
          got[{s.schema, i}].insert(way);
        }
      }
      return;
    }
    const auto& u = std::get<Unsubscription>(request);
    for (const auto& symbol : u.symbols) {
      for (const int i : Instruments(u.stype_in, symbol)) {
        auto& ways = got[{u.schema, i}];
        if (symbol == kAllSymbols) {
          ways.clear();
        } else {
          ways.erase(u.stype_in);
          ways.erase(SType::Continuous);
        }
      }
    }
  }

  std::map<std::pair<Schema, int>, std::set<SType>> got;

  [[nodiscard]] std::map<std::pair<Schema, int>, std::set<SType>> Subscribed() const {
    auto out = got;
    std::erase_if(out, [](const auto& entry) { return entry.second.empty(); });
    return out;
  }
};

TEST_F(SubscriptionSetTest, LeadsANewSessionToTheSameInstruments) {
  std::mt19937 random{20261128};
  const auto below = [&](unsigned n) { return random() % n; };
  int compared = 0;
  for (int round = 0; round < 80; ++round) {
    SubscriptionSet set;
    Market market;
    for (int step = 0; step < 40; ++step) {
      const auto schema = below(3) == 0 ? Schema::Mbo : Schema::Trades;
      const SType stypes[] = {kRaw, kParent, SType::Continuous};
      const auto removes = below(2) == 0;
      const auto stype = stypes[below(removes ? 2 : 3)];
      const char* letter = stype == kRaw ? "R" : stype == kParent ? "P" : "C";
      std::vector<std::string> symbols;
      for (unsigned n = below(3) + 1; n > 0; --n) {
        symbols.push_back(letter + std::to_string(below(Market::kInstruments)));
      }
      if (below(10) == 0) symbols = {std::string{kAllSymbols}};
      if (removes) {
        const Unsubscription request{{}, schema, stype, symbols};
        try {
          set.Remove(request);
        } catch (const Exception&) {
          continue;
        }
        market.Apply(request);
      } else {
        const Subscription request{{}, schema, stype, symbols, {}, false};
        set.Add(request, static_cast<std::uint32_t>(step + 1));
        market.Apply(EffectiveSubscription{1, request});
      }
      Market restored;
      SubscriptionSet again;
      for (const auto& effective : set.Effective()) {
        restored.Apply(effective);
        // What is effective is accepted by a new session.
        if (const auto* made = std::get_if<EffectiveSubscription>(&effective)) {
          again.Add(made->subscription, made->id);
        } else {
          again.Remove(std::get<Unsubscription>(effective));
        }
      }
      ASSERT_EQ(restored.Subscribed(), market.Subscribed()) << round << ' ' << step;
      ASSERT_EQ(Text(again.Effective()), Text(set.Effective()))
          << "it is a fixed point";
      ++compared;
    }
  }
  EXPECT_GT(compared, 2000);
}

// 30,000 symbols, taken away one by one: work for each request that depended on the
// size of the set would take minutes.
TEST_F(SubscriptionSetTest, ManySmallRequestsOnAHugeSet) {
  constexpr int kSymbols = 30'000;
  std::string list;
  for (int i = 0; i < kSymbols; ++i) list += "S" + std::to_string(i) + ' ';
  Add(list);
  for (int i = 1; i < kSymbols; ++i) Remove("S" + std::to_string(i));
  EXPECT_EQ(Effective(), "+1 trades raw_symbol S0\n");
  Add("ALL_SYMBOLS");
  for (int i = 0; i < kSymbols; ++i) Remove("S" + std::to_string(i));
  EXPECT_EQ(set_.Effective().size(), 1U + kSymbols);
}

TEST_F(SubscriptionSetTest, ForgetsWhatIsOverWhileItIsChangedForDays) {
  Add("ALL_SYMBOLS");
  Add("KEEP", kRaw, Schema::Mbo);
  std::size_t most = 0;
  for (int day = 0; day < 20'000; ++day) {
    Remove("A B");
    Add("A B");
    most = std::max(most, set_.size());
  }
  Remove("A B");
  EXPECT_EQ(Effective(),
            "+1 trades raw_symbol ALL_SYMBOLS\n"
            "+2 mbo raw_symbol KEEP\n"
            "- trades raw_symbol A B\n");
  EXPECT_LT(most, 2000U);
}

}  // namespace
}  // namespace dbnloop::proto
