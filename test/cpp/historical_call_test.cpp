// Calls and downloads beside the stream.

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "support/historical_fixture.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::HttpAnswer;
using test::ScriptedHttpServer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Then = HttpAnswer::Then;
using Effect = HistoricalClient::Effect;

std::string Sha256(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (const auto byte : digest) {
    constexpr std::string_view kHex = "0123456789abcdef";
    hex += {kHex[byte >> 4U], kHex[byte & 15U]};
  }
  return hex;
}

class HistoricalCall : public test::HistoricalFixture {
 protected:
  auto Note() {
    return [this](HistoricalClient::CallResult result) {
      results_.push_back(std::move(result));
    };
  }
  bool UntilResults(std::size_t n) {
    return Until([=, this] { return results_.size() >= n; });
  }

  std::vector<HistoricalClient::CallResult> results_;
};

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
    std::chrono::milliseconds jitter{};  // at most
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
           {"failed inside", status(500), 1, true, 2, 1s, 500ms},
           {"failed inside, of a bill", status(500), 1, false, 1, 0s},
           {"broken", {"", Then::Close}, 1, true, 2, 1s, 500ms},
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
      now_ += c.jitter + 2ms;
    }
    ASSERT_TRUE(UntilResults(1)) << c.name;
    Settle();
    EXPECT_EQ(server.requests.size(), c.requests) << c.name;
    EXPECT_FALSE(results_[0]) << c.name;
  }
}

// Clients that failed together must not come back together; but a test knows when.
TEST_F(HistoricalCall, TheWaitBeforeARetryDependsOnWhenTheClientWasMade) {
  const auto wait_of_a_client_made_after = [this](std::chrono::nanoseconds later) {
    now_ += later;
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [](const std::string&) {
      return HttpAnswer{ScriptedHttpServer::Response(500, "")};
    };
    auto options = Options(server);
    options.max_retries = 1;
    const auto client = Make(options);
    results_.clear();
    client->Get("x", {}, Note());
    EXPECT_TRUE(
        Until([&] { return !server.requests.empty() && server.Unsent() == 0; }));
    Settle();
    auto waited = 0ms;
    while (server.requests.size() == 1 && waited < 2s) {
      now_ += 1ms;
      waited += 1ms;
      Settle();
    }
    EXPECT_TRUE(UntilResults(1));
    return waited;
  };
  std::set<std::chrono::milliseconds> waits;
  for (int i = 0; i < 5; ++i) {
    const auto wait = wait_of_a_client_made_after(1ns);
    EXPECT_GE(wait, 1s);
    EXPECT_LE(wait, 1501ms);
    waits.insert(wait);
  }
  EXPECT_GT(waits.size(), 1U);
}

// ---- Connections that the server closes just as they are used again -----------------

class StaleConnection : public HistoricalCall {
 protected:
  // A server whose kept connections end, without a word, with the next request on them.
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

// ---- Downloads ----------------------------------------------------------------------

class Download : public HistoricalCall {
 protected:
  Download() {
    for (int i = 0; i < 50'000; ++i) content_ += std::to_string(i * 7919) + ";";
  }
  // Answers a request for a file, with its Range.
  HttpAnswer Serve(const std::string& request) const {
    std::size_t from = 0;
    if (const auto at = request.find("Range: bytes="); at != std::string::npos) {
      from = std::stoul(request.substr(at + 13));
    }
    if (from == 0) return {ScriptedHttpServer::Response(200, content_)};
    const auto total = std::to_string(content_.size());
    return {ScriptedHttpServer::Response(
        206, content_.substr(from),
        "Content-Range: bytes " + std::to_string(from) + "-" +
            std::to_string(content_.size() - 1) + "/" + total + "\r\n")};
  }
  DownloadRequest File() const {
    DownloadRequest request;
    request.url_path = "/v0/batch/download/J/f.dbn.zst";
    request.path = folder_.Path("f");
    request.size = content_.size();
    request.sha256 = Sha256(content_);
    return request;
  }
  void Run(HistoricalClient& client, const DownloadRequest& request) {
    result_.reset();
    client.Download(
        request, [this](const DownloadProgress& p) { progress_.push_back(p); },
        [this](auto r) { result_ = std::move(r); });
    ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  }

  std::string content_;
  std::vector<DownloadProgress> progress_;
  std::optional<std::expected<DownloadResult, Error>> result_;
};

TEST_F(Download, WritesAFile) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string& request) { return Serve(request); };
  const auto client = Make(Options(server));
  Run(*client, File());
  ASSERT_TRUE(*result_) << result_->error().message;
  EXPECT_EQ((*result_)->bytes, content_.size());
  EXPECT_EQ((*result_)->sha256, Sha256(content_));
  EXPECT_EQ(folder_.Read("f"), content_);
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "f"));
  ASSERT_FALSE(progress_.empty());
  EXPECT_EQ(progress_.back().bytes, content_.size());
  EXPECT_EQ(progress_.back().total, content_.size());
  EXPECT_THROW(client->Download(File(), {}, [](auto) {}), Exception) << "it exists";
}

TEST_F(Download, GoesOnWhereverItWasCut) {
  for (const std::size_t cut : {0UL, 1UL, 1000UL, 65'536UL, content_.size() - 1}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [&](const std::string& request) {
      auto answer = Serve(request);
      if (server.requests.size() == 1) {
        const auto head = answer.bytes.size() - content_.size();
        answer.bytes.resize(head + cut);
        answer.then = Then::Truncate;
      }
      return answer;
    };
    const auto client = Make(Options(server));
    auto request = File();
    request.path = folder_.Path("cut" + std::to_string(cut));
    Run(*client, request);
    ASSERT_FALSE(*result_);
    EXPECT_EQ(result_->error().code, ErrorCode::ConnectionClosed);
    EXPECT_THAT(folder_.Names(),
                testing::Not(testing::Contains("cut" + std::to_string(cut))));
    Run(*client, request);
    ASSERT_TRUE(*result_) << cut << ": " << result_->error().message;
    EXPECT_EQ(folder_.Read("cut" + std::to_string(cut)), content_);
    EXPECT_EQ((*result_)->sha256, Sha256(content_));
    if (cut != 0) {
      EXPECT_THAT(server.requests[1],
                  HasSubstr("\r\nRange: bytes=" + std::to_string(cut) + "-\r\n"));
    }
  }
}

TEST_F(Download, RetriesByItselfWhenAllowed) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string& request) {
    auto answer = Serve(request);
    if (server.requests.size() < 4) {
      answer.bytes.resize(answer.bytes.size() - content_.size() / 5);
      answer.then = Then::Reset;
    }
    return answer;
  };
  auto options = Options(server);
  options.max_retries = 5;
  const auto client = Make(options);
  result_.reset();
  client->Download(File(), {}, [this](auto r) { result_ = std::move(r); });
  ASSERT_TRUE(Until([&] {
    now_ += 1s;
    return result_.has_value();
  }));
  ASSERT_TRUE(*result_) << result_->error().message;
  EXPECT_EQ(folder_.Read("f"), content_);
}

TEST_F(Download, CountsRetriesAnewWhenItGotFurther) {
  for (const bool further : {true, false}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [&](const std::string& request) {
      auto answer = Serve(request);
      const auto body = answer.bytes.find("\r\n\r\n") + 4;
      const auto piece = further || server.requests.size() == 1 ? 50'000U : 0U;
      if (answer.bytes.size() > body + piece) {
        answer.bytes.resize(body + piece);
        answer.then = Then::Reset;
      }
      return answer;
    };
    auto options = Options(server);
    options.max_retries = 2;
    // The clock runs on for the sake of the waits between tries.
    options.connect_timeout = options.tls_timeout = options.response_timeout =
        options.idle_timeout = 0ms;
    const auto client = Make(options);
    auto request = File();
    request.path = folder_.Path(further ? "further" : "stuck");
    result_.reset();
    client->Download(request, {}, [this](auto r) { result_ = std::move(r); });
    ASSERT_TRUE(Until([&] {
      now_ += 1s;
      return result_.has_value();
    }));
    EXPECT_EQ(result_->has_value(), further);
    if (further) {
      EXPECT_GT(server.requests.size(), 5U);
    } else {
      EXPECT_EQ(server.requests.size(), 3U);
    }
  }
}

TEST_F(Download, AWholeFileInAnswerToARangeBeginsAnew) {
  folder_.Write("f.part", content_.substr(0, 500));
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, content_)};
  };
  const auto client = Make(Options(server));
  Run(*client, File());
  ASSERT_TRUE(*result_);
  EXPECT_THAT(server.requests[0], HasSubstr("Range: bytes=500-"));
  EXPECT_EQ(folder_.Read("f"), content_);
}

// The server has no byte at or behind the part's end (RFC 9110, 15.5.17).
TEST_F(Download, APartThatIsTheWholeFileIsNotAskedForAgain) {
  for (const bool hash : {true, false}) {
    folder_.Write("f.part", content_);
    ScriptedHttpServer server{&reactor_};
    server.answer = [&](const std::string&) {
      return HttpAnswer{ScriptedHttpServer::Response(
          416, "{}",
          "Content-Range: bytes */" + std::to_string(content_.size()) + "\r\n")};
    };
    const auto client = Make(Options(server));
    auto request = File();
    request.size.reset();
    request.overwrite = true;
    if (!hash) request.sha256.clear();
    Run(*client, request);
    ASSERT_TRUE(*result_) << result_->error().message;
    EXPECT_EQ((*result_)->bytes, content_.size());
    EXPECT_EQ((*result_)->sha256, Sha256(content_));
    EXPECT_EQ(folder_.Read("f"), content_);
    EXPECT_THAT(server.requests, testing::SizeIs(1));
  }
}

TEST_F(Download, APartThatIsNoneBeginsAnewOnce) {
  const auto length = [](std::size_t n) {
    return "Content-Range: bytes */" + std::to_string(n) + "\r\n";
  };
  for (const auto& headers : {std::string{}, length(content_.size()),
                              std::string{"Content-Range: bytes */*\r\n"}}) {
    for (const bool serves : {true, false}) {
      std::filesystem::remove(folder_.Path("f"));
      folder_.Write("f.part", content_ + "of another file");
      ScriptedHttpServer server{&reactor_};
      server.answer = [&](const std::string& request) {
        return serves && request.find("Range: ") == std::string::npos
                   ? Serve(request)
                   : HttpAnswer{ScriptedHttpServer::Response(416, "{}", headers)};
      };
      const auto client = Make(Options(server));
      auto request = File();
      request.size.reset();
      Run(*client, request);
      ASSERT_EQ(server.requests.size(), 2U);
      EXPECT_THAT(server.requests[0], HasSubstr("\r\nRange: "));
      EXPECT_THAT(server.requests[1], Not(HasSubstr("\r\nRange: ")));
      ASSERT_EQ(result_->has_value(), serves);
      if (serves) {
        EXPECT_EQ(folder_.Read("f"), content_);
      } else {
        EXPECT_THAT(result_->error().message, HasSubstr("HTTP status 416"));
      }
    }
  }
}

TEST_F(Download, AWholePartOfAnotherFileIsThrownAway) {
  folder_.Write("f.part", std::string(content_.size(), 'x'));
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string& request) {
    if (request.find("Range: ") == std::string::npos) return Serve(request);
    return HttpAnswer{ScriptedHttpServer::Response(
        416, "{}",
        "Content-Range: bytes */" + std::to_string(content_.size()) + "\r\n")};
  };
  const auto client = Make(Options(server));
  auto request = File();
  request.size.reset();
  Run(*client, request);
  ASSERT_FALSE(*result_);
  EXPECT_EQ(result_->error().code, ErrorCode::ChecksumMismatch);
  EXPECT_THAT(result_->error().message, HasSubstr("was deleted"));
  Run(*client, request);
  EXPECT_TRUE(*result_);
}

TEST_F(Download, APartIsReadInTurns) {
  constexpr int kMiB = 8;
  content_ = std::string(kMiB << 20, 'x') + "end";
  folder_.Write("f.part", content_.substr(0, kMiB << 20));
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string& request) { return Serve(request); };
  const auto client = Make(Options(server));
  client->Download(File(), {}, [this](auto r) { result_ = std::move(r); });
  int turns = 0;
  while (server.accepted == 0 && turns < 100) {
    reactor_.Poll(0);
    ++turns;
  }
  EXPECT_GE(turns, kMiB) << "a MiB a turn, then it asks";
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_TRUE(*result_) << result_->error().message;
  EXPECT_THAT(server.requests[0], HasSubstr("\r\nRange: "));
}

TEST_F(Download, MayEndWhileItsPartIsRead) {
  const std::string part(4 << 20, 'x');
  ScriptedHttpServer server{&reactor_};
  for (const bool destroyed : {true, false}) {
    for (const int turns : {0, 1, 3}) {
      folder_.Write("f.part", part);
      auto client = Make(Options(server));
      const auto id = client->Download(File(), {}, [](auto) { FAIL(); });
      for (int i = 0; i < turns; ++i) reactor_.Poll(0);
      if (destroyed) {
        client.reset();
      } else {
        EXPECT_TRUE(client->Cancel(id));
      }
      for (int i = 0; i < 20; ++i) reactor_.Poll(0);
      EXPECT_EQ(server.accepted, 0);
      EXPECT_EQ(folder_.Read("f.part"), part) << "to be gone on with";
    }
  }
}

TEST_F(Download, RefusesWhatIsNotTheFile) {
  struct Case {
    const char* words;
    std::function<HttpAnswer(const std::string&)> answer;
  };
  const auto other = std::string(content_.size(), 'x');
  for (const auto& c : std::vector<Case>{
           {"it was deleted",
            [&](auto&) {
              return HttpAnswer{ScriptedHttpServer::Response(200, other)};
            }},
           {"bytes, not ",
            [&](auto&) {
              return HttpAnswer{ScriptedHttpServer::Response(200, "short")};
            }},
           {"another part of the file",
            [&](auto&) {
              return HttpAnswer{ScriptedHttpServer::Response(
                  206, "x", "Content-Range: bytes 7-7/9\r\n")};
            }},
           {"HTTP status 404",
            [&](auto&) { return HttpAnswer{ScriptedHttpServer::Response(404, "no")}; }},
           {"more than the file's", [&](auto&) {
              return HttpAnswer{ScriptedHttpServer::Chunked(content_ + "more", 60'000)};
            }}}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = c.answer;
    const auto client = Make(Options(server));
    Run(*client, File());
    ASSERT_FALSE(*result_);
    EXPECT_THAT(result_->error().message, HasSubstr(c.words));
    EXPECT_THAT(folder_.Names(), testing::Not(testing::Contains("f")));
    std::remove(folder_.Path("f.part").c_str());
  }
}

DownloadRequest RangeInto(const std::string& path) {
  DownloadRequest request;
  request.range.dataset = "GLBX.MDP3";
  request.range.symbols = {"ES"};
  request.range.end = Timestamp{1ns};
  request.path = path;
  return request;
}

// A server of one range, which cuts off its last bytes while `cut` says so.
class RangeDownload : public Download {
 protected:
  RangeDownload() {
    server_.answer = [this](const std::string&) {
      auto bytes = ScriptedHttpServer::Response(200, body_);
      if (cut_) bytes.resize(bytes.size() - 10);
      return HttpAnswer{bytes, Then::Close};
    };
  }

  const std::string body_ = test::Zstd(test::Header() + test::Trades(0, 100));
  const std::string came_ = body_.substr(0, body_.size() - 10);
  bool cut_ = true;
  ScriptedHttpServer server_{&reactor_, &good_};
};

TEST_F(RangeDownload, BecomesAFileAndAPartOfItStaysAPart) {
  const auto client = Make(Options(server_));
  auto request = RangeInto(folder_.Path("range.dbn.zst"));
  Run(*client, request);
  ASSERT_FALSE(*result_);
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "range.dbn.zst.part"));
  EXPECT_EQ(folder_.Read("range.dbn.zst.part"), came_) << "it was paid for";
  EXPECT_THAT(result_->error().message,
              HasSubstr("; " + std::to_string(came_.size()) + " bytes are kept in " +
                        folder_.Path("range.dbn.zst.part")));
  cut_ = false;
  Run(*client, request);
  ASSERT_TRUE(*result_);
  EXPECT_THAT(server_.requests[1], Not(HasSubstr("Range: "))) << "it is not resumed";
  EXPECT_THAT(folder_.Names(),
              ElementsAre("ca.pem", "range.dbn.zst", "range.dbn.zst.part"));
  EXPECT_EQ(folder_.Read("range.dbn.zst"), body_);
  EXPECT_EQ(folder_.Read("range.dbn.zst.part"), came_) << "it was paid for, too";
  EXPECT_EQ((*result_)->sha256, Sha256(body_));
  request.overwrite = true;
  Run(*client, request);
  EXPECT_TRUE(*result_);
}

TEST_F(RangeDownload, ReplacesNoFileThatIsNamedLikeItsPart) {
  folder_.Write("r.part", "a stranger's");
  std::filesystem::create_symlink(folder_.Path("nowhere"), folder_.Path("r.part.2"));
  const auto client = Make(Options(server_));
  Run(*client, RangeInto(folder_.Path("r")));
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message,
              HasSubstr("kept in " + folder_.Path("r.part.3")));
  EXPECT_EQ(folder_.Read("r.part"), "a stranger's");
  EXPECT_EQ(folder_.Read("r.part.3"), came_);
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "r.part", "r.part.2", "r.part.3"));
}

TEST_F(RangeDownload, KeepsWhatIsCompleteWhenItsNameIsTaken) {
  cut_ = false;
  const auto client = Make(Options(server_));
  result_.reset();
  client->Download(
      RangeInto(folder_.Path("r")),
      [this](const DownloadProgress&) { folder_.Write("r", "a stranger's"); },
      [this](auto r) { result_ = std::move(r); });
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message,
              AllOf(HasSubstr("is complete"), HasSubstr("File exists"),
                    HasSubstr("kept in " + folder_.Path("r.part"))));
  EXPECT_EQ(folder_.Read("r"), "a stranger's");
  EXPECT_EQ(folder_.Read("r.part"), body_);
}

TEST_F(RangeDownload, IsKeptWhenItIsNotWhatWasExpected) {
  cut_ = false;
  const auto client = Make(Options(server_));
  auto request = RangeInto(folder_.Path("r"));
  request.sha256 = std::string(64, '0');
  Run(*client, request);
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message,
              AllOf(HasSubstr("should have"), Not(HasSubstr("deleted")),
                    HasSubstr("kept in " + folder_.Path("r.part"))));
  EXPECT_EQ(folder_.Read("r.part"), body_) << "it was paid for";
}

TEST_F(RangeDownload, MayHaveItsNameFromTheBeginning) {
  const auto client = Make(Options(server_));
  auto request = RangeInto(folder_.Path("r"));
  request.part = request.path;
  request.overwrite = true;
  Run(*client, request);
  ASSERT_FALSE(*result_);
  EXPECT_EQ(folder_.Read("r"), came_);
  EXPECT_THAT(result_->error().message, Not(HasSubstr("kept in")));
  EXPECT_THROW(Run(*client, request), Exception) << "it holds data";
  EXPECT_EQ(folder_.Read("r"), came_);
  request.part = request.path = folder_.Path("s");
  cut_ = false;
  Run(*client, request);
  ASSERT_TRUE(*result_);
  EXPECT_EQ(folder_.Read("s"), body_);
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "r", "s"));
}

TEST_F(RangeDownload, SaysThatItsPartWasReplaced) {
  cut_ = false;
  const auto client = Make(Options(server_));
  result_.reset();
  client->Download(
      RangeInto(folder_.Path("r")),
      [this](const DownloadProgress&) {
        std::filesystem::remove(folder_.Path("r.part"));
        folder_.Write("r.part", "a stranger's");
      },
      [this](auto r) { result_ = std::move(r); });
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message, HasSubstr("was removed or replaced"));
  EXPECT_EQ(folder_.Read("r.part"), "a stranger's");
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "r.part"));
}

TEST_F(Download, ModesFollowTheUmask) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string& request) { return Serve(request); };
  const auto client = Make(Options(server));
  for (const ::mode_t mask : {022, 077}) {
    auto request = File();
    request.path = folder_.Path("mask-" + std::to_string(mask));
    const auto before = ::umask(mask);
    Run(*client, request);
    ::umask(before);
    struct stat status{};
    ASSERT_EQ(::stat(request.path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0666 & ~mask);
  }
}

TEST_F(Download, MayBeCancelledFromItsProgress) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string& request) { return Serve(request); };
  const auto client = Make(Options(server));
  HistoricalClient::CallId id = 0;
  int calls = 0;
  id = client->Download(
      File(),
      [&](const DownloadProgress&) {
        ++calls;
        client->Cancel(id);
      },
      [this](auto r) { result_ = std::move(r); });
  ASSERT_TRUE(Until([&] { return calls != 0; }));
  Settle();
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(result_);
  EXPECT_EQ(server.open(), 0U);
}

TEST_F(Download, RefusesMisuse) {
  ScriptedHttpServer server{&reactor_, &good_};
  const auto client = Make(Options(server));
  auto request = File();
  request.url_path = "https://elsewhere/f";
  EXPECT_THROW(client->Download(request, {}, [](auto) {}), Exception);
  folder_.Write("f.part", "it is read before anything is sent");
  request.url_path = "/a b";
  EXPECT_THROW(client->Download(request, {}, [](auto) {}), Exception);
  request = File();
  request.path = folder_.Path("no/such/folder");
  EXPECT_THROW(client->Download(request, {}, [](auto) {}), Exception);
  request.path = folder_.Path(".");
  request.overwrite = true;
  EXPECT_THROW(client->Download(request, {}, [](auto) {}), Exception);
  EXPECT_THROW(client->Download(File(), {}, nullptr), Exception) << "no handler";
  EXPECT_THROW(client->Get("x", {}, nullptr), Exception);
  EXPECT_THROW(HistoricalApi{client.get()}.ListPublishers(nullptr), Exception);
}

TEST_F(Download, HandlersMayThrow) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string& request) { return Serve(request); };
  const auto client = Make(Options(server));
  int thrown = 0;
  int ended = 0;
  const auto fail = [] { throw std::runtime_error{"on purpose"}; };
  client->Get("x", {}, [&](auto) {
    ++ended;
    fail();
  });
  bool first = true;
  client->Download(
      File(),
      [&](const DownloadProgress&) {
        if (std::exchange(first, false)) fail();
      },
      [&](auto r) {
        ++ended;
        EXPECT_TRUE(r);
        fail();
      });
  while (thrown < 3) {
    try {
      ASSERT_TRUE(Until([&] { return ended == 2; }));
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(folder_.Read("f"), content_);
  client->Get("x", {}, Note());
  ASSERT_TRUE(UntilResults(1)) << "the client goes on";
}

TEST_F(Download, OnlyOneWritesAPart) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) { return HttpAnswer{}; };
  const auto client = Make(Options(server));
  const auto id = client->Download(File(), {}, [](auto) { FAIL(); });
  try {
    client->Download(File(), {}, [](auto) { FAIL(); });
    FAIL() << "the second one began";
  } catch (const Exception& e) {
    EXPECT_EQ(e.error().code, ErrorCode::InvalidState);
    EXPECT_THAT(e.what(), HasSubstr("another download"));
  }
  EXPECT_TRUE(client->Cancel(id));
  server.answer = [&](const std::string& request) { return Serve(request); };
  Run(*client, File());
  EXPECT_TRUE(*result_);
}

TEST_F(Download, TheHashMayBeInCapitals) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string& request) { return Serve(request); };
  const auto client = Make(Options(server));
  auto request = File();
  std::ranges::transform(request.sha256, request.sha256.begin(),
                         [](unsigned char c) { return std::toupper(c); });
  Run(*client, request);
  EXPECT_TRUE(*result_) << result_->error().message;
}

}  // namespace
}  // namespace dbnloop
