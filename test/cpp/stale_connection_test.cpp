// Kept connections that the server closes just as they are used again.

#include <gmock/gmock.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "support/historical_call.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::HistoricalCall;
using test::HttpAnswer;
using test::ScriptedHttpServer;
using testing::HasSubstr;
using Then = HttpAnswer::Then;
using Effect = HistoricalClient::Effect;

class StaleConnection : public HistoricalCall {
 protected:
  // A server whose kept connections end silently with the next request on them.
  struct Server : ScriptedHttpServer {
    Server(Reactor* reactor, const test::Identity* identity, Then then)
        : ScriptedHttpServer{reactor, identity} {
      answer = [this, then](const std::string&) {
        const bool again = std::exchange(served, accepted) == accepted;
        return again || !answers_fresh ? HttpAnswer{"", then}
                                       : HttpAnswer{Response(200, "[]")};
      };
    }
    int served = 0;  // the connections that were answered once
    bool answers_fresh = true;
  };
  template <typename F>
  void ForEachEnd(F&& test) {
    for (const auto* identity : {static_cast<const test::Identity*>(nullptr),
                                 static_cast<const test::Identity*>(&good_)}) {
      for (const auto then : {Then::Close, Then::Truncate, Then::Reset}) {
        Server server{&reactor_, identity, then};
        const auto client = Make(Options(server));  // without retries
        results_.clear();
        client->Get("first", {}, Note());
        ASSERT_TRUE(UntilResults(1));
        ASSERT_TRUE(results_[0]);
        test(server, *client);
      }
    }
  }
};

TEST_F(StaleConnection, WhatReadsIsSentOnceMore) {
  ForEachEnd([this](Server& server, HistoricalClient& client) {
    client.Get("x", {}, Note());
    ASSERT_TRUE(UntilResults(2));
    ASSERT_TRUE(results_[1]) << results_[1].error().message;
    client.Post("x", {}, Effect::Reads, Note());
    ASSERT_TRUE(UntilResults(3));
    EXPECT_TRUE(results_[2]);
    EXPECT_EQ(server.accepted, 3);
    EXPECT_THAT(server.requests, testing::SizeIs(5));
  });
}

TEST_F(StaleConnection, TheSecondFailureIsTheOneThatIsTold) {
  ForEachEnd([this](Server& server, HistoricalClient& client) {
    server.answers_fresh = false;
    client.Get("x", {}, Note());
    ASSERT_TRUE(UntilResults(2));
    ASSERT_FALSE(results_[1]);
    EXPECT_EQ(results_[1].error().code, ErrorCode::ConnectionClosed);
    EXPECT_EQ(server.accepted, 2) << "a fresh connection that ends is an error";
    EXPECT_THAT(server.requests, testing::SizeIs(3));
  });
}

TEST_F(StaleConnection, TheAnswerToTheSecondIsTheOneThatIsTold) {
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string&) {
    if (server.requests.size() == 1) return HttpAnswer{server.Response(200, "[]")};
    if (server.requests.size() == 2) return HttpAnswer{"", Then::Close};
    return HttpAnswer{server.Response(404, "gone")};
  };
  const auto client = Make(Options(server));
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(1));
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(2));
  ASSERT_FALSE(results_[1]);
  EXPECT_THAT(results_[1].error().message, HasSubstr("HTTP status 404"));
}

TEST_F(StaleConnection, WhatBillsIsNotSentOnceMore) {
  ForEachEnd([this](Server& server, HistoricalClient& client) {
    server.answers_fresh = false;
    client.Post("x", {}, Effect::Bills, Note());
    ASSERT_TRUE(UntilResults(2));
    EXPECT_FALSE(results_[1]);
    EXPECT_EQ(server.accepted, 2) << "on a fresh connection";
    EXPECT_THAT(server.requests, testing::SizeIs(2));
  });
}

TEST_F(StaleConnection, AnAnswerThatBeganIsNotAskedForAgain) {
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string&) {
    if (server.requests.size() == 1) return HttpAnswer{server.Response(200, "[]")};
    return HttpAnswer{"H", Then::Close};
  };
  const auto client = Make(Options(server));
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(1));
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(2));
  EXPECT_FALSE(results_[1]);
  EXPECT_THAT(server.requests, testing::SizeIs(2));
}

TEST_F(StaleConnection, RetriesCountFromTheSecond) {
  Server server{&reactor_, &good_, Then::Close};
  auto options = Options(server);
  options.max_retries = 1;
  const auto client = Make(options);
  client->Get("first", {}, Note());
  ASSERT_TRUE(UntilResults(1));
  server.answers_fresh = false;
  client->Get("x", {}, Note());
  ASSERT_TRUE(Until([&] { return server.requests.size() == 3; }));
  Settle();
  EXPECT_THAT(results_, testing::SizeIs(1)) << "it waits for its retry";
  now_ += 1500ms;
  ASSERT_TRUE(UntilResults(2));
  EXPECT_FALSE(results_[1]);
  EXPECT_THAT(server.requests, testing::SizeIs(4));
}

}  // namespace
}  // namespace dbnloop
