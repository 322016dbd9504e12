// Downloads of the files of a job.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "support/download_fixture.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Download;
using test::HttpAnswer;
using test::ScriptedHttpServer;
using test::Sha256;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Then = HttpAnswer::Then;

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

TEST_F(Download, RestartsTheCountOfRetriesAfterProgress) {
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

TEST_F(Download, ACompleteFileInAnswerToARangeRestartsIt) {
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

TEST_F(Download, APartThatDoesNotFitRestartsOnce) {
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
      EXPECT_EQ(folder_.Read("f.part"), part) << "to be resumed";
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
           {"the partial file was deleted",
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
  ASSERT_TRUE(UntilResults(1)) << "the client continues";
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
