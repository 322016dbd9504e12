#include "dbnloop/dbn_file_source.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/throw.hpp"
#include "client/delivery.hpp"
#include "client/flow.hpp"
#include "client/shared_handler.hpp"
#include "client/turn_budget.hpp"
#include "dbnloop/exception.hpp"
#include "net/byte_file.hpp"
#include "net/timer.hpp"

namespace dbnloop {
namespace {

constexpr std::size_t kCompressed = 128 * 1024;  // read ahead of the decompressor
constexpr std::size_t kBegin = 12;               // bytes that distinguish the forms

enum class Format { Plain, Zstd, Dbz };

std::uint32_t ReadU32(std::span<const std::byte> bytes) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof(word));
  return word;
}

// A skippable frame may precede the others; that of a DBZ file identifies it.
Format FormatOf(std::span<const std::byte> begin) {
  constexpr std::uint32_t kFrame = 0xFD2FB528;
  constexpr std::uint32_t kSkippable = 0x184D2A50;
  constexpr std::uint32_t kSkippableMask = 0xFFFFFFF0;
  constexpr std::string_view kDbz = "DBZ";
  if (begin.size() < sizeof(std::uint32_t)) return Format::Plain;
  if (ReadU32(begin) == kFrame) return Format::Zstd;
  if ((ReadU32(begin) & kSkippableMask) != kSkippable) return Format::Plain;
  const bool dbz = begin.size() == kBegin &&
                   std::memcmp(begin.data() + 8, kDbz.data(), kDbz.size()) == 0;
  return dbz ? Format::Dbz : Format::Zstd;
}

}  // namespace

class DbnFileSource::Impl final : public client::DeliveryObserver {
 public:
  Impl(Reactor* reactor, std::string path, const FileOptions& options)
      : path{std::move(path)},
        reactor_{reactor},
        use_mmap_{options.use_mmap},
        delivery_{std::make_shared<Delivery>(
            reactor,
            ParserOptions{.buffer_size = options.buffer_size,
                          .max_metadata = options.max_metadata,
                          .upgrade_policy = options.upgrade_policy,
                          .fragment = options.fragment},
            this)},
        end_{reactor} {}
  ~Impl() { Close(); }

  void Start();
  void Stop();
  void Pause();
  void Resume() { delivery_->Resume(); }
  [[nodiscard]] const std::shared_ptr<Delivery>& delivery() const noexcept {
    return delivery_;
  }
  /// For messages.
  [[nodiscard]] std::string Name() const {
    return path == "-" ? "standard input" : path;
  }

  std::string path;
  client::SharedHandler<> on_complete;
  std::uint64_t read = 0;
  std::optional<std::uint64_t> total;

 private:
  using Flow = client::Flow;

  void ContinueDelivery() override {
    if (file_.IsOpen()) Turn();
  }
  [[nodiscard]] bool HasMore() const override { return file_.IsOpen(); }

  void Turn();
  [[nodiscard]] Flow Deliver();
  [[nodiscard]] Flow Fill();
  [[nodiscard]] Flow Begin(std::size_t n);
  [[nodiscard]] Flow Finish();
  [[nodiscard]] std::span<std::byte> ReceiveSpan();
  [[nodiscard]] Flow Wait();
  void StopWaiting() noexcept;
  void Close() noexcept;
  Flow End(Error error);

  Reactor* reactor_;
  bool use_mmap_;
  std::shared_ptr<Delivery> delivery_;
  net::ByteFile file_;
  bool begun_ = false;  // its format is known
  bool eof_ = false;
  std::array<std::byte, kBegin> begin_{};
  std::size_t begin_size_ = 0;
  std::vector<std::byte> in_;  // compressed, [in_at_, in_end_)
  std::size_t in_at_ = 0;
  std::size_t in_end_ = 0;
  bool waiting_ = false;  // the fd is in epoll
  net::Timer end_;        // reports it
};

// ---- Calls of the user --------------------------------------------------------------

void DbnFileSource::Impl::Start() {
  if (file_.IsOpen()) {
    base::Throw(ErrorCode::InvalidState,
                "Start: " + Name() + " is being read already; Stop it before");
  }
  file_.Open(path, use_mmap_);
  end_.Disarm();
  delivery_->BeginStream();
  begun_ = eof_ = false;
  begin_size_ = in_at_ = in_end_ = 0;
  read = 0;
  total = file_.size();
  delivery_->Schedule();
}

void DbnFileSource::Impl::Stop() {
  if (!file_.IsOpen()) return;
  Close();
  end_.Defer([this] {
    delivery_->DeliverError(
        {ErrorCode::Cancelled, "reading " + Name() + " was stopped by this program"});
  });
}

void DbnFileSource::Impl::Pause() {
  delivery_->Pause();
  StopWaiting();
}

// ---- Turns --------------------------------------------------------------------------

// Reads and delivers a turn's share, or until the file must be waited for.
void DbnFileSource::Impl::Turn() {
  const auto stream = delivery_->WatchStream();
  const auto read_before = read;
  const auto delivered_before = delivery_->parser().offset();
  try {
    for (;;) {
      if (delivery_->IsBlocked()) return StopWaiting();
      if (Deliver() != Flow::Go) return;
      const auto filled_before = read;
      if ((eof_ ? Finish() : Fill()) != Flow::Go) return;
      // Another read may be as large as the last one. Compressed bytes may be many
      // records, or, in skippable frames, none.
      if (read - read_before + (read - filled_before) > client::kTurnBytes ||
          delivery_->parser().offset() - delivered_before >= client::kTurnBytes) {
        return delivery_->Schedule();
      }
    }
  } catch (...) {
    if (!stream.destroyed() && file_.IsOpen() && !delivery_->IsPaused()) {
      delivery_->Schedule();
    }
    throw;
  }
}

// Delivers what is buffered.
client::Flow DbnFileSource::Impl::Deliver() {
  if (!begun_) return Flow::Go;
  const auto flow = delivery_->IsCompressed()
                        ? delivery_->Inflate(std::span{in_}.first(in_end_), in_at_)
                        : delivery_->Pump();
  return flow == Flow::Failed ? End(delivery_->error()) : flow;
}

std::span<std::byte> DbnFileSource::Impl::ReceiveSpan() {
  if (!begun_) return std::span{begin_}.subspan(begin_size_);
  if (!delivery_->IsCompressed()) return delivery_->parser().WritableSpan();
  in_at_ = in_end_ = 0;
  return in_;
}

client::Flow DbnFileSource::Impl::Fill() {
  const auto [io, n, reason] = file_.Read(ReceiveSpan());
  switch (io) {
    case net::ByteFile::Io::Wait:
      return Wait();
    case net::ByteFile::Io::Failed:
      return End({ErrorCode::System,
                  std::string{"reading broke off: "} + std::strerror(reason), reason});
    case net::ByteFile::Io::End:
      eof_ = true;
      return begun_ ? Flow::Go : Begin(0);
    case net::ByteFile::Io::Done:
      break;
  }
  read += n;
  delivery_->CountRead(n);
  if (!begun_) return Begin(n);
  if (delivery_->IsCompressed()) {
    in_end_ = n;
  } else {
    delivery_->parser().Commit(n);
  }
  return Flow::Go;
}

// The first bytes identify the format.
client::Flow DbnFileSource::Impl::Begin(std::size_t n) {
  begin_size_ += n;
  if (begin_size_ < kBegin && !eof_) return Flow::Go;
  const auto begin = std::span{begin_}.first(begin_size_);
  begun_ = true;
  switch (FormatOf(begin)) {
    case Format::Dbz:
      return End({ErrorCode::ParseError,
                  "it is a file of the legacy format DBZ; convert it with Databento's "
                  "dbn tool: dbn FILE -o FILE.dbn.zst"});
    case Format::Zstd:
      delivery_->BeginFrames();
      in_.resize(kCompressed);
      std::ranges::copy(begin, in_.begin());
      in_end_ = begin.size();
      break;
    case Format::Plain:
      delivery_->parser().Push(begin);
      break;
  }
  return Flow::Go;
}

// Everything was delivered: a complete file, or one that was cut.
client::Flow DbnFileSource::Impl::Finish() {
  if (auto cut = delivery_->Finish()) return End(std::move(cut));
  Close();
  on_complete();
  return Flow::Gone;
}

// ---- Waiting and ends ---------------------------------------------------------------

// Not everything that can be read can be waited for: epoll refuses some files.
client::Flow DbnFileSource::Impl::Wait() {
  if (waiting_) return Flow::Wait;
  try {
    reactor_->Add(file_.fd(), EPOLLIN, [this](std::uint32_t) { Turn(); });
  } catch (const Exception& e) {
    return End(e.error());
  }
  waiting_ = true;
  return Flow::Wait;
}

void DbnFileSource::Impl::StopWaiting() noexcept {
  if (waiting_) reactor_->Remove(file_.fd());
  waiting_ = false;
}

void DbnFileSource::Impl::Close() noexcept {
  StopWaiting();
  file_.Close();
  delivery_->EndStream();
}

client::Flow DbnFileSource::Impl::End(Error error) {
  Close();
  error.message = Name() + ": " + error.message;
  delivery_->DeliverError(error);
  return Flow::Gone;
}

// ---- Source -------------------------------------------------------------------------

DbnFileSource::DbnFileSource(Reactor* reactor, std::string path, FileOptions options)
    : DbnFileSource{MakeImpl(reactor, std::move(path), options)} {}

DbnFileSource::DbnFileSource(std::unique_ptr<Impl> impl)
    : DataSource{impl->delivery()}, impl_{std::move(impl)} {}

std::unique_ptr<DbnFileSource::Impl> DbnFileSource::MakeImpl(
    Reactor* reactor, std::string path, const FileOptions& options) {
  if (reactor == nullptr) {
    base::Throw(ErrorCode::InvalidArgument, "DbnFileSource: the reactor is null");
  }
  return std::make_unique<Impl>(reactor, std::move(path), options);
}

DbnFileSource::~DbnFileSource() = default;

void DbnFileSource::Start() { impl_->Start(); }
void DbnFileSource::Stop() { impl_->Stop(); }
void DbnFileSource::Pause() { impl_->Pause(); }
void DbnFileSource::Resume() { impl_->Resume(); }

void DbnFileSource::OnComplete(CompleteHandler h) {
  impl_->on_complete.Set(std::move(h));
}

const std::string& DbnFileSource::Path() const noexcept { return impl_->path; }
std::uint64_t DbnFileSource::ReadBytes() const noexcept { return impl_->read; }
std::optional<std::uint64_t> DbnFileSource::TotalBytes() const noexcept {
  return impl_->total;
}

}  // namespace dbnloop
