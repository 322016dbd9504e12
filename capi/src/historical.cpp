#include <map>
#include <string>
#include <utility>

#include "guard.hpp"
#include "handles.hpp"

using dbnloop::HistoricalClient;
using dbnloop::capi::Flag;
using dbnloop::capi::Guard;
using dbnloop::capi::InRange;
using dbnloop::capi::IsSet;
using dbnloop::capi::ReadSized;
using dbnloop::capi::RequireNonNull;
using dbnloop::capi::Split;
using dbnloop::capi::ThrowArgument;
using dbnloop::capi::View;

namespace {

dbnloop::HistoricalOptions Convert(const dbnloop_hist_options& in) {
  dbnloop::HistoricalOptions out;
  if (in.url != nullptr) out.url = View(in.url, in.url_len, "options.url");
  out.ca_file = View(in.ca_file, in.ca_file_len, "options.ca_file");
  out.ca_dir = View(in.ca_dir, in.ca_dir_len, "options.ca_dir");
  if (in.proxy != nullptr) out.proxy = View(in.proxy, in.proxy_len, "options.proxy");
  out.user_agent_extension = View(in.user_agent_extension, in.user_agent_extension_len,
                                  "options.user_agent_extension");
  out.upgrade_policy = static_cast<dbnloop::VersionUpgradePolicy>(
      InRange(in.upgrade_policy, 1, 3, "options.upgrade_policy"));
  out.max_retries = in.max_retries;
  out.connect_timeout = std::chrono::milliseconds{in.connect_timeout_ms};
  out.tls_timeout = std::chrono::milliseconds{in.tls_timeout_ms};
  out.response_timeout = std::chrono::milliseconds{in.response_timeout_ms};
  out.idle_timeout = std::chrono::milliseconds{in.idle_timeout_ms};
  out.resolve_timeout = std::chrono::milliseconds{in.resolve_timeout_ms};
  out.name_servers = View(in.name_servers, in.name_servers_len, "options.name_servers");
  out.buffer_size = in.buffer_size;
  out.max_metadata = in.max_metadata;
  return out;
}

dbnloop::UnixNanos Time(std::uint64_t nanos) {
  return dbnloop::UnixNanos{dbnloop::UnixNanos::duration{nanos}};
}

dbnloop::HistoricalRequest Convert(const dbnloop_range* range) {
  RequireNonNull(range, "range");
  dbnloop_range in;
  dbnloop_range_init(&in);
  ReadSized(range, in, "range");
  if (in.schema > UINT16_MAX || in.stype_in > UINT8_MAX || in.stype_out > UINT8_MAX) {
    throw dbnloop::Exception{
        {dbnloop::ErrorCode::InvalidSchema,
         "range: schema or a stype is no DBN number: " + std::to_string(in.schema) +
             ", " + std::to_string(in.stype_in) + ", " + std::to_string(in.stype_out)}};
  }
  dbnloop::HistoricalRequest out;
  out.dataset = View(in.dataset, in.dataset_len, "range.dataset");
  out.symbols = Split(View(in.symbols, in.symbols_len, "range.symbols"));
  out.schema = static_cast<dbnloop::Schema>(in.schema);
  out.stype_in = static_cast<dbnloop::SType>(in.stype_in);
  out.stype_out = static_cast<dbnloop::SType>(in.stype_out);
  out.start = Time(in.start);
  if (IsSet(in.has_end, in.end, "range.has_end", "range.end")) out.end = Time(in.end);
  out.limit = in.limit;
  return out;
}

HistoricalClient& Client(dbnloop_hist* hist) {
  RequireNonNull(hist, "client");
  if (!hist->client) {
    throw dbnloop::Exception{
        {dbnloop::ErrorCode::InvalidState, "the client's reactor was freed"}};
  }
  return *hist->client;
}

// Coalesced: at most one PROGRESS event per download and poll.
void NoteProgress(dbnloop_reactor* reactor, std::uint64_t id,
                  const dbnloop::DownloadProgress& progress) {
  dbnloop_event* event = nullptr;
  for (auto& pending : reactor->next) {
    if (pending.kind == DBNLOOP_EVENT_PROGRESS && pending.source == id)
      event = &pending;
  }
  if (event == nullptr) event = &reactor->Append(DBNLOOP_EVENT_PROGRESS, id);
  event->size = progress.bytes;
  event->consumed = progress.total.value_or(0);
}

}  // namespace

extern "C" {

void dbnloop_hist_options_init(dbnloop_hist_options* options) {
  if (options == nullptr) return;
  const dbnloop::HistoricalOptions defaults;
  const auto ms = [](std::chrono::milliseconds value) {
    return static_cast<int32_t>(value.count());
  };
  *options = {};
  options->struct_size = sizeof(*options);
  options->upgrade_policy = static_cast<int32_t>(defaults.upgrade_policy);
  options->max_retries = defaults.max_retries;
  options->connect_timeout_ms = ms(defaults.connect_timeout);
  options->tls_timeout_ms = ms(defaults.tls_timeout);
  options->response_timeout_ms = ms(defaults.response_timeout);
  options->idle_timeout_ms = ms(defaults.idle_timeout);
  options->resolve_timeout_ms = ms(defaults.resolve_timeout);
  options->buffer_size = defaults.buffer_size;
  options->max_metadata = defaults.max_metadata;
}

void dbnloop_range_init(dbnloop_range* range) {
  if (range == nullptr) return;
  const dbnloop::HistoricalRequest defaults;
  *range = {};
  range->struct_size = sizeof(*range);
  range->schema = static_cast<uint32_t>(defaults.schema);
  range->stype_in = static_cast<uint32_t>(defaults.stype_in);
  range->stype_out = static_cast<uint32_t>(defaults.stype_out);
}

dbnloop_status dbnloop_range_day(dbnloop_range* range, uint64_t time,
                                 dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(range, "range");
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
  download->resume = 1;
}

dbnloop_status dbnloop_hist_new(dbnloop_reactor* reactor, const char* api_key,
                                size_t api_key_len, const dbnloop_hist_options* options,
                                dbnloop_hist** out, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    RequireNonNull(api_key, "api_key");
    RequireNonNull(out, "out");
    dbnloop_hist_options read;
    dbnloop_hist_options_init(&read);
    if (options != nullptr) ReadSized(options, read, "options");
    auto hist = std::make_unique<dbnloop_hist>();
    hist->client = std::make_unique<HistoricalClient>(
        &reactor->loop, std::string{api_key, api_key_len}, Convert(read));
    auto* const raw = hist.get();
    raw->client->OnComplete(
        [raw] { raw->reactor->Append(DBNLOOP_EVENT_COMPLETE, raw->id); });
    raw->client->OnWarning([raw](const std::string& text) {
      raw->reactor->AppendText(DBNLOOP_EVENT_WARNING, raw->id, text);
    });
    hist->Attach(reactor);
    *out = hist.release();
  });
}

void dbnloop_hist_free(dbnloop_hist* client) {
  if (client == nullptr) return;
  client->Detach();
  delete client;
}

uint64_t dbnloop_hist_id(const dbnloop_hist* client) {
  return client == nullptr ? 0 : client->id;
}

dbnloop_status dbnloop_hist_request(dbnloop_hist* client, const dbnloop_range* range,
                                    dbnloop_error* error) {
  return Guard(error, [&] { Client(client).Request(Convert(range)); });
}

dbnloop_status dbnloop_hist_start(dbnloop_hist* client, dbnloop_error* error) {
  return Guard(error, [&] { Client(client).Start(); });
}

dbnloop_status dbnloop_hist_stop(dbnloop_hist* client, dbnloop_error* error) {
  return Guard(error, [&] { Client(client).Stop(); });
}

void dbnloop_hist_pause(dbnloop_hist* client) {
  Guard(nullptr, [&] { Client(client).Pause(); });
}

void dbnloop_hist_resume(dbnloop_hist* client) {
  Guard(nullptr, [&] { Client(client).Resume(); });
}

int dbnloop_hist_is_paused(const dbnloop_hist* client) {
  return client != nullptr && client->client && client->client->IsPaused() ? 1 : 0;
}

int dbnloop_hist_is_streaming(const dbnloop_hist* client) {
  return client != nullptr && client->client && client->client->IsStreaming() ? 1 : 0;
}

uint64_t dbnloop_hist_received(const dbnloop_hist* client) {
  return client == nullptr || !client->client ? 0 : client->client->ReceivedBytes();
}

dbnloop_status dbnloop_hist_call(dbnloop_hist* client, uint32_t kind,
                                 const char* endpoint, size_t endpoint_len,
                                 const char* params, size_t params_len, uint64_t* id,
                                 dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(id, "id");
    auto& hist = Client(client);
    if (kind > DBNLOOP_CALL_POST_BILLS) {
      ThrowArgument("kind is " + std::to_string(kind) + "; it is no dbnloop_call_kind");
    }
    const auto own = ++client->reactor->last_id;
    const auto done = [client, own](HistoricalClient::CallResult result) {
      client->calls.erase(own);
      if (result) {
        client->reactor->AppendText(DBNLOOP_EVENT_RESPONSE, own, std::move(*result));
      } else {
        client->reactor->AppendError(DBNLOOP_EVENT_RESPONSE, own, result.error());
      }
    };
    const auto name = View(endpoint, endpoint_len, "endpoint");
    const auto form = dbnloop::FormParams(View(params, params_len, "params"));
    client->calls[own] = kind == DBNLOOP_CALL_GET
                             ? hist.Get(name, form, done)
                             : hist.Post(name, form,
                                         kind == DBNLOOP_CALL_POST_READS
                                             ? HistoricalClient::Effect::Reads
                                             : HistoricalClient::Effect::Bills,
                                         done);
    *id = own;
  });
}

dbnloop_status dbnloop_hist_download(dbnloop_hist* client,
                                     const dbnloop_download* download, uint64_t* id,
                                     dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(id, "id");
    RequireNonNull(download, "download");
    auto& hist = Client(client);
    dbnloop_download in;
    dbnloop_download_init(&in);
    ReadSized(download, in, "download");
    dbnloop::DownloadRequest request;
    request.url_path = View(in.url_path, in.url_path_len, "download.url_path");
    if (request.url_path.empty()) {
      request.range = Convert(in.range);
    } else if (in.range != nullptr) {
      ThrowArgument(
          "download.url_path and download.range are both set; a download is of one");
    }
    RequireNonNull(in.path, "download.path");
    request.path = View(in.path, in.path_len, "download.path");
    request.sha256 = View(in.sha256, in.sha256_len, "download.sha256");
    request.part = View(in.part, in.part_len, "download.part");
    request.overwrite = Flag(in.overwrite, "download.overwrite");
    request.resume = Flag(in.resume, "download.resume");
    if (IsSet(in.has_size, in.size, "download.has_size", "download.size")) {
      request.size = in.size;
    }
    const auto own = ++client->reactor->last_id;
    client->calls[own] = hist.Download(
        request,
        [client, own](const dbnloop::DownloadProgress& progress) {
          NoteProgress(client->reactor, own, progress);
        },
        [client, own](const std::expected<dbnloop::DownloadResult, dbnloop::Error>& r) {
          client->calls.erase(own);
          if (r) {
            client->reactor->AppendText(DBNLOOP_EVENT_RESPONSE, own, r->sha256)
                .consumed = r->bytes;
          } else {
            client->reactor->AppendError(DBNLOOP_EVENT_RESPONSE, own, r.error());
          }
        });
    *id = own;
  });
}

int dbnloop_hist_cancel(dbnloop_hist* client, uint64_t id) {
  if (client == nullptr || !client->client) return 0;
  const auto found = client->calls.find(id);
  if (found == client->calls.end()) return 0;
  client->client->Cancel(found->second);
  client->calls.erase(found);
  client->reactor->Forget(id);
  return 1;
}

}  // extern "C"
