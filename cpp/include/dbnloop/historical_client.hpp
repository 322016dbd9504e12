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
  /// Base of the API. Plain http:// is for tests and proxies on this machine: the key
  /// and the data are readable on the way.
  std::string url = "https://hist.databento.com";
  /// PEM file, and folder as c_rehash makes it, of the authorities to trust. Both
  /// empty: the system's, or those of SSL_CERT_FILE and SSL_CERT_DIR.
  std::string ca_file;
  std::string ca_dir;
  /// "http://[user:password@]host:port"; none: as the environment says (https_proxy,
  /// all_proxy, no_proxy…; never for localhost, 127.… and ::1); empty: no proxy.
  std::optional<std::string> proxy;
  VersionUpgradePolicy upgrade_policy = VersionUpgradePolicy::UpgradeToV3;
  std::size_t buffer_size = 256 * 1024;               ///< bytes, see ParserOptions
  std::size_t max_metadata = 256 * 1024 * 1024;       ///< bytes, see ParserOptions
  std::chrono::milliseconds connect_timeout{10'000};  ///< lookup and TCP; 0: none
  std::chrono::milliseconds resolve_timeout{5'000};   ///< of that, the name; 0: none
  std::chrono::milliseconds tls_timeout{10'000};      ///< CONNECT, handshake; 0: none
  /// From the request to the head of the response; the server computes meanwhile. 0:
  /// none.
  std::chrono::milliseconds response_timeout{100'000};
  /// Between two bytes of a body; does not run while paused. 0: none.
  std::chrono::milliseconds idle_timeout{100'000};
  /// How often a call or a download is tried again: what only reads when the server is
  /// busy or fails (429, 408, 5xx but 501) or the connection breaks; what may be billed
  /// (submitting a job, downloading a range) only when the server refused it and says
  /// so (429, or 503 with Retry-After). It waits as long as Retry-After says, else 1,
  /// 2, 4… s; not at all when that is more than 300 s. A download that is resumed
  /// counts anew with every new byte. Streams of records are never tried again: a
  /// second one may be billed a second time. Besides, and without waiting, what only
  /// reads is sent once more when a connection that an earlier request had left ends
  /// without a byte of an answer: the server closed it just then.
  int max_retries = 0;
  /// Appended to the user agent; printable ASCII.
  std::string user_agent_extension;
  /// DNS servers, "192.0.2.1:53,[2001:db8::1]:53"; empty: those of /etc/resolv.conf.
  std::string name_servers;
};

/// What to stream: protocol section 9, timeseries.get_range.
struct HistoricalRequest {
  std::string dataset;
  std::vector<std::string> symbols;  ///< 1 to 2,000, or ALL_SYMBOLS alone
  Schema schema = Schema::Trades;
  UnixNanos start{};  ///< inclusive; by ts_recv where the schema has it
  /// Exclusive. A range needs one, or it is refused: the server would take a start
  /// without an end for the nanosecond that it names. See DayRange.
  std::optional<UnixNanos> end;
  SType stype_in = SType::RawSymbol;
  SType stype_out = SType::InstrumentId;
  std::uint64_t limit = 0;  ///< records; 0: none
};

/// The range of a day in UTC, of raw symbols.
[[nodiscard]] HistoricalRequest DayRange(std::string dataset,
                                         std::vector<std::string> symbols,
                                         Schema schema, std::chrono::sys_days day);

/// How far a download has come.
struct DownloadProgress {
  std::uint64_t bytes = 0;             ///< in the file
  std::optional<std::uint64_t> total;  ///< known from Content-Length or the job's list
};

/// A complete download.
struct DownloadResult {
  std::string path;
  std::uint64_t bytes = 0;
  std::string sha256;  ///< 64 hexadecimal digits, of the whole file
  /// Whether the SHA-256 that the file must have was known: it is the one above. False
  /// for ranges, and for files of a job whose list gives another kind of hash.
  bool verified = false;
};

/// What to write to a file.
struct DownloadRequest {
  /// A path of the API's server: "/v0/batch/download/…", from the job's list of files.
  /// Empty: `range` is asked for.
  std::string url_path;
  HistoricalRequest range;
  std::string path;        ///< of the file
  bool overwrite = false;  ///< else an existing file is refused
  /// url_path only: goes on with a file "path.part" of an earlier try.
  bool resume = true;
  std::optional<std::uint64_t> size;  ///< what the file must have, when known
  std::string sha256;                 ///< what it must have, hex; empty: not known
  /// The file's name until it is complete. Empty: "path.part"; for a range the first of
  /// that, "path.part.2", "path.part.3"… that no file has. A range refuses one that
  /// holds data. With `path` itself, `overwrite` too, the file has its name from the
  /// beginning.
  std::string part;
};

/// Databento's historical API over HTTPS, on the user's reactor.
///
/// As a DataSource it streams one range of records at a time: Request, Start, then
/// OnRecord until OnComplete or OnError, one of which comes once per Start. Calls (for
/// metadata, symbology, batch) and downloads run beside it, any number at once, each on
/// a connection of its own. Names are looked up, connections are made and certificates
/// are verified without blocking; writing a file blocks as long as the disk takes.
class HistoricalClient : public DataSource {
 public:
  /// `reactor` must outlive the client. Throws Exception: InvalidApiKey when the key
  /// has not 32 printable ASCII characters, InvalidArgument when an option is out of
  /// range, CertificateError when ca_file or ca_dir cannot be read.
  HistoricalClient(Reactor* reactor, std::string api_key);
  HistoricalClient(Reactor* reactor, std::string api_key, HistoricalOptions options);
  /// Ends everything without a word. Allowed inside the client's own handlers.
  ~HistoricalClient() override;

  /// Says what Start asks for. `symbols` is a comma-separated list. Throws Exception:
  /// InvalidDataset, InvalidSymbol, InvalidSchema, InvalidArgument (more than 2,000
  /// symbols, no end, end before start), InvalidState while streaming.
  void Request(std::string_view dataset, std::string_view symbols, Schema schema,
               Timestamp start, Timestamp end);
  void Request(const HistoricalRequest& request);

  /// Sends the request. It may cost money: it is sent once. Throws InvalidState without
  /// a Request, or while streaming.
  void Start() override;
  /// Ends the stream at once: no record after this; OnError comes with Cancelled in the
  /// reactor's next turn, unless Start comes before. The client can be used again.
  void Stop() override;
  void Pause() override;
  void Resume() override;

  /// Called once, last, when every record of the range was delivered.
  void OnComplete(std::function<void()> h);
  /// Called with each text of the server's X-Warning headers, of streams and calls.
  void OnWarning(std::function<void(const std::string& text)> h);

  /// Whether a stream was started and has not ended.
  [[nodiscard]] bool IsStreaming() const noexcept;
  /// Compressed bytes of this or the last stream.
  [[nodiscard]] std::uint64_t ReceivedBytes() const noexcept;

  /// Names a call or a download; 0 is never given out. Ids are not reused.
  using CallId = std::uint64_t;
  /// The response's body (JSON), at most 256 MiB of it, without the key should the
  /// server repeat it, or why there is none.
  using CallResult = std::expected<std::string, Error>;
  using CallHandler = std::move_only_function<void(CallResult)>;
  using Params = std::vector<std::pair<std::string, std::string>>;

  /// A GET (for what only reads) of an endpoint like "metadata.list_datasets". The
  /// handler runs once, in a later turn. For typed calls see historical_api.hpp. Throws
  /// InvalidArgument without a handler.
  CallId Get(std::string_view endpoint, const Params& params, CallHandler done);
  /// A POST. Reads: it may be sent again, as a Get may (see max_retries).
  enum class Effect { Reads, Bills };
  CallId Post(std::string_view endpoint, const Params& params, Effect effect,
              CallHandler done);

  /// Writes a response's body to a file while it comes: to "path.part", which is synced
  /// and renamed at the end, so that a file under the final name is complete. When it
  /// fails or is cancelled, the part stays. The next try resumes that of a job's file,
  /// which it reads first, in turns of about a MiB. That of a range was paid for: it is
  /// never written over, and the next try takes another name; the error's message gives
  /// the name of what is kept, unless the request gave it. A file that takes the final
  /// name in the meantime is not replaced without `overwrite`: the complete data then
  /// keeps the part's name, which the message gives. Throws InvalidArgument when the
  /// request is malformed or the file exists, InvalidState when another download writes
  /// the part or a range's part holds data, System when it cannot be made.
  using DownloadHandler =
      std::move_only_function<void(std::expected<DownloadResult, Error>)>;
  using ProgressHandler = std::move_only_function<void(const DownloadProgress&)>;
  CallId Download(const DownloadRequest& request, ProgressHandler progress,
                  DownloadHandler done);

  /// Ends a call or a download; its handler does not run. False when it is unknown.
  bool Cancel(CallId id);

 private:
  class Impl;
  friend class BatchDownload;  // works on the client's reactor

  void ScheduleDelivery() override;
  [[nodiscard]] bool HasMore() const override;

  std::unique_ptr<Impl> impl_;
};

/// Takes an application/x-www-form-urlencoded text apart: "a=b+c&d=%20".
[[nodiscard]] HistoricalClient::Params FormParams(std::string_view form);

}  // namespace dbnloop
