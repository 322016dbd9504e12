// Downloads of all files of a job.

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "support/hash.hpp"
#include "support/historical_fixture.hpp"
#include "support/read_file.hpp"

namespace dbnloop {
namespace {

using test::HttpAnswer;
using test::ScriptedHttpServer;
using test::Sha256;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Then = HttpAnswer::Then;

class BatchDownloadTest : public test::HistoricalFixture {
 protected:
  // A job of files that a server gives in ranges, breaking off when told to.
  struct Job {
    std::map<std::string, std::string> files;
    std::mt19937 random{1};
    int cuts = 0;  // how many answers break off at a random point

    [[nodiscard]] std::string List() const {
      std::string out = "[";
      for (const auto& [name, content] : files) {
        out += (out.size() > 1 ? "," : "") + std::string{R"({"filename":")"} + name +
               R"(","size":)" + std::to_string(content.size()) + R"(,"hash":"sha256:)" +
               Sha256(content) +
               R"(","urls":{"https":"https://elsewhere.example/v0/files/)" + name +
               "\"}}";
      }
      return out + "]";
    }
    HttpAnswer Answer(const std::string& request) {
      if (request.starts_with("GET /v0/batch.list_files")) {
        return {ScriptedHttpServer::Response(200, List())};
      }
      const auto from = request.find("/v0/files/") + 10;
      const auto& content =
          files.at(request.substr(from, request.find(' ', from) - from));
      std::size_t at = 0;
      if (const auto range = request.find("bytes="); range != std::string::npos) {
        at = std::stoul(request.substr(range + 6));
      }
      auto bytes = ScriptedHttpServer::Response(
          at == 0 ? 200 : 206, content.substr(at),
          at == 0 ? ""
                  : "Content-Range: bytes " + std::to_string(at) + "-" +
                        std::to_string(content.size() - 1) + "/" +
                        std::to_string(content.size()) + "\r\n");
      if (cuts == 0) return {bytes};
      --cuts;
      const auto head = bytes.find("\r\n\r\n") + 4;
      bytes.resize(head + random() % (bytes.size() - head));
      return {bytes, random() % 2 == 0 ? Then::Truncate : Then::Reset};
    }
  };

  static std::string Noise(std::size_t size, unsigned seed) {
    std::mt19937 random{seed};
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(random());
    return out;
  }

  std::optional<std::expected<std::vector<DownloadResult>, Error>> result_;
  BatchDownload::Handler Note() {
    return [this](auto result) {
      EXPECT_FALSE(result_);
      result_ = std::move(result);
    };
  }
};

TEST_F(BatchDownloadTest, AJobsFilesComeWholeHoweverOftenTheyAreCut) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    result_.reset();
    Job job;
    job.random.seed(seed);
    job.cuts = 12;
    for (unsigned i = 0; i < 4; ++i) {
      job.files["file-" + std::to_string(i) + ".dbn.zst"] = Noise(50'000 + i, i);
    }
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [&](const std::string& request) { return job.Answer(request); };
    auto options = Options(server);
    options.max_retries = 20;
    // The clock runs on for the sake of the waits between tries.
    options.connect_timeout = options.tls_timeout = options.response_timeout =
        options.idle_timeout = std::chrono::milliseconds{0};
    const auto client = Make(options);
    const auto folder = folder_.Path("job-" + std::to_string(seed) + "/in/here");
    std::size_t last = 0;
    BatchDownload download{
        client.get(), "J", folder,
        [&](const BatchFile&, std::size_t index, std::size_t count, const auto&) {
          EXPECT_GE(index, last);
          EXPECT_EQ(count, 4U);
          last = index;
        },
        Note()};
    ASSERT_TRUE(Until([&] {
      now_ += std::chrono::seconds{10};
      return result_.has_value();
    }));
    ASSERT_TRUE(*result_) << result_->error().message;
    ASSERT_THAT(**result_, SizeIs(4));
    EXPECT_EQ(job.cuts, 0);
    for (const auto& file : **result_) {
      const auto content = test::ReadFile(file.path);
      EXPECT_EQ(Sha256(content), file.sha256);
      EXPECT_EQ(content, job.files.at(file.path.substr(file.path.rfind('/') + 1)));
    }
  }
}

TEST_F(BatchDownloadTest, FilesThatAreThereAreLeftAndOthersRefused) {
  Job job;
  job.files = {{"a", "first"}, {"b", "second"}};
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string& request) { return job.Answer(request); };
  const auto client = Make(Options(server));
  folder_.Write("a", "first");
  {
    BatchDownload download{client.get(), "J", folder_.Path("."), nullptr, Note()};
    ASSERT_TRUE(Until([&] { return result_.has_value(); }));
    ASSERT_TRUE(*result_) << result_->error().message;
    EXPECT_THAT(server.requests, SizeIs(2)) << "the list, and b";
    EXPECT_EQ(folder_.Read("b"), "second");
  }
  folder_.Write("a", "FIRST");
  result_.reset();
  BatchDownload download{client.get(), "J", folder_.Path("."), nullptr, Note()};
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message, HasSubstr("not the file of the job"));
  EXPECT_EQ(folder_.Read("a"), "FIRST");
}

// Counts the turns that others have, until it goes.
class Neighbour {
 public:
  explicit Neighbour(Reactor* reactor) : reactor_{reactor} { Next(); }
  ~Neighbour() { reactor_->Cancel(timer_); }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;
  int turns = 0;

 private:
  void Next() {
    timer_ = reactor_->After({}, [this] {
      ++turns;
      Next();
    });
  }
  Reactor* reactor_;
  Reactor::TimerId timer_ = 0;
};

TEST_F(BatchDownloadTest, FilesThatAreThereAreReadInTurns) {
  constexpr int kMiB = 8;
  Job job;
  job.files = {{"a", Noise(kMiB << 20, 1)}};
  folder_.Write("a", job.files["a"]);
  ScriptedHttpServer server{&reactor_};
  bool listed = false;
  server.answer = [&](const std::string& request) {
    listed = true;
    return job.Answer(request);
  };
  const auto client = Make(Options(server));
  BatchDownload download{client.get(), "J", folder_.Path("."), nullptr, Note()};
  ASSERT_TRUE(Until([&] { return listed; }));
  const Neighbour neighbour{&reactor_};
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_TRUE(*result_) << result_->error().message;
  EXPECT_EQ(result_->value()[0].sha256, Sha256(job.files["a"]));
  EXPECT_GE(neighbour.turns, kMiB) << "a MiB a turn";
}

TEST_F(BatchDownloadTest, MayBeDestroyedWhileItReadsFilesThatAreThere) {
  Job job;
  job.files = {{"a", Noise(6 << 20, 1)}};
  folder_.Write("a", job.files["a"]);
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string& request) { return job.Answer(request); };
  // It reads in turns 2 to 8, at the earliest.
  for (const int turn : {1, 3, 5}) {
    const auto client = Make(Options(server));
    auto download = std::make_unique<BatchDownload>(client.get(), "J",
                                                    folder_.Path("."), nullptr, Note());
    ASSERT_TRUE(
        Until([&] { return server.Unsent() == 0 && !server.requests.empty(); }));
    server.requests.clear();
    // Its socket is readable: it learns of the list in the next turn, and reads then.
    const Neighbour neighbour{&reactor_};
    ASSERT_TRUE(Until([&] { return neighbour.turns > turn; }));
    download.reset();
    for (int i = 0; i < 20; ++i) reactor_.Poll(0);
    EXPECT_FALSE(result_) << turn;
  }
  EXPECT_EQ(folder_.Read("a"), job.files["a"]);
}

TEST_F(BatchDownloadTest, AFileThatIsThereAndCannotBeReadIsSaidSo) {
  Job job;
  job.files = {{"a", "first"}};
  std::filesystem::create_directory(folder_.Path("a"));
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string& request) { return job.Answer(request); };
  const auto client = Make(Options(server));
  BatchDownload download{client.get(), "J", folder_.Path("."), nullptr, Note()};
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message, HasSubstr("not the file of the job"));
}

// A file of the job may be named like the part of another one.
TEST_F(BatchDownloadTest, AFileIsNeverTakenForThePartOfAnother) {
  Job job;
  job.files = {{"a", Noise(200'000, 1)}, {"a.part", Noise(300'000, 2)}};
  folder_.Write("a.part", job.files["a.part"]);
  ScriptedHttpServer server{&reactor_, &good_};
  bool cut = true;
  server.answer = [&](const std::string& request) {
    auto answer = job.Answer(request);
    if (cut && request.find("list_files") == std::string::npos) {
      answer.bytes.resize(answer.bytes.size() - 50'000);
      answer.then = Then::Close;
    }
    return answer;
  };
  const auto client = Make(Options(server));
  for (const bool fails : {true, false}) {
    cut = fails;
    result_.reset();
    BatchDownload download{client.get(), "J", folder_.Path("."), nullptr, Note()};
    ASSERT_TRUE(Until([&] { return result_.has_value(); }));
    EXPECT_EQ(result_->has_value(), !fails);
    EXPECT_EQ(folder_.Read("a.part"), job.files["a.part"]);
    if (fails) {
      EXPECT_EQ(folder_.Read("a.part.2"), job.files["a"].substr(0, 150'000));
    }
  }
  EXPECT_EQ(folder_.Read("a"), job.files["a"]);
  EXPECT_THAT(folder_.Names(), ElementsAre("a", "a.part", "ca.pem"));
}

TEST_F(BatchDownloadTest, HashesThatCannotBeCheckedAreNamedInAWarning) {
  Job job;
  job.files = {{"a", "first"}, {"b", "second"}};
  auto list = job.List();
  const auto hash = Sha256("first");
  list.replace(list.find("sha256:" + hash), 7 + hash.size(), "md5:0123\\u001b[2J");
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string& request) {
    if (!request.starts_with("GET /v0/batch.list_files")) return job.Answer(request);
    return HttpAnswer{ScriptedHttpServer::Response(200, list)};
  };
  const auto client = Make(Options(server));
  for (const bool there : {false, true}) {
    result_.reset();
    warnings_.clear();
    BatchDownload download{client.get(), "J", folder_.Path("."), nullptr, Note()};
    ASSERT_TRUE(Until([&] { return result_.has_value(); }));
    ASSERT_TRUE(*result_) << result_->error().message;
    EXPECT_FALSE(result_->value()[0].verified) << there;
    EXPECT_TRUE(result_->value()[1].verified) << there;
    EXPECT_THAT(warnings_, ElementsAre("1 of the job's 2 files have no SHA-256 ('a' "
                                       "with the hash 'md5:0123?[2J'): only their "
                                       "sizes are checked"));
  }
  // The handler of the warning may destroy the download.
  auto download = std::make_unique<BatchDownload>(client.get(), "J", folder_.Path("."),
                                                  nullptr, Note());
  result_.reset();
  client->OnWarning([&](const std::string&) { download.reset(); });
  ASSERT_TRUE(Until([&] { return download == nullptr; }));
  Settle();
  EXPECT_FALSE(result_);
}

TEST_F(BatchDownloadTest, AFileThatBearsTheNameOfAPartIsNotTakenForIt) {
  Job job;
  job.files = {{"a", "first"}, {"a.part", "second"}, {"a.part.part", "third"}};
  auto list = job.List();
  ScriptedHttpServer server{&reactor_};
  server.answer = [&](const std::string& request) {
    if (!request.starts_with("GET /v0/batch.list_files")) return job.Answer(request);
    // The worst order.
    auto items = nlohmann::json::parse(list);
    std::reverse(items.begin(), items.end());
    return HttpAnswer{ScriptedHttpServer::Response(200, items.dump())};
  };
  const auto client = Make(Options(server));
  BatchDownload download{client.get(), "J", folder_.Path("."), nullptr, Note()};
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_TRUE(*result_) << result_->error().message;
  for (const auto& [name, content] : job.files) EXPECT_EQ(folder_.Read(name), content);
}

TEST_F(BatchDownloadTest, NamesOfFilesDoNotLeadElsewhere) {
  for (const auto* name : {"../x", "/etc/x", "a/b", ".", "..", "", "a\\nb",
                           "a\xC2\x9B"
                           "b",
                           "a\xE2\x80\xAE"
                           "b",
                           "a\\u2028b"}) {
    result_.reset();
    Job job;
    job.files = {{name, "content"}};
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [&](const std::string& request) { return job.Answer(request); };
    const auto client = Make(Options(server));
    BatchDownload download{client.get(), "J", folder_.Path("in"), nullptr, Note()};
    ASSERT_TRUE(Until([&] { return result_.has_value(); }));
    ASSERT_FALSE(*result_) << name;
    EXPECT_THAT(result_->error().message, HasSubstr("plain file name")) << name;
  }
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "in"));
}

TEST_F(BatchDownloadTest, ADownloadThatIsDestroyedSaysNothing) {
  Job job;
  job.files = {{"a", Noise(1'000'000, 1)}};
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [&](const std::string& request) {
    auto answer = job.Answer(request);
    answer.piece = 1000;
    return answer;
  };
  const auto client = Make(Options(server));
  std::uint64_t bytes = 0;
  auto download = std::make_unique<BatchDownload>(
      client.get(), "J", folder_.Path("."),
      [&](const auto&, auto, auto, const DownloadProgress& p) { bytes = p.bytes; },
      Note());
  ASSERT_TRUE(Until([&] { return bytes > 10'000; }));
  download.reset();
  Settle();
  EXPECT_FALSE(result_);
  EXPECT_THAT(folder_.Names(), ElementsAre("a.part", "ca.pem")) << "to be resumed";
}

}  // namespace
}  // namespace dbnloop
