#include "dbnloop/data_source.hpp"

#include <utility>

#include "client/delivery.hpp"

namespace dbnloop {

// The delivery of a source that a user derives, which is fed by that source.
class DataSource::Delivery::OfSource final : public DataSource::Delivery,
                                             private client::DeliveryObserver {
 public:
  OfSource(DataSource* source, Reactor* reactor, ParserOptions options)
      : Delivery{reactor, options, this}, source_{source} {}

 private:
  void ContinueDelivery() override { source_->ContinueDelivery(); }
  // What the source holds is not known here: it is asked.
  [[nodiscard]] bool HasMore() const override { return true; }

  DataSource* source_;
};

DataSource::DataSource(std::shared_ptr<Delivery> delivery)
    : delivery_{std::move(delivery)},
      parser_{delivery_->parser()},
      paused_{delivery_->paused()} {}

DataSource::DataSource(Reactor* reactor, ParserOptions options)
    : DataSource{std::make_shared<Delivery::OfSource>(this, reactor, options)} {}

DataSource::~DataSource() { delivery_->Detach(); }

// ---- Public -------------------------------------------------------------------------

void DataSource::SetDispatch(Dispatch dispatch) {
  delivery_->SetDispatch(std::move(dispatch));
}
void DataSource::OnError(ErrorHandler h) { delivery_->on_error.Set(std::move(h)); }
void DataSource::OnMetadata(MetadataHandler h) {
  delivery_->on_metadata.Set(std::move(h));
}
void DataSource::OnBatch(BatchSink sink, BatchForm form) {
  delivery_->SetSink(std::move(sink), form);
}
void DataSource::Release(std::size_t consumed) { delivery_->Release(consumed); }
detail::MixedTally& DataSource::TallyOfHeld() noexcept { return delivery_->tally(); }
SourceStats DataSource::Stats() const { return delivery_->Stats(); }

// ---- For sources of a user's own ----------------------------------------------------

void DataSource::BeginStream() { delivery_->BeginStream(); }
void DataSource::EndStream() noexcept { delivery_->EndStream(); }
void DataSource::SetPaused(bool paused) {
  paused ? delivery_->Pause() : delivery_->Resume();
}
std::size_t DataSource::DeliverBytes(std::span<const std::byte> data) {
  auto rest = data;
  delivery_->DeliverFrom(rest);
  return data.size() - rest.size();
}
void DataSource::DeliverFrom(std::span<const std::byte>& data) {
  delivery_->DeliverFrom(data);
}
bool DataSource::DeliverError(const Error& e) { return delivery_->DeliverError(e); }
void DataSource::ScheduleDelivery() { delivery_->Schedule(); }

}  // namespace dbnloop
