// Downloads of ranges, which were paid for.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "support/download_fixture.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Download;
using test::HttpAnswer;
using test::ScriptedHttpServer;
using test::Sha256;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Then = HttpAnswer::Then;

DownloadRequest RangeInto(const std::string& path) {
  DownloadRequest request;
  request.range.dataset = "GLBX.MDP3";
  request.range.symbols = {"ES"};
  request.range.end = Timestamp{1ns};
  request.path = path;
  return request;
}

// A server of one range, which cuts off its last bytes while `cut` says so.
class RangeDownload : public Download {
 protected:
  RangeDownload() {
    server_.answer = [this](const std::string&) {
      auto bytes = ScriptedHttpServer::Response(200, body_);
      if (cut_) bytes.resize(bytes.size() - 10);
      return HttpAnswer{bytes, Then::Close};
    };
  }

  const std::string body_ = test::Zstd(test::Header() + test::Trades(0, 100));
  const std::string came_ = body_.substr(0, body_.size() - 10);
  bool cut_ = true;
  ScriptedHttpServer server_{&reactor_, &good_};
};

TEST_F(RangeDownload, BecomesAFileAndAPartOfItStaysAPart) {
  const auto client = Make(Options(server_));
  auto request = RangeInto(folder_.Path("range.dbn.zst"));
  Run(*client, request);
  ASSERT_FALSE(*result_);
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "range.dbn.zst.part"));
  EXPECT_EQ(folder_.Read("range.dbn.zst.part"), came_) << "it was paid for";
  EXPECT_THAT(result_->error().message,
              HasSubstr("; " + std::to_string(came_.size()) + " bytes are kept in " +
                        folder_.Path("range.dbn.zst.part")));
  cut_ = false;
  Run(*client, request);
  ASSERT_TRUE(*result_);
  EXPECT_THAT(server_.requests[1], Not(HasSubstr("Range: "))) << "it is not resumed";
  EXPECT_THAT(folder_.Names(),
              ElementsAre("ca.pem", "range.dbn.zst", "range.dbn.zst.part"));
  EXPECT_EQ(folder_.Read("range.dbn.zst"), body_);
  EXPECT_EQ(folder_.Read("range.dbn.zst.part"), came_) << "it was paid for, too";
  EXPECT_EQ((*result_)->sha256, Sha256(body_));
  request.overwrite = true;
  Run(*client, request);
  EXPECT_TRUE(*result_);
}

TEST_F(RangeDownload, ReplacesNoFileThatIsNamedLikeItsPart) {
  folder_.Write("r.part", "a stranger's");
  std::filesystem::create_symlink(folder_.Path("nowhere"), folder_.Path("r.part.2"));
  const auto client = Make(Options(server_));
  Run(*client, RangeInto(folder_.Path("r")));
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message,
              HasSubstr("kept in " + folder_.Path("r.part.3")));
  EXPECT_EQ(folder_.Read("r.part"), "a stranger's");
  EXPECT_EQ(folder_.Read("r.part.3"), came_);
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "r.part", "r.part.2", "r.part.3"));
}

TEST_F(RangeDownload, KeepsWhatIsCompleteWhenItsNameIsTaken) {
  cut_ = false;
  const auto client = Make(Options(server_));
  result_.reset();
  client->Download(
      RangeInto(folder_.Path("r")),
      [this](const DownloadProgress&) { folder_.Write("r", "a stranger's"); },
      [this](auto r) { result_ = std::move(r); });
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message,
              AllOf(HasSubstr("is complete"), HasSubstr("File exists"),
                    HasSubstr("kept in " + folder_.Path("r.part"))));
  EXPECT_EQ(folder_.Read("r"), "a stranger's");
  EXPECT_EQ(folder_.Read("r.part"), body_);
}

TEST_F(RangeDownload, IsKeptWhenItIsNotWhatWasExpected) {
  cut_ = false;
  const auto client = Make(Options(server_));
  auto request = RangeInto(folder_.Path("r"));
  request.sha256 = std::string(64, '0');
  Run(*client, request);
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message,
              AllOf(HasSubstr("should have"), Not(HasSubstr("deleted")),
                    HasSubstr("kept in " + folder_.Path("r.part"))));
  EXPECT_EQ(folder_.Read("r.part"), body_) << "it was paid for";
}

TEST_F(RangeDownload, MayHaveItsNameFromTheBeginning) {
  const auto client = Make(Options(server_));
  auto request = RangeInto(folder_.Path("r"));
  request.part = request.path;
  request.overwrite = true;
  Run(*client, request);
  ASSERT_FALSE(*result_);
  EXPECT_EQ(folder_.Read("r"), came_);
  EXPECT_THAT(result_->error().message, Not(HasSubstr("kept in")));
  EXPECT_THROW(Run(*client, request), Exception) << "it holds data";
  EXPECT_EQ(folder_.Read("r"), came_);
  request.part = request.path = folder_.Path("s");
  cut_ = false;
  Run(*client, request);
  ASSERT_TRUE(*result_);
  EXPECT_EQ(folder_.Read("s"), body_);
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "r", "s"));
}

TEST_F(RangeDownload, SaysThatItsPartWasReplaced) {
  cut_ = false;
  const auto client = Make(Options(server_));
  result_.reset();
  client->Download(
      RangeInto(folder_.Path("r")),
      [this](const DownloadProgress&) {
        std::filesystem::remove(folder_.Path("r.part"));
        folder_.Write("r.part", "a stranger's");
      },
      [this](auto r) { result_ = std::move(r); });
  ASSERT_TRUE(Until([&] { return result_.has_value(); }));
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().message, HasSubstr("was removed or replaced"));
  EXPECT_EQ(folder_.Read("r.part"), "a stranger's");
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem", "r.part"));
}

}  // namespace
}  // namespace dbnloop
