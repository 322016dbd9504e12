#include "dbnloop/historical_client.hpp"

#include <algorithm>
#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "base/unix_time.hpp"
#include "client/historical/impl.hpp"
#include "dbnloop/enum_strings.hpp"
#include "proto/validate.hpp"

namespace dbnloop {
namespace {

std::string Nanos(UnixNanos time) { return std::to_string(base::NanosOf(time)); }

}  // namespace

namespace client {

HistoricalOptions Validated(HistoricalOptions options) {
  for (auto* limit :
       {&options.connect_timeout, &options.resolve_timeout, &options.tls_timeout,
        &options.response_timeout, &options.idle_timeout}) {
    if (limit->count() < 0) {
      base::Throw(ErrorCode::InvalidArgument, "a timeout is negative; 0 means none");
    }
    // Longer ones could not be counted in nanoseconds.
    constexpr std::chrono::milliseconds kLongest = std::chrono::years{10};
    *limit = std::min(*limit, kLongest);
  }
  if (options.max_retries < 0) {
    base::Throw(ErrorCode::InvalidArgument, "max_retries is negative");
  }
  const bool plain = std::ranges::all_of(options.user_agent_extension,
                                         [](char c) { return c >= 0x20 && c < 0x7F; });
  if (!plain) {
    base::Throw(ErrorCode::InvalidArgument,
                "user_agent_extension must be printable ASCII");
  }
  return options;
}

void Validate(const HistoricalRequest& request) {
  if (request.symbols.size() > kMaxSymbols) {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("a request may have 2,000 symbols, this one has ",
                             request.symbols.size(),
                             "; make several requests, or ask for ALL_SYMBOLS"));
  }
  proto::ValidateDataset(request.dataset);
  proto::ValidateSubscription({.dataset = request.dataset,
                               .schema = request.schema,
                               .stype_in = request.stype_in,
                               .symbols = request.symbols,
                               .start = std::nullopt,
                               .snapshot = false});
}

void ValidateRange(const HistoricalRequest& request) {
  Validate(request);
  if (std::string_view{TextOf(request.stype_out)} == "Unknown") {
    base::Throw(
        ErrorCode::InvalidArgument,
        base::StrCat("stype_out number ", static_cast<unsigned>(request.stype_out),
                     " is not known"));
  }
  if (!request.end) {
    base::Throw(ErrorCode::InvalidArgument,
                "the range has no end: without one the server would answer for the "
                "nanosecond " +
                    Nanos(request.start) +
                    " alone; give an end, or use DayRange for a day");
  }
  if (*request.end <= request.start) {
    base::Throw(ErrorCode::InvalidArgument,
                "the end must be after the start (it is exclusive): " +
                    Nanos(request.start) + " to " + Nanos(*request.end) + " ns");
  }
}

HistoricalClient::Params RangeParams(const HistoricalRequest& request) {
  std::string symbols;
  for (const auto& symbol : request.symbols) {
    if (!symbols.empty()) symbols += ',';
    symbols += symbol;
  }
  HistoricalClient::Params params{{"dataset", request.dataset},
                                  {"symbols", std::move(symbols)},
                                  {"schema", TextOf(request.schema)},
                                  {"start", Nanos(request.start)},
                                  {"end", Nanos(request.end.value())}};
  params.emplace_back("encoding", "dbn");
  params.emplace_back("compression", "zstd");
  params.emplace_back("stype_in", TextOf(request.stype_in));
  params.emplace_back("stype_out", TextOf(request.stype_out));
  if (request.limit != 0) params.emplace_back("limit", std::to_string(request.limit));
  return params;
}

}  // namespace client

HistoricalRequest DayRange(std::string dataset, std::vector<std::string> symbols,
                           Schema schema, std::chrono::sys_days day) {
  const auto time = [](std::chrono::sys_days at) {
    return UnixNanos{std::chrono::nanoseconds{at.time_since_epoch()}};
  };
  return {.dataset = std::move(dataset),
          .symbols = std::move(symbols),
          .schema = schema,
          .start = time(day),
          .end = time(day + std::chrono::days{1})};
}

HistoricalClient::Params FormParams(std::string_view form) {
  return proto::FormDecode(form);
}

HistoricalClient::HistoricalClient(Reactor* reactor, std::string api_key)
    : HistoricalClient{reactor, std::move(api_key), HistoricalOptions{}} {}

HistoricalClient::HistoricalClient(Reactor* reactor, std::string api_key,
                                   HistoricalOptions options)
    : HistoricalClient{MakeImpl(reactor, std::move(api_key), std::move(options))} {}

HistoricalClient::HistoricalClient(std::unique_ptr<Impl> impl)
    : DataSource{impl->delivery()}, impl_{std::move(impl)} {}

std::unique_ptr<HistoricalClient::Impl> HistoricalClient::MakeImpl(
    Reactor* reactor, std::string api_key, HistoricalOptions options) {
  if (reactor == nullptr) {
    base::Throw(ErrorCode::InvalidArgument, "HistoricalClient: the reactor is null");
  }
  auto key = base::ToSecret(std::move(api_key));
  proto::ValidateApiKey(key);
  return std::make_unique<Impl>(reactor, std::move(key),
                                client::Validated(std::move(options)));
}

HistoricalClient::~HistoricalClient() = default;

void HistoricalClient::Request(std::string_view dataset, std::string_view symbols,
                               Schema schema, UnixNanos start, UnixNanos end) {
  HistoricalRequest request;
  request.dataset = dataset;
  request.symbols = proto::SplitSymbols(symbols);
  request.schema = schema;
  request.start = start;
  request.end = end;
  Request(request);
}

void HistoricalClient::Request(const HistoricalRequest& request) {
  client::ValidateRange(request);
  impl_->SetRequest(request);
}

void HistoricalClient::Start() { impl_->Start(); }
void HistoricalClient::Stop() { impl_->Stop(); }
void HistoricalClient::Pause() { impl_->Pause(); }
void HistoricalClient::Resume() { impl_->Resume(); }

void HistoricalClient::OnComplete(CompleteHandler h) {
  impl_->on_complete.Set(std::move(h));
}
void HistoricalClient::OnWarning(WarningHandler h) {
  impl_->on_warning.Set(std::move(h));
}

bool HistoricalClient::IsStreaming() const noexcept { return impl_->streaming(); }
std::uint64_t HistoricalClient::ReceivedBytes() const noexcept {
  return impl_->received();
}

HistoricalClient::CallId HistoricalClient::Get(std::string_view endpoint,
                                               const Params& params, CallHandler done) {
  return impl_->Call([session = impl_->session.get(), endpoint = std::string{endpoint},
                      params] { return session->Get(endpoint, params); },
                     true, std::move(done));
}

HistoricalClient::CallId HistoricalClient::Post(std::string_view endpoint,
                                                const Params& params, Effect effect,
                                                CallHandler done) {
  return impl_->Call([session = impl_->session.get(), endpoint = std::string{endpoint},
                      params] { return session->Post(endpoint, params); },
                     effect == Effect::Reads, std::move(done));
}

HistoricalClient::CallId HistoricalClient::Download(const DownloadRequest& request,
                                                    ProgressHandler progress,
                                                    DownloadHandler done) {
  return impl_->Download(request, std::move(progress), std::move(done));
}

bool HistoricalClient::Cancel(CallId id) { return impl_->Cancel(id); }

}  // namespace dbnloop
