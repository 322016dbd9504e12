// Compares what the official C++ client gets from dbn-sim's historical API with the
// files served.
//
//   historical DBN_SIM SAMPLE_DIR [FIXTURE_DIR]
//
// Over HTTPS, with the CA that dbn-sim makes. Every sample schema and every DBN file of
// FIXTURE_DIR is fetched with TimeseriesGetRange; each record must equal, bit for bit,
// what databento-cpp reads from the file.

#include <algorithm>
#include <databento/exceptions.hpp>
#include <databento/historical.hpp>
#include <databento/symbol_map.hpp>
#include <databento/symbology.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <tuple>

#include "compare.hpp"

namespace interop {
namespace {

using db::Schema;
using db::VersionUpgradePolicy;
using Names = std::set<std::string>;
using Range = db::DateTimeRange<std::string>;

constexpr auto kNewest = VersionUpgradePolicy::UpgradeToV3;

/// A folder that is removed with this.
class Folder {
 public:
  Folder() {
    auto name = (fs::temp_directory_path() / "dbnloop-interop-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no folder"};
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path path;
};

/// A dbn-sim process with the historical API, and a folder with its CA.
class Api {
 public:
  Api(const fs::path& program, std::vector<std::string> files)
      : sim_{program, Arguments(std::move(files))} {
    sim_.Ready("listening on ");
    const auto port = sim_.Ready("historical on https://127.0.0.1:");
    port_ = static_cast<std::uint16_t>(std::stoul(port));
  }

  db::Historical Client(VersionUpgradePolicy policy = kNewest,
                        const std::string& key = kKey) {
    return db::HistoricalBuilder{}
        .SetLogReceiver(&log_)
        .SetKey(key)
        .SetUpgradePolicy(policy)
        .SetAddress("https://127.0.0.1", port_)
        .SetHttpClientConfig([this](httplib::Client& client) {
          client.set_ca_cert_path((folder_.path / "ca.pem").string());
        })
        .Build();
  }

  [[nodiscard]] const fs::path& Scratch() const { return folder_.path; }

 private:
  [[nodiscard]] std::vector<std::string> Arguments(
      std::vector<std::string> files) const {
    const auto ca = (folder_.path / "ca.pem").string();
    // The client at hand reads every detail of the jobs that are listed.
    files.insert(files.begin(),
                 {"--hist-port", "0", "--ca-out", ca, "--hist-long-jobs"});
    return files;
  }

  Folder folder_;
  Simulator sim_;
  db::NullLogReceiver log_;
  std::uint16_t port_ = 0;
};

Range WholeRange(db::Historical& client, const std::string& dataset) {
  const auto available = client.MetadataGetDatasetRange(dataset);
  return {available.start, available.end};
}

std::vector<Bytes> ReadAll(db::DbnStore store) {
  std::vector<Bytes> records;
  while (const auto* const record = store.NextRecord()) records.push_back(Raw(*record));
  return records;
}

/// Each schema whole, by callbacks, through a file, in part, limited; counted.
void Samples(Api& api, const fs::path& folder) {
  auto client = api.Client();
  const auto day = WholeRange(client, kDataset);
  std::size_t ranges = 0;
  std::size_t records = 0;
  for (const auto& path : DbnFiles(folder)) {
    const auto schema = SampleSchema(path);
    const auto name = path.filename().string();
    const auto want = FromFile(path, kNewest).first;
    const auto& all = db::kAllSymbols;
    records += Same(
        name, ReadAll(client.TimeseriesGetRange(kDataset, day, all, schema)), want);

    std::vector<Bytes> called;
    client.TimeseriesGetRange(kDataset, day, all, schema,
                              [&](const db::Record& record) {
                                called.push_back(Raw(record));
                                return db::KeepGoing::Continue;
                              });
    records += Same(name + " by callbacks", called, want);

    const auto copy = api.Scratch() / "copy.dbn";
    client.TimeseriesGetRangeToFile(kDataset, day, all, schema, copy);
    records += Same(name + " to a file", FromFile(copy, kNewest).first, want);

    std::vector<Bytes> few;
    for (const auto& record : want) {
      if (few.size() < 5 && Instrument(record) == 4916) few.push_back(record);
    }
    auto one =
        client.TimeseriesGetRange(kDataset, day, {"ESZ6"}, schema, db::SType::RawSymbol,
                                  db::SType::InstrumentId, 5);
    const auto metadata = one.GetMetadata();
    records += Same(name + " ESZ6", ReadAll(std::move(one)), few);
    const auto map = metadata.CreateSymbolMapForDate(
        date::year_month_day{date::year{2026}, date::month{11}, date::day{15}});
    Expect(metadata.symbols == std::vector<std::string>{"ESZ6"} && map.Size() == 1 &&
               map.Map().at(4916) == "ESZ6",
           name + ", symbols");

    std::size_t bytes = 0;
    for (const auto& record : want) bytes += record.size();
    Expect(client.MetadataGetRecordCount(kDataset, day, all, schema) == want.size(),
           "count");
    Expect(client.MetadataGetBillableSize(kDataset, day, all, schema) == bytes, "size");
    const auto cost = client.MetadataGetCost(kDataset, day, all, schema);
    Expect(0 < cost && cost < 1, "cost");
    ranges += 4;
  }
  std::printf("  sample data: %zu ranges, %zu records equal\n", ranges, records);
}

void Metadata(Api& api) {
  auto client = api.Client();
  const auto publishers = client.MetadataListPublishers();
  Expect(publishers.front().publisher_id == 1 && publishers.front().dataset == kDataset,
         "publishers");
  Expect(client.MetadataListDatasets() == std::vector<std::string>{kDataset},
         "datasets");
  Expect(client.MetadataListDatasets(db::DateRange{"2026-12-01"}).empty(),
         "no datasets");
  const auto schemas = client.MetadataListSchemas(kDataset);
  Expect(std::count(schemas.begin(), schemas.end(), Schema::Trades) == 1, "schemas");
  const auto fields = client.MetadataListFields(db::Encoding::Dbn, Schema::Trades);
  Expect(fields.front() == db::FieldDetail{"length", "uint8_t"}, "fields");
  const auto prices = client.MetadataListUnitPrices(kDataset);
  Expect(prices.size() == 3 && prices.back().mode == db::FeedMode::Live, "prices");
  const auto conditions = client.MetadataGetDatasetCondition(
      kDataset, db::DateRange{"2026-11-15", "2026-11-16"});
  Expect(conditions.front().date == "2026-11-15" &&
             conditions.front().condition == db::DatasetCondition::Available,
         "conditions");
  const auto range = client.MetadataGetDatasetRange(kDataset);
  Expect(range.range_by_schema.at(Schema::Mbo).end.substr(0, 10) == "2026-11-16",
         "range");

  const auto resolved = client.SymbologyResolve(
      kDataset, {"ESZ6", "NONE"}, db::SType::RawSymbol, db::SType::InstrumentId,
      db::DateRange{"2026-11-15", "2026-11-16"});
  Expect(resolved.not_found == std::vector<std::string>{"NONE"} &&
             resolved.mappings.at("ESZ6").front().symbol == "4916",
         "resolved");
  std::printf("  metadata and symbology: all calls as expected\n");
}

std::string Content(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void Batch(Api& api, const fs::path& folder) {
  auto client = api.Client();
  const auto day = WholeRange(client, kDataset);
  const auto job = client.BatchSubmitJob(kDataset, db::kAllSymbols, Schema::Mbo, day);
  const auto jobs = client.BatchListJobs();
  Expect(jobs.size() == 1 && jobs.front().id == job.id, "jobs");
  Expect(client.BatchGetJobDetails(job.id).state == db::JobState::Done, "state");
  Names files;
  for (const auto& file : client.BatchListFiles(job.id)) files.insert(file.filename);
  Names got;
  fs::path data;
  for (const auto& path : client.BatchDownload(api.Scratch(), job.id)) {
    const auto name = path.filename().string();
    got.insert(name);
    if (name.find(".dbn") != name.npos) data = path;
  }
  Expect(got == files, "files");
  const auto want = FromFile(folder / "mbo.dbn.zst", kNewest).first;
  auto records = Same("batch", FromFile(data, kNewest).first, want);

  const auto content = Content(data);
  fs::resize_file(data, 1000);  // as if it had been interrupted
  client.BatchDownload(api.Scratch(), job.id, data.filename().string());
  Expect(Content(data) == content, "resumed");
  std::printf("  batch: submitted, listed, downloaded, resumed: %zu records equal\n",
              records);
}

/// Errors as the client words them.
void Refusals(Api& api) {
  auto client = api.Client();
  const Range day{"2026-11-15", "2026-11-16"};
  const Range early{"2020-01-01", "2026-11-16"};
  std::vector<std::string> many;
  for (int i = 0; i < 2001; ++i) many.push_back("X" + std::to_string(i));
  const auto& all = db::kAllSymbols;
  for (const auto& [reason, dataset, symbols, range] :
       {std::tuple{"data_start_before_available_start", kDataset, all, early},
        {"dataset_not_found", "XNAS.ITCH", all, day},
        {"symbology_invalid_request", kDataset, {"NONE"}, day},
        {"symbology_too_many_symbols", kDataset, many, day}}) {
    try {
      ReadAll(client.TimeseriesGetRange(dataset, range, symbols, Schema::Trades));
      throw std::runtime_error{std::string{"no refusal: "} + reason};
    } catch (const db::HttpResponseError& error) {
      Expect(error.StatusCode() == 422 && error.Case() == reason, error.what());
    }
  }
  const std::string key{kKey};
  try {
    api.Client(kNewest, {key.rbegin(), key.rend()}).MetadataListDatasets();
    throw std::runtime_error{"a wrong key is accepted"};
  } catch (const db::HttpResponseError& error) {
    Expect(error.StatusCode() == 401, error.what());
  }
  std::printf("  refusals: as expected\n");
}

void Fixtures(const fs::path& program, const fs::path& folder) {
  std::size_t ranges = 0;
  std::size_t records = 0;
  for (const auto& path : DbnFiles(folder)) {
    Api api{program, {path.string()}};
    for (const auto policy : {VersionUpgradePolicy::AsIs, kNewest}) {
      const auto [want, own] = FromFile(path, policy);
      if (want.empty()) continue;  // the range of no records is empty
      auto client = api.Client(policy);
      const auto available = WholeRange(client, own.dataset);
      std::vector<std::vector<std::string>> lists{db::kAllSymbols};
      if (!own.mappings.empty()) lists.push_back(own.symbols);
      for (const auto& symbols : lists) {
        auto store =
            client.TimeseriesGetRange(own.dataset, available, symbols, *own.schema);
        const auto version = store.GetMetadata().version;
        records += Same(path.filename().string(), ReadAll(std::move(store)), want);
        Expect(version == own.version, path.filename().string() + ", version");
        ++ranges;
      }
    }
  }
  std::printf("  real files: %zu ranges, %zu records equal\n", ranges, records);
}

}  // namespace
}  // namespace interop

int main(int argc, char** argv) try {
  if (argc < 3)
    throw std::runtime_error{"usage: historical DBN_SIM SAMPLE_DIR [FIXTURE_DIR]"};
  const std::filesystem::path program{argv[1]};
  {
    interop::Api api{program, {}};
    interop::Samples(api, argv[2]);
    interop::Metadata(api);
    interop::Batch(api, argv[2]);
    interop::Refusals(api);
  }
  if (argc > 3 && std::filesystem::is_directory(argv[3])) {
    interop::Fixtures(program, argv[3]);
  } else {
    std::printf("  real files: skipped, set DBN_TESTDATA to a folder of DBN files\n");
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "interop: %s\n", error.what());
  return 1;
}
