#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/historical_client.hpp"

namespace dbnloop {

// The typed calls of the historical API: metadata, symbology and batch. Days are
// written as "2026-11-23", in UTC; times are ISO 8601 in UTC, as the API writes them.
// Names that the API lists (schemas, states, modes) stay text, because new ones may
// appear.

/// A venue's feed within a dataset.
struct PublisherDetail {
  std::uint16_t publisher_id = 0;
  std::string dataset;
  std::string venue;
  std::string description;
};

/// A column of a schema in an encoding.
struct FieldDetail {
  std::string name;
  std::string type;
};

/// Prices in US dollars per GB, by schema, for a mode of delivery ("historical",
/// "historical-streaming", "live").
struct UnitPricesForMode {
  std::string mode;
  std::map<std::string, double> unit_prices;
};

/// The condition of a dataset on a day: "available", "degraded", "pending" or
/// "missing".
struct DatasetConditionDetail {
  std::string date;
  std::string condition;
  std::optional<std::string> last_modified_date;
};

/// A range of times: start is inclusive, end exclusive.
struct DateTimeRange {
  std::string start;
  std::string end;
};

/// The range of available data, of the dataset and of each schema.
struct DatasetRange {
  std::string start;
  std::string end;
  std::map<std::string, DateTimeRange> range_by_schema;
};

/// What a symbol resolves to from start_date (inclusive) to end_date (exclusive).
struct SymbolInterval {
  std::string start_date;
  std::string end_date;
  std::string symbol;
};

struct SymbologyResolution {
  std::map<std::string, std::vector<SymbolInterval>> mappings;  ///< by input symbol
  std::vector<std::string> partial;    ///< resolved on some days only
  std::vector<std::string> not_found;  ///< resolved on no day
};

struct SymbologyRequest {
  std::string dataset;
  std::vector<std::string> symbols = {};  ///< 1 to 2,000, or ALL_SYMBOLS alone
  SType stype_in = SType::RawSymbol;
  SType stype_out = SType::InstrumentId;
  std::string start_date = {};
  std::string end_date = {};  ///< exclusive; empty: one day
};

/// The request of a batch job. Submitting it costs money.
struct BatchRequest {
  HistoricalRequest range;
  Encoding encoding = Encoding::Dbn;
  Compression compression = Compression::Zstd;
  bool pretty_px = false;  ///< decimal prices; text encodings only
  bool pretty_ts = false;  ///< ISO 8601 times; text encodings only
  /// Whether every record contains its symbol; nullopt: only in the text encodings,
  /// which is the service's own default.
  std::optional<bool> map_symbols = std::nullopt;
  bool split_symbols = false;  ///< one file per symbol; not with ALL_SYMBOLS
  SplitDuration split_duration = SplitDuration::Day;
  std::uint64_t split_size = 0;  ///< bytes, 1e9 to 10e9; 0: no split by size
};

/// A batch job. For the jobs of a list the service sends only id, state and
/// ts_received; the other fields are empty unless the server sends them. GetJobDetails
/// returns all.
struct BatchJob {
  std::string id;
  std::string state;  ///< queued, processing, done, expired
  std::optional<double> cost_usd;
  std::string dataset;
  std::vector<std::string> symbols;
  std::string stype_in;
  std::string stype_out;
  std::string schema;
  std::string start;
  std::string end;
  std::optional<std::uint64_t> limit;
  std::string encoding;
  std::optional<std::string> compression;
  std::optional<std::string> split_duration;
  std::optional<std::uint64_t> split_size;
  bool split_symbols = false;
  std::string delivery;
  std::optional<std::uint64_t> record_count;
  std::optional<std::uint64_t> billed_size;   ///< bytes of uncompressed records
  std::optional<std::uint64_t> actual_size;   ///< bytes of the files
  std::optional<std::uint64_t> package_size;  ///< bytes of the complete package
  std::string ts_received;
  std::optional<std::string> ts_queued;
  std::optional<std::string> ts_process_start;
  std::optional<std::string> ts_process_done;
  std::optional<std::string> ts_expiration;
  std::optional<int> progress;  ///< per cent
};

struct BatchFile {
  std::string filename;    ///< a plain name; one with a path is refused
  std::uint64_t size = 0;  ///< bytes
  /// "sha256:" and hexadecimal digits. A hash of another kind cannot be checked; see
  /// DownloadResult::verified.
  std::string hash = {};
  std::map<std::string, std::string> urls = {};  ///< by protocol
};

/// The complete historical API, typed, over the connections of a client.
///
/// Each call returns at once with an id that HistoricalClient::Cancel accepts. Its
/// handler runs once, in a later turn, with the result or an error. Error::http
/// describes a refusal by the server and says whether a retry may help. ParseError
/// means that the answer is not what the API promises, and names the part that differs.
/// LimitExceeded means that its values would need more than 48 MiB and more than three
/// times the size of its text. A handler may do anything, including destroying the
/// client. Read-only calls are retried according to HistoricalOptions::max_retries; a
/// job is never submitted twice.
///
/// The call itself throws Exception when an argument is invalid: InvalidDataset,
/// InvalidSymbol, InvalidSchema, InvalidArgument.
class HistoricalApi {
 public:
  using CallId = HistoricalClient::CallId;
  template <typename T>
  using Handler = std::move_only_function<void(std::expected<T, Error>)>;

  /// `client` must outlive this object, which only uses it for calls.
  explicit HistoricalApi(HistoricalClient* client) : client_{client} {}

  // ---- metadata --------------------------------------------------------------------

  CallId ListPublishers(Handler<std::vector<PublisherDetail>> done);
  /// The datasets that have data between two days; an empty day means no bound.
  /// `end_date` is exclusive.
  CallId ListDatasets(const std::string& start_date, const std::string& end_date,
                      Handler<std::vector<std::string>> done);
  CallId ListSchemas(const std::string& dataset,
                     Handler<std::vector<std::string>> done);
  /// The fields in the newest version of DBN.
  CallId ListFields(Encoding encoding, Schema schema,
                    Handler<std::vector<FieldDetail>> done);
  /// The fields in a dataset; empty: in the newest version of DBN.
  CallId ListFields(const std::string& dataset, Encoding encoding, Schema schema,
                    Handler<std::vector<FieldDetail>> done);
  CallId ListUnitPrices(const std::string& dataset,
                        Handler<std::vector<UnitPricesForMode>> done);
  /// The condition on each day; an empty day means no bound. `end_date` is inclusive.
  CallId GetDatasetCondition(const std::string& dataset, const std::string& start_date,
                             const std::string& end_date,
                             Handler<std::vector<DatasetConditionDetail>> done);
  CallId GetDatasetRange(const std::string& dataset, Handler<DatasetRange> done);
  /// The number of records in a range.
  CallId GetRecordCount(const HistoricalRequest& range, Handler<std::uint64_t> done);
  /// The size of a range in bytes of uncompressed records.
  CallId GetBillableSize(const HistoricalRequest& range, Handler<std::uint64_t> done);
  /// The cost of streaming or downloading a range, in US dollars.
  CallId GetCost(const HistoricalRequest& range, Handler<double> done);

  // ---- symbology -------------------------------------------------------------------

  CallId Resolve(const SymbologyRequest& request, Handler<SymbologyResolution> done);

  // ---- batch -----------------------------------------------------------------------

  CallId SubmitJob(const BatchRequest& request, Handler<BatchJob> done);
  /// Lists jobs in the order in which they were received, each with its id, state and
  /// ts_received. Without `states` it lists all except expired ones; without `since` it
  /// lists jobs of any time.
  CallId ListJobs(const std::vector<std::string>& states,
                  std::optional<UnixNanos> since, Handler<std::vector<BatchJob>> done);
  CallId GetJobDetails(const std::string& job_id, Handler<BatchJob> done);
  CallId ListFiles(const std::string& job_id, Handler<std::vector<BatchFile>> done);

  /// Makes the request that downloads a file of a job into a directory, which must
  /// exist. It holds the file's path on the client's own server, its size and its hash.
  /// Throws HttpError when the file's name or URL cannot be used.
  [[nodiscard]] static DownloadRequest ToDownload(const BatchFile& file,
                                                  const std::string& directory);

 private:
  HistoricalClient* client_;
};

/// Downloads all files of a batch job into a directory, one after the other. Complete
/// files are kept, partial ones are resumed, and sizes and hashes are checked; existing
/// files are read in turns of about 1 MiB. A file whose hash is not a SHA-256 is named
/// in a warning (HistoricalClient::OnWarning), and only its size is checked. Destroying
/// the object cancels the download silently; what was downloaded stays and can be
/// resumed.
class BatchDownload {
 public:
  /// Reports that `file` is being written, number `index` (from 0) of `count` files.
  using ProgressHandler =
      std::move_only_function<void(const BatchFile& file, std::size_t index,
                                   std::size_t count, const DownloadProgress&)>;
  using Handler = HistoricalApi::Handler<std::vector<DownloadResult>>;

  /// Creates the directory and its parents if needed, and begins. `progress` may be
  /// empty. `done` runs once, in a later turn, and may destroy this object. `client`
  /// must outlive this object.
  BatchDownload(HistoricalClient* client, const std::string& job_id,
                std::string directory, ProgressHandler progress, Handler done);
  ~BatchDownload();
  BatchDownload(const BatchDownload&) = delete;
  BatchDownload& operator=(const BatchDownload&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop
