#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "dbnloop/exception.hpp"
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

class Historical : public test::HistoricalFixture {};

std::string Body(std::uint32_t count) {
  return test::Zstd(test::Header() + test::Trades(0, count));
}

TEST_F(Historical, StreamsARangeToItsEnd) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Chunked(
        Body(1000), 100, "X-Warning: [\"degraded\"]\r\nrequest-id: r7\r\n")};
  };
  const auto client = Make(Options(server));
  Metadata metadata;
  client->OnMetadata([&](const Metadata& m) { metadata = m; });
  RequestTrades(*client);
  EXPECT_FALSE(client->IsStreaming());
  client->Start();
  EXPECT_TRUE(client->IsStreaming());
  EXPECT_THAT(server.requests, IsEmpty()) << "nothing happens inside Start";
  ASSERT_TRUE(UntilEnd());
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_EQ(completed_, 1);
  EXPECT_EQ(sequences_, Numbers(0, 1000));
  EXPECT_EQ(metadata.dataset, "GLBX.MDP3");
  EXPECT_THAT(warnings_, ElementsAre("degraded"));
  EXPECT_FALSE(client->IsStreaming());
  EXPECT_GT(client->ReceivedBytes(), 100U);
  ASSERT_EQ(server.requests.size(), 1U);
  const auto& request = server.requests[0];
  EXPECT_THAT(request, HasSubstr("POST /v0/timeseries.get_range HTTP/1.1\r\n"));
  // printf 'db-0123456789abcdefghijklmnopqrs:' | base64
  EXPECT_THAT(request, HasSubstr("Authorization: Basic "
                                 "ZGItMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnM6\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/x-www-form-urlencoded"));
  EXPECT_THAT(request,
              HasSubstr("\r\n\r\ndataset=GLBX.MDP3&symbols=ESM5&schema=trades&start=0"
                        "&end=3600000000000&encoding=dbn&compression=zstd"
                        "&stype_in=raw_symbol&stype_out=instrument_id"));
}

TEST_F(Historical, GivesTheSameRecordsWhereverTheBodyIsCut) {
  const auto body = Body(20);
  for (std::size_t cut = 0; cut <= body.size(); cut += 7) {
    ScriptedHttpServer server{&reactor_};
    server.answer = [&](const std::string&) {
      return HttpAnswer{ScriptedHttpServer::Chunked(body, cut + 1), Then::Keep,
                        cut % 2 == 0 ? 0 : cut};
    };
    const auto client = Make(Options(server));
    sequences_.clear();
    completed_ = 0;
    RequestTrades(*client);
    client->Start();
    ASSERT_TRUE(UntilEnd());
    ASSERT_THAT(errors_, IsEmpty()) << errors_[0].message;
    EXPECT_EQ(sequences_, Numbers(0, 20)) << cut;
  }
}

TEST_F(Historical, SendsAllOfARequest) {
  ScriptedHttpServer server{&reactor_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, Body(1))};
  };
  const auto client = Make(Options(server));
  HistoricalRequest request;
  request.dataset = "XNAS.ITCH";
  for (int i = 0; i < 2000; ++i) request.symbols.push_back("S" + std::to_string(i));
  request.schema = Schema::Mbp10;
  request.start = UnixNanos{5ns};
  request.end = UnixNanos{6ns};
  request.stype_in = SType::Parent;
  request.stype_out = SType::RawSymbol;
  request.limit = 9;
  client->Request(request);
  client->Start();
  ASSERT_TRUE(UntilEnd());
  EXPECT_THAT(server.requests[0],
              HasSubstr("%2CS1999&schema=mbp-10&start=5&end=6&encoding"));
  EXPECT_THAT(server.requests[0],
              HasSubstr("stype_in=parent&stype_out=raw_symbol&limit=9"));
  request.symbols.emplace_back("one too many");
  EXPECT_THROW(client->Request(request), Exception);
}

TEST_F(Historical, RefusesMisuse) {
  ScriptedHttpServer server{&reactor_};
  server.answer = [](const std::string&) { return HttpAnswer{}; };
  const auto client = Make(Options(server));
  const auto code = [](auto&& f) {
    try {
      f();
    } catch (const Exception& e) {
      return e.error().code;
    }
    return ErrorCode::None;
  };
  EXPECT_EQ(code([&] { client->Start(); }), ErrorCode::InvalidState);
  const auto t = UnixNanos{1h};
  EXPECT_EQ(code([&] { client->Request("G X", "A", Schema::Mbo, {}, t); }),
            ErrorCode::InvalidDataset);
  EXPECT_EQ(code([&] { client->Request("G", "", Schema::Mbo, {}, t); }),
            ErrorCode::InvalidSymbol);
  EXPECT_EQ(code([&] { client->Request("G", "A", Schema{99}, {}, t); }),
            ErrorCode::InvalidSchema);
  EXPECT_EQ(code([&] { client->Request("G", "A", Schema::Mbo, t, t); }),
            ErrorCode::InvalidArgument);
  HistoricalRequest ids{.dataset = "G", .symbols = {"ESZ6"}, .end = t};
  ids.stype_in = SType::InstrumentId;
  EXPECT_EQ(code([&] { client->Request(ids); }), ErrorCode::InvalidSymbol);
  HistoricalRequest many{.dataset = "G", .symbols = {}, .end = t};
  for (int i = 0; i < 2000; ++i) many.symbols.push_back("S" + std::to_string(i));
  EXPECT_EQ(code([&] { client->Request(many); }), ErrorCode::None);
  many.symbols.emplace_back("one more");
  EXPECT_EQ(code([&] { client->Request(many); }), ErrorCode::InvalidArgument);
  RequestTrades(*client);
  client->Start();
  EXPECT_EQ(code([&] { client->Start(); }), ErrorCode::InvalidState);
  EXPECT_EQ(code([&] { RequestTrades(*client); }), ErrorCode::InvalidState);
  for (const auto* url : {"", "hist", "ftp://h", "https://u:p@h", "https://h/v0"}) {
    auto options = Options(server);
    options.url = url;
    EXPECT_EQ(code([&] { Make(options); }), ErrorCode::InvalidArgument) << url;
  }
  auto options = Options(server);
  options.url = "https://h";
  options.ca_file = "/nowhere.pem";
  try {
    Make(options);
    FAIL() << "there is no such file";
  } catch (const Exception& e) {
    EXPECT_EQ(e.error().code, ErrorCode::CertificateError);
    EXPECT_THAT(e.what(), HasSubstr("/nowhere.pem: No such file or directory"));
  }
  options.ca_file.clear();
  for (const auto& dir : {std::string{"/nowhere"}, folder_.Path("ca.pem")}) {
    options.ca_dir = dir;
    EXPECT_EQ(code([&] { Make(options); }), ErrorCode::CertificateError) << dir;
  }
  EXPECT_EQ(code([&] { HistoricalClient{&reactor_, "short"}; }),
            ErrorCode::InvalidApiKey);
}

// ---- Back pressure ------------------------------------------------------------------

TEST_F(Historical, APauseHoldsEverythingAndLosesNothing) {
  constexpr std::uint32_t kCount = 400'000;  // 19 MB of records
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Chunked(Body(kCount), 9000)};
  };
  auto options = Options(server);
  options.buffer_size = 16 * 1024;
  const auto client = Make(options);
  int pauses = 0;
  client->OnRecord([&](const TradeMsg& m) {
    ASSERT_FALSE(client->IsPaused());
    sequences_.push_back(m.sequence);
    if (m.sequence % 20'000 == 3) {
      client->Pause();
      ++pauses;
    }
  });
  RequestTrades(*client);
  client->Start();
  while (completed_ == 0) {
    ASSERT_TRUE(Until(
        [&] { return client->IsPaused() || completed_ != 0 || !errors_.empty(); }));
    ASSERT_THAT(errors_, IsEmpty());
    const auto held = sequences_.size();
    Settle();
    EXPECT_EQ(sequences_.size(), held);
    if (!client->IsPaused()) continue;
    client->Resume();
    EXPECT_EQ(sequences_.size(), held) << "nothing is delivered inside Resume";
  }
  EXPECT_EQ(pauses, 20);
  EXPECT_EQ(sequences_, Numbers(0, kCount));
}

TEST_F(Historical, APauseBeforeTheStartWaits) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, Body(3)), Then::Close};
  };
  const auto client = Make(Options(server));
  RequestTrades(*client);
  client->Pause();
  client->Start();
  ASSERT_TRUE(Until([&] { return !server.requests.empty(); }));
  Settle();
  EXPECT_THAT(sequences_, IsEmpty());
  client->Resume();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(sequences_, Numbers(0, 3));
  EXPECT_EQ(completed_, 1);
}

TEST_F(Historical, APauseInTheLastRecordHoldsTheEnd) {
  ScriptedHttpServer server{&reactor_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, Body(3)), Then::Close};
  };
  const auto client = Make(Options(server));
  client->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence == 2) client->Pause();
  });
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(Until([&] { return client->IsPaused(); }));
  Settle();
  EXPECT_EQ(completed_, 0);
  client->Resume();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(completed_, 1);
}

TEST_F(Historical, AFewBytesThatAreMuchLeaveOthersTheirTurn) {
  ScriptedHttpServer server{&reactor_};
  std::string same;
  const auto one = test::WireBytes(test::Trade(1));
  for (int i = 0; i < 500'000; ++i) same += one;
  server.answer = [&](const std::string&) {
    return HttpAnswer{
        ScriptedHttpServer::Response(200, test::Zstd(test::Header() + same))};
  };
  const auto client = Make(Options(server));
  std::size_t count = 0;
  client->OnRecord([&](const TradeMsg&) { ++count; });
  std::vector<std::size_t> at;
  std::function<void()> tick = [&] {
    at.push_back(count);
    if (completed_ == 0) reactor_.Post([&] { tick(); });
  };
  RequestTrades(*client);
  client->Start();
  tick();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(count, 500'000U);
  std::size_t largest = 0;
  for (std::size_t i = 1; i < at.size(); ++i)
    largest = std::max(largest, at[i] - at[i - 1]);
  EXPECT_LT(largest * sizeof(TradeMsg), 4U * 1024 * 1024) << "of one turn";
}

// ---- Ends ---------------------------------------------------------------------------

TEST_F(Historical, StopEndsAtOnceAndTheClientCanBeUsedAgain) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Chunked(Body(1000), 50)};
  };
  const auto client = Make(Options(server));
  client->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence == 9) client->Stop();
  });
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(sequences_, Numbers(0, 10));
  EXPECT_EQ(errors_[0].code, ErrorCode::Cancelled);
  Settle();
  EXPECT_EQ(server.open(), 0U) << "the connection is gone";
  errors_.clear();
  sequences_.clear();
  client->OnRecord([&](const TradeMsg& m) { sequences_.push_back(m.sequence); });
  client->Start();
  ASSERT_TRUE(UntilEnd());
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_EQ(sequences_, Numbers(0, 1000));
}

TEST_F(Historical, ItMayBeDestroyedInEachOfItsHandlers) {
  for (const auto* where : {"metadata", "record", "complete", "error", "warning"}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [&](const std::string&) {
      const bool fail = std::string_view{where} == "error";
      return HttpAnswer{
          fail ? ScriptedHttpServer::Response(500, "x")
               : ScriptedHttpServer::Response(200, Body(100), "X-Warning: w\r\n")};
    };
    auto client = Make(Options(server));
    std::string gone;
    const auto destroy = [&](const char* name) {
      if (std::string_view{where} != name) return;
      gone = name;
      client.reset();
    };
    client->OnMetadata([&](const Metadata&) { destroy("metadata"); });
    client->OnRecord([&](const TradeMsg&) { destroy("record"); });
    client->OnComplete([&] { destroy("complete"); });
    client->OnError([&](const Error&) { destroy("error"); });
    client->OnWarning([&](const std::string&) { destroy("warning"); });
    RequestTrades(*client);
    client->Start();
    ASSERT_TRUE(Until([&] { return !gone.empty(); })) << where;
    Settle();
    EXPECT_EQ(gone, where);
    EXPECT_EQ(server.open(), 0U) << where;
  }
}

TEST_F(Historical, ItsEndsMayThrow) {
  ScriptedHttpServer server{&reactor_, &good_};
  int status = 200;
  server.answer = [&](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(status, Body(100))};
  };
  const auto client = Make(Options(server));
  client->OnComplete([] { throw std::runtime_error{"complete"}; });
  client->OnError([](const Error&) { throw std::runtime_error{"error"}; });
  RequestTrades(*client);
  for (const auto* end : {"complete", "error", "complete"}) {
    status = end == std::string_view{"error"} ? 500 : 200;
    client->Start();
    try {
      Until([] { return false; });
      FAIL();
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(e.what(), std::string_view{end});
    }
    EXPECT_FALSE(client->IsStreaming());
  }
  EXPECT_EQ(sequences_.size(), 200U);
}

TEST_F(Historical, AWarningMayEndTheStreamThrowOrStartAnother) {
  for (const auto* act : {"stop", "throw", "start"}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [&](const std::string&) {
      const bool first = server.requests.size() == 1;
      return HttpAnswer{
          first ? ScriptedHttpServer::Response(422, "{\"detail\":\"no\"}",
                                               "X-Warning: [\"one\", \"two\"]\r\n")
                : ScriptedHttpServer::Response(200, Body(100))};
    };
    const auto client = Make(Options(server));
    warnings_.clear();
    errors_.clear();
    sequences_.clear();
    completed_ = 0;
    client->OnWarning([&](const std::string& text) {
      warnings_.push_back(text);
      const std::string_view what{act};
      if (what != "throw") client->Stop();
      if (what == "start") client->Start();
      if (what == "throw") throw std::runtime_error{"on purpose"};
    });
    RequestTrades(*client);
    client->Start();
    try {
      ASSERT_TRUE(UntilEnd());
    } catch (const std::runtime_error&) {
      ASSERT_TRUE(UntilEnd());
    }
    EXPECT_THAT(warnings_, ElementsAre("one")) << act;
    if (act == std::string_view{"start"}) {
      EXPECT_EQ(sequences_, Numbers(0, 100));
      EXPECT_THAT(errors_, IsEmpty());
      continue;
    }
    ASSERT_EQ(errors_.size(), 1U);
    EXPECT_EQ(errors_[0].code, act == std::string_view{"stop"} ? ErrorCode::Cancelled
                                                               : ErrorCode::HttpError)
        << errors_[0].message;
  }
}

TEST_F(Historical, AThrowingHandlerLosesNothing) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Chunked(Body(300), 70)};
  };
  const auto client = Make(Options(server));
  client->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence % 50 == 0) throw std::runtime_error{"handler"};
  });
  RequestTrades(*client);
  client->Start();
  int threw = 0;
  while (completed_ == 0 && errors_.empty()) {
    try {
      ASSERT_TRUE(UntilEnd());
    } catch (const std::runtime_error&) {
      ++threw;
    }
  }
  EXPECT_EQ(threw, 6);
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_EQ(sequences_, Numbers(0, 300));
}

// ---- Side by side -------------------------------------------------------------------

TEST_F(Historical, TenStreamsOnOneReactorAreInterleaved) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Chunked(Body(100'000), 500), Then::Keep,
                      3000};
  };
  std::vector<std::unique_ptr<HistoricalClient>> clients;
  std::vector<int> order;
  std::vector<std::size_t> counts(10);
  for (int i = 0; i < 10; ++i) {
    clients.push_back(Make(Options(server)));
    clients.back()->OnRecord([&, i](const TradeMsg&) {
      if (order.empty() || order.back() != i) order.push_back(i);
      ++counts[i];
    });
    RequestTrades(*clients.back());
    clients.back()->Start();
  }
  ASSERT_TRUE(Until([&] { return completed_ == 10; }));
  EXPECT_THAT(counts, testing::Each(100'000U));
  EXPECT_GT(order.size(), 30U) << "each came in turn, many times";
}

// ---- Proxy --------------------------------------------------------------------------

// TLS's close_notify would end the parent's stream, and the part is the parent's too.
TEST_F(Historical, AChildOfForkThatDropsItTakesNothingFromTheParent) {
  const auto body = Body(100);
  const auto whole = ScriptedHttpServer::Response(200, body);
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](auto&) { return HttpAnswer{whole.substr(0, whole.size() - 5)}; };
  for (const bool download : {false, true}) {
    auto client = Make(Options(server));
    std::optional<std::expected<DownloadResult, Error>> result;
    std::size_t progress = 0;
    if (download) {
      DownloadRequest request;
      request.url_path = "/v0/file";
      request.path = folder_.Path("file");
      request.resume = false;
      client->Download(
          request, [&](const DownloadProgress& p) { progress = p.bytes; },
          [&](auto r) { result = std::move(r); });
    } else {
      RequestTrades(*client);
      client->Start();
    }
    ASSERT_TRUE(Until([&] {
      return download ? progress != 0 : client->ReceivedBytes() > body.size() - 5;
    }));
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      client.reset();
      ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    server.Send(body.substr(body.size() - 5));
    ASSERT_TRUE(Until([&] { return result || completed_ != 0 || !errors_.empty(); }));
    EXPECT_THAT(errors_, IsEmpty());
    if (download) {
      ASSERT_TRUE(*result) << result->error().message;
      EXPECT_EQ(folder_.Read("file"), body);
    } else {
      EXPECT_EQ(sequences_, Numbers(0, 100));
    }
    completed_ = 0;
  }
}

TEST_F(Historical, AProxyThatRefusesIsSaid) {
  ScriptedHttpServer proxy{&reactor_};
  proxy.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(407, "no")};
  };
  auto options = Options(proxy);
  options.url = "https://hist.example";
  options.proxy = "http://me:s%20cret@127.0.0.1:" + std::to_string(proxy.port());
  const auto client = Make(options);
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(errors_[0].code, ErrorCode::ConnectionFailed);
  EXPECT_THAT(errors_[0].message, HasSubstr("407"));
  EXPECT_THAT(errors_[0].message, Not(HasSubstr("cret")));
  EXPECT_THAT(
      proxy.requests[0],
      HasSubstr("CONNECT hist.example:443 HTTP/1.1\r\nHost: hist.example:443\r\n"
                "Proxy-Authorization: Basic bWU6cyBjcmV0\r\n"));
  EXPECT_THAT(proxy.requests[0], Not(HasSubstr("Authorization: Basic ZGIt")))
      << "the key is not for the proxy";
}

}  // namespace
}  // namespace dbnloop
