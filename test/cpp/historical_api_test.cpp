// The typed calls: what goes out, what comes back, and what an answer may not be.

#include "dbnloop/historical_api.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <random>

#include "dbnloop/exception.hpp"
#include "support/historical_fixture.hpp"

namespace dbnloop {
namespace {

using test::HttpAnswer;
using test::ScriptedHttpServer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Then = HttpAnswer::Then;

HistoricalRequest Range() {
  return {.dataset = "GLBX.MDP3",
          .symbols = {"ESZ6", "NQ Z6"},
          .schema = Schema::Mbo,
          .start = UnixNanos{UnixNanos::duration{1}},
          .end = UnixNanos{UnixNanos::duration{9}},
          .stype_in = SType::RawSymbol,
          .stype_out = SType::InstrumentId,
          .limit = 7};
}

constexpr auto kJob =
    R"({"id":"J-1","state":"done","cost_usd":1.5,"dataset":"GLBX.MDP3",
  "symbols":"ESZ6,NQZ6","stype_in":"raw_symbol","stype_out":"instrument_id",
  "schema":"mbo","start":"2026-01-01","end":"2026-01-02","limit":null,"encoding":"dbn",
  "compression":"zstd","split_duration":"day","split_size":null,"split_symbols":false,
  "delivery":"download","record_count":12,"ts_received":"2026-01-03","progress":100,
  "a key that is new":[{}]})";

// How a result looks as one text.
std::string Show(const std::string& v) { return v; }
std::string Show(std::uint64_t v) { return std::to_string(v); }
std::string Show(double v) { return std::to_string(v); }
std::string Show(const PublisherDetail& v) {
  return std::to_string(v.publisher_id) + "/" + v.dataset + "/" + v.venue + "/" +
         v.description;
}
std::string Show(const FieldDetail& v) { return v.name + ":" + v.type; }
std::string Show(const UnitPricesForMode& v) {
  return v.mode + " " + Show(v.unit_prices.at("mbo"));
}
std::string Show(const DatasetConditionDetail& v) {
  return v.date + " " + v.condition + " " + v.last_modified_date.value_or("-");
}
std::string Show(const DatasetRange& v) {
  return v.start + ".." + v.end + " mbo " + v.range_by_schema.at("mbo").start;
}
std::string Show(const SymbologyResolution& v) {
  const auto& first = v.mappings.at("ESZ6").at(0);
  return first.start_date + ".." + first.end_date + "=" + first.symbol + " " +
         v.partial.at(0) + " " + v.not_found.at(0);
}
std::string Show(const BatchJob& v) {
  return v.id + " " + v.state + " " + std::to_string(v.symbols.size()) + " " +
         std::to_string(v.cost_usd.value_or(-1)) + " " +
         std::to_string(v.limit.value_or(99)) + " " +
         std::to_string(v.progress.value_or(-1));
}
std::string Show(const BatchFile& v) {
  return v.filename + " " + std::to_string(v.size) + " " + v.hash;
}
template <typename T>
std::string Show(const std::vector<T>& list) {
  std::string out;
  for (const auto& item : list) out += Show(item) + ";";
  return out;
}

using Shown = std::function<void(std::expected<std::string, Error>)>;
template <typename T>
HistoricalApi::Handler<T> To(Shown shown) {
  return [shown = std::move(shown)](std::expected<T, Error> result) {
    result ? shown(Show(*result)) : shown(std::unexpected{result.error()});
  };
}

struct Call {
  const char* name;
  std::function<void(HistoricalApi&, Shown)> call;
  std::vector<std::string> sent;  // what the request must hold
  std::string answer;
  std::string shown;
};
std::ostream& operator<<(std::ostream& out, const Call& call) {
  return out << call.name;
}

std::vector<Call> Calls() {
  const std::string query =
      "dataset=GLBX.MDP3&symbols=ESZ6%2CNQ+Z6&schema=mbo&start=1&end=9"
      "&stype_in=raw_symbol&limit=7";
  return {
      {"ListPublishers",
       [](auto& api, auto to) {
         api.ListPublishers(To<std::vector<PublisherDetail>>(to));
       },
       {"GET /v0/metadata.list_publishers HTTP"},
       R"([{"publisher_id":1,"dataset":"D","venue":"V","description":"words"}])",
       "1/D/V/words;"},
      {"ListDatasets",
       [](auto& api, auto to) {
         api.ListDatasets("2026-01-01", "", To<std::vector<std::string>>(to));
       },
       {"GET /v0/metadata.list_datasets?start_date=2026-01-01 HTTP"},
       R"(["A","B"])",
       "A;B;"},
      {"ListSchemas",
       [](auto& api, auto to) {
         api.ListSchemas("GLBX.MDP3", To<std::vector<std::string>>(to));
       },
       {"GET /v0/metadata.list_schemas?dataset=GLBX.MDP3 HTTP"},
       R"(["mbo"])",
       "mbo;"},
      {"ListFields",
       [](auto& api, auto to) {
         api.ListFields(Encoding::Csv, Schema::Mbo, To<std::vector<FieldDetail>>(to));
       },
       {"GET /v0/metadata.list_fields?schema=mbo&encoding=csv HTTP"},
       R"([{"name":"price","type":"int64_t"}])",
       "price:int64_t;"},
      {"ListFieldsOfADataset",
       [](auto& api, auto to) {
         api.ListFields("GLBX.MDP3", Encoding::Csv, Schema::Mbo,
                        To<std::vector<FieldDetail>>(to));
       },
       {"GET /v0/metadata.list_fields?schema=mbo&encoding=csv&dataset=GLBX.MDP3 HTTP"},
       R"([{"name":"price","type":"int64_t"}])",
       "price:int64_t;"},
      {"ListUnitPrices",
       [](auto& api, auto to) {
         api.ListUnitPrices("GLBX.MDP3", To<std::vector<UnitPricesForMode>>(to));
       },
       {"GET /v0/metadata.list_unit_prices?dataset=GLBX.MDP3 HTTP"},
       R"([{"mode":"live","unit_prices":{"mbo":2,"tbbo":0.5}}])",
       "live 2.000000;"},
      {"GetDatasetCondition",
       [](auto& api, auto to) {
         api.GetDatasetCondition("GLBX.MDP3", "", "2026-01-02",
                                 To<std::vector<DatasetConditionDetail>>(to));
       },
       {"GET /v0/metadata.get_dataset_condition?dataset=GLBX.MDP3&end_date=2026-01-02"},
       R"([{"date":"d","condition":"degraded","last_modified_date":null}])",
       "d degraded -;"},
      {"GetDatasetRange",
       [](auto& api, auto to) {
         api.GetDatasetRange("GLBX.MDP3", To<DatasetRange>(to));
       },
       {"GET /v0/metadata.get_dataset_range?dataset=GLBX.MDP3 HTTP"},
       R"({"start":"a","end":"b","schema":{"mbo":{"start":"c","end":"d"}}})",
       "a..b mbo c"},
      {"GetRecordCount",
       [](auto& api, auto to) { api.GetRecordCount(Range(), To<std::uint64_t>(to)); },
       {"POST /v0/metadata.get_record_count HTTP", "\r\n\r\n" + query},
       "18446744073709551615",
       "18446744073709551615"},
      {"GetBillableSize",
       [](auto& api, auto to) { api.GetBillableSize(Range(), To<std::uint64_t>(to)); },
       {"POST /v0/metadata.get_billable_size HTTP", "\r\n\r\n" + query},
       "0",
       "0"},
      {"GetCost",
       [](auto& api, auto to) { api.GetCost(Range(), To<double>(to)); },
       {"POST /v0/metadata.get_cost HTTP", "\r\n\r\n" + query},
       "3",
       "3.000000"},
      {"Resolve",
       [](auto& api, auto to) {
         api.Resolve({.dataset = "GLBX.MDP3",
                      .symbols = {"ESZ6", "NQZ6"},
                      .start_date = "2026-01-01",
                      .end_date = ""},
                     To<SymbologyResolution>(to));
       },
       {"POST /v0/symbology.resolve HTTP",
        "\r\n\r\ndataset=GLBX.MDP3&symbols=ESZ6%2CNQZ6&stype_in=raw_symbol&stype_out="
        "instrument_id&start_date=2026-01-01"},
       R"({"result":{"ESZ6":[{"d0":"x","d1":"y","s":"5"}]},"partial":["P"],
           "not_found":["N"],"message":"OK","status":0})",
       "x..y=5 P N"},
      {"SubmitJob",
       [](auto& api, auto to) {
         api.SubmitJob({.range = Range(),
                        .encoding = Encoding::Csv,
                        .pretty_px = true,
                        .split_duration = SplitDuration::Week,
                        .split_size = 2'000'000'000},
                       To<BatchJob>(to));
       },
       {"POST /v0/batch.submit_job HTTP", "\r\n\r\n" + query,
        "&stype_out=instrument_id&encoding=csv&compression=zstd&pretty_px=true"
        "&pretty_ts=false&map_symbols=true&split_symbols=false&split_duration=week"
        "&split_size=2000000000&delivery=download"},
       kJob,
       "J-1 done 2 1.500000 99 100"},
      {"ListJobs",
       [](auto& api, auto to) {
         api.ListJobs({"done", "expired"}, UnixNanos{UnixNanos::duration{5}},
                      To<std::vector<BatchJob>>(to));
       },
       {"GET /v0/batch.list_jobs?states=done%2Cexpired&since=5 HTTP"},
       "[" + std::string{kJob} + "]",
       "J-1 done 2 1.500000 99 100;"},
      {"ListJobsInTheirShortForm",
       [](auto& api, auto to) {
         api.ListJobs({}, std::nullopt, To<std::vector<BatchJob>>(to));
       },
       {"GET /v0/batch.list_jobs HTTP"},
       R"([{"id":"J-1","state":"done","ts_received":"2026-01-03"},
           {"id":"J-2","state":"queued","ts_received":"2026-01-04","symbols":null,
            "dataset":null,"progress":null}])",
       "J-1 done 0 -1.000000 99 -1;J-2 queued 0 -1.000000 99 -1;"},
      {"GetJobDetails",
       [](auto& api, auto to) { api.GetJobDetails("J 1", To<BatchJob>(to)); },
       {"GET /v0/batch.get_job_details?job_id=J+1 HTTP"},
       kJob,
       "J-1 done 2 1.500000 99 100"},
      {"ListFiles",
       [](auto& api, auto to) { api.ListFiles("J", To<std::vector<BatchFile>>(to)); },
       {"GET /v0/batch.list_files?job_id=J HTTP"},
       R"([{"filename":"a.dbn","size":3,"hash":"sha256:00","urls":{"https":"u"}}])",
       "a.dbn 3 sha256:00;"},
  };
}

class HistoricalApiCall : public test::HistoricalFixture,
                          public testing::WithParamInterface<Call> {
 protected:
  // Makes the call, which gets that answer.
  std::expected<std::string, Error> Make(const std::string& answer, int status = 200) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [&](const std::string&) {
      return HttpAnswer{ScriptedHttpServer::Response(status, answer)};
    };
    const auto client = HistoricalFixture::Make(Options(server));
    HistoricalApi api{client.get()};
    std::optional<std::expected<std::string, Error>> result;
    GetParam().call(api, [&](auto r) {
      EXPECT_FALSE(result) << "once";
      result = std::move(r);
    });
    EXPECT_FALSE(result) << "never from inside the call";
    EXPECT_TRUE(Until([&] { return result.has_value(); }));
    sent_ = server.requests.at(0);
    return *result;
  }
  std::string sent_;
};

TEST_P(HistoricalApiCall, SendsAndReads) {
  const auto result = Make(GetParam().answer);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, GetParam().shown);
  for (const auto& part : GetParam().sent) EXPECT_THAT(sent_, HasSubstr(part));
}

TEST_P(HistoricalApiCall, TellsARefusal) {
  const auto result = Make(R"({"detail":{"case":"c","message":"m"}})", 422);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::HttpError);
  EXPECT_EQ(result.error().http->error_case, "c");
  EXPECT_FALSE(result.error().http->Retryable());
}

// Each cut, and each value replaced by one of another type, is told or does no harm.
TEST_P(HistoricalApiCall, RefusesWhatIsNotTheAnswer) {
  for (const auto* wrong :
       {"", "x", "{", "null", "true", "\"text\"", "1e999", "[1", "[null]", "[[]]", "{}",
        R"({"detail":"words"})", R"([{"publisher_id":70000}])", "\xFF"}) {
    const auto result = Make(wrong);
    ASSERT_FALSE(result) << wrong << " gave " << *result;
    EXPECT_EQ(result.error().code, ErrorCode::ParseError) << wrong;
    EXPECT_THAT(result.error().message, HasSubstr("server's answer"));
  }
  const std::string deep(100'000, '[');
  EXPECT_FALSE(Make(deep));
  EXPECT_FALSE(Make(deep + std::string(deep.size(), ']')));
}

INSTANTIATE_TEST_SUITE_P(Calls, HistoricalApiCall, testing::ValuesIn(Calls()),
                         [](const auto& call) { return call.param.name; });

// ---- Several calls, and files -------------------------------------------------------

using HistoricalApiTest = test::HistoricalFixture;

TEST_F(HistoricalApiTest, CountsAreNotNegative) {
  for (const auto* wrong : {"-1", "1.5", "18446744073709551616", "\"1\""}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [=](const std::string&) {
      return HttpAnswer{ScriptedHttpServer::Response(200, wrong)};
    };
    const auto client = Make(Options(server));
    std::optional<std::expected<std::uint64_t, Error>> count;
    HistoricalApi{client.get()}.GetRecordCount(Range(), [&](auto r) { count = r; });
    ASSERT_TRUE(Until([&] { return count.has_value(); }));
    EXPECT_FALSE(*count) << wrong;
  }
}

TEST_F(HistoricalApiTest, MoneyIsNotNegative) {
  for (const auto* wrong : {"-1", "-0.000001", "-1e300"}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [=](const std::string&) {
      return HttpAnswer{ScriptedHttpServer::Response(200, wrong)};
    };
    const auto client = Make(Options(server));
    std::optional<std::expected<double, Error>> cost;
    HistoricalApi{client.get()}.GetCost(Range(), [&](auto r) { cost = r; });
    ASSERT_TRUE(Until([&] { return cost.has_value(); }));
    ASSERT_FALSE(*cost) << wrong;
    EXPECT_THAT(cost->error().message, HasSubstr("a number of 0 or more at $"));
  }
}

TEST_F(HistoricalApiTest, TheDetailsOfAJobAreComplete) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(
        200, R"({"id":"J","state":"done","ts_received":"t"})")};
  };
  const auto client = Make(Options(server));
  std::optional<std::expected<BatchJob, Error>> job;
  HistoricalApi{client.get()}.GetJobDetails("J", [&](auto r) { job = std::move(r); });
  ASSERT_TRUE(Until([&] { return job.has_value(); }));
  ASSERT_FALSE(*job);
  EXPECT_THAT(job->error().message, HasSubstr("expected a value at $.dataset"));
}

TEST_F(HistoricalApiTest, SymbolsAreInTextUnlessTheyAreLeftOut) {
  struct Case {
    Encoding encoding;
    std::optional<bool> asked;
    const char* sent;
  };
  for (const auto& c :
       {Case{Encoding::Dbn, std::nullopt, "false"},
        Case{Encoding::Csv, std::nullopt, "true"},
        Case{Encoding::Json, std::nullopt, "true"},
        Case{Encoding::Json, false, "false"}, Case{Encoding::Dbn, true, "true"}}) {
    ScriptedHttpServer server{&reactor_, &good_};
    server.answer = [](const std::string&) {
      return HttpAnswer{ScriptedHttpServer::Response(200, kJob)};
    };
    const auto client = Make(Options(server));
    bool done = false;
    HistoricalApi{client.get()}.SubmitJob(
        {.range = Range(), .encoding = c.encoding, .map_symbols = c.asked},
        [&](const auto& r) { done = r.has_value(); });
    ASSERT_TRUE(Until([&] { return done; }));
    EXPECT_THAT(server.requests[0], HasSubstr(std::string{"&map_symbols="} + c.sent));
  }
}

// Each bracket would take some 60 bytes.
TEST_F(HistoricalApiTest, AnAnswerThatIsNestedDeeplyIsRefused) {
  ScriptedHttpServer server{&reactor_};
  std::string body;
  int status = 200;
  server.answer = [&](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(status, body)};
  };
  const auto client = Make(Options(server));
  std::optional<std::expected<std::vector<std::string>, Error>> result;
  const auto ask = [&](std::string answer) {
    body = std::move(answer);
    result.reset();
    HistoricalApi{client.get()}.ListSchemas("GLBX.MDP3",
                                            [&](auto r) { result = std::move(r); });
    EXPECT_TRUE(Until([&] { return result.has_value(); }));
    return *result;
  };
  const auto nested = [](int depth, const char* open, const char* close) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += open;
    for (int i = 0; i < depth; ++i) text += close;
    return text;
  };
  const auto too_deep = HasSubstr("nested deeper than 64");
  EXPECT_THAT(ask(nested(64, "[", "]")).error().message, Not(too_deep));
  for (const auto& json :
       {nested(65, "[", "]"), nested(65, "{\"a\":[", "]}"), nested(1'000'000, "[", ""),
        "[\"\\\"]\"," + nested(64, "[", "]")}) {
    const auto answer = ask(json);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::ParseError);
    EXPECT_THAT(answer.error().message, too_deep);
  }
  const auto brackets = "[\"" + nested(100, "[", "") + "\\\"[\"]";
  EXPECT_TRUE(ask(brackets)) << "in a text they are text";
  // An error's body too: it is shown as it is.
  status = 422;
  EXPECT_THAT(ask(R"({"detail":"no")" + std::string{"}"}).error().message,
              HasSubstr(": no ("));
  EXPECT_THAT(
      ask(R"({"detail":"no","x":)" + nested(64, "[", "]") + "}").error().message,
      HasSubstr("with the body"));
}

TEST_F(HistoricalApiTest, ManyCallsAtOnceAndOneCancelled) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, "[\"mbo\"]")};
  };
  const auto client = Make(Options(server));
  HistoricalApi api{client.get()};
  int answers = 0;
  for (int i = 0; i < 20; ++i) {
    const auto id = api.ListSchemas("GLBX.MDP3", [&](const auto& r) {
      EXPECT_TRUE(r);
      ++answers;
    });
    if (i == 7) {
      EXPECT_TRUE(client->Cancel(id));
    }
  }
  ASSERT_TRUE(Until([&] { return answers == 19; }));
  Settle();
  EXPECT_EQ(answers, 19);
}

TEST_F(HistoricalApiTest, AHandlerMayDestroyTheClient) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, "[]")};
  };
  auto client = Make(Options(server));
  HistoricalApi api{client.get()};
  api.ListPublishers([&](const auto&) { client.reset(); });
  EXPECT_TRUE(Until([&] { return client == nullptr; }));
}

TEST_F(HistoricalApiTest, ArgumentsThatCannotBeAreRefusedAtOnce) {
  HistoricalOptions options;
  options.url = "http://127.0.0.1:1";
  const auto client = Make(options);
  HistoricalApi api{client.get()};
  const auto never = [](const auto&) { FAIL(); };
  EXPECT_THROW(api.ListSchemas("GLBX MDP3", never), Exception);
  auto range = Range();
  range.symbols.clear();
  EXPECT_THROW(api.GetCost(range, never), Exception);
  range = Range();
  range.end = range.start;
  EXPECT_THROW(api.SubmitJob({.range = range}, never), Exception);
  range.end.reset();
  const auto refusal = [](auto&& call) {
    try {
      call();
    } catch (const Exception& e) {
      return std::string{e.error().message};
    }
    return std::string{"none"};
  };
  const auto no_end = HasSubstr("the range has no end");
  EXPECT_THAT(refusal([&] { client->Request(range); }), no_end);
  EXPECT_THAT(refusal([&] { api.GetCost(range, never); }), no_end);
  EXPECT_THAT(refusal([&] { api.GetRecordCount(range, never); }), no_end);
  EXPECT_THAT(refusal([&] { api.GetBillableSize(range, never); }), no_end);
  EXPECT_THAT(refusal([&] { api.SubmitJob({.range = range}, never); }), no_end);
  DownloadRequest download;
  download.range = range;
  download.path = folder_.Path("f");
  EXPECT_THAT(refusal([&] { client->Download(download, {}, never); }), no_end);
  auto nameless = Range();
  nameless.stype_out = static_cast<SType>(77);
  EXPECT_THAT(refusal([&] { client->Request(nameless); }),
              HasSubstr("stype_out number 77"));
  download.range = Range();
  download.path.clear();
  EXPECT_THAT(refusal([&] { client->Download(download, {}, never); }),
              HasSubstr("path is empty"));
  EXPECT_THAT(folder_.Names(), ElementsAre("ca.pem"));
  EXPECT_THROW(api.Resolve({.dataset = "GLBX.MDP3"}, never), Exception);
  EXPECT_THROW((void)HistoricalApi::ToDownload({.filename = "a"}, "f"), Exception);
}

TEST_F(HistoricalApiTest, ADayIsARangeOfTwentyFourHours) {
  using namespace std::chrono;
  ScriptedHttpServer server{&reactor_};
  server.answer = [](const std::string&) {
    return HttpAnswer{ScriptedHttpServer::Response(200, "1")};
  };
  const auto client = Make(Options(server));
  const auto day =
      DayRange("GLBX.MDP3", {"ESZ6"}, Schema::Trades, 2026y / November / 20);
  bool done = false;
  HistoricalApi{client.get()}.GetCost(day,
                                      [&](const auto& r) { done = r.has_value(); });
  ASSERT_TRUE(Until([&] { return done; }));
  EXPECT_THAT(server.requests[0],
              HasSubstr("dataset=GLBX.MDP3&symbols=ESZ6&schema=trades"
                        "&start=1795132800000000000&end=1795219200000000000"));
}

TEST_F(HistoricalApiTest, AJobIsNeverSubmittedTwice) {
  ScriptedHttpServer server{&reactor_, &good_};
  server.answer = [](const std::string&) { return HttpAnswer{"", Then::Reset}; };
  auto options = Options(server);
  options.max_retries = 5;
  const auto client = Make(options);
  std::optional<Error> error;
  HistoricalApi{client.get()}.SubmitJob({.range = Range()},
                                        [&](const auto& r) { error = r.error(); });
  ASSERT_TRUE(Until([&] { return error.has_value(); }));
  EXPECT_THAT(server.requests, SizeIs(1));
}

}  // namespace
}  // namespace dbnloop
