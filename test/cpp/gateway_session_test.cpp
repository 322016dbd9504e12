#include "proto/gateway_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "dbnloop/version.hpp"
#include "support/dbn_bytes.hpp"
#include "support/split.hpp"
#include "support/thrown.hpp"

namespace dbnloop::proto {
namespace {

using Phase = GatewaySession::Phase;
using test::Thrown;
using testing::AllOf;
using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

constexpr char kKey[] = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012";
constexpr char kHello[] = "lsg_version=0.6.4\ncram=0123456789abcdefghijklmnopqrstuv\n";
constexpr char kWelcome[] = "success=1|session_id=987654321\n";

LiveOptions Options(std::string dataset = "GLBX.MDP3") {
  LiveOptions options;
  options.dataset = std::move(dataset);
  return options;
}

Subscription Symbols(std::vector<std::string> symbols) {
  Subscription out;
  out.symbols = std::move(symbols);
  return out;
}

std::vector<std::string> Numbered(std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back("S" + std::to_string(i));
  return out;
}

std::size_t Say(GatewaySession& session, std::string_view text) {
  return session.Receive(std::as_bytes(std::span{text}));
}

std::string TakeOutput(GatewaySession& session) {
  std::string out{session.Output()};
  session.Sent(out.size());
  EXPECT_EQ(session.Output(), "");
  return out;
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    EXPECT_NE(end, std::string_view::npos) << "a line without its LF";
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

std::map<std::string, std::string> Fields(std::string_view line) {
  std::map<std::string, std::string> out;
  while (!line.empty()) {
    const auto pair = line.substr(0, line.find('|'));
    out.emplace(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
    line.remove_prefix(std::min(line.size(), pair.size() + 1));
  }
  return out;
}

// A session that the gateway has accepted; what was sent up to there is taken.
struct Accepted {
  GatewaySession session{kKey, Options()};
  Accepted() {
    Say(session, kHello);
    Say(session, kWelcome);
    EXPECT_EQ(session.phase(), Phase::Ready);
    TakeOutput(session);
  }
};

// ---- The handshake ------------------------------------------------------------------

TEST(GatewaySessionTest, SpeaksTheHandshakeHoweverTheGatewaysBytesAreCut) {
  const auto input =
      test::BytesOfText(std::string{kHello} + kWelcome + "DBN\x03 and so on");
  test::ExpectSameEventsHoweverCut(input, [&](const test::Pieces& pieces) {
    GatewaySession session{kKey, Options()};
    session.Subscribe(Symbols({"ESZ6"}));
    session.Start();
    std::string sent;
    std::size_t left = 0;
    for (const auto piece : pieces) {
      left += piece.size() - session.Receive(piece);
      sent += TakeOutput(session);
    }
    EXPECT_EQ(session.phase(), Phase::Streaming);
    EXPECT_EQ(session.session_id(), 987654321U);
    EXPECT_EQ(left, std::string_view{"DBN\x03 and so on"}.size());
    return sent;
  });
}

TEST(GatewaySessionTest, SendsTheAuthenticationLineOfTheProtocol) {
  GatewaySession session{kKey, Options()};
  EXPECT_EQ(session.Output(), "") << "the gateway speaks first";
  Say(session, kHello);
  EXPECT_EQ(session.phase(), Phase::AuthResponse);
  const auto lines = Lines(TakeOutput(session));
  ASSERT_EQ(lines.size(), 1U);
  const std::map<std::string, std::string> expected{
      {"auth",
       "f0f36e23543121486f20e6964311a4cd2415814fa391fb78aef90c13d8085bf9-YZ012"},
      {"dataset", "GLBX.MDP3"},
      {"encoding", "dbn"},
      {"ts_out", "0"},
      {"compression", "none"},
      {"client", "dbnloop/" + std::string{kVersion}},
  };
  EXPECT_EQ(Fields(lines[0]), expected);
}

TEST(GatewaySessionTest, SendsEveryOptionThatIsSet) {
  auto options = Options();
  options.ts_out = true;
  options.compression = Compression::Zstd;
  options.heartbeat_interval = std::chrono::seconds{17};
  options.user_agent_extension = "mine/2 (x)";
  options.slow_reader_behavior = SlowReaderBehavior::Skip;
  GatewaySession session{kKey, options};
  Say(session, kHello);
  const auto fields = Fields(Lines(TakeOutput(session)).at(0));
  EXPECT_THAT(fields, AllOf(Contains(Pair("ts_out", "1")),
                            Contains(Pair("compression", "zstd")),
                            Contains(Pair("heartbeat_interval_s", "17")),
                            Contains(Pair("slow_reader_behavior", "skip"))));
  EXPECT_THAT(fields.at("client"),
              AllOf(StartsWith("dbnloop/"), EndsWith(" mine/2 (x)")));
}

TEST(GatewaySessionTest, WaitsWithItsReplyUntilTheDatasetIsKnown) {
  GatewaySession session{kKey, Options("")};
  EXPECT_EQ(Say(session, kHello), std::string_view{kHello}.size());
  EXPECT_EQ(session.phase(), Phase::AwaitDataset);
  EXPECT_EQ(session.Output(), "");
  EXPECT_EQ(Say(session, kWelcome), 0U) << "nothing is taken while it waits";
  session.SetDataset("XNAS.ITCH");
  EXPECT_EQ(session.phase(), Phase::AuthResponse);
  EXPECT_THAT(TakeOutput(session), HasSubstr("|dataset=XNAS.ITCH|"));
}

TEST(GatewaySessionTest, ADatasetThatIsKnownBeforeTheChallengeIsUsed) {
  GatewaySession session{kKey, Options("")};
  session.SetDataset("XNAS.ITCH");
  EXPECT_EQ(session.Output(), "");
  Say(session, kHello);
  EXPECT_THAT(TakeOutput(session), HasSubstr("|dataset=XNAS.ITCH|"));
}

TEST(GatewaySessionTest, HasOneDataset) {
  GatewaySession session{kKey, Options("")};
  EXPECT_EQ(Thrown([&] { session.SetDataset("A|B"); }).code, ErrorCode::InvalidDataset);
  session.SetDataset("GLBX.MDP3");
  session.SetDataset("GLBX.MDP3");
  const auto error = Thrown([&] { session.SetDataset("XNAS.ITCH"); });
  EXPECT_EQ(error.code, ErrorCode::InvalidDataset);
  EXPECT_EQ(session.dataset(), "GLBX.MDP3");
}

TEST(GatewaySessionTest, TheFirstSubscriptionMaySetTheDatasetAndNoOtherMayChangeIt) {
  GatewaySession session{kKey, Options("")};
  Say(session, kHello);
  EXPECT_EQ(Thrown([&] { session.Subscribe(Symbols({"ESZ6"})); }).code,
            ErrorCode::InvalidDataset)
      << "none is known";
  auto subscription = Symbols({"ESZ6"});
  subscription.dataset = "GLBX.MDP3";
  EXPECT_EQ(session.Subscribe(subscription), 1U) << "no id was used up";
  EXPECT_THAT(TakeOutput(session), HasSubstr("|dataset=GLBX.MDP3|"));
  subscription.dataset = "XNAS.ITCH";
  EXPECT_EQ(Thrown([&] { session.Subscribe(subscription); }).code,
            ErrorCode::InvalidDataset);
  EXPECT_EQ(session.Subscribe(Symbols({"NQZ6"})), 2U);
}

TEST(GatewaySessionTest, ReadsATolerantResponse) {
  for (const auto* response :
       {"success=1\n", "success=1|\r\n", "new=x|session_id=12|success=1|\n",
        "success=1|session_id=not a number\n"}) {
    GatewaySession session{kKey, Options()};
    Say(session, kHello);
    Say(session, response);
    EXPECT_EQ(session.phase(), Phase::Ready) << response;
    EXPECT_EQ(
        session.session_id(),
        std::string_view{response}.find("=12") != std::string_view::npos ? 12U : 0U);
    if (std::string_view{response}.find("not a") != std::string_view::npos) {
      EXPECT_EQ(session.session_id_text(), "not a number");
    }
  }
}

// ---- Subscriptions ------------------------------------------------------------------

TEST(GatewaySessionTest, KeepsSubscriptionsAndStartUntilItIsAccepted) {
  GatewaySession session{kKey, Options()};
  EXPECT_EQ(session.Subscribe(Symbols({"ESZ6", "NQZ6"})), 1U);
  Subscription second = Symbols({"ALL_SYMBOLS"});
  second.schema = Schema::Mbo;
  second.stype_in = SType::Parent;
  second.snapshot = true;
  EXPECT_EQ(session.Subscribe(second), 2U);
  session.Start();
  Say(session, kHello);
  EXPECT_EQ(Lines(TakeOutput(session)).size(), 1U) << "only the authentication";
  Say(session, kWelcome);
  EXPECT_EQ(session.phase(), Phase::Streaming);
  const auto lines = Lines(TakeOutput(session));
  ASSERT_EQ(lines.size(), 3U);
  const std::map<std::string, std::string> first_fields{{"schema", "trades"},
                                                        {"stype_in", "raw_symbol"},
                                                        {"symbols", "ESZ6,NQZ6"},
                                                        {"snapshot", "0"},
                                                        {"id", "1"},
                                                        {"is_last", "1"}};
  EXPECT_EQ(Fields(lines[0]), first_fields);
  const std::map<std::string, std::string> second_fields{{"schema", "mbo"},
                                                         {"stype_in", "parent"},
                                                         {"symbols", "ALL_SYMBOLS"},
                                                         {"snapshot", "1"},
                                                         {"id", "2"},
                                                         {"is_last", "1"}};
  EXPECT_EQ(Fields(lines[1]), second_fields);
  EXPECT_EQ(lines[2], "start_session");
}

TEST(GatewaySessionTest, SendsTheStartOfAReplayInNanoseconds) {
  Accepted a;
  auto replay = Symbols({"ESZ6"});
  replay.start = UnixNanos{UnixNanos::duration{1'700'000'000'123'456'789}};
  a.session.Subscribe(replay);
  EXPECT_EQ(Fields(Lines(TakeOutput(a.session)).at(0)).at("start"),
            "1700000000123456789");
  replay.start = UnixNanos{};
  a.session.Subscribe(replay);
  EXPECT_EQ(Fields(Lines(TakeOutput(a.session)).at(0)).at("start"), "0");
}

TEST(GatewaySessionTest, CutsLongListsIntoChunksOf500WithOneId) {
  for (const std::size_t count : {1U, 499U, 500U, 501U, 1000U, 1234U}) {
    Accepted a;
    const auto symbols = Numbered(count);
    EXPECT_EQ(a.session.Subscribe(Symbols(symbols)), 1U);
    EXPECT_EQ(a.session.Subscribe(Symbols({"NEXT"})), 2U);
    auto lines = Lines(TakeOutput(a.session));
    EXPECT_EQ(Fields(lines.back()).at("id"), "2");
    lines.pop_back();
    ASSERT_EQ(lines.size(), (count + 499) / 500);
    std::string joined;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto fields = Fields(lines[i]);
      EXPECT_EQ(fields.at("id"), "1");
      EXPECT_EQ(fields.at("is_last"), i + 1 == lines.size() ? "1" : "0");
      EXPECT_LE(std::ranges::count(fields.at("symbols"), ','), 499);
      joined += (joined.empty() ? "" : ",") + fields.at("symbols");
    }
    std::string expected;
    for (const auto& symbol : symbols) {
      expected += (expected.empty() ? "" : ",") + symbol;
    }
    EXPECT_EQ(joined, expected);
  }
}

TEST(GatewaySessionTest, AfterStartOnlyReplaysAreRefused) {
  Accepted a;
  a.session.Start();
  EXPECT_EQ(TakeOutput(a.session), "start_session\n");
  auto late = Symbols({"ESZ6"});
  EXPECT_EQ(a.session.Subscribe(late), 1U);
  late.schema = Schema::Mbo;
  late.snapshot = true;
  EXPECT_EQ(a.session.Subscribe(late), 2U);
  EXPECT_EQ(Lines(TakeOutput(a.session)).size(), 2U);
  late.snapshot = false;
  late.start = UnixNanos{};
  const auto error = Thrown([&] { a.session.Subscribe(late); });
  EXPECT_EQ(error.code, ErrorCode::InvalidState);
  EXPECT_THAT(error.message, HasSubstr("before Start"));
  EXPECT_EQ(a.session.Output(), "");
}

TEST(GatewaySessionTest, RefusesToStartTwice) {
  Accepted a;
  a.session.Start();
  EXPECT_EQ(Thrown([&] { a.session.Start(); }).code, ErrorCode::InvalidState);
  EXPECT_EQ(TakeOutput(a.session), "start_session\n");
}

TEST(GatewaySessionTest, NothingThatBreaksTheLineProtocolIsSent) {
  Accepted a;
  for (const auto* symbol : {"", "A|B", "A\nB", "A,B", "A\x01", "\xC3\x84", " A"}) {
    EXPECT_EQ(Thrown([&] { a.session.Subscribe(Symbols({"OK", symbol})); }).code,
              ErrorCode::InvalidSymbol)
        << symbol;
  }
  EXPECT_EQ(a.session.Output(), "");
  EXPECT_EQ(a.session.Subscribe(Symbols({"OK"})), 1U) << "no id was used up";
}

TEST(GatewaySessionTest, NamesAreRefusedWhereInstrumentIdsAreDue) {
  Accepted a;
  auto ids = Symbols({"5122"});
  ids.stype_in = SType::InstrumentId;
  for (const auto* symbol :
       {"ESZ6", "ES.FUT", "-1", "+1", "4294967296", "0x10", "1.0", "1 2"}) {
    ids.symbols = {"5122", symbol};
    const auto error = Thrown([&] { a.session.Subscribe(ids); });
    EXPECT_EQ(error.code, ErrorCode::InvalidSymbol) << symbol;
    EXPECT_THAT(error.message, HasSubstr(symbol));
    EXPECT_THAT(error.message, HasSubstr("raw_symbol"));
  }
  EXPECT_EQ(a.session.Output(), "");
  for (const std::vector<std::string>& symbols :
       {std::vector<std::string>{"5122", "0", "4294967295"}, {"ALL_SYMBOLS"}}) {
    ids.symbols = symbols;
    a.session.Subscribe(ids);
    EXPECT_EQ(Lines(TakeOutput(a.session)).size(), 1U);
  }
  // A raw symbol may well be a number.
  a.session.Subscribe(Symbols({"7203"}));
  EXPECT_EQ(Lines(TakeOutput(a.session)).size(), 1U);
}

TEST(GatewaySessionTest, WhatWasSentInPartIsSentOnFromThere) {
  Accepted a;
  a.session.Subscribe(Symbols({"ESZ6"}));
  const std::string all{a.session.Output()};
  a.session.Sent(10);
  EXPECT_EQ(a.session.Output(), all.substr(10));
  a.session.Start();
  EXPECT_EQ(a.session.Output(), all.substr(10) + "start_session\n");
}

// ---- Unsubscriptions ----------------------------------------------------------------

Unsubscription Without(std::vector<std::string> symbols,
                       Schema schema = Schema::Trades) {
  Unsubscription out;
  out.schema = schema;
  out.symbols = std::move(symbols);
  return out;
}

// The lines that the official Rust client 0.64 writes in its own tests of this.
TEST(GatewaySessionTest, UnsubscribesWithTheLinesOfTheOfficialClient) {
  const auto repeated = [](std::size_t count) {
    std::string list = "TEST";
    for (std::size_t i = 1; i < count; ++i) list += ",TEST";
    return list;
  };
  struct Case {
    const char* name;
    Unsubscription request;
    std::string lines;
  };
  const Case cases[] = {
      {"one symbol", Without({"NQZ6"}, Schema::Mbo),
       "unsubscribe|schema=mbo|stype_in=raw_symbol|symbols=NQZ6|is_last=1\n"},
      {"all symbols", Without({"ALL_SYMBOLS"}),
       "unsubscribe|schema=trades|stype_in=raw_symbol|symbols=ALL_SYMBOLS|is_last=1\n"},
      {"chunks", Without(std::vector<std::string>(1001, "TEST")),
       "unsubscribe|schema=trades|stype_in=raw_symbol|symbols=" + repeated(500) +
           "|is_last=0\nunsubscribe|schema=trades|stype_in=raw_symbol|symbols=" +
           repeated(500) +
           "|is_last=0\nunsubscribe|schema=trades|stype_in=raw_symbol|symbols=TEST"
           "|is_last=1\n"},
  };
  for (const auto& test : cases) {
    Accepted a;
    auto subscription = Symbols({"ESZ6", "NQZ6"});
    subscription.schema = test.request.schema;
    a.session.Subscribe(subscription);
    TakeOutput(a.session);
    a.session.Unsubscribe(test.request);
    EXPECT_EQ(TakeOutput(a.session), test.lines) << test.name;
  }
}

TEST(GatewaySessionTest, KeepsTheOrderOfRequestsHoweverTheGatewaysBytesAreCut) {
  const auto input = test::BytesOfText(std::string{kHello} + kWelcome);
  const auto requests = [](GatewaySession& session) {
    session.Subscribe(Symbols({"ESZ6", "NQZ6"}));
    auto request = Without({"NQZ6"});
    request.dataset = "GLBX.MDP3";
    session.Unsubscribe(request);
    session.Subscribe(Symbols({"NQZ6"}));
    session.Start();
    session.Unsubscribe(Without({"ALL_SYMBOLS"}));
  };
  const std::string expected =
      "schema=trades|stype_in=raw_symbol|id=1|symbols=ESZ6,NQZ6|snapshot=0|is_last=1\n"
      "unsubscribe|schema=trades|stype_in=raw_symbol|symbols=NQZ6|is_last=1\n"
      "schema=trades|stype_in=raw_symbol|id=2|symbols=NQZ6|snapshot=0|is_last=1\n"
      "start_session\n"
      "unsubscribe|schema=trades|stype_in=raw_symbol|symbols=ALL_SYMBOLS|is_last=1\n";
  test::ExpectSameEventsHoweverCut(input, [&](const test::Pieces& pieces) {
    GatewaySession session{kKey, Options()};
    requests(session);
    std::string sent;
    for (const auto piece : pieces) {
      session.Receive(piece);
      sent += TakeOutput(session);
    }
    EXPECT_THAT(sent, EndsWith("\n" + expected));
    return sent;
  });
  Accepted late;
  requests(late.session);
  EXPECT_EQ(TakeOutput(late.session), expected) << "after the authentication";
}

TEST(GatewaySessionTest, RefusesToUnsubscribeFromWhatCannotBeAndSendsNothing) {
  Accepted a;
  a.session.Subscribe(Symbols({"ESZ6"}));
  auto ids = Symbols({"5122"});
  ids.schema = Schema::Mbo;
  ids.stype_in = SType::InstrumentId;
  a.session.Subscribe(ids);
  TakeOutput(a.session);
  struct Case {
    const char* name;
    Unsubscription request;
    ErrorCode code;
    const char* says;
  };
  const Case cases[] = {
      {"no symbols", Without({}), ErrorCode::InvalidSymbol, "at least one symbol"},
      {"an empty symbol", Without({"ESZ6", ""}), ErrorCode::InvalidSymbol, "empty"},
      {"two lines", Without({"A\nB"}), ErrorCode::InvalidSymbol, "line protocol"},
      {"all and one", Without({"ESZ6", "ALL_SYMBOLS"}), ErrorCode::InvalidSymbol,
       "cannot be mixed"},
      {"a schema that was never subscribed", Without({"ESZ6"}, Schema::Mbp1),
       ErrorCode::InvalidState, "mbp-1"},
      {"all of a schema that was never subscribed",
       Without({"ALL_SYMBOLS"}, Schema::Mbp1), ErrorCode::InvalidState, "mbp-1"},
      {"another symbology", Without({"ESZ6"}, Schema::Mbo), ErrorCode::InvalidArgument,
       "by instrument_id, not by raw_symbol"},
      {"a schema without a name", Without({"ESZ6"}, static_cast<Schema>(200)),
       ErrorCode::InvalidSchema, "200"},
      {"another dataset",
       {.dataset = "XNAS.ITCH", .schema = Schema::Trades, .symbols = {"ESZ6"}},
       ErrorCode::InvalidDataset,
       "GLBX.MDP3"},
      {"an impossible symbology",
       {.dataset = {}, .stype_in = SType::Continuous, .symbols = {"ES.c.0"}},
       ErrorCode::InvalidArgument,
       "raw_symbol, parent or instrument_id"},
      {"an unknown symbology",
       {.dataset = {}, .stype_in = static_cast<SType>(99), .symbols = {"ES"}},
       ErrorCode::InvalidArgument,
       "99"},
      {"a name for an id",
       {.dataset = {},
        .schema = Schema::Mbo,
        .stype_in = SType::InstrumentId,
        .symbols = {"ESZ6"}},
       ErrorCode::InvalidSymbol,
       "not a number"},
  };
  for (const auto& test : cases) {
    const auto error = Thrown([&] { a.session.Unsubscribe(test.request); });
    EXPECT_EQ(error.code, test.code) << test.name;
    EXPECT_THAT(error.message, HasSubstr(test.says)) << test.name;
    EXPECT_EQ(a.session.Output(), "") << test.name;
  }
  EXPECT_EQ(a.session.subscriptions().Effective().size(), 2U);
}

TEST(GatewaySessionTest, AnUnsubscriptionSetsNoDataset) {
  GatewaySession session{kKey, Options("")};
  Say(session, kHello);
  auto request = Without({"ESZ6"});
  request.dataset = "GLBX.MDP3";
  EXPECT_EQ(Thrown([&] { session.Unsubscribe(request); }).code,
            ErrorCode::InvalidState);
  EXPECT_EQ(session.phase(), Phase::AwaitDataset);
}

// ---- Refusals -----------------------------------------------------------------------

struct Refusal {
  std::string name;
  std::string says;  // the gateway
  ErrorCode code;
  std::string message;
};

class RefusalTest : public testing::TestWithParam<Refusal> {};

INSTANTIATE_TEST_SUITE_P(
    All, RefusalTest,
    testing::Values(Refusal{"EmptyGreeting", "\n", ErrorCode::InvalidGreeting, "''"},
                    Refusal{"BinaryGreeting", std::string{"\x16\x03\x01\0\n", 5},
                            ErrorCode::InvalidGreeting, "host and port"},
                    Refusal{"NulInGreeting", std::string{"lsg\0x\n", 6},
                            ErrorCode::InvalidGreeting, "lsg?x"},
                    Refusal{"ChallengeForGreeting", "cram=abc\n",
                            ErrorCode::InvalidGreeting, "cram"},
                    Refusal{"NoChallenge", "SSH-2.0-OpenSSH\nhello\n",
                            ErrorCode::InvalidChallenge, "'hello'"},
                    Refusal{"EmptyChallenge", "lsg_version=1\ncram=\n",
                            ErrorCode::InvalidChallenge, "'cram='"},
                    Refusal{"Refused",
                            std::string{kHello} +
                                "success=0|error=User or API key deactivated\n",
                            ErrorCode::AuthFailed, "User or API key deactivated"},
                    Refusal{"NoSuccess", std::string{kHello} + "session_id=5\n",
                            ErrorCode::AuthFailed, "session_id=5"},
                    Refusal{"OtherSuccess", std::string{kHello} + "success=yes\n",
                            ErrorCode::AuthFailed, "success=yes"},
                    Refusal{"EndlessGreeting", std::string(70'000, 'x'),
                            ErrorCode::LimitExceeded, "65536"},
                    Refusal{"EndlessResponse", kHello + std::string(70'000, 'x'),
                            ErrorCode::LimitExceeded, "65536"}),
    [](const auto& param) { return param.param.name; });

TEST_P(RefusalTest, EndsTheSessionWithItsReasonAndNeverShowsTheKey) {
  const auto& [name, says, code, message] = GetParam();
  const auto run = [&](const test::Pieces& pieces) {
    GatewaySession session{kKey, Options()};
    for (const auto piece : pieces) session.Receive(piece);
    EXPECT_EQ(session.phase(), Phase::Failed);
    EXPECT_EQ(session.error().code, code);
    EXPECT_THAT(session.error().message,
                AllOf(HasSubstr(message), Not(HasSubstr(kKey))));
    EXPECT_LT(session.error().message.size(), 500U);
    EXPECT_EQ(session.Finish().message, session.error().message);
    EXPECT_THAT(std::string{session.Output()}, Not(HasSubstr(kKey)));
    EXPECT_EQ(Say(session, "more\n"), 0U);
    return session.error().message;
  };
  const auto input = test::BytesOfText(says);
  if (input.size() < 1000) {
    test::ExpectSameEventsHoweverCut(input, run);
  } else {
    run({input});
    run({std::span{input}.first(40'000), std::span{input}.subspan(40'000)});
  }
}

TEST(GatewaySessionTest, AnEndOfInputSaysHowFarItCame) {
  struct Case {
    std::string input;
    ErrorCode code;
    std::string message;
  };
  for (const auto& [input, code, message] :
       {Case{"", ErrorCode::ConnectionClosed, "before its greeting; check"},
        Case{"lsg", ErrorCode::ConnectionClosed,
             "before its greeting, having sent 'lsg'"},
        Case{"lsg_version=1\n", ErrorCode::ConnectionClosed, "before its challenge"},
        Case{kHello, ErrorCode::ConnectionClosed,
             "without answering the authentication"},
        Case{std::string{kHello} + "success=0|error=no", ErrorCode::AuthFailed,
             "'success=0|error=no'"},
        Case{std::string{kHello} + kWelcome, ErrorCode::ConnectionClosed,
             "closed the connection"}}) {
    GatewaySession session{kKey, Options()};
    Say(session, input);
    EXPECT_EQ(session.Finish().code, code) << input;
    EXPECT_THAT(session.Finish().message, HasSubstr(message));
  }
  GatewaySession waiting{kKey, Options("")};
  Say(waiting, kHello);
  EXPECT_THAT(waiting.Finish().message, HasSubstr("dataset was awaited"));
}

}  // namespace
}  // namespace dbnloop::proto
