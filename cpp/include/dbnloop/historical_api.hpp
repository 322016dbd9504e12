#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dbnloop/historical_client.hpp"

namespace dbnloop {

class FileHasher;

// The typed calls of the historical API: protocol groups metadata, symbology and batch.
// Days are "2026-11-23", UTC; times are as the API writes them, ISO 8601 in UTC. What
// is a list of names to the API (schemas, states, modes) stays text: new ones may come.

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

/// US dollars per GB, by schema, for a mode of delivery ("historical",
/// "historical-streaming", "live").
struct UnitPricesForMode {
  std::string mode;
  std::map<std::string, double> unit_prices;
};

/// The state of a dataset on a day: "available", "degraded", "pending" or "missing".
struct DatasetConditionDetail {
  std::string date;
  std::string condition;
  std::optional<std::string> last_modified_date;
};

/// [start, end).
struct DateTimeRange {
  std::string start;
  std::string end;
};

/// What can be asked for, as a whole and by schema.
struct DatasetRange {
  std::string start;
  std::string end;
  std::map<std::string, DateTimeRange> range_by_schema;
};

/// What a symbol stands for on the days [start_date, end_date).
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

/// What a batch job makes. It costs money.
struct BatchRequest {
  HistoricalRequest range;
  Encoding encoding = Encoding::Dbn;
  Compression compression = Compression::Zstd;
  bool pretty_px = false;  ///< text encodings
  bool pretty_ts = false;  ///< text encodings
  /// A symbol in every record; none: true for the text encodings, as the service has
  /// it.
  std::optional<bool> map_symbols = std::nullopt;
  bool split_symbols = false;          ///< not with ALL_SYMBOLS
  std::string split_duration = "day";  ///< day, week, month, year, none
  std::uint64_t split_size = 0;        ///< bytes, 1e9 to 10e9; 0: no split by size
};

/// A batch job. Of a job in a list the service says only what it is (id), how far it is
/// (state) and when it came (ts_received): the rest is empty unless the server sends
/// it. GetJobDetails has all.
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
  std::optional<std::uint64_t> package_size;  ///< bytes of all of them together
  std::string ts_received;
  std::optional<std::string> ts_queued;
  std::optional<std::string> ts_process_start;
  std::optional<std::string> ts_process_done;
  std::optional<std::string> ts_expiration;
  std::optional<int> progress;  ///< per cent
};

struct BatchFile {
  std::string filename;  ///< a plain name: one that leads elsewhere is refused
  std::uint64_t size = 0;
  /// "sha256:" and hexadecimal digits. Of a hash of another kind nothing can be
  /// checked, see DownloadResult::verified.
  std::string hash = {};
  std::map<std::string, std::string> urls = {};  ///< by protocol
};

/// The whole historical API, typed, over a client's connections. Each call returns at
/// once with an id that HistoricalClient::Cancel takes; its handler runs once, in a
/// later turn, with the result or the reason that there is none. Error::http tells a
/// refusal by the server and whether trying again may help; ParseError says that the
/// answer is not what the API promises, and which part of it; LimitExceeded that its
/// values would need more than 48 MiB and three times its size. A handler may do
/// everything, also destroy the client. Calls that only read are tried again as
/// HistoricalOptions::max_retries says; a job is never submitted twice.
///
/// Throws Exception from the call itself when an argument cannot be: InvalidDataset,
/// InvalidSymbol, InvalidSchema, InvalidArgument.
class HistoricalApi {
 public:
  using CallId = HistoricalClient::CallId;
  template <typename T>
  using Handler = std::move_only_function<void(std::expected<T, Error>)>;

  /// `client` must outlive this and is used for nothing but its calls.
  explicit HistoricalApi(HistoricalClient* client) : client_{client} {}

  // ---- metadata --------------------------------------------------------------------

  CallId ListPublishers(Handler<std::vector<PublisherDetail>> done);
  /// Those with data between two days; empty: any. `end_date` is exclusive.
  CallId ListDatasets(const std::string& start_date, const std::string& end_date,
                      Handler<std::vector<std::string>> done);
  CallId ListSchemas(const std::string& dataset,
                     Handler<std::vector<std::string>> done);
  /// As in the newest version of DBN.
  CallId ListFields(Encoding encoding, Schema schema,
                    Handler<std::vector<FieldDetail>> done);
  /// As a dataset has them; empty: as in the newest version of DBN.
  CallId ListFields(const std::string& dataset, Encoding encoding, Schema schema,
                    Handler<std::vector<FieldDetail>> done);
  CallId ListUnitPrices(const std::string& dataset,
                        Handler<std::vector<UnitPricesForMode>> done);
  /// Empty dates: all. `end_date` is inclusive.
  CallId GetDatasetCondition(const std::string& dataset, const std::string& start_date,
                             const std::string& end_date,
                             Handler<std::vector<DatasetConditionDetail>> done);
  CallId GetDatasetRange(const std::string& dataset, Handler<DatasetRange> done);
  /// How many records a range holds.
  CallId GetRecordCount(const HistoricalRequest& range, Handler<std::uint64_t> done);
  /// Bytes of uncompressed records.
  CallId GetBillableSize(const HistoricalRequest& range, Handler<std::uint64_t> done);
  /// US dollars that streaming or downloading the range costs.
  CallId GetCost(const HistoricalRequest& range, Handler<double> done);

  // ---- symbology -------------------------------------------------------------------

  CallId Resolve(const SymbologyRequest& request, Handler<SymbologyResolution> done);

  // ---- batch -----------------------------------------------------------------------

  CallId SubmitJob(const BatchRequest& request, Handler<BatchJob> done);
  /// By the time that they were received: id, state and ts_received of each. No states:
  /// all but expired ones; no `since`: all.
  CallId ListJobs(const std::vector<std::string>& states,
                  std::optional<UnixNanos> since, Handler<std::vector<BatchJob>> done);
  CallId GetJobDetails(const std::string& job_id, Handler<BatchJob> done);
  CallId ListFiles(const std::string& job_id, Handler<std::vector<BatchFile>> done);

  /// How to download a file of a job to `folder`, which must exist: its path at the
  /// client's own server, its size and its hash. Throws HttpError when its name or its
  /// URL cannot be used.
  [[nodiscard]] static DownloadRequest ToDownload(const BatchFile& file,
                                                  const std::string& folder);

 private:
  HistoricalClient* client_;
};

/// All files of a batch job, one after the other, into a folder: what is there and
/// whole is left, what was begun goes on, sizes and hashes are checked; files that are
/// there are read in turns of about a MiB. A file whose hash is not a SHA-256 is named
/// in a warning (HistoricalClient::OnWarning), and only its size is checked. Destroying
/// it ends it without a word; what has come stays, to be gone on with.
class BatchDownload {
 public:
  /// `file` is being written, of `count` files, `index` from 0.
  using ProgressHandler =
      std::move_only_function<void(const BatchFile& file, std::size_t index,
                                   std::size_t count, const DownloadProgress&)>;
  using Handler = HistoricalApi::Handler<std::vector<DownloadResult>>;

  /// Makes `folder` (with its parents) if needed and begins. `progress` may be empty.
  /// `done` runs once, in a later turn; it may destroy this. `client` must outlive
  /// this.
  BatchDownload(HistoricalClient* client, const std::string& job_id, std::string folder,
                ProgressHandler progress, Handler done);
  ~BatchDownload();
  BatchDownload(const BatchDownload&) = delete;
  BatchDownload& operator=(const BatchDownload&) = delete;

 private:
  void Begin(std::vector<BatchFile> files);
  void Next();
  void Check(const DownloadRequest& wanted);
  void Fetch(const DownloadRequest& wanted);
  [[nodiscard]] std::string PartOf(const std::string& path) const;
  void End(std::expected<std::vector<DownloadResult>, Error> result);

  HistoricalClient* client_;
  std::string folder_;
  std::shared_ptr<ProgressHandler> progress_;
  Handler done_;
  std::vector<BatchFile> files_;
  std::vector<DownloadResult> results_;
  HistoricalClient::CallId call_ = 0;
  std::unique_ptr<FileHasher> hasher_;  // of a file that is there already
};

}  // namespace dbnloop
