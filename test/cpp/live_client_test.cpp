#include "dbnloop/live_client.hpp"

#include <gmock/gmock.h>

#include "support/live_fixture.hpp"
#include "support/sockets.hpp"
#include "support/thrown.hpp"

namespace dbnloop {
namespace {

using test::Header;
using test::kKey;
using test::Thrown;
using test::Trades;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class LiveClientTest : public test::LiveFixture {};

TEST_F(LiveClientTest, StatesComeInOrder) {
  const auto client = Make();
  EXPECT_EQ(client->GetState(), LiveClient::State::Disconnected);
  EXPECT_EQ(client->SessionId(), 0U);
  EXPECT_EQ(client->Peer(), "");
  Stream(*client);
  EXPECT_THAT(states_,
              ElementsAre("Connecting", "Authenticating", "Ready", "Streaming"));
  EXPECT_EQ(client->SessionId(), 4711U);
  EXPECT_EQ(client->Peer(), "127.0.0.1:" + std::to_string(gateway_.port()));
  gateway_.Fin();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(states_.back(), "Disconnected");
  EXPECT_EQ(states_.size(), 5U);
}

TEST_F(LiveClientTest, AuthenticationLineHasTheReplyAndEveryOption) {
  LiveOptions options;
  options.ts_out = true;
  options.compression = Compression::Zstd;
  options.heartbeat_interval = std::chrono::seconds{10};
  options.slow_reader_behavior = SlowReaderBehavior::Skip;
  options.user_agent_extension = "desk 7";
  const auto client = Make(options);
  Stream(*client);
  EXPECT_THAT(gateway_.auth, StartsWith("auth=" + std::string{test::kReply} +
                                        "|dataset=GLBX.MDP3|encoding=dbn|ts_out=1"
                                        "|compression=zstd|client=dbnloop/"));
  EXPECT_THAT(gateway_.auth, HasSubstr(" desk 7|heartbeat_interval_s=10"
                                       "|slow_reader_behavior=skip"));
}

TEST_F(LiveClientTest, DefaultsAskForNothingSpecial) {
  const auto client = Make();
  Stream(*client);
  EXPECT_THAT(gateway_.auth, HasSubstr("|ts_out=0|compression=none|"));
  EXPECT_THAT(gateway_.auth, Not(HasSubstr("heartbeat")));
  EXPECT_THAT(gateway_.auth, Not(HasSubstr("slow_reader")));
}

TEST_F(LiveClientTest, RecordsAreDelivered) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 100));
  ASSERT_TRUE(Until([&] { return sequences_.size() >= 100; }));
  EXPECT_EQ(sequences_, Numbers(0, 100));
  ASSERT_EQ(metadata_.size(), 1U);
  EXPECT_EQ(metadata_[0].dataset, "GLBX.MDP3");
  EXPECT_THAT(errors_, IsEmpty());
}

// Connect, Subscribe and Start in every order, with time between them and without.
struct Order {
  const char* calls;
  bool turns_between;
};
class LiveClientOrder : public LiveClientTest,
                        public testing::WithParamInterface<Order> {};

TEST_P(LiveClientOrder, LeadsToTheSameSession) {
  const auto client = Make();
  gateway_.on_start = Header() + Trades(0, 3);
  for (const char* call = GetParam().calls; *call != '\0'; ++call) {
    if (*call == 'C') Connect(*client);
    if (*call == 'S') SubscribeTrades(*client);
    if (*call == 'G') client->Start();
    if (GetParam().turns_between) Settle();
  }
  ASSERT_TRUE(Until([&] { return sequences_.size() == 3; }));
  ASSERT_TRUE(Until([&] { return !gateway_.lines.empty(); }));
  EXPECT_THAT(states_,
              ElementsAre("Connecting", "Authenticating", "Ready", "Streaming"));
  EXPECT_THAT(
      gateway_.lines,
      ElementsAre("schema=trades|stype_in=raw_symbol|id=1|symbols=ESM5|snapshot=0"
                  "|is_last=1"));
  EXPECT_THAT(errors_, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Orders, LiveClientOrder,
                         testing::Values(Order{"CSG", false}, Order{"CSG", true},
                                         Order{"SCG", false}, Order{"SCG", true},
                                         Order{"SGC", false}, Order{"SGC", true},
                                         Order{"CGS", false}, Order{"CGS", true},
                                         Order{"GCS", false}, Order{"GCS", true},
                                         Order{"GSC", false}, Order{"GSC", true}),
                         [](const auto& info) {
                           return std::string{info.param.calls} +
                                  (info.param.turns_between ? "Apart" : "AtOnce");
                         });

TEST_F(LiveClientTest, AuthenticationWaitsForTheDataset) {
  const auto client = MakeAsIs({});
  Connect(*client);
  Settle();
  EXPECT_THAT(states_, ElementsAre("Connecting", "Authenticating"));
  EXPECT_EQ(gateway_.auth, "");
  client->Subscribe("XNAS.ITCH", "AAPL", Schema::Mbo);
  client->Start();
  ASSERT_TRUE(Until([&] { return gateway_.started; }));
  EXPECT_THAT(gateway_.auth, HasSubstr("|dataset=XNAS.ITCH|"));
}

TEST_F(LiveClientTest, HandshakeWorksByteByByte) {
  gateway_.text_byte_by_byte = true;
  gateway_.after_auth = Header() + Trades(0, 2);
  const auto client = Make();
  Stream(*client);
  ASSERT_TRUE(Until([&] { return sequences_.size() == 2; }));
  EXPECT_EQ(sequences_, Numbers(0, 2));
}

TEST_F(LiveClientTest, RecordsBehindTheAuthResponseInOneSegmentAreNotLost) {
  gateway_.after_auth = Header() + Trades(0, 5);
  const auto client = Make();
  Connect(*client);
  ASSERT_TRUE(Until([&] { return sequences_.size() == 5; }));
  EXPECT_EQ(metadata_.size(), 1U);
}

// A handler of states that throws must not lose what came in the same segment.
TEST_F(LiveClientTest, AThrowingStateHandlerLosesNoBytes) {
  gateway_.after_auth = Header() + Trades(0, 5);
  const auto client = Make();
  int threw = 0;
  client->OnState([](LiveClient::State s) {
    if (s == LiveClient::State::Ready) throw std::runtime_error{"mine"};
  });
  Connect(*client);
  ASSERT_TRUE(UntilDespiteThrows(threw, [&] { return sequences_.size() == 5; }));
  EXPECT_EQ(threw, 1);
}

class LiveClientPieces : public LiveClientTest,
                         public testing::WithParamInterface<std::size_t> {};

TEST_P(LiveClientPieces, StreamSplitAnywhereGivesTheSameRecords) {
  const auto client = Make();
  Stream(*client);
  gateway_.SetPiece(GetParam());
  gateway_.Send(Header() + Trades(0, 20));
  ASSERT_TRUE(Until([&] { return sequences_.size() >= 20; }));
  EXPECT_EQ(sequences_, Numbers(0, 20));
  EXPECT_EQ(metadata_.size(), 1U);
  EXPECT_EQ(client->Buffered(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Sizes, LiveClientPieces,
                         testing::Values(1, 3, 15, 16, 47, 48, 49, 100),
                         testing::PrintToStringParamName());

TEST_F(LiveClientTest, ZstdStreamIsDecompressed) {
  LiveOptions options;
  options.compression = Compression::Zstd;
  // Frames: header with records, many records, one record.
  const auto frames = test::Zstd(Header() + Trades(0, 10)) +
                      test::Zstd(Trades(10, 100'000)) + test::Zstd(Trades(100'010, 1));
  for (const std::size_t piece : {std::size_t{0}, std::size_t{7}}) {
    sequences_.clear();
    const auto client = Make(options);
    Stream(*client);
    if (piece != 0) {
      gateway_.Send(frames.substr(0, 300));
      gateway_.SetPiece(piece);
      gateway_.Send(frames.substr(300, 700));
      ASSERT_TRUE(Until([&] { return gateway_.Unsent() == 0; }));
      gateway_.SetPiece(0);
      gateway_.Send(frames.substr(1000));
    } else {
      gateway_.Send(frames);
    }
    ASSERT_TRUE(Until([&] { return sequences_.size() >= 100'011; }));
    EXPECT_EQ(sequences_, Numbers(0, 100'011));
  }
}

TEST_F(LiveClientTest, ZstdFrameBehindTheAuthResponseIsNotLost) {
  LiveOptions options;
  options.compression = Compression::Zstd;
  gateway_.after_auth = test::Zstd(Header() + Trades(0, 5));
  const auto client = Make(options);
  Connect(*client);
  ASSERT_TRUE(Until([&] { return sequences_.size() == 5; }));
}

TEST_F(LiveClientTest, TsOutReachesTheHandler) {
  LiveOptions options;
  options.ts_out = true;
  const auto client = Make(options);
  std::vector<std::int64_t> sent;
  client->OnRecord([&](const WithTsOut<TradeMsg>& m) {
    sent.push_back(static_cast<std::int64_t>(m.ts_out.time_since_epoch().count()));
  });
  Stream(*client);
  gateway_.Send(Header(true) +
                test::WireBytes(WithTsOut<TradeMsg>{
                    test::Trade(1), UnixNanos{std::chrono::nanoseconds{99}}}));
  ASSERT_TRUE(Until([&] { return !sent.empty(); }));
  EXPECT_THAT(sent, ElementsAre(99));
}

TEST_F(LiveClientTest, SubscribingWhileStreamingSendsTheLineAtOnce) {
  const auto client = Make();
  Stream(*client);
  EXPECT_EQ(client->Subscribe("GLBX.MDP3", "NQM5, CLM5", Schema::Mbp1), 2U);
  ASSERT_TRUE(Until([&] { return gateway_.lines.size() == 2; }));
  EXPECT_THAT(gateway_.lines[1], HasSubstr("schema=mbp-1|stype_in=raw_symbol|id=2|"
                                           "symbols=NQM5,CLM5|"));
}

TEST_F(LiveClientTest, ManySymbolsGoOutInChunks) {
  const auto client = Make();
  Subscription subscription;
  for (int i = 0; i < 1001; ++i)
    subscription.symbols.push_back("S" + std::to_string(i));
  Connect(*client);
  client->Subscribe(subscription);
  client->Start();
  ASSERT_TRUE(Until([&] { return gateway_.started; }));
  ASSERT_EQ(gateway_.lines.size(), 3U);
  EXPECT_THAT(gateway_.lines[0], HasSubstr("|is_last=0"));
  EXPECT_THAT(gateway_.lines[1], HasSubstr("symbols=S500,"));
  EXPECT_THAT(gateway_.lines[2], HasSubstr("symbols=S1000|snapshot=0|is_last=1"));
}

TEST_F(LiveClientTest, MisuseIsRefusedInWords) {
  EXPECT_EQ(Thrown([&] { LiveClient(&reactor_, "short"); }).code,
            ErrorCode::InvalidApiKey);
  EXPECT_EQ(Thrown([&] { LiveClient(nullptr, std::string{kKey}); }).code,
            ErrorCode::InvalidArgument);
  LiveOptions bad;
  bad.heartbeat_interval = std::chrono::seconds{4};
  EXPECT_EQ(Thrown([&] { LiveClient(&reactor_, std::string{kKey}, bad); }).code,
            ErrorCode::InvalidArgument);
  bad = {};
  bad.user_agent_extension = "a|b";
  EXPECT_EQ(Thrown([&] { LiveClient(&reactor_, std::string{kKey}, bad); }).code,
            ErrorCode::InvalidArgument);
  bad = {};
  bad.dataset = "GLBX MDP3";
  EXPECT_EQ(Thrown([&] { LiveClient(&reactor_, std::string{kKey}, bad); }).code,
            ErrorCode::InvalidDataset);
}

TEST_F(LiveClientTest, CallsInTheWrongStateAreRefused) {
  const auto client = Make();
  EXPECT_EQ(Thrown([&] { client->Connect("127.0.0.1", 0); }).code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(Thrown([&] { client->Connect("127.0.0.1", 65536); }).code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(Thrown([&] { client->Subscribe("XNAS.ITCH", "A", Schema::Mbo); }).code,
            ErrorCode::InvalidDataset);
  EXPECT_EQ(Thrown([&] { client->Subscribe("", "", Schema::Mbo); }).code,
            ErrorCode::InvalidSymbol);
  Stream(*client);
  EXPECT_EQ(Thrown([&] { Connect(*client); }).code, ErrorCode::InvalidState);
  EXPECT_EQ(Thrown([&] { client->Start(); }).code, ErrorCode::InvalidState);
  Subscription late;
  late.symbols = {"ESM5"};
  late.start = UnixNanos{};
  EXPECT_EQ(Thrown([&] { client->Subscribe(late); }).code, ErrorCode::InvalidState);
  const auto nameless = MakeAsIs({});
  EXPECT_EQ(Thrown([&] { nameless->Subscribe("", "ESM5", Schema::Mbo); }).code,
            ErrorCode::InvalidDataset);
}

TEST_F(LiveClientTest, CloseIsSilentAndConnectingAgainWorks) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 2));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 2; }));
  client->Close();
  EXPECT_EQ(client->GetState(), LiveClient::State::Disconnected);
  ASSERT_TRUE(Until([&] { return gateway_.peer_closed; }));
  EXPECT_THAT(errors_, IsEmpty());
  Stream(*client);
  gateway_.Send(Header() + Trades(2, 2));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 4; }));
  EXPECT_EQ(sequences_, Numbers(0, 4));
  EXPECT_EQ(metadata_.size(), 2U);
}

TEST_F(LiveClientTest, StopIsPoliteAndDeliversWhatIsInFlight) {
  const auto client = Make();
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 10));
  client->Stop();
  client->Stop();
  EXPECT_THAT(errors_, IsEmpty()) << "never from inside the call";
  EXPECT_EQ(Thrown([&] { SubscribeTrades(*client); }).code, ErrorCode::InvalidState);
  ASSERT_TRUE(UntilEnd());
  EXPECT_TRUE(gateway_.peer_closed) << "the gateway saw the half-close and answered it";
  EXPECT_EQ(sequences_, Numbers(0, 10));
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
  EXPECT_EQ(client->GetState(), LiveClient::State::Disconnected);
  EXPECT_EQ(states_.back(), "Disconnected");
  client->Stop();
  Advance(std::chrono::hours{1});
  EXPECT_EQ(errors_.size(), 1U);
}

TEST_F(LiveClientTest, StopInsideAHandlerEndsAtOnceAlsoAfterAPoliteStop) {
  gateway_.close_with_peer = false;
  const auto client = Make();
  client->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence == 2) client->Stop();
  });
  Stream(*client);
  client->Stop();
  gateway_.Send(Header() + Trades(0, 5));
  ASSERT_TRUE(UntilEnd());
  Settle();
  EXPECT_EQ(sequences_, Numbers(0, 3)) << "no record after a Stop in a handler";
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
}

TEST_F(LiveClientTest, StopEndsAlsoWhenTheGatewayTakesNoNotice) {
  gateway_.close_with_peer = false;
  const auto client = Make();
  Stream(*client);
  client->Stop();
  Advance(std::chrono::milliseconds{4999});
  EXPECT_THAT(errors_, IsEmpty());
  Advance(std::chrono::milliseconds{1});
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
}

TEST_F(LiveClientTest, StopBeforeTheStreamEndsInTheNextTurn) {
  const auto client = Make();
  Connect(*client);
  client->Stop();
  EXPECT_EQ(client->GetState(), LiveClient::State::Disconnected);
  EXPECT_THAT(errors_, IsEmpty());
  Settle();
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
  EXPECT_EQ(states_.back(), "Disconnected");
}

TEST_F(LiveClientTest, StopOfAPausedClientEnds) {
  const auto client = Make();
  Stream(*client);
  client->Pause();
  client->Stop();
  Advance(std::chrono::seconds{5});
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
}

TEST_F(LiveClientTest, ConnectBeforeTheFarewellTakesItBack) {
  const auto client = Make();
  Connect(*client);
  client->Stop();
  Stream(*client);
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(LiveClientTest, TheKeyIsInNoLineButTheReply) {
  const auto client = Make();
  Stream(*client);
  EXPECT_THAT(gateway_.auth, Not(HasSubstr(std::string{kKey})));
  gateway_.Rst();
  ASSERT_TRUE(UntilEnd());
  EXPECT_THAT(errors_[0].message, Not(HasSubstr(std::string{kKey})));
}

TEST_F(LiveClientTest, LeavesNoFdBehind) {
  const auto before = test::OpenFds();
  {
    const auto client = Make();
    Stream(*client);
    gateway_.Fin();
    ASSERT_TRUE(UntilEnd());
    EXPECT_EQ(test::OpenFds(), before) << "an ended session holds no fd";
    Stream(*client);
    gateway_.Send(Header() + Trades(0, 10));
  }
  gateway_.Fin();
  EXPECT_EQ(test::OpenFds(), before);
}

TEST_F(LiveClientTest, DestroyingAtAnyPointIsSilent) {
  const auto before = test::OpenFds();
  gateway_.text_byte_by_byte = true;
  for (int turns = 0; turns < 60; ++turns) {
    auto client = Make();
    Connect(*client);
    SubscribeTrades(*client);
    client->Start();
    for (int i = 0; i < turns; ++i) reactor_.Poll(0);
    client.reset();
    Settle();
  }
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_EQ(test::OpenFds(), before);
}

}  // namespace
}  // namespace dbnloop
