#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "dbnloop/historical_client.hpp"
#include "support/dbn.hpp"
#include "support/scripted_http_server.hpp"

namespace dbnloop::test {

/// A folder of its own that is removed at the end.
class TempFolder {
 public:
  TempFolder() {
    auto name = (std::filesystem::temp_directory_path() / "dbnloop-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] std::string Path(const std::string& name) const {
    return (path_ / name).string();
  }
  void Write(const std::string& name, const std::string& content) const {
    std::ofstream{Path(name), std::ios::binary} << content;
  }
  [[nodiscard]] std::string Read(const std::string& name) const {
    std::ifstream in{Path(name), std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  [[nodiscard]] std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{path_}) {
      names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }

 private:
  std::filesystem::path path_;
};

/// A reactor with a clock that stands still, certificates, and a client whose events
/// are noted.
class HistoricalFixture : public testing::Test {
 protected:
  HistoricalFixture() {
    reactor_.SetClockForTest([this] { return now_; });
    folder_.Write("ca.pem", ca_.Pem());
  }

  [[nodiscard]] HistoricalOptions Options(const ScriptedHttpServer& server) const {
    HistoricalOptions options;
    options.url = server.Url();
    options.ca_file = folder_.Path("ca.pem");
    options.proxy = "";
    return options;
  }
  std::unique_ptr<HistoricalClient> Make(HistoricalOptions options) {
    auto client = std::make_unique<HistoricalClient>(&reactor_, std::string{kKey},
                                                     std::move(options));
    client->OnError([this](const Error& e) { errors_.push_back(e); });
    client->OnComplete([this] { ++completed_; });
    client->OnWarning([this](const std::string& text) { warnings_.push_back(text); });
    client->OnRecord([this](const TradeMsg& m) { sequences_.push_back(m.sequence); });
    return client;
  }
  static void RequestTrades(HistoricalClient& client) {
    client.Request("GLBX.MDP3", "ESM5", Schema::Trades, UnixNanos{},
                   UnixNanos{std::chrono::hours{1}});
  }
  template <typename F>
  bool Until(F&& done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      reactor_.Poll(20);
    }
    return true;
  }
  bool UntilEnd() {
    return Until([this] { return completed_ != 0 || !errors_.empty(); });
  }
  void Settle() {
    for (int i = 0; i < 100'000 && reactor_.Poll(0) > 0; ++i) {
    }
  }
  static std::vector<std::uint32_t> Numbers(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < count; ++i) numbers.push_back(first + i);
    return numbers;
  }

  Reactor::Clock::time_point now_ = Reactor::Clock::now();
  Reactor reactor_;
  Identity ca_ = MakeIdentity({.name = "test authority", .authority = true});
  Identity good_ = MakeIdentity(
      {.name = "good",
       .alternative_names = "DNS:localhost,DNS:hist.example.com,IP:127.0.0.1"},
      &ca_);
  TempFolder folder_;
  std::vector<Error> errors_;
  std::vector<std::string> warnings_;
  std::vector<std::uint32_t> sequences_;
  int completed_ = 0;
};

}  // namespace dbnloop::test
