#include "proto/http_response.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/dbn.hpp"

namespace dbnloop::proto {
namespace {

using Event = HttpResponse::Event;

// What a response amounts to, whatever pieces it came in.
struct Seen {
  int status = 0;
  std::string body;
  bool done = false;
  bool keep_alive = false;
  std::string error;
  std::size_t left = 0;  // bytes behind the response
  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& s) {
  return out << s.status << " '" << s.body << "' done " << s.done << " keep "
             << s.keep_alive << " error '" << s.error << "' left " << s.left;
}

Seen Feed(std::string_view input, std::size_t cut, std::size_t piece, bool finish,
          bool tunnel = false) {
  HttpResponse response{tunnel};
  Seen seen;
  const auto take = [&](Event event) {
    if (event == Event::Head) seen.status = response.head().status;
    if (event == Event::Body) {
      const auto body = response.body();
      seen.body.append(reinterpret_cast<const char*>(body.data()), body.size());
    }
    if (event == Event::Done) {
      seen.done = true;
      seen.keep_alive = response.KeepAlive();
    }
    if (event == Event::Failed) seen.error = response.error().message;
    return event != Event::Done && event != Event::Failed && event != Event::NeedMore;
  };
  std::size_t at = 0;
  while (at < input.size() && !seen.done && seen.error.empty()) {
    const auto size = std::min(at < cut ? cut - at : piece, input.size() - at);
    const std::string bytes{input.substr(at, size)};  // its own memory, for ASan
    std::size_t taken = 0;
    while (take(response.Next(
        std::as_bytes(std::span{bytes.data(), bytes.size()}).subspan(taken), taken))) {
    }
    at += seen.done || !seen.error.empty() ? taken : size;
  }
  if (finish && !seen.done && seen.error.empty()) take(response.Finish());
  seen.left = input.size() - at;
  return seen;
}

struct Case {
  const char* name;
  std::string input;
  Seen want;
  bool finish = false;
  bool tunnel = false;
};

std::string Sized(const std::string& head, const std::string& body) {
  return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::vector<Case> Cases() {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n";
  return {
      {"sized", Sized("200 OK", "hello"), {200, "hello", true, true, "", 0}},
      {"sized, bytes behind it",
       Sized("200 OK", "hello") + "HTTP",
       {200, "hello", true, true, "", 4}},
      {"empty", Sized("204 No Content", ""), {204, "", true, true, "", 0}},
      {"asks to close",
       "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
       {200, "ok", true, false, "", 0}},
      {"chunked, with extension and trailer",
       chunked + "0\r\nX-End: 1\r\n\r\n",
       {200, "abcdefg", true, true, "", 0}},
      {"until the end",
       "HTTP/1.0 200 OK\r\n\r\nall of it",
       {200, "all of it", true, false, "", 0},
       true},
      {"informational ones before it",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
           Sized("422 No", "{}"),
       {422, "{}", true, true, "", 0}},
      {"one without a body, whatever its length",
       "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
       {304, "", true, true, "", 0}},
      {"an informational one that gives a length",
       "HTTP/1.1 103 Early Hints\r\nContent-Length: 10\r\n\r\n" +
           Sized("200 OK", "hello"),
       {200, "hello", true, true, "", 0}},
      {"a tunnel",
       "HTTP/1.1 200 Yes\r\n\r\n",
       {200, "", true, true, "", 0},
       false,
       true},
      {"cut in the body",
       "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
       {200, "hello", false, false,
        "HTTP: the server ended the connection inside the response's body", 0},
       true},
      {"cut in a chunk",
       chunked,
       {200, "abcdefg", false, false,
        "HTTP: the server ended the connection inside the response's body", 0},
       true},
      {"cut in the head",
       "HTTP/1.1 200 OK\r\nContent-",
       {0, "", false, false,
        "HTTP: the server ended the connection inside the response's head", 0},
       true},
      {"nothing",
       "",
       {0, "", false, false, "HTTP: the server ended the connection without a response",
        0},
       true},
  };
}

TEST(HttpResponse, IsTheSameWhereverItIsCut) {
  for (const auto& c : Cases()) {
    for (std::size_t cut = 0; cut <= c.input.size(); ++cut) {
      auto seen = Feed(c.input, cut, c.input.size() + 1, c.finish, c.tunnel);
      if (c.want.left == 0) seen.left = 0;
      EXPECT_EQ(seen.body, c.want.body) << c.name << " cut at " << cut;
      EXPECT_EQ(seen, c.want) << c.name << " cut at " << cut << ": " << seen.error;
    }
    EXPECT_EQ(Feed(c.input, 0, 1, c.finish, c.tunnel), c.want) << c.name << " by bytes";
  }
}

TEST(HttpResponse, RefusesWhatIsNoResponse) {
  const std::vector<std::string> inputs{
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/1.1 2x0 OK\r\n\r\n",
      "HTTP/1.1 29 OK\r\n\r\na body without a head",
      "HTTP/1.1 1000 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: "
      "5\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nBad\x01Header: x\r\n\r\n",
      "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
  };
  for (const auto& input : inputs) {
    const auto seen = Feed(input, 0, input.size(), true);
    EXPECT_FALSE(seen.done) << input;
    EXPECT_THAT(seen.error, testing::StartsWith("HTTP: ")) << input;
  }
}

TEST(HttpResponse, BoundsTheHead) {
  const std::string begin = "HTTP/1.1 200 OK\r\n";
  const std::vector<std::string> inputs{
      begin + "X: " + std::string(100'000, 'a'),
      begin + std::string(100'000, 'n'),
      "HTTP/1.1 200 " + std::string(100'000, 'r'),
      begin +
          [] {
            std::string many;
            for (int i = 0; i < 300; ++i) many += "H" + std::to_string(i) + ": v\r\n";
            return many;
          }() +
          "\r\n",
      [] {
        std::string many;
        for (int i = 0; i < 100; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
        return many;
      }(),
      // Trailers count as well.
      begin + "Transfer-Encoding: chunked\r\n\r\n0\r\n" +
          [] {
            std::string many;
            for (int i = 0; i < 20'000; ++i) many += "Trailer:\r\n";
            return many;
          }(),
      // Extensions of a chunk.
      begin + "Transfer-Encoding: chunked\r\n\r\n5;name=" + std::string(100'000, 'x'),
  };
  for (const auto& input : inputs) {
    const auto seen = Feed(input, 0, 4096, true);
    EXPECT_FALSE(seen.done);
    EXPECT_THAT(seen.error, testing::AnyOf(testing::HasSubstr("more than"),
                                           testing::HasSubstr("longer than")))
        << input.substr(0, 40);
  }
}

}  // namespace
}  // namespace dbnloop::proto
