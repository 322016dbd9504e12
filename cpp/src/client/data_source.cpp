#include "dbnloop/data_source.hpp"

#include <algorithm>
#include <utility>

#include "dbn/zstd_stream.hpp"
#include "proto/session_events.hpp"

namespace dbnloop {
namespace {

constexpr std::size_t kTurnOutput = 1024 * 1024;  // decompressed bytes per turn

// The batch up to its first run of messages, that one included: what they tell is told
// before the next record.
RecordBatch UpToMessages(RecordBatch batch) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < batch.runs.size(); ++i) {
    const auto& run = batch.runs[i];
    size += std::size_t{run.count} * run.record_size;
    if (proto::IsMessage(run.rtype)) return {batch.data, size, batch.runs.first(i + 1)};
  }
  return batch;
}

}  // namespace

using detail::DeliveryControl;

DataSource::DataSource(Reactor* reactor, ParserOptions options)
    : shared_parser_{std::make_shared<DbnParser>(options)},
      parser_{*shared_parser_},
      control_{std::make_shared<DeliveryControl>()},
      reactor_{reactor} {}

DataSource::~DataSource() {
  control_->stop = true;
  control_->destroyed = true;
}

void DataSource::SetDispatch(Dispatch dispatch) {
  dispatch_ = std::make_shared<Dispatch>(std::move(dispatch));
  if (!control_->pumping) return;
  replaced_ = true;
  UpdateStop();
}

void DataSource::OnBatch(BatchSink sink) {
  SetDispatch([this, sink = std::move(sink)](const RecordBatch& batch,
                                             DbnParser& parser,
                                             const DeliveryControl& control) mutable {
    const auto stream = control.stream;
    const auto taken = std::min(sink(batch), batch.size);
    if (control.destroyed || control.stream != stream) return;
    parser.Consume(taken);
    held_ = ended_ ? 0 : batch.size - taken;
    held_batch_ = batch;
    UpdateStop();
  });
}

void DataSource::Release(std::size_t consumed) {
  if (held_ == 0) return;
  consumed = std::min(consumed, held_);
  parser_.Consume(consumed);
  const auto from = held_batch_.size - held_;
  held_ = 0;
  UpdateStop();
  NoteTaken(held_batch_, from, from + consumed);
  // Usually all was taken and a part of a record is left: then the socket is next.
  if (!IsBlocked() && (HasMore() || HasObserved() || !parser_.Peek().empty() ||
                       HasMetadataToTell() || parser_.error())) {
    ScheduleDelivery();
  }
}

DataSource::PumpResult DataSource::Pump() {
  const auto control = control_;
  const auto parser = shared_parser_;
  if (control->pumping) return PumpResult::Blocked;
  struct Guard {
    DataSource* source;
    DeliveryControl& control;
    bool completed = false;
    Guard(DataSource* s, DeliveryControl& c) : source{s}, control{c} {
      control.pumping = true;
    }
    ~Guard() {
      control.pumping = false;
      if (control.destroyed) return;
      source->stale_ = source->replaced_ = false;
      source->UpdateStop();
      // A handler threw: what is buffered must not wait for the socket.
      if (!completed && !control.stop) source->ScheduleDelivery();
    }
  } guard{this, *control};

  const auto result = [&] {
    while (!control->stop) {
      if (HasObserved()) {
        TellObserved();
        if (control->destroyed) break;
        if (control->stop) continue;
      }
      const auto batch = parser_.Peek();
      if (HasMetadataToTell()) {
        headers_told_ = parser_.headers();
        if (const auto handler = on_metadata_) (*handler)(*parser_.metadata());
        if (control->destroyed) break;
      } else if (batch.empty()) {
        return parser_.error() ? PumpResult::Failed : PumpResult::Dry;
      } else {
        Take(UpToMessages(batch));
        if (control->destroyed) break;
      }
      if (replaced_) {
        replaced_ = false;
        UpdateStop();
      }
    }
    return control->destroyed ? PumpResult::Destroyed : PumpResult::Blocked;
  }();
  guard.completed = true;
  return result;
}

// Hands a batch to the handler; however that ends, what was taken is noted.
void DataSource::Take(const RecordBatch& batch) {
  const auto control = control_;
  const auto stream = control->stream;
  const auto note = [&] {
    if (control->destroyed || control->stream != stream) return;
    NoteTaken(batch, 0, parser_.taken());
  };
  if (const auto dispatch = dispatch_) {
    try {
      (*dispatch)(batch, parser_, *control);
    } catch (...) {
      note();
      throw;
    }
  } else {
    parser_.Consume(batch.size);
  }
  note();
}

std::size_t DataSource::DeliverBytes(std::span<const std::byte> data) {
  std::size_t taken = 0;
  while (taken < data.size()) {
    const auto pushed = parser_.Push(data.subspan(taken));
    taken += pushed;
    const auto result = Pump();
    if (result != PumpResult::Dry) break;
  }
  return taken;
}

DataSource::InflateResult DataSource::Inflate(codec::ZstdStream& zstd,
                                              std::span<const std::byte> in,
                                              std::size_t& taken) {
  const auto turn_began = parser_.offset();
  for (;;) {
    switch (Pump()) {
      case PumpResult::Destroyed:
        return InflateResult::Destroyed;
      case PumpResult::Blocked:
        return InflateResult::Blocked;
      case PumpResult::Failed:
        return InflateResult::Failed;
      case PumpResult::Dry:
        break;
    }
    const auto rest = in.subspan(taken);
    if (rest.empty() && !zstd.HasPending()) return InflateResult::Dry;
    if (parser_.offset() - turn_began > kTurnOutput) return InflateResult::Turn;
    const auto [consumed, produced] = zstd.Decompress(rest, parser_.WritableSpan());
    taken += consumed;
    parser_.Commit(produced);
    if (consumed != 0 || produced != 0) continue;
    return zstd.error() ? InflateResult::Failed : InflateResult::Dry;
  }
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): derived sources pass it on.
bool DataSource::DeliverError(Error e) {
  const auto control = control_;
  if (const auto handler = on_error_) (*handler)(e);
  return !control->destroyed;
}

void DataSource::BeginStream() {
  parser_.Reset();
  headers_told_ = 0;
  held_ = 0;
  ended_ = false;
  stats_ = {};
  stats_.pauses = paused_ ? 1 : 0;
  paused_at_ = Now();
  last_byte_ = {};
  polls_before_ = reactor_ != nullptr ? reactor_->Polls() : 0;
  ++control_->stream;
  stale_ = control_->pumping;
  UpdateStop();
}

void DataSource::SetPaused(bool paused) noexcept {
  if (paused && !paused_) {
    ++stats_.pauses;
    paused_at_ = Now();
  } else if (!paused && paused_) {
    stats_.paused += Now() - paused_at_;
  }
  paused_ = paused;
  UpdateStop();
}

void DataSource::StopDelivery() noexcept {
  ended_ = true;
  held_ = 0;
  UpdateStop();
}

}  // namespace dbnloop
