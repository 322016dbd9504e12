// What every kind of client has: its records, metadata and errors as events.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "dbnloop/dbn_encoder.hpp"
#include "guard.hpp"
#include "handles.hpp"

static_assert(DBNLOOP_LATENCY_BUCKETS == dbnloop::LatencyHistogram::kBuckets);
static_assert(sizeof(dbnloop_run) == sizeof(dbnloop::RecordRun));
static_assert(offsetof(dbnloop_run, record_size) ==
                  offsetof(dbnloop::RecordRun, record_size) &&
              offsetof(dbnloop_run, rtype) == offsetof(dbnloop::RecordRun, rtype) &&
              offsetof(dbnloop_run, typed) == offsetof(dbnloop::RecordRun, typed));

using dbnloop::Error;
using dbnloop::Metadata;
using dbnloop::RecordBatch;

namespace dbnloop::capi {

void Source::Attach(dbnloop_reactor* to) {
  reactor = to;
  id = ++to->last_id;
  auto* const data = source();
  using Form = dbnloop::DataSource::BatchForm;
  mixed = {.heads = data->PlainHeads().data(),
           .counts = data->TallyOfHeld().counts.data(),
           .last = 0};
  data->OnBatch(
      [this, data](const RecordBatch& batch) -> std::size_t {
        reactor->Append(DBNLOOP_EVENT_RECORDS, id).records = {
            .data = batch.data,
            .size = batch.size,
            .runs = reinterpret_cast<const dbnloop_run*>(batch.runs.data()),
            .run_count = batch.runs.size(),
            .consumed = batch.mixed() ? 0 : batch.size,
            .ts_out = data->TsOut() ? 1 : 0,
            .mixed = batch.mixed() ? &mixed : nullptr};
        reactor->BoundTurn(batch.size);
        return 0;  // held until the next poll says how much was used
      },
      reactor->accepts_mixed ? Form::RunsOrMixed : Form::Runs);
  data->OnMetadata([this](const Metadata& value) {
    auto encoded = EncodeMetadata(value);
    // One turn may read several headers. Only a hostile peer sends text that cannot be
    // written back.
    auto& bytes = reactor->Keep().metadata;
    if (encoded) bytes = std::move(*encoded);
    reactor->Append(DBNLOOP_EVENT_METADATA, id).metadata = {
        .data = bytes.data(), .size = bytes.size(), .ts_out = value.ts_out ? 1 : 0};
  });
  data->OnError([this](const Error& error) {
    reactor->Keep(error, reactor->Append(DBNLOOP_EVENT_ERROR, id).error);
  });
  to->sources.emplace(id, this);
}

void Source::Release(const dbnloop_records_event& batch) {
  auto* const data = source();
  if (data == nullptr) return;
  if (batch.mixed != nullptr) {
    auto& tally = data->TallyOfHeld();
    tally.last = static_cast<const std::byte*>(batch.data) + mixed.last;
    tally.size = batch.consumed;
  }
  data->Release(batch.consumed);
}

void Source::Detach() noexcept {
  if (reactor == nullptr) return;
  reactor->sources.erase(id);
  reactor->Forget(id);
}

dbnloop_status ReadStats(const Source* client, dbnloop_stats* out,
                         dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(client, "client");
    RequireNonNull(out, "out");
    const auto size = out->struct_size;
    if (size < sizeof(size)) {
      ThrowArgument("out.struct_size is " + std::to_string(size) +
                    ": set it to sizeof(dbnloop_stats) before the call");
    }
    const auto* const data = client->source();
    if (data == nullptr) {
      throw Exception{{ErrorCode::InvalidState, "the client's reactor was freed"}};
    }
    const auto in = data->Stats();
    dbnloop_stats stats{};
    stats.struct_size = size;
    stats.bytes_read = in.bytes_read;
    stats.reads = in.reads;
    stats.bytes = in.bytes;
    stats.batches = in.batches;
    stats.polls = in.polls;
    stats.pauses = in.pauses;
    stats.paused_ns = static_cast<std::uint64_t>(in.paused.count());
    stats.buffered = in.buffered;
    stats.silence_ns = static_cast<std::uint64_t>(in.silence.count());
    std::ranges::copy(in.records, stats.records);
    std::ranges::copy(in.gateway_to_client.counts, stats.gateway_to_client);
    std::ranges::copy(in.venue_to_gateway.counts, stats.venue_to_gateway);
    std::memcpy(out, &stats, std::min(size, sizeof(stats)));
  });
}

}  // namespace dbnloop::capi

extern "C" {

dbnloop_status dbnloop_live_stats(const dbnloop_live* client, dbnloop_stats* out,
                                  dbnloop_error* error) {
  return dbnloop::capi::ReadStats(client, out, error);
}

dbnloop_status dbnloop_historical_stats(const dbnloop_historical* client,
                                        dbnloop_stats* out, dbnloop_error* error) {
  return dbnloop::capi::ReadStats(client, out, error);
}

dbnloop_status dbnloop_continuous_stats(const dbnloop_continuous* client,
                                        dbnloop_stats* out, dbnloop_error* error) {
  return dbnloop::capi::ReadStats(client, out, error);
}

dbnloop_status dbnloop_file_stats(const dbnloop_file* file, dbnloop_stats* out,
                                  dbnloop_error* error) {
  return dbnloop::capi::ReadStats(file, out, error);
}

}  // extern "C"
