#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dbnloop/data_source.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop {

struct HistoricalOptions {
  /// Base URL of the API. Plain http:// is for tests and for proxies on this machine:
  /// it sends the key and the data unencrypted.
  std::string url = "https://hist.databento.com";
  /// The authorities to trust: a PEM file, and a directory as c_rehash makes it. If
  /// both are empty: the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR.
  std::string ca_file;
  std::string ca_dir;
  /// "http://[user:password@]host:port". nullopt: from the environment (https_proxy,
  /// all_proxy, no_proxy…; never for localhost, 127.… and ::1); empty: no proxy.
  std::optional<std::string> proxy;
  VersionUpgradePolicy upgrade_policy = VersionUpgradePolicy::UpgradeToV3;
  std::size_t buffer_size = 256 * 1024;               ///< bytes, see ParserOptions
  std::size_t max_metadata = 256 * 1024 * 1024;       ///< bytes, see ParserOptions
  std::chrono::milliseconds connect_timeout{10'000};  ///< lookup and TCP; 0: none
  std::chrono::milliseconds resolve_timeout{5'000};   ///< lookup alone; 0: none
  std::chrono::milliseconds tls_timeout{10'000};      ///< CONNECT, handshake; 0: none
  /// From the request to the head of the response, during which the server computes. 0:
  /// none.
  std::chrono::milliseconds response_timeout{100'000};
  /// Between two bytes of a body, not counting time while paused. 0: none.
  std::chrono::milliseconds idle_timeout{100'000};
  /// How many times a call or a download is retried:
  ///   - a read-only call, or the download of a job's file: after 408, 429, 5xx except
  ///     501, a broken connection and a timeout;
  ///   - submitting a job, or the download of a range: after 429, and 503 with
  ///     Retry-After, by which the server says that it refused the request;
  ///   - a stream of records: never, because it might be billed twice.
  ///
  /// The delay is what Retry-After says, otherwise 1, 2, 4… s and up to half of that at
  /// random; there is no retry if Retry-After exceeds 300 s. A resumed download starts
  /// counting again with every new byte. Independently of this option and without
  /// delay, a read-only request is repeated once when a reused connection ends without
  /// a byte of a response, because the server closed it at that moment.
  int max_retries = 0;
  /// Appended to the user agent; printable ASCII.
  std::string user_agent_extension;
  /// DNS servers, "192.0.2.1:53,[2001:db8::1]:53"; empty: those of /etc/resolv.conf.
  std::string name_servers;
};

/// A range of records, as the API's timeseries.get_range takes it.
struct HistoricalRequest {
  std::string dataset;
  std::vector<std::string> symbols;  ///< 1 to 2,000, or ALL_SYMBOLS alone
  Schema schema = Schema::Trades;
  UnixNanos start{};  ///< inclusive; by ts_recv if the schema has it
  /// Exclusive. A range without an end is refused, because the server would take its
  /// start alone for a range of one nanosecond. See DayRange.
  std::optional<UnixNanos> end;
  SType stype_in = SType::RawSymbol;
  SType stype_out = SType::InstrumentId;
  std::uint64_t limit = 0;  ///< number of records; 0: no limit
};

/// The range of one UTC day, for raw symbols.
[[nodiscard]] HistoricalRequest DayRange(std::string dataset,
                                         std::vector<std::string> symbols,
                                         Schema schema, std::chrono::sys_days day);

/// The progress of a download.
struct DownloadProgress {
  std::uint64_t bytes = 0;             ///< bytes in the file
  std::optional<std::uint64_t> total;  ///< expected bytes, if they are known
};

/// A complete download.
struct DownloadResult {
  std::string path;
  std::uint64_t bytes = 0;
  std::string sha256;  ///< of the complete file, 64 hexadecimal digits
  /// Whether the expected SHA-256 was known; it then equals the one above. False for
  /// ranges, and for files of a job whose list gives another kind of hash.
  bool verified = false;
};

/// A download into a file.
struct DownloadRequest {
  /// A path on the API's server, "/v0/batch/download/…", from the list of the job's
  /// files. If it is empty, `range` is downloaded.
  std::string url_path;
  HistoricalRequest range;
  std::string path;        ///< of the complete file
  bool overwrite = false;  ///< false: an existing file is refused
  /// url_path only: whether to resume from the "path.part" of an earlier attempt.
  bool resume = true;
  std::optional<std::uint64_t> size;  ///< expected size in bytes, if known
  std::string sha256;                 ///< expected hash, hexadecimal; empty: unknown
  /// The file's name until it is complete. By default (empty) it is "path.part"; for a
  /// range it is the first of "path.part", "path.part.2", "path.part.3"… that does not
  /// exist. A range refuses a part that holds data. If it equals `path`, and
  /// `overwrite` is set, the file has its final name from the beginning.
  std::string part;
};

/// Databento's historical API over HTTPS, on the user's reactor.
///
/// As a DataSource it streams one range of records at a time: Request, Start, then
/// OnRecord until OnComplete or OnError, one of which is called once per Start. Calls
/// (for metadata, symbology and batch) and downloads run concurrently with it, any
/// number at a time, each on a connection of its own. Name lookup, connecting and
/// certificate verification never block; writing a file blocks for as long as the disk
/// takes.
class HistoricalClient : public DataSource {
 public:
  /// `reactor` must outlive the client. Throws Exception: InvalidApiKey unless the key
  /// consists of 32 printable ASCII characters, InvalidArgument when an option is out
  /// of range, CertificateError when ca_file or ca_dir cannot be read.
  HistoricalClient(Reactor* reactor, std::string api_key);
  HistoricalClient(Reactor* reactor, std::string api_key, HistoricalOptions options);
  /// Cancels everything silently. Allowed inside the client's own handlers.
  ~HistoricalClient() override;

  /// Sets the range that Start requests. `symbols` is comma-separated. Throws
  /// Exception: InvalidDataset, InvalidSymbol, InvalidSchema, InvalidArgument (more
  /// than 2,000 symbols, no end, end before start), InvalidState while streaming.
  void Request(std::string_view dataset, std::string_view symbols, Schema schema,
               Timestamp start, Timestamp end);
  void Request(const HistoricalRequest& request);

  /// Sends the request, once, because it may cost money. Throws InvalidState without a
  /// Request, and while streaming.
  void Start() override;
  /// Ends the stream at once: no further record is delivered, and OnError is called
  /// with Cancelled in the reactor's next turn, unless Start is called before. The
  /// client can be used again.
  void Stop() override;
  void Pause() override;
  void Resume() override;

  using CompleteHandler = std::move_only_function<void()>;
  using WarningHandler = std::move_only_function<void(const std::string& text)>;
  /// Sets the handler that is called once, as the last one, when every record of the
  /// range was delivered.
  void OnComplete(CompleteHandler h);
  /// Sets the handler that is called with each text of the server's X-Warning headers,
  /// for streams and calls. nullptr removes it.
  void OnWarning(WarningHandler h);

  /// Whether a stream is in progress.
  [[nodiscard]] bool IsStreaming() const noexcept;
  /// Compressed bytes received by the present or the last stream.
  [[nodiscard]] std::uint64_t ReceivedBytes() const noexcept;

  /// Identifies a call or a download. Ids are never 0 and never reused.
  using CallId = std::uint64_t;
  /// The body of the response (JSON), or an error. It has at most 256 MiB, and the key
  /// is removed from it if the server repeats it.
  using CallResult = std::expected<std::string, Error>;
  using CallHandler = std::move_only_function<void(CallResult)>;
  using Params = std::vector<std::pair<std::string, std::string>>;

  /// Sends a GET, for read-only calls, to an endpoint such as "metadata.list_datasets".
  /// The handler runs once, in a later turn. For typed calls see historical_api.hpp.
  /// Throws InvalidArgument without a handler.
  CallId Get(std::string_view endpoint, const Params& params, CallHandler done);
  /// Sends a POST. With Effect::Reads it may be retried like a Get; with Effect::Bills
  /// only when the server refused it (see max_retries).
  enum class Effect { Reads, Bills };
  CallId Post(std::string_view endpoint, const Params& params, Effect effect,
              CallHandler done);

  /// Writes the body of a response to a file as it arrives. The data goes to
  /// "path.part", which is synced and renamed at the end, so that a file with the final
  /// name is complete. If the download fails or is cancelled, the part remains. The
  /// next attempt resumes the part of a job's file, after reading it in turns of about
  /// 1 MiB. The part of a range was paid for: it is never overwritten, and the next
  /// attempt uses another name. The error message names the part that remains, unless
  /// the request named it. A file that appears under the final name in the meantime is
  /// not replaced without `overwrite`: the complete data then keeps the name of the
  /// part, which the message gives. Throws InvalidArgument when the request is
  /// malformed or the file exists, InvalidState when another download writes the part
  /// or the part of a range holds data, System when the part cannot be created.
  using DownloadHandler =
      std::move_only_function<void(std::expected<DownloadResult, Error>)>;
  using ProgressHandler = std::move_only_function<void(const DownloadProgress&)>;
  CallId Download(const DownloadRequest& request, ProgressHandler progress,
                  DownloadHandler done);

  /// Cancels a call or a download; its handler does not run. Returns false when it has
  /// ended or does not exist.
  bool Cancel(CallId id);

 private:
  class Impl;
  friend class BatchDownload;     // works on the client's reactor
  friend class ContinuousClient;  // whose stream its ranges feed

  static std::unique_ptr<Impl> MakeImpl(Reactor* reactor, std::string api_key,
                                        HistoricalOptions options);
  explicit HistoricalClient(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

/// Parses application/x-www-form-urlencoded text, such as "a=b+c&d=%20".
[[nodiscard]] HistoricalClient::Params FormParams(std::string_view form);

}  // namespace dbnloop
