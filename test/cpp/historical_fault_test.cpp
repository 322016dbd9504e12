// Each fault of a server gives its own error, after every whole record before it.

#include <gmock/gmock.h>
#include <openssl/x509.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "support/adversity.hpp"
#include "support/historical_fixture.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::HttpAnswer;
using test::ScriptedHttpServer;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Then = HttpAnswer::Then;

constexpr std::uint32_t kPerFrame = 500;

struct BadAnswer {
  const char* name;
  std::function<HttpAnswer()> answer;
  ErrorCode code;
  const char* words;
  std::uint32_t records = 0;  // that come before it, at least
};

std::ostream& operator<<(std::ostream& out, const BadAnswer& fault) {
  return out << fault.name;
}

std::string Plain() { return test::Header() + test::Trades(0, kPerFrame); }
std::string Ok(const std::string& body) {
  return ScriptedHttpServer::Response(200, body, "request-id: r-42\r\n");
}
// Several frames: what is whole is known to be decodable.
std::string Frames() {
  return test::Zstd(test::Header() + test::Trades(0, kPerFrame)) +
         test::Zstd(test::Trades(kPerFrame, kPerFrame));
}
HttpAnswer Envelope(int status, const std::string& headers = {}) {
  return {ScriptedHttpServer::Response(
      status,
      R"({"detail":{"case":"some_case","message":"some words","docs":"https://d"}})",
      headers)};
}

std::vector<BadAnswer> Faults() {
  const auto frames = Frames();
  const auto first = test::Zstd(test::Header() + test::Trades(0, kPerFrame)).size();
  const auto cut_frames = frames.substr(0, first + 20);
  const auto cut_body = [=](Then then) {
    auto bytes = Ok(frames);
    bytes.resize(bytes.size() - frames.size() + first + 20);
    return HttpAnswer{bytes, then};
  };
  const auto until_close = [=](std::string body, Then then) {
    return HttpAnswer{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body, then};
  };
  auto corrupt = frames;
  corrupt[first] ^= 0x55;  // the second frame's magic
  auto bad_record = Plain();
  bad_record[test::Header().size() + 48 * 7] = 1;  // length: 4 bytes
  const auto huge = std::string(1U << 20U, 'h');

  return {
      {"401", [] { return Envelope(401); }, ErrorCode::AuthFailed,
       "HTTP status 401, some_case: some words"},
      {"402", [] { return Envelope(402); }, ErrorCode::HttpError, "HTTP status 402"},
      {"422", [] { return Envelope(422); }, ErrorCode::HttpError, "see https://d"},
      {"429", [] { return Envelope(429, "Retry-After: 9\r\n"); }, ErrorCode::HttpError,
       "try again in 9 s"},
      {"500, no JSON",
       [] { return HttpAnswer{ScriptedHttpServer::Response(500, "<html>\x01")}; },
       ErrorCode::HttpError, "with the body '<html>?'"},
      {"503", [] { return Envelope(503); }, ErrorCode::HttpError, "HTTP status 503"},
      {"504, empty", [] { return HttpAnswer{ScriptedHttpServer::Response(504, "")}; },
       ErrorCode::HttpError, "HTTP status 504"},
      {"an endless error",
       [=] { return HttpAnswer{ScriptedHttpServer::Response(500, huge)}; },
       ErrorCode::HttpError, "HTTP status 500"},
      {"a redirect",
       [] {
         return HttpAnswer{
             ScriptedHttpServer::Response(301, "", "Location: https://evil\r\n")};
       },
       ErrorCode::HttpError, "not followed"},
      {"the key in its words",
       [] {
         return HttpAnswer{ScriptedHttpServer::Response(
             403, "{\"detail\":\"bad key " + std::string{test::kKey} + "\"}")};
       },
       ErrorCode::HttpError, "bad key [key]"},
      {"no HTTP", [] { return HttpAnswer{"SSH-2.0-x\r\n", Then::Close}; },
       ErrorCode::HttpError, "malformed response"},
      {"endless headers", [=] { return HttpAnswer{"HTTP/1.1 200 OK\r\nX: " + huge}; },
       ErrorCode::LimitExceeded, "more than"},
      {"closed without a response", [] { return HttpAnswer{"", Then::Close}; },
       ErrorCode::ConnectionClosed, "without a response"},
      {"closed inside the head", [] { return HttpAnswer{"HTTP/1.1 200", Then::Close}; },
       ErrorCode::ConnectionClosed, "inside the response's head"},
      {"reset inside the head", [] { return HttpAnswer{"HTTP/1.1 200", Then::Reset}; },
       ErrorCode::ConnectionClosed, ""},
      {"closed inside the body", [=] { return cut_body(Then::Close); },
       ErrorCode::ConnectionClosed, "inside the response's body", kPerFrame},
      {"cut inside the body", [=] { return cut_body(Then::Truncate); },
       ErrorCode::ConnectionClosed, "", kPerFrame},
      {"a complete body of cut zstd", [=] { return HttpAnswer{Ok(cut_frames)}; },
       ErrorCode::Truncated, "r-42", kPerFrame},
      {"cut zstd, no length", [=] { return until_close(cut_frames, Then::Close); },
       ErrorCode::Truncated, "", kPerFrame},
      {"corrupt zstd", [=] { return HttpAnswer{Ok(corrupt)}; },
       ErrorCode::DecompressionError, "", kPerFrame},
      {"no zstd", [] { return HttpAnswer{Ok("plainly not")}; },
       ErrorCode::DecompressionError, ""},
      {"an empty body", [] { return HttpAnswer{Ok("")}; }, ErrorCode::ParseError,
       "ended before its DBN metadata"},
      {"no DBN", [] { return HttpAnswer{Ok(test::Zstd("something else entirely"))}; },
       ErrorCode::ParseError, ""},
      {"a cut header",
       [] { return HttpAnswer{Ok(test::Zstd(test::Header().substr(0, 50)))}; },
       ErrorCode::Truncated, ""},
      {"a cut record",
       [] {
         return HttpAnswer{
             Ok(test::Zstd(test::Header() + test::Trades(0, kPerFrame) + "abc"))};
       },
       ErrorCode::Truncated, "", kPerFrame},
      {"a bad record", [=] { return HttpAnswer{Ok(test::Zstd(bad_record))}; },
       ErrorCode::ParseError, "", 7},
      {"a bad chunk",
       [=] {
         return HttpAnswer{
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"};
       },
       ErrorCode::HttpError, "malformed response"},
  };
}

class HistoricalFault
    : public test::HistoricalFixture,
      public testing::WithParamInterface<std::tuple<BadAnswer, bool>> {};

TEST_P(HistoricalFault, IsToldOnceBehindTheRecordsBeforeIt) {
  const auto& [fault, tls] = GetParam();
  ScriptedHttpServer server{&reactor_, tls ? &good_ : nullptr};
  ScriptedHttpServer other{&reactor_, &good_};
  for (const std::size_t piece : {0, 1013}) {
    server.answer = [&](const std::string&) {
      auto answer = fault.answer();
      answer.piece = piece;
      return answer;
    };
    errors_.clear();
    sequences_.clear();
    completed_ = 0;
    const auto client = Make(Options(server));
    RequestTrades(*client);
    client->Start();
    ASSERT_TRUE(UntilEnd());
    Settle();
    ASSERT_EQ(errors_.size(), 1U);
    EXPECT_EQ(completed_, 0);
    EXPECT_EQ(errors_[0].code, fault.code) << errors_[0].message;
    EXPECT_THAT(errors_[0].message, HasSubstr(fault.words));
    EXPECT_THAT(errors_[0].message, Not(HasSubstr(std::string{test::kKey})));
    EXPECT_GE(sequences_.size(), fault.records);
    EXPECT_EQ(sequences_, Numbers(0, static_cast<std::uint32_t>(sequences_.size())));
    // The client and its neighbours go on.
    server.answer = [](const std::string&) {
      return HttpAnswer{Ok(test::Zstd(Plain()))};
    };
    sequences_.clear();
    client->Start();
    ASSERT_TRUE(Until([&] { return completed_ == 1; }));
    EXPECT_EQ(sequences_, Numbers(0, kPerFrame));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Server, HistoricalFault,
    testing::Combine(testing::ValuesIn(Faults()), testing::Bool()),
    [](const testing::TestParamInfo<std::tuple<BadAnswer, bool>>& info) {
      std::string name = std::get<0>(info.param).name;
      for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      }
      return name + (std::get<1>(info.param) ? "_tls" : "_plain");
    });

// ---- Certificates -------------------------------------------------------------------

class HistoricalTls : public test::HistoricalFixture {
 protected:
  Error Fail(const test::Identity& identity, const std::string& host = "127.0.0.1") {
    ScriptedHttpServer server{&reactor_, &identity};
    server.answer = [](const std::string&) {
      return HttpAnswer{Ok(test::Zstd(Plain()))};
    };
    auto options = Options(server);
    options.url = server.Url(host);
    const auto client = Make(options);
    RequestTrades(*client);
    client->Start();
    EXPECT_TRUE(UntilEnd());
    EXPECT_THAT(server.requests, IsEmpty()) << "no byte of the request was sent";
    EXPECT_THAT(sequences_, IsEmpty());
    return errors_.empty() ? Error{} : errors_[0];
  }
};

TEST_F(HistoricalTls, RefusesEachWrongCertificate) {
  const auto other_ca = test::MakeIdentity({.name = "other", .authority = true});
  const std::string local = "DNS:localhost,IP:127.0.0.1";
  struct Case {
    const char* words;
    test::Identity identity;
  };
  std::vector<Case> cases;
  cases.push_back({"expired", test::MakeIdentity({.alternative_names = local,
                                                  .not_before_s = -7200,
                                                  .not_after_s = -3600},
                                                 &ca_)});
  cases.push_back({"not yet valid", test::MakeIdentity({.alternative_names = local,
                                                        .not_before_s = 3600,
                                                        .not_after_s = 7200},
                                                       &ca_)});
  cases.push_back({"self-signed", test::MakeIdentity({.alternative_names = local})});
  cases.push_back(
      {"issuer", test::MakeIdentity({.alternative_names = local}, &other_ca)});
  cases.push_back({"address mismatch",
                   test::MakeIdentity({.alternative_names = "DNS:elsewhere"}, &ca_)});
  for (const auto& c : cases) {
    errors_.clear();
    const auto error = Fail(c.identity);
    EXPECT_EQ(error.code, ErrorCode::CertificateError) << error.message;
    EXPECT_THAT(error.message, HasSubstr(c.words));
  }
  errors_.clear();
  const auto named = test::MakeIdentity({.alternative_names = "DNS:elsewhere"}, &ca_);
  const auto error = Fail(named, "localhost");
  EXPECT_EQ(error.code, ErrorCode::CertificateError);
  EXPECT_THAT(error.message, HasSubstr("ostname mismatch"));
}

TEST_F(HistoricalTls, SaysWhenThePeerSpeaksNoTls) {
  ScriptedHttpServer server{&reactor_};
  server.answer = [](const std::string&) { return HttpAnswer{"", Then::Close}; };
  auto options = Options(server);
  options.url = "https://127.0.0.1:" + std::to_string(server.port());
  reactor_.Post([&] {});
  const auto client = Make(options);
  RequestTrades(*client);
  client->Start();
  // The server waits for an HTTP request, the client for a handshake: only time ends
  // it.
  ASSERT_TRUE(Until([&] { return server.accepted == 1; }));
  Settle();
  EXPECT_THAT(errors_, IsEmpty());
  now_ += 10'001ms;
  Settle();
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::Timeout);
  EXPECT_THAT(errors_[0].message,
              HasSubstr("the TLS handshake took longer than 10000 ms"));
}

// Where the authority to trust is found.
TEST_F(HistoricalTls, TrustsAFileAFolderOrWhatTheEnvironmentNames) {
  const auto hash = X509_subject_name_hash(ca_.certificate.get());
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "%08lx.0", hash);
  std::filesystem::create_directory(folder_.Path("authorities"));
  folder_.Write("authorities/" + std::string{name.data()}, ca_.Pem());
  const auto file = folder_.Path("ca.pem");
  const auto dir = folder_.Path("authorities");
  struct Case {
    const char* name;
    std::string ca_file, ca_dir, env_file, env_dir;
    bool trusted = true;
  };
  for (const auto& c :
       std::vector<Case>{{"file", file, "", "", ""},
                         {"folder", "", dir, "", ""},
                         {"both", file, dir, "", ""},
                         {"SSL_CERT_FILE", "", "", file, ""},
                         {"SSL_CERT_DIR", "", "", "", dir},
                         {"an empty folder", "", folder_.Path("."), file, "", false},
                         {"nothing", "", "", "", "", false}}) {
    ::setenv("SSL_CERT_FILE", c.env_file.c_str(), 1);
    ::setenv("SSL_CERT_DIR", c.env_dir.c_str(), 1);
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [](const std::string&) {
      return HttpAnswer{Ok(test::Zstd(Plain()))};
    };
    auto options = Options(server);
    options.ca_file = c.ca_file;
    options.ca_dir = c.ca_dir;
    const auto client = Make(options);
    ::unsetenv("SSL_CERT_FILE");
    ::unsetenv("SSL_CERT_DIR");
    errors_.clear();
    completed_ = 0;
    RequestTrades(*client);
    client->Start();
    ASSERT_TRUE(UntilEnd());
    EXPECT_EQ(completed_, c.trusted ? 1 : 0) << c.name;
    if (!c.trusted) {
      EXPECT_EQ(errors_.at(0).code, ErrorCode::CertificateError) << c.name;
    }
  }
}

TEST_F(HistoricalTls, RefusesOldVersionsOfTls) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.UseAtMost(TLS1_1_VERSION);
  const auto client = Make(Options(server));
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(UntilEnd());
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::TlsHandshakeFailed) << errors_[0].message;
  EXPECT_THAT(server.requests, IsEmpty());
}

// ---- Time ---------------------------------------------------------------------------

TEST_F(HistoricalTls, EachWaitHasItsLimit) {
  ScriptedHttpServer server{&reactor_, &good_};
  std::string bytes;
  server.answer = [&](const std::string&) {
    return bytes.empty() ? HttpAnswer{} : HttpAnswer{bytes};
  };
  struct Case {
    const char* words;
    std::string bytes;
    std::chrono::milliseconds limit;
  };
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
  for (const auto& c :
       std::vector<Case>{{"the response took longer than 100000 ms", "", 100'000ms},
                         {"the response took longer than 100000 ms",
                          "HTTP/1.1 200 OK\r\n", 100'000ms},
                         {"the next bytes of the response took longer than 100000 ms",
                          head + test::Zstd(Plain()), 100'000ms}}) {
    bytes = c.bytes;
    server.requests.clear();
    errors_.clear();
    const auto client = Make(Options(server));
    RequestTrades(*client);
    client->Start();
    ASSERT_TRUE(
        Until([&] { return !server.requests.empty() && server.Unsent() == 0; }));
    Settle();
    now_ += c.limit - 1ms;
    Settle();
    ASSERT_THAT(errors_, IsEmpty());
    now_ += 2ms;
    Settle();
    ASSERT_EQ(errors_.size(), 1U) << c.words;
    EXPECT_EQ(errors_[0].code, ErrorCode::Timeout);
    EXPECT_THAT(errors_[0].message, HasSubstr(c.words));
  }
}

// A byte now and then keeps a body alive, but no head: that must be there in time.
TEST_F(HistoricalTls, AHeadThatTricklesIsLateAllTheSame) {
  struct Case {
    const char* words;
    bool proxy;
    std::chrono::milliseconds limit;
  };
  for (const auto& c :
       {Case{"the response took longer than 100000 ms", false, 100'000ms},
        Case{"the proxy's tunnel took longer than 10000 ms", true, 10'000ms}}) {
    ScriptedHttpServer server{&reactor_, c.proxy ? &good_ : nullptr};
    server.answer = [](const std::string&) { return HttpAnswer{}; };
    server.proxy = c.proxy;
    auto options = Options(server);
    if (c.proxy) {
      options.proxy = "http://127.0.0.1:" + std::to_string(server.port());
      server.Allow(0);
    }
    errors_.clear();
    const auto client = Make(options);
    RequestTrades(*client);
    client->Start();
    ASSERT_TRUE(Until([&] { return server.requests.size() == 1; }));
    const std::string head = "HTTP/1.1 200 OK\r\nServer: slow\r\n";
    for (std::size_t i = 0; i < 10; ++i) {
      ASSERT_THAT(errors_, IsEmpty());
      c.proxy ? server.Allow(1) : server.Send(head.substr(i, 1));
      Settle();
      now_ += c.limit / 10;
      Settle();
    }
    ASSERT_EQ(errors_.size(), 1U) << c.words;
    EXPECT_EQ(errors_[0].code, ErrorCode::Timeout);
    EXPECT_THAT(errors_[0].message, HasSubstr(c.words));
  }
}

TEST_F(HistoricalTls, ABodyThatTricklesIsNotLate) {
  ScriptedHttpServer server{&reactor_};
  server.answer = [](const std::string&) { return HttpAnswer{}; };
  const auto client = Make(Options(server));
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(Until([&] { return server.requests.size() == 1; }));
  now_ += 99s;
  const auto answer = Ok(test::Zstd(test::Header() + test::Trades(0, 3)));
  const auto body = answer.find("\r\n\r\n") + 4;
  server.Send(answer.substr(0, body));
  Settle();
  for (auto at = body; at < answer.size(); ++at) {
    now_ += 99s;
    Settle();
    server.Send(answer.substr(at, 1));
    Settle();
  }
  ASSERT_TRUE(UntilEnd());
  ASSERT_THAT(errors_, IsEmpty()) << errors_[0].message;
  EXPECT_EQ(sequences_, Numbers(0, 3));
}

TEST_F(HistoricalTls, APauseIsNoSilence) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{Ok(test::Zstd(Plain()))};
  };
  const auto client = Make(Options(server));
  client->OnRecord([&](const TradeMsg& m) {
    sequences_.push_back(m.sequence);
    if (m.sequence == 5) client->Pause();
  });
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(Until([&] { return client->IsPaused(); }));
  for (int i = 0; i < 10; ++i) {
    now_ += 90s;
    Settle();
  }
  EXPECT_THAT(errors_, IsEmpty());
  client->Resume();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(completed_, 1);
  EXPECT_EQ(sequences_, Numbers(0, kPerFrame));
}

TEST_F(HistoricalTls, NobodyListens) {
  HistoricalOptions options;
  {
    ScriptedHttpServer server{&reactor_, &good_};
    options = Options(server);
  }
  const auto client = Make(options);
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(errors_[0].code, ErrorCode::ConnectionFailed);
  EXPECT_EQ(errors_[0].os_errno, ECONNREFUSED);
}

TEST_F(HistoricalTls, WithoutFdsItSaysSoAndGoesOnWhenThereAreSome) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{Ok(test::Zstd(Plain()))};
  };
  const auto client = Make(Options(server));
  RequestTrades(*client);
  {
    const test::NoFds none;
    client->Start();
    ASSERT_TRUE(UntilEnd());
  }
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, ErrorCode::ConnectionFailed);
  EXPECT_EQ(errors_[0].os_errno, EMFILE);
  EXPECT_THAT(errors_[0].message, HasSubstr("Too many open files"));
  client->Start();
  ASSERT_TRUE(Until([&] { return completed_ == 1; }));
  EXPECT_EQ(sequences_, Numbers(0, kPerFrame));
}

}  // namespace
}  // namespace dbnloop
