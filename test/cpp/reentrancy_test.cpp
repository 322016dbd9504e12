// What handlers may do to the client that calls them: one test per row of the table of
// callbacks, each for every form of handler. No record comes twice, none is lost.

#include <gmock/gmock.h>

#include <functional>
#include <stdexcept>

#include "dbnloop/exception.hpp"
#include "support/live_fixture.hpp"
#include "support/sockets.hpp"

namespace dbnloop {
namespace {

using test::Header;
using test::Trades;
using testing::ElementsAre;
using testing::IsEmpty;

enum class Via { Typed, Record, Generic, Wide };

std::string ViaName(const testing::TestParamInfo<Via>& info) {
  switch (info.param) {
    case Via::Typed:
      return "Typed";
    case Via::Record:
      return "Record";
    case Via::Generic:
      return "Generic";
    case Via::Wide:
      return "SpanOfOne";
  }
  return "";
}

class Reentrancy : public test::LiveFixture, public testing::WithParamInterface<Via> {
 protected:
  void SetUp() override {
    client_ = Make();
    Install();
    Stream(*client_);
  }

  // A handler of the form under test that notes the record and then runs `act`.
  void Install() {
    const auto take = [this](std::uint32_t sequence) {
      sequences_.push_back(sequence);
      if (act_) act_(sequence);
    };
    switch (GetParam()) {
      case Via::Typed:
        return client_->OnRecord([take](const TradeMsg& m) { take(m.sequence); });
      case Via::Record:
        return client_->OnRecord(
            [take](const Record& r) { take(r.Get<TradeMsg>().sequence); });
      case Via::Generic:
        return client_->OnRecord([take](const auto& m) {
          if constexpr (std::is_same_v<decltype(m), const TradeMsg&>) take(m.sequence);
        });
      case Via::Wide:
        return client_->OnRecord(
            [take](std::span<const TradeMsg> run) { take(run[0].sequence); });
    }
  }

  // Records that a span handler gets one by one: longer than their struct.
  std::string Send(std::uint32_t first, std::uint32_t count) {
    if (GetParam() != Via::Wide) return Trades(first, count);
    std::string bytes;
    for (std::uint32_t i = 0; i < count; ++i) {
      auto trade = test::Trade(first + i);
      trade.hd.length += 2;
      bytes += test::WireBytes(trade) + std::string(8, 'x');
    }
    return bytes;
  }

  bool UntilCount(std::size_t count) {
    return Until([&] { return sequences_.size() >= count; });
  }

  std::unique_ptr<test::OpenLiveClient> client_;
  std::function<void(std::uint32_t)> act_;
};

INSTANTIATE_TEST_SUITE_P(Forms, Reentrancy,
                         testing::Values(Via::Typed, Via::Record, Via::Generic,
                                         Via::Wide),
                         ViaName);

TEST_P(Reentrancy, PauseHoldsTheNextRecordAndResumeGoesOn) {
  act_ = [&](std::uint32_t) { client_->Pause(); };
  gateway_.Send(Header() + Send(0, 5));
  for (std::size_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(UntilCount(i));
    Settle();
    EXPECT_EQ(sequences_, Numbers(0, static_cast<std::uint32_t>(i)));
    client_->Resume();
  }
}

TEST_P(Reentrancy, PauseAndResumeInsideDeliversNothingRecursively) {
  int depth = 0;
  act_ = [&](std::uint32_t) {
    EXPECT_EQ(++depth, 1);
    client_->Pause();
    client_->Resume();
    --depth;
  };
  gateway_.Send(Header() + Send(0, 50));
  ASSERT_TRUE(UntilCount(50));
  Settle();
  EXPECT_EQ(sequences_, Numbers(0, 50));
}

TEST_P(Reentrancy, CloseEndsAtOnceAndSilently) {
  act_ = [&](std::uint32_t sequence) {
    if (sequence != 2) return;
    client_->Close();
    EXPECT_EQ(client_->GetState(), LiveClient::State::Disconnected);
  };
  gateway_.Send(Header() + Send(0, 5));
  ASSERT_TRUE(UntilCount(3));
  ASSERT_TRUE(Until([&] { return gateway_.peer_closed; }));
  Settle();
  EXPECT_EQ(sequences_, Numbers(0, 3));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_P(Reentrancy, StopDeliversNothingMoreAndTellsCancelled) {
  act_ = [&](std::uint32_t sequence) {
    if (sequence == 2) client_->Stop();
  };
  gateway_.Send(Header() + Send(0, 5));
  ASSERT_TRUE(UntilEnd());
  Settle();
  EXPECT_EQ(sequences_, Numbers(0, 3));
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
}

TEST_P(Reentrancy, TheHandlerMayDestroyTheClient) {
  act_ = [&](std::uint32_t sequence) {
    if (sequence == 2) client_.reset();
  };
  gateway_.Send(Header() + Send(0, 5));
  ASSERT_TRUE(UntilCount(3));
  ASSERT_TRUE(Until([&] { return gateway_.peer_closed; }));
  Settle();
  EXPECT_EQ(sequences_, Numbers(0, 3));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_P(Reentrancy, TheHandlerMayDestroyTheClientAndThrow) {
  act_ = [&](std::uint32_t) {
    client_.reset();
    throw std::runtime_error{"mine"};
  };
  gateway_.Send(Header() + Send(0, 5));
  EXPECT_THROW(UntilCount(2), std::runtime_error);
  Settle();
  EXPECT_EQ(sequences_, Numbers(0, 1));
}

TEST_P(Reentrancy, SubscribeGoesOut) {
  act_ = [&](std::uint32_t sequence) {
    if (sequence == 2) client_->Subscribe("GLBX.MDP3", "NQM5", Schema::Mbo);
  };
  gateway_.Send(Header() + Send(0, 5));
  ASSERT_TRUE(UntilCount(5));
  ASSERT_TRUE(Until([&] { return gateway_.lines.size() == 2; }));
  EXPECT_EQ(sequences_, Numbers(0, 5));
}

TEST_P(Reentrancy, FdsTimersAndTasksMayComeAndGo) {
  test::SocketPair pair;
  const int fd = pair.a.get();
  std::vector<std::string> ran;
  act_ = [&](std::uint32_t sequence) {
    if (sequence != 2) return;
    reactor_.Add(fd, EPOLLIN, [&](std::uint32_t) {
      ran.emplace_back("fd");
      reactor_.Remove(fd);
    });
    reactor_.Modify(fd, EPOLLOUT);
    reactor_.Cancel(reactor_.After({}, [&] { ran.emplace_back("cancelled"); }));
    reactor_.After({}, [&] { ran.emplace_back("timer"); });
    reactor_.Post([&] { ran.emplace_back("task"); });
  };
  gateway_.Send(Header() + Send(0, 5));
  ASSERT_TRUE(UntilCount(5));
  ASSERT_TRUE(Until([&] { return ran.size() == 3; }));
  Settle();
  EXPECT_THAT(ran, testing::UnorderedElementsAre("fd", "timer", "task"));
  EXPECT_EQ(sequences_, Numbers(0, 5));
}

TEST_P(Reentrancy, AReplacedHandlerGetsTheNextRecord) {
  std::vector<std::uint32_t> second;
  act_ = [&](std::uint32_t sequence) {
    if (sequence != 2) return;
    client_->OnRecord([&](const TradeMsg& m) { second.push_back(m.sequence); });
  };
  gateway_.Send(Header() + Send(0, 5));
  ASSERT_TRUE(Until([&] { return second.size() == 2; }));
  EXPECT_EQ(sequences_, Numbers(0, 3));
  EXPECT_EQ(second, Numbers(3, 2));
}

TEST_P(Reentrancy, PollAndRunAreRefused) {
  std::vector<ErrorCode> codes;
  act_ = [&](std::uint32_t) {
    for (const bool run : {false, true}) {
      try {
        run ? reactor_.Run() : static_cast<void>(reactor_.Poll(0));
      } catch (const Exception& e) {
        codes.push_back(e.error().code);
      }
    }
  };
  gateway_.Send(Header() + Send(0, 2));
  ASSERT_TRUE(UntilCount(2));
  EXPECT_EQ(codes, std::vector(4, ErrorCode::InvalidState));
}

TEST_P(Reentrancy, CloseAndConnectInsideBeginsACleanStream) {
  act_ = [&](std::uint32_t sequence) {
    if (sequence != 2) return;
    client_->Close();
    Connect(*client_);
    SubscribeTrades(*client_);
    client_->Start();
  };
  gateway_.on_start = Header() + Send(100, 3);
  gateway_.Send(Header() + Send(0, 5));
  ASSERT_TRUE(UntilCount(6));
  Settle();
  EXPECT_THAT(sequences_, ElementsAre(0, 1, 2, 100, 101, 102));
  EXPECT_EQ(metadata_.size(), 2U);
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_P(Reentrancy, AThrowingHandlerLosesAndRepeatsNothing) {
  act_ = [&](std::uint32_t sequence) {
    if (sequence % 3 == 0) throw std::runtime_error{"mine"};
  };
  gateway_.Send(Header() + Send(0, 10));
  int threw = 0;
  ASSERT_TRUE(UntilDespiteThrows(threw, [&] { return sequences_.size() >= 10; }));
  Settle();
  EXPECT_EQ(threw, 4);
  EXPECT_EQ(sequences_, Numbers(0, 10));
  gateway_.Fin();
  ASSERT_TRUE(UntilEnd());
}

// The last record throws and the end has been read already: it must still be told.
TEST_P(Reentrancy, AThrowingHandlerDoesNotSwallowTheEnd) {
  act_ = [&](std::uint32_t sequence) {
    if (sequence == 4) throw std::runtime_error{"mine"};
  };
  gateway_.Send(Header() + Send(0, 5));
  gateway_.Fin();
  EXPECT_THROW(UntilEnd(), std::runtime_error);
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(sequences_, Numbers(0, 5));
}

TEST_P(Reentrancy, PauseAndThrowHoldsTheRest) {
  act_ = [&](std::uint32_t sequence) {
    if (sequence != 2) return;
    client_->Pause();
    throw std::runtime_error{"mine"};
  };
  gateway_.Send(Header() + Send(0, 5));
  EXPECT_THROW(UntilCount(4), std::runtime_error);
  Settle();
  EXPECT_EQ(sequences_, Numbers(0, 3));
  client_->Resume();
  ASSERT_TRUE(UntilCount(5));
  EXPECT_EQ(sequences_, Numbers(0, 5));
}

// The other handlers.

class OtherHandlers : public test::LiveFixture {};

TEST_F(OtherHandlers, ConnectAgainInsideOnErrorReconnects) {
  const auto client = Make();
  client->OnError([&](const Error& e) {
    errors_.push_back(e);
    if (errors_.size() == 3) return;
    Connect(*client);
    SubscribeTrades(*client);
    client->Start();
  });
  gateway_.on_start = Header() + Trades(0, 2);
  Connect(*client);
  client->Start();
  for (int session = 1; session <= 3; ++session) {
    ASSERT_TRUE(
        Until([&] { return gateway_.accepted == session && gateway_.started; }));
    if (session == 2) {
      gateway_.Rst();
    } else {
      gateway_.Fin();
    }
  }
  ASSERT_TRUE(Until([&] { return errors_.size() == 3; }));
  EXPECT_THAT(sequences_, ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_EQ(gateway_.accepted, 3);
}

TEST_F(OtherHandlers, ConnectAgainAfterARefusedConnectionGoesOn) {
  const int port = gateway_.port();
  gateway_.StopListening();
  const auto client = Make();
  client->OnError([&](const Error& e) {
    errors_.push_back(e);
    if (errors_.size() < 5) client->Connect("127.0.0.1", port);
  });
  client->Connect("127.0.0.1", port);
  ASSERT_TRUE(Until([&] { return errors_.size() == 5; }));
  Settle();
  EXPECT_EQ(errors_.size(), 5U);
}

TEST_F(OtherHandlers, OnErrorMayDestroyTheClient) {
  auto client = Make();
  client->OnError([&](const Error& e) {
    client.reset();
    errors_.push_back(e);
  });
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 3));
  gateway_.Fin();
  ASSERT_TRUE(UntilEnd());
  Settle();
  EXPECT_EQ(sequences_, Numbers(0, 3));
}

TEST_F(OtherHandlers, OnErrorThatThrowsHasBeenTheEnd) {
  const auto client = Make();
  client->OnError([&](const Error& e) {
    errors_.push_back(e);
    throw std::runtime_error{"mine"};
  });
  Stream(*client);
  gateway_.Fin();
  EXPECT_THROW(UntilEnd(), std::runtime_error);
  Settle();
  EXPECT_EQ(errors_.size(), 1U);
  EXPECT_EQ(client->GetState(), LiveClient::State::Disconnected);
  Stream(*client);
}

TEST_F(OtherHandlers, OnStateMayDestroyTheClientInEachState) {
  for (const std::string_view last :
       {"Connecting", "Authenticating", "Ready", "Streaming", "Disconnected"}) {
    auto client = Make();
    gateway_.on_start = Header() + Trades(0, 3);
    bool gone = false;
    client->OnState([&, last](LiveClient::State s) {
      if (ToString(s) != last) return;
      client.reset();
      gone = true;
    });
    // "Connecting" is told from inside Connect.
    SubscribeTrades(*client);
    client->Start();
    Connect(*client);
    ASSERT_TRUE(Until([&] {
      if (client && client->GetState() == LiveClient::State::Streaming) gateway_.Fin();
      return gone;
    })) << last;
    Settle();
  }
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(OtherHandlers, OnStateMayCloseInEachState) {
  for (const std::string_view last : {"Authenticating", "Ready", "Streaming"}) {
    const auto client = Make();
    gateway_.on_start = Header() + Trades(0, 3);
    client->OnState([&, last](LiveClient::State s) {
      if (ToString(s) == last) client->Close();
    });
    SubscribeTrades(*client);
    client->Start();
    Connect(*client);
    const int before = gateway_.accepted;
    ASSERT_TRUE(Until([&] {
      return gateway_.accepted > before && gateway_.peer_closed;
    })) << last;
    EXPECT_EQ(client->GetState(), LiveClient::State::Disconnected);
  }
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_THAT(sequences_, IsEmpty());
}

TEST_F(OtherHandlers, OnMetadataMayPauseCloseAndDestroy) {
  for (const int what : {0, 1, 2}) {
    auto client = Make();
    bool told = false;
    client->OnMetadata([&](const Metadata&) {
      told = true;
      if (what == 0) client->Pause();
      if (what == 1) client->Close();
      if (what == 2) client.reset();
    });
    Stream(*client);
    gateway_.Send(Header() + Trades(0, 3));
    ASSERT_TRUE(Until([&] { return told; }));
    Settle();
    EXPECT_THAT(sequences_, IsEmpty());
    if (what != 0) continue;
    client->Resume();
    ASSERT_TRUE(Until([&] { return sequences_.size() == 3; }));
    sequences_.clear();
  }
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(OtherHandlers, OnMetadataThatThrowsIsNotCalledAgain) {
  const auto client = Make();
  int told = 0;
  client->OnMetadata([&](const Metadata&) {
    ++told;
    throw std::runtime_error{"mine"};
  });
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 3));
  EXPECT_THROW(Until([&] { return sequences_.size() == 3; }), std::runtime_error);
  ASSERT_TRUE(Until([&] { return sequences_.size() == 3; }));
  EXPECT_EQ(told, 1);
}

TEST_F(OtherHandlers, AHandlerMayReplaceItself) {
  const auto client = Make();
  int first = 0;
  client->OnError([&, keep = std::make_shared<int>(7)](const Error&) {
    client->OnError([](const Error&) {});
    first += *keep;  // what it captured lives until it returns
  });
  Stream(*client);
  gateway_.Fin();
  ASSERT_TRUE(Until([&] { return first == 7; }));
}

}  // namespace
}  // namespace dbnloop
