// What every kind of client has: its records, metadata and errors as events.

#include <algorithm>
#include <cstddef>
#include <utility>

#include "dbnloop/dbn_encoder.hpp"
#include "handles.hpp"

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
  data->OnBatch([this, data](const RecordBatch& batch) -> std::size_t {
    auto& event = reactor->Append(DBNLOOP_EVENT_RECORDS, id);
    event.flags = data->TsOut() ? DBNLOOP_FLAG_TS_OUT : 0;
    event.data = batch.data;
    event.size = batch.size;
    event.runs = reinterpret_cast<const dbnloop_run*>(batch.runs.data());
    event.run_count = batch.runs.size();
    event.consumed = batch.size;
    return 0;  // held until the next poll says how much was used
  });
  data->OnMetadata([this](const Metadata& value) {
    auto encoded = EncodeMetadata(value);
    // Only a hostile peer sends text that cannot be written back.
    metadata = encoded ? std::move(*encoded) : std::vector<std::byte>{};
    auto& event = reactor->Append(DBNLOOP_EVENT_METADATA, id);
    event.flags = value.ts_out ? DBNLOOP_FLAG_TS_OUT : 0;
    event.data = metadata.data();
    event.size = metadata.size();
  });
  data->OnError(
      [this](const Error& e) { reactor->AppendError(DBNLOOP_EVENT_ERROR, id, e); });
  to->sources.emplace(id, this);
}

void Source::Detach() noexcept {
  if (reactor == nullptr) return;
  reactor->sources.erase(id);
  DropEvents();
}

void Source::DropEvents() noexcept {
  std::erase_if(reactor->next,
                [this](const dbnloop_event& event) { return event.source == id; });
}

}  // namespace dbnloop::capi
