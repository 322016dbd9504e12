#include "dbnloop/data_source.hpp"

#include <utility>

namespace dbnloop {

using detail::DeliveryControl;

DataSource::DataSource(ParserOptions options)
    : parser_{options}, control_{std::make_shared<DeliveryControl>()} {}

DataSource::~DataSource() {
  control_->stop = true;
  control_->destroyed = true;
}

void DataSource::OnBatch(BatchSink sink) {
  dispatch_ = std::make_shared<Dispatch>(
      [this, sink = std::move(sink)](const RecordBatch& batch, DbnParser& parser,
                                     const DeliveryControl& control) mutable {
        const auto taken = sink(batch);
        if (control.destroyed) return;
        parser.Consume(taken);
        held_ = taken < batch.size;
        UpdateStop();
      });
}

void DataSource::Release(std::size_t consumed) {
  if (!held_) return;
  held_ = false;
  parser_.Consume(consumed);
  UpdateStop();
  // Usually all was taken and a part of a record is left: then the socket is next.
  if (!IsBlocked() && (HasMore() || !parser_.Peek().empty() || parser_.error())) {
    ScheduleDelivery();
  }
}

DataSource::PumpResult DataSource::Pump() {
  const auto control = control_;
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
      source->stale_ = false;
      source->UpdateStop();
      // A handler threw: what is buffered must not wait for the socket.
      if (!completed && !control.stop) source->ScheduleDelivery();
    }
  } guard{this, *control};

  const auto result = [&] {
    while (!control->stop) {
      const auto batch = parser_.Peek();
      if (!metadata_delivered_ && parser_.metadata() != nullptr) {
        metadata_delivered_ = true;
        if (const auto handler = on_metadata_) (*handler)(*parser_.metadata());
        continue;  // the handler may have paused or destroyed
      }
      if (batch.empty()) return parser_.error() ? PumpResult::Failed : PumpResult::Dry;
      ObserveRuns(batch);
      if (const auto dispatch = dispatch_) {
        (*dispatch)(batch, parser_, *control);
      } else {
        parser_.Consume(batch.size);
      }
    }
    return control->destroyed ? PumpResult::Destroyed : PumpResult::Blocked;
  }();
  guard.completed = true;
  return result;
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

bool DataSource::DeliverError(Error e) {
  const auto control = control_;
  if (const auto handler = on_error_) (*handler)(e);
  return !control->destroyed;
}

void DataSource::BeginStream() {
  parser_.Reset();
  metadata_delivered_ = false;
  held_ = false;
  ended_ = false;
  stale_ = control_->pumping;
  UpdateStop();
}

void DataSource::SetPaused(bool paused) noexcept {
  paused_ = paused;
  UpdateStop();
}

void DataSource::StopDelivery() noexcept {
  ended_ = true;
  held_ = false;
  UpdateStop();
}

}  // namespace dbnloop
