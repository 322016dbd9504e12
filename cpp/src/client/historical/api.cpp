#include "dbnloop/historical_api.hpp"

#include <utility>

#include "base/text.hpp"
#include "base/throw.hpp"
#include "client/historical/impl.hpp"
#include "dbnloop/enum_strings.hpp"
#include "proto/api_json.hpp"
#include "proto/url.hpp"
#include "proto/validate.hpp"

namespace dbnloop {
namespace {

using Params = HistoricalClient::Params;
using Effect = HistoricalClient::Effect;

// Turns the body of a call into its typed result, or into an error.
template <typename T>
HistoricalClient::CallHandler Typed(std::string endpoint,
                                    HistoricalApi::Handler<T> done) {
  if (!done) return {};  // is refused
  return [endpoint = std::move(endpoint),
          done = std::move(done)](HistoricalClient::CallResult body) mutable {
    if (!body) return done(std::unexpected{std::move(body.error())});
    done(proto::ReadAnswer<T>(endpoint, *body));
  };
}

std::string Join(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) {
    if (!out.empty()) out += ',';
    out += item;
  }
  return out;
}

void AddIf(Params& params, const char* key, const std::string& value) {
  if (!value.empty()) params.emplace_back(key, value);
}

// What a stream, its measures and a job have in common.
Params QueryParams(const HistoricalRequest& range) {
  client::ValidateRange(range);
  auto params = client::RangeParams(range);
  std::erase_if(params, [](const auto& param) {
    const auto& key = param.first;
    return key == "encoding" || key == "compression" || key == "stype_out";
  });
  return params;
}

Params OfDataset(const std::string& dataset) {
  proto::ValidateDataset(dataset);
  return {{"dataset", dataset}};
}

}  // namespace

// ---- metadata -----------------------------------------------------------------------

HistoricalApi::CallId HistoricalApi::ListPublishers(
    Handler<std::vector<PublisherDetail>> done) {
  const std::string endpoint = "metadata.list_publishers";
  return client_->Get(endpoint, {}, Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::ListDatasets(
    const std::string& start_date, const std::string& end_date,
    Handler<std::vector<std::string>> done) {
  const std::string endpoint = "metadata.list_datasets";
  Params params;
  AddIf(params, "start_date", start_date);
  AddIf(params, "end_date", end_date);
  return client_->Get(endpoint, params, Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::ListSchemas(
    const std::string& dataset, Handler<std::vector<std::string>> done) {
  const std::string endpoint = "metadata.list_schemas";
  return client_->Get(endpoint, OfDataset(dataset), Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::ListFields(
    Encoding encoding, Schema schema, Handler<std::vector<FieldDetail>> done) {
  return ListFields("", encoding, schema, std::move(done));
}

HistoricalApi::CallId HistoricalApi::ListFields(
    const std::string& dataset, Encoding encoding, Schema schema,
    Handler<std::vector<FieldDetail>> done) {
  const std::string endpoint = "metadata.list_fields";
  Params params{{"schema", TextOf(schema)}, {"encoding", TextOf(encoding)}};
  if (!dataset.empty()) {
    proto::ValidateDataset(dataset);
    params.emplace_back("dataset", dataset);
  }
  return client_->Get(endpoint, params, Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::ListUnitPrices(
    const std::string& dataset, Handler<std::vector<UnitPricesForMode>> done) {
  const std::string endpoint = "metadata.list_unit_prices";
  return client_->Get(endpoint, OfDataset(dataset), Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::GetDatasetCondition(
    const std::string& dataset, const std::string& start_date,
    const std::string& end_date, Handler<std::vector<DatasetConditionDetail>> done) {
  const std::string endpoint = "metadata.get_dataset_condition";
  auto params = OfDataset(dataset);
  AddIf(params, "start_date", start_date);
  AddIf(params, "end_date", end_date);
  return client_->Get(endpoint, params, Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::GetDatasetRange(const std::string& dataset,
                                                     Handler<DatasetRange> done) {
  const std::string endpoint = "metadata.get_dataset_range";
  return client_->Get(endpoint, OfDataset(dataset), Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::GetRecordCount(const HistoricalRequest& range,
                                                    Handler<std::uint64_t> done) {
  const std::string endpoint = "metadata.get_record_count";
  return client_->Post(endpoint, QueryParams(range), Effect::Reads,
                       Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::GetBillableSize(const HistoricalRequest& range,
                                                     Handler<std::uint64_t> done) {
  const std::string endpoint = "metadata.get_billable_size";
  return client_->Post(endpoint, QueryParams(range), Effect::Reads,
                       Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::GetCost(const HistoricalRequest& range,
                                             Handler<double> done) {
  const std::string endpoint = "metadata.get_cost";
  return client_->Post(endpoint, QueryParams(range), Effect::Reads,
                       Typed(endpoint, std::move(done)));
}

// ---- symbology ----------------------------------------------------------------------

HistoricalApi::CallId HistoricalApi::Resolve(const SymbologyRequest& request,
                                             Handler<SymbologyResolution> done) {
  // The same rules as those of a range.
  client::Validate({.dataset = request.dataset,
                    .symbols = request.symbols,
                    .end = std::nullopt,
                    .stype_in = request.stype_in,
                    .stype_out = request.stype_out});
  const std::string endpoint = "symbology.resolve";
  Params params{{"dataset", request.dataset},
                {"symbols", Join(request.symbols)},
                {"stype_in", TextOf(request.stype_in)},
                {"stype_out", TextOf(request.stype_out)},
                {"start_date", request.start_date}};
  AddIf(params, "end_date", request.end_date);
  return client_->Post(endpoint, params, Effect::Reads,
                       Typed(endpoint, std::move(done)));
}

// ---- batch --------------------------------------------------------------------------

HistoricalApi::CallId HistoricalApi::SubmitJob(const BatchRequest& request,
                                               Handler<BatchJob> done) {
  const std::string endpoint = "batch.submit_job";
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  auto params = QueryParams(request.range);
  params.emplace_back("stype_out", TextOf(request.range.stype_out));
  params.emplace_back("encoding", TextOf(request.encoding));
  params.emplace_back("compression", TextOf(request.compression));
  params.emplace_back("pretty_px", flag(request.pretty_px));
  params.emplace_back("pretty_ts", flag(request.pretty_ts));
  params.emplace_back(
      "map_symbols",
      flag(request.map_symbols.value_or(request.encoding != Encoding::Dbn)));
  params.emplace_back("split_symbols", flag(request.split_symbols));
  params.emplace_back("split_duration", TextOf(request.split_duration));
  if (request.split_size != 0) {
    params.emplace_back("split_size", std::to_string(request.split_size));
  }
  params.emplace_back("delivery", "download");
  return client_->Post(endpoint, params, Effect::Bills,
                       Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::ListJobs(const std::vector<std::string>& states,
                                              std::optional<UnixNanos> since,
                                              Handler<std::vector<BatchJob>> done) {
  const std::string endpoint = "batch.list_jobs";
  Params params;
  AddIf(params, "states", Join(states));
  if (since) {
    params.emplace_back("since", std::to_string(since->time_since_epoch().count()));
  }
  return client_->Get(endpoint, params, Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::GetJobDetails(const std::string& job_id,
                                                   Handler<BatchJob> done) {
  const std::string endpoint = "batch.get_job_details";
  return client_->Get(endpoint, {{"job_id", job_id}}, Typed(endpoint, std::move(done)));
}

HistoricalApi::CallId HistoricalApi::ListFiles(const std::string& job_id,
                                               Handler<std::vector<BatchFile>> done) {
  const std::string endpoint = "batch.list_files";
  return client_->Get(endpoint, {{"job_id", job_id}}, Typed(endpoint, std::move(done)));
}

DownloadRequest HistoricalApi::ToDownload(const BatchFile& file,
                                          const std::string& directory) {
  const auto found = file.urls.find("https");
  const auto url =
      found == file.urls.end() ? std::nullopt : proto::Url::Parse(found->second);
  if (!url || !url->path.starts_with('/')) {
    base::Throw(ErrorCode::HttpError, "the server gives no https URL for the file " +
                                          base::Quoted(file.filename));
  }
  DownloadRequest request;
  request.url_path = url->path;
  request.path = directory + "/" + file.filename;
  request.size = file.size;
  // A hash of another kind cannot be compared.
  constexpr std::string_view kSha256 = "sha256:";
  const auto hash = base::LowerCase(file.hash);
  if (hash.starts_with(kSha256) && hash.size() == kSha256.size() + 64 &&
      hash.find_first_not_of("0123456789abcdef", kSha256.size()) == std::string::npos) {
    request.sha256 = hash.substr(kSha256.size());
  }
  return request;
}

}  // namespace dbnloop
