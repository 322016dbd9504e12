#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "client.hpp"
#include "proto/validate.hpp"

using dbnloop::HistoricalClient;
using dbnloop::capi::Ask;
using dbnloop::capi::Flag;
using dbnloop::capi::Guard;
using dbnloop::capi::IsSet;
using dbnloop::capi::RequireNonNull;
using dbnloop::capi::ThrowArgument;
using dbnloop::capi::View;
using dbnloop::capi::With;

namespace capi = dbnloop::capi;

namespace dbnloop::capi {

HistoricalOptions ReadHistoricalOptions(const dbnloop_historical_options& in) {
  HistoricalOptions out;
  ReadNetwork(in, out);
  if (in.url != nullptr) out.url = View(in.url, in.url_len, "options.url");
  out.ca_file = View(in.ca_file, in.ca_file_len, "options.ca_file");
  out.ca_dir = View(in.ca_dir, in.ca_dir_len, "options.ca_dir");
  if (in.proxy != nullptr) out.proxy = View(in.proxy, in.proxy_len, "options.proxy");
  out.max_retries = in.max_retries;
  out.tls_timeout = std::chrono::milliseconds{in.tls_timeout_ms};
  out.response_timeout = std::chrono::milliseconds{in.response_timeout_ms};
  out.idle_timeout = std::chrono::milliseconds{in.idle_timeout_ms};
  return out;
}

}  // namespace dbnloop::capi

namespace {

dbnloop::HistoricalRequest Convert(const dbnloop_range* range) {
  RequireNonNull(range, "range");
  dbnloop_range in;
  dbnloop_range_init(&in);
  capi::ReadSized(range, in, "range");
  dbnloop::HistoricalRequest out;
  out.dataset = View(in.dataset, in.dataset_len, "range.dataset");
  out.symbols =
      dbnloop::proto::SplitSymbols(View(in.symbols, in.symbols_len, "range.symbols"));
  out.schema = capi::Number<dbnloop::Schema>(in.schema, "range.schema");
  out.stype_in = capi::Number<dbnloop::SType>(in.stype_in, "range.stype_in");
  out.stype_out = capi::Number<dbnloop::SType>(in.stype_out, "range.stype_out");
  out.start = capi::Time(in.start);
  if (IsSet(in.has_end, in.end, "range.has_end", "range.end")) {
    out.end = capi::Time(in.end);
  }
  out.limit = in.limit;
  return out;
}

dbnloop::DownloadRequest Convert(const dbnloop_download* download) {
  RequireNonNull(download, "download");
  dbnloop_download in;
  dbnloop_download_init(&in);
  capi::ReadSized(download, in, "download");
  dbnloop::DownloadRequest out;
  out.url_path = View(in.url_path, in.url_path_len, "download.url_path");
  if (out.url_path.empty()) {
    out.range = Convert(in.range);
  } else if (in.range != nullptr) {
    ThrowArgument(
        "download.url_path and download.range are both set; a download is of one");
  }
  RequireNonNull(in.path, "download.path");
  out.path = View(in.path, in.path_len, "download.path");
  out.sha256 = View(in.sha256, in.sha256_len, "download.sha256");
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (!out.sha256.empty() &&
      (out.sha256.size() != 64 || !std::ranges::all_of(out.sha256, is_hex))) {
    ThrowArgument("download.sha256 must be 64 hexadecimal digits");
  }
  out.part = View(in.part, in.part_len, "download.part");
  out.overwrite = Flag(in.overwrite, "download.overwrite");
  out.resume = Flag(in.resume, "download.resume");
  if (IsSet(in.has_size, in.size, "download.has_size", "download.size")) {
    out.size = in.size;
  }
  return out;
}

// Coalesced: at most one PROGRESS event per download and poll.
void NoteProgress(const dbnloop_historical& client, std::uint64_t request,
                  const dbnloop::DownloadProgress& progress) {
  dbnloop_event* event = nullptr;
  for (auto& pending : client.reactor->next) {
    if (pending.kind == DBNLOOP_EVENT_PROGRESS && pending.progress.request == request)
      event = &pending;
  }
  if (event == nullptr) {
    event = &client.reactor->Append(DBNLOOP_EVENT_PROGRESS, client.id);
  }
  event->progress = {
      .request = request, .bytes = progress.bytes, .total = progress.total.value_or(0)};
}

// The event of the end of a call or a download.
dbnloop_response_event& End(dbnloop_historical& client, std::uint64_t request) {
  client.calls.erase(request);
  auto& event = client.reactor->Append(DBNLOOP_EVENT_RESPONSE, client.id).response;
  event.request = request;
  return event;
}

}  // namespace

extern "C" {

void dbnloop_historical_options_init(dbnloop_historical_options* options) {
  if (options == nullptr) return;
  const dbnloop::HistoricalOptions defaults;
  capi::FillNetwork(defaults, options);
  options->url_len = DBNLOOP_STRLEN;
  options->ca_file_len = DBNLOOP_STRLEN;
  options->ca_dir_len = DBNLOOP_STRLEN;
  options->proxy_len = DBNLOOP_STRLEN;
  options->max_retries = defaults.max_retries;
  options->tls_timeout_ms = capi::Milliseconds(defaults.tls_timeout);
  options->response_timeout_ms = capi::Milliseconds(defaults.response_timeout);
  options->idle_timeout_ms = capi::Milliseconds(defaults.idle_timeout);
}

void dbnloop_range_init(dbnloop_range* range) {
  if (range == nullptr) return;
  const dbnloop::HistoricalRequest defaults;
  *range = {};
  range->struct_size = sizeof(*range);
  range->dataset_len = DBNLOOP_STRLEN;
  range->symbols_len = DBNLOOP_STRLEN;
  range->schema = static_cast<uint32_t>(defaults.schema);
  range->stype_in = static_cast<uint32_t>(defaults.stype_in);
  range->stype_out = static_cast<uint32_t>(defaults.stype_out);
}

dbnloop_status dbnloop_range_day(dbnloop_range* range, uint64_t time,
                                 dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(range, "range");
    if (range->struct_size < sizeof(*range)) {
      ThrowArgument("range.struct_size is " + std::to_string(range->struct_size) +
                    ": fill the struct with dbnloop_range_init first");
    }
    constexpr uint64_t kDay = 86'400'000'000'000;
    if (time > UINT64_MAX - kDay) {
      ThrowArgument("time is " + std::to_string(time) + "; its day has no end in DBN");
    }
    range->start = time - time % kDay;
    range->end = range->start + kDay;
    range->has_end = 1;
  });
}

void dbnloop_download_init(dbnloop_download* download) {
  if (download == nullptr) return;
  *download = {};
  download->struct_size = sizeof(*download);
  download->url_path_len = DBNLOOP_STRLEN;
  download->path_len = DBNLOOP_STRLEN;
  download->sha256_len = DBNLOOP_STRLEN;
  download->part_len = DBNLOOP_STRLEN;
  download->resume = 1;
}

dbnloop_status dbnloop_historical_new(dbnloop_reactor* reactor, const char* api_key,
                                      size_t api_key_len,
                                      const dbnloop_historical_options* options,
                                      dbnloop_historical** out, dbnloop_error* error) {
  return capi::New(
      reactor, options, dbnloop_historical_options_init, out, error,
      [&](const dbnloop_historical_options& read, dbnloop_historical* raw) {
        auto client = std::make_unique<HistoricalClient>(
            &reactor->loop, capi::Key(api_key, api_key_len),
            capi::ReadHistoricalOptions(read));
        client->OnComplete(
            [raw] { raw->reactor->Append(DBNLOOP_EVENT_COMPLETE, raw->id); });
        client->OnWarning([raw](const std::string& text) {
          auto& event = raw->reactor->Append(DBNLOOP_EVENT_WARNING, raw->id).warning;
          raw->reactor->Keep(text, event.text, event.text_len);
        });
        return client;
      });
}

void dbnloop_historical_free(dbnloop_historical* client) { capi::Free(client); }

uint64_t dbnloop_historical_id(const dbnloop_historical* client) {
  return capi::IdOf(client);
}

dbnloop_status dbnloop_historical_request(dbnloop_historical* client,
                                          const dbnloop_range* range,
                                          dbnloop_error* error) {
  return With(client, error, [&](HistoricalClient& c) { c.Request(Convert(range)); });
}

dbnloop_status dbnloop_historical_start(dbnloop_historical* client,
                                        dbnloop_error* error) {
  return With(client, error, [](HistoricalClient& c) { c.Start(); });
}

dbnloop_status dbnloop_historical_stop(dbnloop_historical* client,
                                       dbnloop_error* error) {
  return With(client, error, [](HistoricalClient& c) { c.Stop(); });
}

void dbnloop_historical_pause(dbnloop_historical* client) {
  With(client, nullptr, [](HistoricalClient& c) { c.Pause(); });
}

void dbnloop_historical_resume(dbnloop_historical* client) {
  With(client, nullptr, [](HistoricalClient& c) { c.Resume(); });
}

int dbnloop_historical_is_paused(const dbnloop_historical* client) {
  return Ask(client, 0, [](const HistoricalClient& c) { return c.IsPaused(); });
}

int dbnloop_historical_is_streaming(const dbnloop_historical* client) {
  return Ask(client, 0, [](const HistoricalClient& c) { return c.IsStreaming(); });
}

uint64_t dbnloop_historical_received(const dbnloop_historical* client) {
  return Ask(client, uint64_t{0},
             [](const HistoricalClient& c) { return c.ReceivedBytes(); });
}

dbnloop_status dbnloop_historical_call(dbnloop_historical* client, uint32_t kind,
                                       const char* endpoint, size_t endpoint_len,
                                       const char* params, size_t params_len,
                                       uint64_t* id, dbnloop_error* error) {
  return With(client, error, [&](HistoricalClient& c) {
    RequireNonNull(id, "id");
    if (kind > DBNLOOP_CALL_POST_NON_IDEMPOTENT) {
      ThrowArgument("kind is " + std::to_string(kind) +
                    ", which is not a dbnloop_call_kind");
    }
    const auto request = ++client->reactor->last_id;
    const auto done = [client, request](HistoricalClient::CallResult result) {
      auto& event = End(*client, request);
      if (result) {
        client->reactor->Keep(std::move(*result), event.body, event.body_len);
      } else {
        client->reactor->Keep(result.error(), event.error);
      }
    };
    RequireNonNull(endpoint, "endpoint");
    const auto name = View(endpoint, endpoint_len, "endpoint");
    const auto form = dbnloop::FormParams(View(params, params_len, "params"));
    client->calls[request] = kind == DBNLOOP_CALL_GET
                                 ? c.Get(name, form, done)
                                 : c.Post(name, form,
                                          kind == DBNLOOP_CALL_POST_IDEMPOTENT
                                              ? HistoricalClient::Effect::Reads
                                              : HistoricalClient::Effect::Bills,
                                          done);
    *id = request;
  });
}

dbnloop_status dbnloop_historical_download(dbnloop_historical* client,
                                           const dbnloop_download* download,
                                           uint64_t* id, dbnloop_error* error) {
  return With(client, error, [&](HistoricalClient& c) {
    RequireNonNull(id, "id");
    const auto in = Convert(download);
    const auto request = ++client->reactor->last_id;
    client->calls[request] = c.Download(
        in,
        [client, request](const dbnloop::DownloadProgress& progress) {
          NoteProgress(*client, request, progress);
        },
        [client,
         request](const std::expected<dbnloop::DownloadResult, dbnloop::Error>& r) {
          auto& event = End(*client, request);
          if (!r) return client->reactor->Keep(r.error(), event.error);
          std::size_t size = 0;
          client->reactor->Keep(r->sha256, event.sha256, size);
          event.file_size = r->bytes;
        });
    *id = request;
  });
}

int dbnloop_historical_cancel(dbnloop_historical* client, uint64_t id) {
  if (client == nullptr || !client->client) return 0;
  const auto found = client->calls.find(id);
  if (found == client->calls.end()) return 0;
  client->client->Cancel(found->second);
  client->calls.erase(found);
  client->reactor->ForgetRequest(id);
  return 1;
}

}  // extern "C"
