// A server that repeats the key gets no piece of it into a message, wherever texts are
// cut.

#include "proto/redactor.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "dbnloop/historical_api.hpp"
#include "proto/http_message.hpp"
#include "support/historical_fixture.hpp"

namespace dbnloop {
namespace {

using test::HttpAnswer;
using test::ScriptedHttpServer;
using testing::HasSubstr;

constexpr std::size_t kPiece = 8;

const std::string& Base64OfKey() {
  static const std::string text{
      std::string_view{proto::BasicAuth(test::kKey, {})}.substr(6)};
  return text;
}

// Whether a text holds 8 characters in a row of the key, or of its header.
bool HoldsAPiece(std::string_view text) {
  for (const std::string_view secret : {test::kKey, std::string_view{Base64OfKey()}}) {
    for (std::size_t i = 0; i + kPiece <= secret.size(); ++i) {
      if (text.find(secret.substr(i, kPiece)) != std::string_view::npos) return true;
    }
  }
  return false;
}

void ExpectNoPiece(const Error& error) {
  EXPECT_FALSE(HoldsAPiece(error.message)) << error.message;
  if (!error.http) return;
  for (const auto& text : {error.http->error_case, error.http->message,
                           error.http->docs, error.http->request_id}) {
    EXPECT_FALSE(HoldsAPiece(text)) << text;
  }
}

// Texts that are cut (at 200 or 1,000 bytes) at each place within what they repeat.
std::vector<std::string> Echoes() {
  std::vector<std::string> out;
  for (const std::string_view secret : {test::kKey, std::string_view{Base64OfKey()}}) {
    for (const std::size_t cut : {200, 1000}) {
      for (std::size_t before = kPiece; before < secret.size(); before += kPiece) {
        out.push_back(std::string(cut - before, '.') + std::string{secret} + " more");
      }
    }
  }
  return out;
}

struct Place {
  const char* name;
  std::function<std::string(const std::string& echo)> answer;
};

std::vector<Place> Places() {
  const auto response = &ScriptedHttpServer::Response;
  return {{"detail",
           [=](auto& e) { return response(422, R"({"detail":")" + e + "\"}", ""); }},
          {"envelope",
           [=](auto& e) {
             return response(422,
                             R"({"detail":{"case":")" + e + R"(","message":")" + e +
                                 R"(","docs":")" + e + "\"}}",
                             "");
           }},
          {"escaped",
           [=](auto& e) {
             // The first character of the key, or of its header, as JSON may write it.
             auto text = e;
             const auto at = text.find_first_not_of('.');
             text.replace(at, 1, text[at] == 'd' ? "\\u0064" : "\\u005a");
             return response(422, R"({"detail":")" + text + "\"}", "");
           }},
          {"body", [=](auto& e) { return response(500, e, ""); }},
          {"long body",
           [=](auto& e) { return response(500, e + std::string(70'000, '.'), ""); }},
          {"redirect",
           [=](auto& e) { return response(302, "", "Location: " + e + "\r\n"); }},
          {"request id",
           [=](auto& e) { return response(422, "", "Request-Id: " + e + "\r\n"); }},
          {"warning",
           [=](auto& e) { return response(422, "", "X-Warning: " + e + "\r\n"); }},
          {"warnings", [=](auto& e) {
             return response(422, "", "X-Warning: [\"" + e + "\"]\r\n");
           }}};
}

class Redaction : public test::HistoricalFixture,
                  public testing::WithParamInterface<Place> {
 protected:
  // Each text once for each way to ask.
  template <typename F>
  void ForEachEcho(F&& ask) {
    std::string bytes;
    ScriptedHttpServer server{&reactor_};
    server.answer = [&](const std::string&) { return HttpAnswer{bytes}; };
    const auto client = Make(Options(server));
    for (const auto& echo : Echoes()) {
      bytes = GetParam().answer(echo);
      errors_.clear();
      warnings_.clear();
      ask(*client);
      ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
      ExpectNoPiece(errors_[0]);
      for (const auto& text : warnings_) EXPECT_FALSE(HoldsAPiece(text)) << text;
    }
  }
};

TEST_P(Redaction, OfACallIsBeforeTheCut) {
  ForEachEcho([this](auto& client) {
    client.Get("x", {}, [this](auto r) { errors_.push_back(r.error()); });
  });
}

TEST_P(Redaction, OfADownloadIsBeforeTheCut) {
  DownloadRequest request;
  request.url_path = "/f";
  request.path = folder_.Path("f");
  ForEachEcho([&](auto& client) {
    client.Download(request, {}, [this](auto r) { errors_.push_back(r.error()); });
  });
}

TEST_P(Redaction, OfAStreamIsBeforeTheCut) {
  ForEachEcho([](auto& client) {
    RequestTrades(client);
    client.Start();
  });
}

INSTANTIATE_TEST_SUITE_P(Of, Redaction, testing::ValuesIn(Places()), [](const auto& p) {
  std::string name = p.param.name;
  std::ranges::replace(name, ' ', '_');
  return name;
});

class RedactionElsewhere : public test::HistoricalFixture {};

TEST_F(RedactionElsewhere, OfAProxyThatOpensNoTunnel) {
  for (const auto& echo : Echoes()) {
    ScriptedHttpServer proxy{&reactor_};
    proxy.answer = [&](const std::string&) {
      return HttpAnswer{ScriptedHttpServer::Response(
          302, "", "Location: " + echo + "\r\nRequest-Id: " + echo + "\r\n")};
    };
    auto options = Options(proxy);
    options.url = "https://hist.example";
    options.proxy = proxy.Url();
    const auto client = Make(options);
    errors_.clear();
    client->Get("x", {}, [this](auto r) { errors_.push_back(r.error()); });
    ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
    EXPECT_THAT(errors_[0].message, HasSubstr("opens no tunnel"));
    ExpectNoPiece(errors_[0]);
  }
}

TEST_F(RedactionElsewhere, OfARangeThatWasNotAskedFor) {
  for (const auto& echo : Echoes()) {
    folder_.Write("f.part", "12345");
    ScriptedHttpServer server{&reactor_};
    server.answer = [&](const std::string&) {
      return HttpAnswer{
          ScriptedHttpServer::Response(206, "x", "Content-Range: " + echo + "\r\n")};
    };
    const auto client = Make(Options(server));
    DownloadRequest request;
    request.url_path = "/f";
    request.path = folder_.Path("f");
    errors_.clear();
    client->Download(request, {}, [this](auto r) { errors_.push_back(r.error()); });
    ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
    EXPECT_THAT(errors_[0].message, HasSubstr("another part of the file"));
    ExpectNoPiece(errors_[0]);
  }
}

TEST_F(RedactionElsewhere, OfNamesInATypedAnswer) {
  for (const auto& echo : Echoes()) {
    ScriptedHttpServer server{&reactor_};
    server.answer = [&](const std::string&) {
      return HttpAnswer{
          ScriptedHttpServer::Response(200, R"({"result":{")" + echo + "\":5}}")};
    };
    const auto client = Make(Options(server));
    errors_.clear();
    HistoricalApi{client.get()}.Resolve(
        {.dataset = "GLBX.MDP3", .symbols = {"ES"}, .start_date = "2026-11-23"},
        [this](auto r) { errors_.push_back(r.error()); });
    ASSERT_TRUE(Until([&] { return !errors_.empty(); }));
    EXPECT_THAT(errors_[0].message, HasSubstr("lacks a list at $.result{0};"));
    ExpectNoPiece(errors_[0]);
  }
}

TEST(Redactor, TakesOutTheKeyAndItsHeaderAndNothingElse) {
  const proto::Redactor redact{proto::SecretString{test::kKey}};
  const std::string key{test::kKey};
  EXPECT_EQ(redact(key + key + " a " + Base64OfKey()), "[key][key] a [key]");
  EXPECT_EQ(redact(key.substr(1)), key.substr(1));
  EXPECT_EQ(redact(""), "");
  EXPECT_EQ(proto::Redactor{}("text"), "text");
}

}  // namespace
}  // namespace dbnloop
