// A server that repeats the key gets no piece of it into a message, wherever texts are
// cut.

#include "proto/redactor.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "proto/http_message.hpp"
#include "support/historical_fixture.hpp"

namespace dbnloop {
namespace {

using test::HttpAnswer;
using test::ScriptedHttpServer;
using testing::HasSubstr;
using testing::Not;

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

TEST(RedactorTest, FindsASecretHoweverJsonWritesIt) {
  const std::string key{test::kKey};
  const proto::Redactor redact{base::SecretString{key}};
  std::string escaped;
  for (const char c : key) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    escaped += std::string{"\\u00"} + kHex[byte >> 4U] + kHex[byte & 15U];
  }
  EXPECT_EQ(redact("a" + key + "b" + key), "a[key]b[key]");
  EXPECT_EQ(redact("a" + escaped + "b"), "a[key]b");
  EXPECT_EQ(redact(key.substr(0, 31)), key.substr(0, 31));
  EXPECT_EQ(redact("\\u0064" + key.substr(1) + "\\"), "[key]\\");
  EXPECT_EQ(redact(key.substr(0, 5) + key), key.substr(0, 5) + "[key]");
}

TEST(RedactorTest, FindsAProxysPassword) {
  proto::Redactor redact;
  redact.AddProxy(*proto::Url::Parse("http://me:s%20cret%2f\"@proxy:1"));
  EXPECT_EQ(redact("is s cret/\" or s%20cret%2f\"?"), "is [proxy] or [proxy]?");
  EXPECT_EQ(redact(R"({"x":"me:s\u0020cret\/\""})"), R"({"x":"[proxy]"})");
  EXPECT_EQ(redact(std::string_view{proto::BasicAuth("me", "s cret/\"")}),
            "Basic [proxy]");
  proto::Redactor brief;
  brief.AddProxy(*proto::Url::Parse("http://me:ab@proxy:1"));
  EXPECT_EQ(brief("about me:ab"), "about *");
}

// However often a peer repeats it: one walk, and never longer than it came.
TEST(RedactorTest, TakesOutMillionsAtOnce) {
  proto::Redactor redact;
  redact.AddProxy(*proto::Url::Parse("http://u:abc@proxy:1"));
  std::string text;
  for (int i = 0; i < 2'000'000; ++i) text += "abc.";
  redact.Redact(text);
  EXPECT_EQ(text.size(), 4'000'000U);
  EXPECT_EQ(text.substr(0, 4), "*.*.");
}

class RedactionElsewhere : public test::HistoricalFixture {};

// Names that a listing prints come from answers that are no failure.
TEST_F(RedactionElsewhere, OfAnAnswerThatIsNoFailure) {
  const std::string key{test::kKey};
  std::string bytes;
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string&) { return HttpAnswer{bytes}; };
  const auto client = Make(Options(server));
  for (const auto& echo :
       {key, Base64OfKey(), "\\u0064" + key.substr(1), "x" + key + key}) {
    bytes = ScriptedHttpServer::Response(200, "[\"" + echo + "\"]");
    std::optional<std::vector<std::string>> names;
    HistoricalApi{client.get()}.ListDatasets("", "",
                                             [&](auto r) { names = std::move(*r); });
    ASSERT_TRUE(Until([&] { return names.has_value(); }));
    EXPECT_FALSE(HoldsAPiece(names->at(0))) << names->at(0);
    EXPECT_THAT(names->at(0), HasSubstr("[key]"));
    std::optional<std::string> body;
    client->Get("x", {}, [&](auto r) { body = std::move(*r); });
    ASSERT_TRUE(Until([&] { return body.has_value(); }));
    EXPECT_FALSE(HoldsAPiece(*body)) << *body;
  }
}

// What a plain proxy sees of the request it may repeat; the URL is named once.
TEST_F(RedactionElsewhere, OfAPlainProxysPassword) {
  ScriptedHttpServer proxy{&reactor_};
  proxy.answer = [](const std::string& request) {
    // Its own words, and all that it was sent.
    auto sent = nlohmann::json(request).dump();
    return HttpAnswer{ScriptedHttpServer::Response(
        407, R"({"detail":"not with hunter22 or me:hunter22:)" + sent.substr(1) + "}",
        "X-Warning: hunter22\r\nRequest-Id: hunter22\r\n")};
  };
  auto options = Options(proxy);
  options.url = "http://hist.example";
  options.proxy = "http://me:hunter22@127.0.0.1:" + std::to_string(proxy.port());
  const auto client = Make(options);
  client->Get("x", {{"a", "b"}}, [this](auto r) { errors_.push_back(r.error()); });
  RequestTrades(*client);
  client->Start();
  ASSERT_TRUE(Until([&] { return errors_.size() == 2; }));
  const std::string header{
      std::string_view{proto::BasicAuth("me", "hunter22")}.substr(6)};
  for (const auto& error : errors_) {
    for (const auto& text :
         {error.message, error.http->message, error.http->request_id}) {
      EXPECT_THAT(text, Not(HasSubstr("hunter22")));
      EXPECT_THAT(text, Not(HasSubstr(header)));
    }
    const auto url = error.message.rfind("http://hist.example/v0/");
    EXPECT_THAT(error.message.substr(url - 8),
                Not(HasSubstr("http://hist.examplehttp")));
  }
  EXPECT_THAT(errors_[0].message, HasSubstr("(GET http://hist.example/v0/x, "));
  EXPECT_THAT(warnings_, testing::Each(std::string{"[proxy]"}));
}

class ProxyRefusal : public testing::Test {
 protected:
  // The machine's own are put back.
  ProxyRefusal() {
    for (const auto* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                             "no_proxy", "NO_PROXY"}) {
      const char* value = std::getenv(name);
      if (value != nullptr) outside_.emplace_back(name, value);
      ::unsetenv(name);
    }
  }
  ~ProxyRefusal() override {
    for (const auto& [name, value] : outside_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  std::vector<std::pair<std::string, std::string>> outside_;

  static std::string Of(const char* variable, const char* value) {
    ::setenv(variable, value, 1);
    std::string message = "none";
    try {
      Reactor reactor;
      const HistoricalClient client{&reactor, std::string{test::kKey}};
    } catch (const Exception& e) {
      message = e.error().message;
    }
    ::unsetenv(variable);
    return message;
  }
};

TEST_F(ProxyRefusal, NamesTheVariableAndNotThePassword) {
  EXPECT_EQ(Of("ALL_PROXY", "socks5://me:hunter22@127.0.0.1:1080"),
            "the environment variable ALL_PROXY asks for a proxy of the kind socks5, "
            "but only HTTP proxies are supported: it must look like "
            "http://[user:password@]host:port; unset it, add hist.databento.com to "
            "NO_PROXY, or set the option proxy (empty: no proxy)");
  for (const auto* value : {"http://me:hunter22@", "me:hunter22@:80", "hunter22://x",
                            "http://me:hunter22@h:port", "me:hunter22://x@h"}) {
    const auto message = Of("https_proxy", value);
    EXPECT_THAT(message, HasSubstr("the environment variable https_proxy")) << value;
    if (std::string_view{value}.starts_with("hunter")) continue;  // it is the scheme
    EXPECT_THAT(message, Not(HasSubstr("hunter22"))) << value;
  }
  Reactor reactor;
  HistoricalOptions options;
  options.proxy = "https://me:hunter22@h";
  EXPECT_THROW(HistoricalClient(&reactor, std::string{test::kKey}, options), Exception);
}

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
  const proto::Redactor redact{base::SecretString{test::kKey}};
  const std::string key{test::kKey};
  EXPECT_EQ(redact(key + key + " a " + Base64OfKey()), "[key][key] a [key]");
  EXPECT_EQ(redact(key.substr(1)), key.substr(1));
  EXPECT_EQ(redact(""), "");
  EXPECT_EQ(proto::Redactor{}("text"), "text");
}

}  // namespace
}  // namespace dbnloop
