#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "dbnloop/historical_client.hpp"
#include "support/client_fixture.hpp"
#include "support/dbn.hpp"
#include "support/read_file.hpp"
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
    return ReadFile(Path(name));
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

/// Certificates, and a client whose events are noted.
class HistoricalFixture : public ClientFixture {
 protected:
  HistoricalFixture() { folder_.Write("ca.pem", ca_.Pem()); }

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
  bool UntilEnd() {
    return Until([this] { return completed_ != 0 || !errors_.empty(); });
  }

  Identity ca_ = MakeIdentity({.name = "test authority", .authority = true});
  Identity good_ = MakeIdentity(
      {.name = "good",
       .alternative_names = "DNS:localhost,DNS:hist.example.com,IP:127.0.0.1"},
      &ca_);
  TempFolder folder_;
  std::vector<std::string> warnings_;
  int completed_ = 0;
};

}  // namespace dbnloop::test
