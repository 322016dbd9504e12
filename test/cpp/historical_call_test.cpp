// Calls beside the stream.

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
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Then = HttpAnswer::Then;
using Effect = HistoricalClient::Effect;

TEST_F(HistoricalCall, GetsAndPosts) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string& request) {
    return HttpAnswer{ScriptedHttpServer::Response(
        200, request.starts_with("GET") ? "[1]" : "[2]", "X-Warning: [\"old\"]\r\n")};
  };
  const auto client = Make(Options(server));
  client->Get("metadata.list_schemas", {{"dataset", "GLBX.MDP3"}}, Note());
  EXPECT_THAT(results_, IsEmpty());
  ASSERT_TRUE(UntilResults(1));
  client->Post("metadata.get_cost", {{"a", "b c"}}, Effect::Reads, Note());
  ASSERT_TRUE(UntilResults(2));
  EXPECT_EQ(results_[0], "[1]");
  EXPECT_EQ(results_[1], "[2]");
  EXPECT_THAT(
      server.requests[0],
      HasSubstr("GET /v0/metadata.list_schemas?dataset=GLBX.MDP3 HTTP/1.1\r\n"));
  EXPECT_THAT(server.requests[1], HasSubstr("POST /v0/metadata.get_cost HTTP/1.1\r\n"));
  EXPECT_THAT(server.requests[1], HasSubstr("\r\n\r\na=b+c"));
  EXPECT_EQ(server.accepted, 1) << "the second one used the first one's connection";
  EXPECT_THAT(warnings_, ElementsAre("old", "old"));
}

TEST_F(HistoricalCall, RefusesABodyThatIsTooLongBeforeItComes) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{"HTTP/1.1 200 OK\r\nContent-Length: 268435457\r\n\r\n["};
  };
  const auto client = Make(Options(server));
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(1));
  ASSERT_FALSE(results_[0]);
  EXPECT_EQ(results_[0].error().code, ErrorCode::LimitExceeded);
  EXPECT_THAT(results_[0].error().message, HasSubstr("longer than 268435456 bytes"));
}

TEST_F(HistoricalCall, DoesNotUseAConnectionThatTheServerClosed) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, "[]"), Then::Close};
  };
  const auto client = Make(Options(server));
  for (std::size_t i = 1; i <= 3; ++i) {
    client->Get("x", {}, Note());
    ASSERT_TRUE(UntilResults(i));
    EXPECT_EQ(results_.back(), "[]");
  }
  EXPECT_EQ(server.accepted, 3);
}

TEST_F(HistoricalCall, ManyAtOnce) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string& request) {
    const auto from = request.find("n=") + 2;
    return HttpAnswer{ScriptedHttpServer::Response(
        200, request.substr(from, request.find(' ', from) - from))};
  };
  const auto client = Make(Options(server));
  std::vector<std::string> got(50);
  for (int i = 0; i < 50; ++i) {
    client->Get("x", {{"n", std::to_string(i)}}, [&got, i](auto r) { got[i] = *r; });
  }
  ASSERT_TRUE(Until([&] { return std::ranges::none_of(got, &std::string::empty); }));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(got[i], std::to_string(i));
}

TEST_F(HistoricalCall, TellsAFailure) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{
        ScriptedHttpServer::Response(422, R"({"detail":{"case":"c","message":"m"}})")};
  };
  const auto client = Make(Options(server));
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(1));
  ASSERT_FALSE(results_[0]);
  EXPECT_EQ(results_[0].error().http->status, 422);
  EXPECT_EQ(results_[0].error().http->error_case, "c");
}

TEST_F(HistoricalCall, IsCancelledWithoutAWord) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) { return HttpAnswer{}; };
  const auto client = Make(Options(server));
  const auto id = client->Get("x", {}, Note());
  ASSERT_TRUE(Until([&] { return !server.requests.empty(); }));
  EXPECT_TRUE(client->Cancel(id));
  EXPECT_FALSE(client->Cancel(id));
  Settle();
  EXPECT_EQ(server.open(), 0U);
  EXPECT_THAT(results_, IsEmpty());
}

TEST_F(HistoricalCall, TheClientMayBeDestroyedInAHandler) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, "[]")};
  };
  auto client = Make(Options(server));
  client->Get("x", {}, [&](auto) { client.reset(); });
  client->Get("y", {}, Note());
  ASSERT_TRUE(Until([&] { return client == nullptr; }));
  Settle();
  EXPECT_LE(results_.size(), 1U);
}

TEST_F(HistoricalCall, GoesThroughAPlainProxy) {
  ScriptedHttpServer proxy{&reactor_};
  proxy.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, "[]")};
  };
  auto options = Options(proxy);
  options.url = "http://hist.example:8080";
  options.proxy = "http://me:s%20cret@127.0.0.1:" + std::to_string(proxy.port());
  const auto client = Make(options);
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0], "[]");
  EXPECT_THAT(proxy.requests[0],
              HasSubstr("GET http://hist.example:8080/v0/x HTTP/1.1\r\n"
                        "Host: hist.example:8080\r\n"));
  EXPECT_THAT(proxy.requests[0],
              HasSubstr("\r\nProxy-Authorization: Basic bWU6cyBjcmV0\r\n"));
}

// ---- Warnings -----------------------------------------------------------------------

TEST_F(HistoricalCall, AWarningMayEndWhatItIsAbout) {
  for (const auto* act : {"destroy", "cancel", "throw"}) {
    for (const int status : {200, 422}) {
      ScriptedHttpServer server{&reactor_, &good_};
      server.answer = [&](const std::string&) {
        return HttpAnswer{ScriptedHttpServer::Response(
            status, "[]", "X-Warning: [\"one\", \"two\"]\r\n")};
      };
      auto client = Make(Options(server));
      HistoricalClient::CallId id = 0;
      client->OnWarning([&](const std::string& text) {
        warnings_.push_back(text);
        if (act == std::string_view{"destroy"}) client.reset();
        if (act == std::string_view{"cancel"}) client->Cancel(id);
        if (act == std::string_view{"throw"}) throw std::runtime_error{"on purpose"};
      });
      results_.clear();
      warnings_.clear();
      id = client->Get("x", {}, Note());
      bool thrown = false;
      const auto told = [&] { return !warnings_.empty(); };
      try {
        ASSERT_TRUE(Until(told));
      } catch (const std::runtime_error&) {
        thrown = true;
        ASSERT_TRUE(UntilResults(1));
      }
      Settle();
      EXPECT_THAT(warnings_, ElementsAre("one"));
      ASSERT_EQ(results_.size(), thrown ? 1U : 0U) << act;
      if (thrown) {
        EXPECT_EQ(results_[0].has_value(), status == 200);
      }
    }
  }
}

TEST_F(HistoricalCall, AWarningNeverHoldsTheKey) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string& request) {
    const auto at = request.find("Basic ");
    return HttpAnswer{ScriptedHttpServer::Response(
        200, "{}",
        "X-Warning: who sends " + std::string{test::kKey} + " as " +
            request.substr(at, request.find("\r\n", at) - at) + "?\r\n")};
  };
  const auto client = Make(Options(server));
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(1));
  EXPECT_THAT(warnings_, ElementsAre("who sends [key] as Basic [key]?"));
}

// ---- Retries ------------------------------------------------------------------------

TEST_F(HistoricalCall, TriesAgainOnlyWhatIsSafeAndAllowed) {
  struct Case {
    const char* name;
    HttpAnswer answer;
    int max_retries;
    bool reads;
    std::size_t requests;  // in all
    std::chrono::seconds wait;
  };
  const auto status = [](int code, const std::string& headers = {}) {
    return HttpAnswer{ScriptedHttpServer::Response(code, "", headers)};
  };
  for (const auto& c : std::vector<Case>{
           {"not allowed", status(503), 0, true, 1, 0s},
           {"busy, after Retry-After", status(429, "Retry-After: 7\r\n"), 1, true, 2,
            7s},
           {"busy, of a bill", status(503, "Retry-After: 3\r\n"), 1, false, 2, 3s},
           {"busy until a moment",
            status(503,
                   "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\n"
                   "Retry-After: Wed, 21 Oct 2026 07:28:09 GMT\r\n"),
            1, true, 2, 9s},
           {"busy for very long", status(429, "Retry-After: 301\r\n"), 1, true, 1, 0s},
           {"gone, who knows where, of a bill", status(503), 1, false, 1, 0s},
           {"failed inside", status(500), 1, true, 2, 1s},
           {"failed inside, of a bill", status(500), 1, false, 1, 0s},
           {"broken", {"", Then::Close}, 1, true, 2, 1s},
           {"broken, of a bill", {"", Then::Close}, 1, false, 1, 0s},
           {"wrong", status(422), 1, true, 1, 0s}}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [&](const std::string&) { return c.answer; };
    auto options = Options(server);
    options.max_retries = c.max_retries;
    const auto client = Make(options);
    results_.clear();
    client->Post("x", {}, c.reads ? Effect::Reads : Effect::Bills, Note());
    ASSERT_TRUE(
        Until([&] { return !server.requests.empty() && server.Unsent() == 0; }));
    Settle();
    if (c.requests == 2) {
      EXPECT_THAT(results_, IsEmpty()) << c.name;
      now_ += c.wait - 1ms;
      Settle();
      EXPECT_EQ(server.requests.size(), 1U) << c.name;
      now_ += 2ms;
    }
    ASSERT_TRUE(UntilResults(1)) << c.name;
    Settle();
    EXPECT_EQ(server.requests.size(), c.requests) << c.name;
    EXPECT_FALSE(results_[0]) << c.name;
  }
}

}  // namespace
}  // namespace dbnloop
