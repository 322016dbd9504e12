// Where the API key may be found: in no message, in no memory that a core dump holds,
// and in none at all once the client is gone.

#include "base/secret.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_client.hpp"
#include "proto/http_message.hpp"
#include "support/historical_fixture.hpp"
#include "support/live_fixture.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DBNLOOP_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DBNLOOP_SANITIZED 1
#endif
#endif

namespace dbnloop {
namespace {

// The text to look for, itself kept in a form that is not found.
class Needle {
 public:
  explicit Needle(std::string_view text) {
    for (const char c : text) masked_ += static_cast<char>(c ^ kMask);
  }
  [[nodiscard]] bool At(const char* p) const {
    for (std::size_t i = 0; i < masked_.size(); ++i) {
      if ((p[i] ^ kMask) != masked_[i]) return false;
    }
    return true;
  }
  [[nodiscard]] char First() const { return static_cast<char>(masked_[0] ^ kMask); }
  [[nodiscard]] std::size_t size() const { return masked_.size(); }

 private:
  static constexpr char kMask = 0x5A;
  std::string masked_;
};

enum class Look { EverywhereWritable, InCoreDumps };

// How often the text is in this process's writable memory besides the stack.
int Count(const Needle& needle, Look look) {
  struct Region {
    std::uintptr_t begin, end;
  };
  std::vector<Region> regions;
  std::ifstream smaps{"/proc/self/smaps"};
  Region region{};
  bool writable = false;
  for (std::string line; std::getline(smaps, line);) {
    Region next{};
    char mode[5] = {};
    const auto* const format = "%lx-%lx %4s";
    if (std::sscanf(line.c_str(), format, &next.begin, &next.end, mode) == 3) {
      region = next;
      // What the dynamic linker and the kernel save of registers lies on the stack for
      // a while; no program can help that.
      const bool stack = line.ends_with("[stack]");
      writable = mode[0] == 'r' && mode[1] == 'w' && !stack;
    } else if (writable && line.starts_with("VmFlags:")) {
      const bool dumped = line.find(" dd") == std::string::npos;
      if (dumped || look == Look::EverywhereWritable) regions.push_back(region);
    }
  }
  int found = 0;
  for (const auto& [begin, end] : regions) {
    const auto* p = reinterpret_cast<const char*>(begin);
    const auto* const last = reinterpret_cast<const char*>(end) - needle.size();
    while (p <= last) {
      const auto left = static_cast<std::size_t>(last - p) + 1;
      p = static_cast<const char*>(std::memchr(p, needle.First(), left));
      if (p == nullptr) break;
      if (needle.At(p++)) ++found;
    }
  }
  return found;
}

// A key that no constant holds; the caller wipes what it gets. `step` makes another
// one, for a test that leaves it behind.
std::string MakeKey(int step = 7) {
  std::string key{"db-"};
  key.reserve(40);
  for (int i = 0; i < 29; ++i) key += static_cast<char>('a' + (i * step + 3) % 26);
  return key;
}

class SecretTest : public test::LiveFixture {
 protected:
  void SetUp() override {
#ifdef DBNLOOP_SANITIZED
    GTEST_SKIP() << "sanitizers keep copies of their own";
#endif
  }
  static Needle NeedleOf(std::string key) {
    Needle needle{key};
    base::Wipe(key);
    return needle;
  }
};

TEST_F(SecretTest, TheSearchFindsWhatIsThere) {
  auto key = MakeKey();
  const Needle needle{key};
  EXPECT_GE(Count(needle, Look::InCoreDumps), 1);
  base::Wipe(key);
  EXPECT_EQ(Count(needle, Look::EverywhereWritable), 0);
  {
    const auto secret = base::ToSecret(MakeKey());
    EXPECT_EQ(Count(needle, Look::EverywhereWritable), 1);
    EXPECT_EQ(Count(needle, Look::InCoreDumps), 0);
  }
  EXPECT_EQ(Count(needle, Look::EverywhereWritable), 0);
}

TEST_F(SecretTest, LiveKeyIsInNoCoreDumpAndIsWipedAtTheEnd) {
  const auto needle = NeedleOf(MakeKey());
  {
    LiveClient client{&reactor_, MakeKey(), {.dataset = "GLBX.MDP3"}};
    EXPECT_EQ(Count(needle, Look::EverywhereWritable), 2) << "the client, its session";
    Stream(client);
    EXPECT_EQ(Count(needle, Look::InCoreDumps), 0);
    EXPECT_EQ(Count(needle, Look::EverywhereWritable), 1) << "to connect again";
  }
  EXPECT_EQ(Count(needle, Look::EverywhereWritable), 0);
}

TEST_F(SecretTest, KeyThatIsRefusedIsWipedToo) {
  const auto needle = NeedleOf(MakeKey());
  std::string message;
  try {
    LiveClient{&reactor_, MakeKey() + "x"};
  } catch (const Exception& e) {
    message = e.what();
  }
  EXPECT_THAT(message, testing::HasSubstr("32"));
  EXPECT_EQ(Count(needle, Look::EverywhereWritable), 0);
}

enum class Says { Nothing, WhatItWasTold };

// A server in a process of its own, so that what it reads is not found here: it refuses
// each request, perhaps repeating the request's own words.
class RefusingServer {
 public:
  RefusingServer(const test::Identity* identity, Says says) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
    const net::ScopedFd reading{ends[0]};
    const net::ScopedFd writing{ends[1]};
    child_ = ::fork();
    if (child_ == 0) Serve(identity, says, writing.get());
    std::array<char, 64> url{};
    if (::read(reading.get(), url.data(), url.size() - 1) > 0) url_ = url.data();
  }
  ~RefusingServer() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  RefusingServer(const RefusingServer&) = delete;
  RefusingServer& operator=(const RefusingServer&) = delete;
  [[nodiscard]] const std::string& Url() const { return url_; }

 private:
  [[noreturn]] static void Serve(const test::Identity* identity, Says says, int tell) {
    Reactor reactor;
    test::ScriptedHttpServer server{&reactor, identity};
    server.answer = [says](const std::string& request) {
      const auto at = request.find("Basic ");
      const auto echo = says == Says::WhatItWasTold
                            ? request.substr(at, request.find("\r\n", at) - at)
                            : std::string{};
      return test::HttpAnswer{test::ScriptedHttpServer::Response(
          401,
          R"({"detail":{"case":"auth_failed","message":"refused: )" + echo + "\"}}")};
    };
    const auto url = server.Url();
    if (::write(tell, url.data(), url.size()) > 0) reactor.Run();
    ::_exit(0);
  }

  pid_t child_ = -1;
  std::string url_;
};

class SecretHistoricalTest : public SecretTest,
                             public testing::WithParamInterface<bool> {
 protected:
  // Asks a server that refuses the request; gives its error. `check` runs before the
  // client goes.
  template <typename F>
  Error Refused(std::string key, Says says, F&& check) {
    const test::TempFolder folder;
    folder.Write("ca.pem", identity_.Pem());
    const RefusingServer server{GetParam() ? &identity_ : nullptr, says};
    HistoricalOptions options;
    options.url = server.Url();
    options.ca_file = folder.Path("ca.pem");
    options.proxy = "";
    Error failure;
    HistoricalClient client{&reactor_, std::move(key), options};
    client.OnError([&](const Error& e) { failure = e; });
    client.Request("GLBX.MDP3", "ESZ6", Schema::Trades, UnixNanos{},
                   UnixNanos{UnixNanos::duration{1}});
    client.Start();
    EXPECT_TRUE(Until([&] { return bool{failure}; }));
    EXPECT_EQ(failure.code, ErrorCode::AuthFailed) << failure.message;
    check();
    return failure;
  }

  const test::Identity identity_ =
      test::MakeIdentity({.name = "own", .alternative_names = "IP:127.0.0.1"});
};

TEST_P(SecretHistoricalTest, KeyAndHeaderAreInNoCoreDumpAndWipedAtTheEnd) {
  const auto key = NeedleOf(MakeKey());
  const Needle header{proto::BasicAuth(base::ToSecret(MakeKey()), {})};
  Refused(MakeKey(), Says::Nothing, [&] {
    EXPECT_EQ(Count(key, Look::InCoreDumps), 0);
    EXPECT_EQ(Count(header, Look::InCoreDumps), 0);
  });
  EXPECT_EQ(Count(key, Look::EverywhereWritable), 0);
  EXPECT_EQ(Count(header, Look::EverywhereWritable), 0);
}

TEST_P(SecretHistoricalTest, AServerThatRepeatsTheHeaderGetsItIntoNoError) {
  const auto failure = Refused(MakeKey(11), Says::WhatItWasTold, [] {});
  // "db-" and its like in base64.
  EXPECT_THAT(failure.message, testing::Not(testing::HasSubstr("ZGIt")));
  EXPECT_THAT(failure.message, testing::HasSubstr("[key]"));
}

INSTANTIATE_TEST_SUITE_P(Plain, SecretHistoricalTest, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Tls, SecretHistoricalTest, testing::Values(true));

TEST(SecretString, GrowsAndMovesLikeAnyString) {
  base::SecretString text;
  for (int i = 0; i < 20'000; ++i) text += static_cast<char>('a' + i % 26);
  const auto copy = text;
  const auto moved = std::move(text);
  EXPECT_EQ(copy, moved);
  EXPECT_EQ(moved.size(), 20'000U);
  EXPECT_EQ(moved.substr(26, 3), "abc");
}

}  // namespace
}  // namespace dbnloop
