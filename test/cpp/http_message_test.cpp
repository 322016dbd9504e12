#include "proto/http_message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dbnloop/exception.hpp"
#include "net/proxy.hpp"
#include "proto/http_failure.hpp"
#include "proto/url.hpp"

namespace dbnloop::proto {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(HttpMessage, EncodesForms) {
  EXPECT_EQ(FormEncode({{"symbols", "ES.FUT,NQ c"}, {"a&b", "=/é"}}),
            "symbols=ES.FUT%2CNQ+c&a%26b=%3D%2F%C3%A9");
  EXPECT_EQ(FormEncode({}), "");
}

TEST(HttpMessage, DecodesWhatItEncodes) {
  const Params params{{"a", "b c"}, {"d&", "=/+%é"}, {"e", ""}};
  EXPECT_EQ(FormDecode(FormEncode(params)), params);
  EXPECT_EQ(FormDecode("x&y=%4&&z=1=2"),
            (Params{{"x", ""}, {"y", "%4"}, {"", ""}, {"z", "1=2"}}));
}

TEST(HttpMessage, AuthenticatesAsRfc7617Says) {
  EXPECT_EQ(BasicAuth("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(BasicAuth("db-0123456789abcdefghijklmnopqrs", ""),
            "Basic ZGItMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnM6");
}

TEST(HttpMessage, SerializesARequest) {
  EXPECT_EQ(
      Serialize({"POST", "/v0/x", {{"Accept", "*/*"}}, "a=b"}, "h:1"),
      "POST /v0/x HTTP/1.1\r\nHost: h:1\r\nAccept: */*\r\nContent-Length: 3\r\n\r\n"
      "a=b");
  EXPECT_EQ(Serialize({"GET", "/", {}, ""}, "h"), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(HttpMessage, LetsNothingBeSmuggledIn) {
  const std::vector<HttpRequest> requests{
      {"GET", "/a\r\nX: y", {}, ""},
      {"GET", "/a b", {}, ""},
      {"GET", "/", {{"A", "b\nc"}}, ""},
      {"GET", "/", {{"A\r", "b"}}, ""},
      {"GET", "/", {{"A", std::string{"b\0c", 3}}}, ""},
      {"G T", "/", {}, ""},
  };
  for (const auto& request : requests) {
    EXPECT_THROW((void)Serialize(request, "h"), Exception);
  }
  EXPECT_THROW((void)Serialize({}, "h\r\nX: y"), Exception);
}

TEST(Url, IsTakenApart) {
  struct Case {
    const char* text;
    bool tls;
    const char* host;
    int port;
    const char* path;
    const char* userinfo;
    const char* header;
  };
  for (const auto& c : std::vector<Case>{
           {"https://hist.databento.com", true, "hist.databento.com", 443, "", "",
            "hist.databento.com"},
           {"HTTPS://h:8443/a?b=c", true, "h", 8443, "/a?b=c", "", "h:8443"},
           {"http://u:p@10.0.0.1:80/", false, "10.0.0.1", 80, "/", "u:p", "10.0.0.1"},
           {"http://[::1]:99", false, "::1", 99, "", "", "[::1]:99"},
       }) {
    const auto url = Url::Parse(c.text);
    ASSERT_TRUE(url) << c.text;
    EXPECT_EQ(url->tls, c.tls);
    EXPECT_EQ(url->host, c.host);
    EXPECT_EQ(url->port, c.port);
    EXPECT_EQ(url->path, c.path);
    EXPECT_EQ(url->userinfo, c.userinfo);
    EXPECT_EQ(url->HostHeader(), c.header);
  }
  for (const auto* text :
       {"", "h", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:65536",
        "http://h:x", "http://h:", "http://[::1", "http://[::1]x", "http://h/ x",
        "http://h/\r\n", "http://a b", "http://h/#f", "https://ex%41mple.com"}) {
    EXPECT_FALSE(Url::Parse(text)) << text;
  }
}

TEST(Url, IsNotReadBehindTheEndOfASchemeAlone) {
  for (const std::string text : {"https", "http", "https:", "https:/"}) {
    EXPECT_FALSE(Url::Parse(text)) << text;
  }
}

TEST(Url, HasOnlyIpv6BetweenBrackets) {
  EXPECT_FALSE(Url::Parse("https://[host%25x]:443/"));
  EXPECT_FALSE(Url::Parse("http://[10.0.0.1]"));
  EXPECT_FALSE(Url::Parse("http://[]"));
  EXPECT_EQ(Url::Parse("http://[fe80::1%25eth0]")->Authority(), "[fe80::1%25eth0]:80");
}

TEST(Url, KnowsWhatGoesWithoutProxy) {
  struct Case {
    const char* list;
    const char* host;
    bool want;
  };
  for (const auto& c : std::vector<Case>{
           {"", "a.com", false},
           {"*", "a.com", true},
           {"a.com", "a.com", true},
           {"a.com", "x.a.com", true},
           {"a.com", "ba.com", false},
           {".a.com, b.org", "x.A.com", true},
           {"b.org,127.0.0.1", "127.0.0.1", true},
           {"a.com:443", "a.com", true},
           {"a.com:80", "a.com", false},
           {",,", "a.com", false},
           {"a.com.", "a.com", true},
           {"a.com", "x.a.com.", true},
           {"b.org\ta.com", "a.com", true},
           {"b.org,*", "a.com", false},
           {"*.a.com", "x.a.com", false},
           {"com", "a.com", true},
           {"10.0.0.0/8", "10.1.2.3", true},
           {"10.0.0.0/8", "11.1.2.3", false},
           {"a.com, 192.168.16.0/20", "192.168.31.255", true},
           {"192.168.16.0/20", "192.168.32.0", false},
           {"10.1.2.99/25", "10.1.2.3", true},
           {"10.1.2.128/25", "10.1.2.3", false},
           {"10.1.2.3/32", "10.1.2.3", true},
           {"10.1.2.3/33", "10.1.2.3", false},
           {"10.1.2.3/x", "10.1.2.3", false},
           {"10.1.2.3/-1", "10.1.2.3", false},
           {"0.0.0.0/0", "10.1.2.3", false},
           {"10/8", "10.1.2.3", false},
           {"10.0.0.0/8", "a10.0.0.1.com", false},
           {"10.0.0.0/8", "::ffff:10.0.0.1", false},
           {"2.3", "10.1.2.3", false},
           {"10.1.2.3:443", "10.1.2.3", true},
           {"10.1.2.3:80", "10.1.2.3", false},
           {"2001:db8::/32", "2001:DB8::1", true},
           {"[2001:db8::]/32", "2001:db8:ffff::1", true},
           {"[2001:db8::/32]", "2001:db8::1", true},
           {"2001:db8::/33", "2001:db8:8000::1", false},
           {"2001:db8::/33", "2001:db8:7fff::1", true},
           {"2001:db8::/129", "2001:db8::1", false},
           {"2001:DB8:0:0::1", "2001:db8::1", true},
           {"[2001:db8::1]", "2001:db8::1", true},
           {"[2001:db8::1]:443", "2001:db8::1", true},
           {"[2001:db8::1]:80", "2001:db8::1", false},
           {"fe80::/10", "fe80::1%25eth0", true},
           {"::/0", "10.1.2.3", false},
       }) {
    EXPECT_EQ(NoProxyMatches(c.list, c.host, 443), c.want) << c.list << " " << c.host;
  }
}

TEST(Url, FindsTheProxyOfTheEnvironment) {
  constexpr std::array kNames = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                 "HTTPS_PROXY", "all_proxy",  "ALL_PROXY",
                                 "no_proxy",    "NO_PROXY"};
  std::map<std::string, std::string> outside;
  for (const auto* name : kNames) {
    if (const char* value = std::getenv(name)) outside[name] = value;
  }
  struct Case {
    std::map<std::string, std::string> variables;
    const char* url;
    const char* want;
  };
  for (const auto& c : std::vector<Case>{
           {{}, "https://a.com", ""},
           {{{"https_proxy", "http://p:1"}}, "https://a.com", "http://p:1"},
           {{{"HTTPS_PROXY", "http://p:1"}}, "https://a.com", "http://p:1"},
           {{{"https_proxy", "http://p:1"}}, "http://a.com", ""},
           {{{"http_proxy", "http://p:1"}}, "http://a.com", "http://p:1"},
           {{{"HTTP_PROXY", "http://p:1"}}, "http://a.com", ""},
           {{{"all_proxy", "p:2"}}, "https://a.com", "p:2"},
           {{{"ALL_PROXY", "p:2"}, {"https_proxy", "p:1"}}, "https://a.com", "p:1"},
           {{{"https_proxy", "p:1"}, {"no_proxy", "a.com"}}, "https://a.com", ""},
           {{{"https_proxy", "p:1"}, {"NO_PROXY", "*"}}, "https://a.com", ""},
           {{{"https_proxy", "p:1"}}, "https://127.0.0.1:4430", ""},
           {{{"https_proxy", "p:1"}}, "https://LocalHost:4430", ""},
           {{{"https_proxy", "p:1"}}, "https://[::1]:4430", ""}}) {
    for (const auto* name : kNames) ::unsetenv(name);
    for (const auto& [name, value] : c.variables) {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
    const auto url = *Url::Parse(c.url);
    EXPECT_EQ(net::ProxyFromEnvironment(url), c.want) << c.url;
    const std::string variable{net::ProxyVariable(url)};
    EXPECT_EQ(variable.empty(), *c.want == '\0') << c.url;
    if (!variable.empty()) {
      EXPECT_EQ(c.variables.at(variable), c.want);
    }
  }
  for (const auto* name : kNames) ::unsetenv(name);
  for (const auto& [name, value] : outside) ::setenv(name.c_str(), value.c_str(), 1);
}

TEST(HttpFailure, ReadsTheEnvelope) {
  HttpHead head{422, {{"Request-Id", "r1"}}};
  const auto error = FailureOf(
      head,
      R"({"detail":{"case":"data_x","message":"no","status_code":422,"docs":"https://d"}})",
      "POST https://h/x", Redactor{});
  EXPECT_EQ(error.code, ErrorCode::HttpError);
  EXPECT_EQ(
      error.message,
      "HTTP status 422, data_x: no (POST https://h/x, request r1); see https://d");
  ASSERT_TRUE(error.http);
  EXPECT_EQ(error.http->status, 422);
  EXPECT_EQ(error.http->error_case, "data_x");
  EXPECT_EQ(error.http->message, "no");
  EXPECT_EQ(error.http->docs, "https://d");
  EXPECT_EQ(error.http->request_id, "r1");
  EXPECT_FALSE(error.http->Retryable());
}

TEST(HttpFailure, SaysWhereTheDataBegins) {
  const auto read = [](const std::string& payload) {
    return FailureOf(
        {422, {}}, R"({"detail":{"case":"c","message":"m","payload":)" + payload + "}}",
        "POST https://h/x", Redactor{});
  };
  const auto both = read(
      R"({ "dataset" : "GLBX.MDP3", "available_start":"2010-06-06T00:00:00Z",
          "available_end":"2026-11-20T00:00:00Z","deep":[1,{"\u001b":null}] })");
  EXPECT_EQ(both.message,
            "HTTP status 422, c: m (POST https://h/x); the data begins at "
            "2010-06-06T00:00:00Z and ends at 2026-11-20T00:00:00Z");
  EXPECT_EQ(both.http->available_start, "2010-06-06T00:00:00Z");
  EXPECT_EQ(both.http->available_end, "2026-11-20T00:00:00Z");
  EXPECT_EQ(both.http->payload,
            R"({"dataset":"GLBX.MDP3","available_start":"2010-06-06T00:00:00Z",)"
            R"("available_end":"2026-11-20T00:00:00Z","deep":[1,{"\u001B":null}]})");
  EXPECT_THAT(read(R"({"available_start":"A"})").message,
              HasSubstr("; the data begins at A"));
  EXPECT_THAT(read(R"({"available_end":"B"})").message,
              HasSubstr("; the data ends at B"));
  for (const auto* payload : {"null", "[]", "\"x\"", "{}", R"({"available_end":5})"}) {
    const auto error = read(payload);
    EXPECT_EQ(error.message, "HTTP status 422, c: m (POST https://h/x)") << payload;
    EXPECT_EQ(error.http->available_end, "");
  }
}

TEST(HttpFailure, IsFitForATerminal) {
  const auto error = FailureOf(
      {422,
       {{"Request-Id",
         "r\xC2\x9B"
         "1"}}},
      R"({"detail":{"case":"c\u009b","message":"m\u202e\u001b[2J","docs":"d\u2028",
          "payload":{"available_start":"s\u0007","available_end":"e\u007f"}}})",
      "x", Redactor{});
  const auto& http = *error.http;
  EXPECT_EQ(http.error_case, "c ");
  EXPECT_EQ(http.message, "m  [2J");
  EXPECT_EQ(http.docs, "d ");
  EXPECT_EQ(http.request_id, "r 1");
  EXPECT_EQ(http.available_start, "s ");
  EXPECT_EQ(http.payload, R"({"available_start":"s\u0007","available_end":"e\u007F"})");
  EXPECT_EQ(error.message,
            "HTTP status 422, c : m  [2J (x, request r 1); the data begins at s  and "
            "ends at e ; see d ");
}

TEST(HttpFailure, TakesWhateverComes) {
  const HttpHead head{503, {{"retry-after", "7"}}};
  for (const auto* body :
       {"", "<html>", "{", "[]", "{}", R"({"detail":null})", R"({"detail":[1]})",
        R"({"detail":{"case":null,"message":7}})", "\xff\xfe"}) {
    const auto error = FailureOf(head, body, "GET x", Redactor{});
    EXPECT_THAT(error.message, HasSubstr("HTTP status 503")) << body;
    EXPECT_THAT(error.message, HasSubstr("try again in 7 s"));
    EXPECT_TRUE(error.http->Retryable());
    EXPECT_EQ(error.http->retry_after_s, 7U);
  }
  const auto message = [](const HttpHead& of, const char* body) {
    return FailureOf(of, body, "GET x", Redactor{}).message;
  };
  EXPECT_THAT(message(head, R"({"detail":"plain words"})"), HasSubstr("plain words"));
  EXPECT_EQ(FailureOf({401, {}}, "", "GET x", Redactor{}).code, ErrorCode::AuthFailed);
  EXPECT_THAT(message({302, {{"Location", "https://e\n"}}}, ""),
              HasSubstr("a redirect to 'https://e?', which is not followed"));
}

TEST(HttpFailure, WaitsAsLongAsTheServerAsks) {
  struct Case {
    const char* value;
    std::optional<std::uint32_t> seconds;
  };
  for (const auto& c :
       std::vector<Case>{{"7", 7},
                         {"0", 0},
                         {"99999999999", 4'294'967'295},
                         {"Wed, 21 Oct 2026 07:28:00 GMT", 0},
                         {"Wed, 21 Oct 2026 07:29:05 GMT", 65},
                         {"Thu, 22 Oct 2026 07:28:00 GMT", 86'400},
                         {"Tue, 20 Oct 2026 07:28:00 GMT", 0},
                         {"Fri, 31 Dec 9999 23:59:60 GMT", 4'294'967'295},
                         {"", {}},
                         {"soon", {}},
                         {"-1", {}},
                         {"1.5", {}},
                         {"Wed, 21 Oct 2026 07:28:00", {}},
                         {"Wed, 21 Okt 2026 07:28:00 GMT", {}},
                         {"Wed, 32 Oct 2026 07:28:00 GMT", {}},
                         {"Wed, 00 Oct 2026 07:28:00 GMT", {}},
                         {"Wed, 21 Oct 2026 24:28:00 GMT", {}},
                         {"Wed, 21 Oct 2026 07:xx:00 GMT", {}}}) {
    const HttpHead head{
        429, {{"Date", "Wed, 21 Oct 2026 07:28:00 GMT"}, {"Retry-After", c.value}}};
    EXPECT_EQ(RetryAfter(head), c.seconds) << c.value;
  }
  EXPECT_FALSE(RetryAfter({429, {{"Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"}}}))
      << "by whose clock?";
  EXPECT_FALSE(RetryAfter({429, {{"Date", "Wed, 21 Oct 2026 07:28:00 GMT"}}}));
}

TEST(HttpFailure, ReadsWarnings) {
  EXPECT_THAT(WarningsOf({200,
                          {{"X-Warning", R"(["a: b","c"])"},
                           {"x-warning", "raw\ttext"},
                           {"X-Warning", "[[1]]"},
                           {"Other", "x"}}},
                         Redactor{}),
              ElementsAre("a: b", "c", "raw text", "[[1]]"));
}

}  // namespace
}  // namespace dbnloop::proto
