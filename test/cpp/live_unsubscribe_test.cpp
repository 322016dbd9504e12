// Unsubscribing, in every state of a session, and the set of subscriptions in effect.

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "support/live_fixture.hpp"
#include "support/thrown.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using Kind = SessionEvent::Kind;
using State = LiveClient::State;
using test::GatewayErrorRecord;
using test::Header;
using test::SubscriptionAck;
using test::SystemRecord;
using test::Thrown;
using test::Trades;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// databento-cpp has no name for it.
constexpr auto kUnsubscribeAck = static_cast<SystemCode>(5);

constexpr std::string_view kWithoutNq =
    "unsubscribe|schema=trades|stype_in=raw_symbol|symbols=NQM5|is_last=1";

std::string UnsubscribeAnswer(std::string_view schema = "trades") {
  return SystemRecord(
      "Unsubscribe request for " + std::string{schema} + " data succeeded",
      kUnsubscribeAck);
}
class LiveUnsubscribe : public test::LiveFixture {
 protected:
  std::unique_ptr<test::OpenLiveClient> MakeWatched(LiveOptions options = {}) {
    auto client = Make(std::move(options));
    client->OnSessionEvent([this](const SessionEvent& e) { events_.push_back(e); });
    return client;
  }
  static void SubscribeTwo(LiveClient& client) {
    client.Subscribe("GLBX.MDP3", "ESM5, NQM5", Schema::Trades);
  }
  static void WithoutNq(LiveClient& client) {
    client.Unsubscribe("GLBX.MDP3", "NQM5", Schema::Trades);
  }
  void StreamTwo(LiveClient& client) {
    Connect(client);
    SubscribeTwo(client);
    client.Start();
    ASSERT_TRUE(Until(
        [&] { return gateway_.started && client.GetState() == State::Streaming; }));
  }
  bool UntilLines(std::size_t count) {
    return Until([&] { return gateway_.lines.size() >= count; });
  }
  [[nodiscard]] std::vector<std::string> Kinds() const {
    std::vector<std::string> kinds;
    kinds.reserve(events_.size());
    for (const auto& event : events_) kinds.emplace_back(ToString(event.kind));
    return kinds;
  }
  // "1: ESM5" and "-: NQM5", one for each request.
  static std::vector<std::string> Effective(const LiveClient& client) {
    std::vector<std::string> out;
    const auto joined = [](const std::vector<std::string>& symbols) {
      std::string list;
      for (const auto& symbol : symbols) list += (list.empty() ? "" : ",") + symbol;
      return list;
    };
    for (const auto& request : client.Subscriptions()) {
      if (const auto* made = std::get_if<EffectiveSubscription>(&request)) {
        out.push_back(std::to_string(made->id) + ": " +
                      joined(made->subscription.symbols));
      } else {
        out.push_back("-: " + joined(std::get<Unsubscription>(request).symbols));
      }
    }
    return out;
  }

  std::vector<SessionEvent> events_;
};

// ---- When ---------------------------------------------------------------------------

TEST_F(LiveUnsubscribe, BeforeConnect) {
  const auto client = Make();
  SubscribeTwo(*client);
  WithoutNq(*client);
  EXPECT_THAT(Effective(*client), ElementsAre("1: ESM5"));
  client->Start();
  Connect(*client);
  ASSERT_TRUE(Until([&] { return gateway_.started; }));
  ASSERT_EQ(gateway_.lines.size(), 2U);
  EXPECT_EQ(gateway_.lines[1], kWithoutNq);
}

TEST_F(LiveUnsubscribe, InEveryStateOfASession) {
  for (const auto when :
       {State::Connecting, State::Authenticating, State::Ready, State::Streaming}) {
    for (const bool byte_by_byte : {false, true}) {
      SCOPED_TRACE(std::string{ToString(when)} + (byte_by_byte ? ", cut" : ""));
      test::ScriptedGateway gateway{&reactor_};
      gateway.text_byte_by_byte = byte_by_byte;
      const auto client = MakeAsIs({.dataset = "GLBX.MDP3"});
      int asked = 0;
      client->OnState([&](State state) {
        if (state == when) {
          ++asked;
          WithoutNq(*client);
        }
        if (state == State::Ready) client->Start();
      });
      SubscribeTwo(*client);
      client->Connect("127.0.0.1", gateway.port());
      ASSERT_TRUE(Until([&] { return gateway.started && gateway.lines.size() == 2; }));
      EXPECT_EQ(gateway.lines[1], kWithoutNq);
      EXPECT_EQ(asked, 1);
      EXPECT_THAT(Effective(*client), ElementsAre("1: ESM5"));
      gateway.Send(Header() + Trades(0, 1));
      sequences_.clear();
      ASSERT_TRUE(Until([&] { return sequences_.size() == 1; }));
    }
  }
}

TEST_F(LiveUnsubscribe, WhilePaused) {
  const auto client = MakeWatched();
  StreamTwo(*client);
  gateway_.Send(Header());
  Settle();
  client->Pause();
  WithoutNq(*client);
  ASSERT_TRUE(UntilLines(2));
  EXPECT_EQ(gateway_.lines[1], kWithoutNq);
  gateway_.Send(SubscriptionAck(1) + UnsubscribeAnswer());
  Settle();
  EXPECT_THAT(events_, IsEmpty());
  Advance(60s);
  client->Resume();
  ASSERT_TRUE(Until([&] { return events_.size() == 2; }));
  EXPECT_THAT(Kinds(), ElementsAre("SubscriptionAck", "UnsubscribeAck"));
}

TEST_F(LiveUnsubscribe, InHandlersOfRecordsAndEvents) {
  const auto client = Make();
  client->OnRecord([&](const TradeMsg&) { WithoutNq(*client); });
  client->OnSessionEvent([&](const SessionEvent& e) {
    events_.push_back(e);
    if (events_.size() == 1) {
      client->Unsubscribe({.dataset = {}, .symbols = {"ALL_SYMBOLS"}});
    }
  });
  StreamTwo(*client);
  gateway_.Send(Header() + Trades(0, 1));
  ASSERT_TRUE(UntilLines(2));
  EXPECT_EQ(gateway_.lines[1], kWithoutNq);
  EXPECT_THAT(Effective(*client), ElementsAre("1: ESM5"));
  gateway_.Send(UnsubscribeAnswer());
  ASSERT_TRUE(UntilLines(3));
  EXPECT_EQ(
      gateway_.lines[2],
      "unsubscribe|schema=trades|stype_in=raw_symbol|symbols=ALL_SYMBOLS|is_last=1");
  EXPECT_THAT(Effective(*client), IsEmpty());
  EXPECT_EQ(client->GetState(), State::Streaming);
}

TEST_F(LiveUnsubscribe, MoreThan500SymbolsInChunks) {
  const auto client = MakeWatched();
  Subscription wanted;
  for (int i = 0; i < 1234; ++i) wanted.symbols.push_back("S" + std::to_string(i));
  Connect(*client);
  client->Subscribe(wanted);
  client->Start();
  ASSERT_TRUE(UntilLines(3));
  auto kept = wanted.symbols.back();
  wanted.symbols.pop_back();
  client->Unsubscribe({.dataset = {}, .symbols = wanted.symbols});
  ASSERT_TRUE(UntilLines(6));
  EXPECT_THAT(gateway_.lines[3], testing::EndsWith(",S499|is_last=0"));
  EXPECT_THAT(gateway_.lines[4], HasSubstr("|symbols=S500,"));
  EXPECT_THAT(gateway_.lines[5], testing::EndsWith(",S1232|is_last=1"));
  EXPECT_THAT(Effective(*client), ElementsAre("1: " + kept));
}

// ---- Refused calls ------------------------------------------------------------------

TEST_F(LiveUnsubscribe, RefusesWhatTheSessionHasNotSubscribed) {
  const auto client = Make();
  EXPECT_EQ(Thrown([&] { WithoutNq(*client); }).code, ErrorCode::InvalidState);
  StreamTwo(*client);
  const auto refused = [&](std::string_view dataset, std::string_view symbols,
                           Schema schema) {
    return Thrown([&] { client->Unsubscribe(dataset, symbols, schema); }).code;
  };
  EXPECT_EQ(refused("GLBX.MDP3", "ESM5", Schema::Mbo), ErrorCode::InvalidState);
  EXPECT_EQ(refused("XNAS.ITCH", "ESM5", Schema::Trades), ErrorCode::InvalidDataset);
  EXPECT_EQ(refused("GLBX.MDP3", "", Schema::Trades), ErrorCode::InvalidSymbol);
  EXPECT_EQ(refused("GLBX.MDP3", "ESM5,ALL_SYMBOLS", Schema::Trades),
            ErrorCode::InvalidSymbol);
  Settle();
  EXPECT_EQ(gateway_.lines.size(), 1U);
  EXPECT_THAT(Effective(*client), ElementsAre("1: ESM5,NQM5"));
  client->Stop();
  EXPECT_EQ(refused("GLBX.MDP3", "ESM5", Schema::Trades), ErrorCode::InvalidState)
      << "the session is being stopped";
}

// ---- Answers ------------------------------------------------------------------------

TEST_F(LiveUnsubscribe, AnAnswerIsAnEventWhereverTheStreamIsCut) {
  for (const std::size_t piece : {0U, 1U, 3U, 64U, 400U}) {
    events_.clear();
    sequences_.clear();
    const auto client = MakeWatched();
    gateway_.SetPiece(0);
    StreamTwo(*client);
    WithoutNq(*client);
    ASSERT_TRUE(UntilLines(2));
    gateway_.SetPiece(piece);
    gateway_.Send(Header() + SubscriptionAck(1) + Trades(0, 1) + UnsubscribeAnswer() +
                  Trades(1, 1));
    ASSERT_TRUE(Until([&] { return sequences_.size() == 2; }));
    EXPECT_THAT(Kinds(), ElementsAre("SubscriptionAck", "UnsubscribeAck")) << piece;
    EXPECT_EQ(events_[1].schema, Schema::Trades);
    EXPECT_EQ(events_[1].subscription_id, 0U);
    EXPECT_EQ(events_[1].message, "Unsubscribe request for trades data succeeded");
    Advance(10s);
    EXPECT_EQ(events_.size(), 2U) << "both have their answer";
  }
}

TEST_F(LiveUnsubscribe, AMissingAnswerIsReportedOnce) {
  const auto client = MakeWatched();
  StreamTwo(*client);
  gateway_.Send(Header() + SubscriptionAck(1));
  ASSERT_TRUE(Until([&] { return events_.size() == 1; }));
  WithoutNq(*client);
  Advance(9999ms);
  EXPECT_EQ(events_.size(), 1U);
  Advance(1ms);
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[1].kind, Kind::UnsubscribeOverdue);
  EXPECT_EQ(events_[1].subscription_id, 0U);
  EXPECT_EQ(events_[1].schema, Schema::Trades);
  EXPECT_THAT(events_[1].message, HasSubstr("trades"));
  EXPECT_THAT(events_[1].message, HasSubstr("10000 ms"));
  Advance(20s);
  EXPECT_EQ(events_.size(), 2U);
  EXPECT_EQ(client->GetState(), State::Streaming);
}

TEST_F(LiveUnsubscribe, AnAnswerIsThatOfTheRequestsKindAndSchema) {
  const auto client = MakeWatched();
  StreamTwo(*client);
  client->Subscribe(
      {.dataset = {}, .schema = Schema::Mbo, .symbols = {"A"}, .start = {}});
  client->Unsubscribe({.dataset = {}, .symbols = {"NQM5"}});
  client->Unsubscribe({.dataset = {}, .schema = Schema::Mbo, .symbols = {"A"}});
  // It names mbo; the second one names nothing that was asked for.
  gateway_.Send(Header() + UnsubscribeAnswer("mbo") + UnsubscribeAnswer("tbbo"));
  ASSERT_TRUE(Until([&] { return events_.size() == 2; }));
  Advance(10s);
  EXPECT_THAT(Kinds(),
              ElementsAre("UnsubscribeAck", "UnsubscribeAck", "SubscriptionOverdue",
                          "SubscriptionOverdue", "UnsubscribeOverdue"));
  EXPECT_EQ(events_.back().schema, Schema::Trades);
  // A subscription's answer without a number is not an unsubscription's.
  events_.clear();
  client->Unsubscribe({.dataset = {}, .symbols = {"ESM5"}});
  gateway_.Send(
      SystemRecord("Subscription request succeeded", SystemCode::SubscriptionAck));
  ASSERT_TRUE(Until([&] { return events_.size() == 1; }));
  gateway_.Send(SystemRecord("done", kUnsubscribeAck));
  ASSERT_TRUE(Until([&] { return events_.size() == 2; }));
  Advance(10s);
  EXPECT_THAT(Kinds(), ElementsAre("SubscriptionAck", "UnsubscribeAck"));
}

TEST_F(LiveUnsubscribe, ARefusalIsAnAnswer) {
  const auto client = MakeWatched();
  StreamTwo(*client);
  gateway_.Send(Header() + SubscriptionAck(1));
  ASSERT_TRUE(Until([&] { return events_.size() == 1; }));
  WithoutNq(*client);
  gateway_.Send(GatewayErrorRecord("Invalid subscription",
                                   GatewayErrorCode::InvalidSubscription));
  ASSERT_TRUE(Until([&] { return events_.size() == 2; }));
  EXPECT_EQ(events_[1].error_code, GatewayErrorCode::InvalidSubscription);
  Advance(10s);
  EXPECT_EQ(events_.size(), 2U);
  gateway_.Fin();
  ASSERT_TRUE(UntilEnd());
}

// ---- The set in effect --------------------------------------------------------------

TEST_F(LiveUnsubscribe, TheSetIsThatOfTheSessionThatEndedUntilTheNext) {
  const auto client = Make();
  EXPECT_THAT(Effective(*client), IsEmpty());
  std::vector<std::string> at_end;
  client->OnError([&](const Error& e) {
    errors_.push_back(e);
    at_end = Effective(*client);
  });
  StreamTwo(*client);
  client->Subscribe("GLBX.MDP3", "ALL_SYMBOLS", Schema::Trades);
  WithoutNq(*client);
  const auto expected =
      std::vector<std::string>{"1: ESM5", "2: ALL_SYMBOLS", "-: NQM5"};
  EXPECT_EQ(Effective(*client), expected);
  gateway_.Send(Header());
  gateway_.Fin();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(at_end, expected) << "inside OnError";
  EXPECT_EQ(Effective(*client), expected);
  client->Close();
  EXPECT_EQ(Effective(*client), expected) << "nothing was ended";
  Connect(*client);
  EXPECT_THAT(Effective(*client), IsEmpty());
  SubscribeTrades(*client);
  EXPECT_THAT(Effective(*client), ElementsAre("1: ESM5"));
  client->Close();
  EXPECT_THAT(Effective(*client), ElementsAre("1: ESM5"));
  SubscribeTwo(*client);
  EXPECT_THAT(Effective(*client), ElementsAre("1: ESM5,NQM5")) << "that of the next";
}

// As one reconnects with the bare client.
TEST_F(LiveUnsubscribe, TheSetRestoresASession) {
  const auto client = Make();
  client->OnError([&](const Error& e) {
    errors_.push_back(e);
    const auto wanted = client->Subscriptions();
    Connect(*client);
    for (const auto& request : wanted) {
      std::visit(Overload{[&](const EffectiveSubscription& s) {
                            client->Subscribe(s.subscription);
                          },
                          [&](const Unsubscription& u) { client->Unsubscribe(u); }},
                 request);
    }
    client->Start();
  });
  StreamTwo(*client);
  client->Subscribe("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo);
  WithoutNq(*client);
  client->Unsubscribe("", "CLM5", Schema::Mbo);
  const auto expected = Effective(*client);
  gateway_.Send(Header());
  gateway_.Fin();
  ASSERT_TRUE(Until([&] { return gateway_.accepted == 2 && gateway_.started; }));
  EXPECT_EQ(Effective(*client), expected);
  EXPECT_THAT(
      gateway_.lines,
      ElementsAre(
          "schema=trades|stype_in=raw_symbol|id=1|symbols=ESM5|snapshot=0|is_last=1",
          "schema=mbo|stype_in=raw_symbol|id=2|symbols=ALL_SYMBOLS|snapshot=0|is_last="
          "1",
          "unsubscribe|schema=mbo|stype_in=raw_symbol|symbols=CLM5|is_last=1"));
}

}  // namespace
}  // namespace dbnloop
