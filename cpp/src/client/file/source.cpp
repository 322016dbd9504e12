#include "dbnloop/dbn_file_source.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "dbn/zstd_stream.hpp"
#include "dbnloop/exception.hpp"
#include "net/byte_file.hpp"

namespace dbnloop {
namespace {

constexpr std::size_t kCompressed = 128 * 1024;  // bytes read ahead of the decompressor
constexpr std::size_t kTurn = 1024 * 1024;       // bytes; then others have their turn
constexpr std::size_t kBegin = 12;               // bytes that tell every form apart

enum class Form { Plain, Zstd, Dbz };

std::uint32_t Word(std::span<const std::byte> bytes) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof(word));
  return word;
}

// Protocol section 4. A skippable frame may stand before the others; that of a DBZ file
// says so.
Form FormOf(std::span<const std::byte> begin) {
  constexpr std::uint32_t kFrame = 0xFD2FB528;
  constexpr std::uint32_t kSkippable = 0x184D2A50;
  constexpr std::uint32_t kSkippableMask = 0xFFFFFFF0;
  constexpr std::string_view kDbz = "DBZ";
  if (begin.size() < sizeof(std::uint32_t)) return Form::Plain;
  if (Word(begin) == kFrame) return Form::Zstd;
  if ((Word(begin) & kSkippableMask) != kSkippable) return Form::Plain;
  const bool dbz = begin.size() == kBegin &&
                   std::memcmp(begin.data() + 8, kDbz.data(), kDbz.size()) == 0;
  return dbz ? Form::Dbz : Form::Zstd;
}

}  // namespace

class DbnFileSource::Impl {
 public:
  Impl(DbnFileSource* source, Reactor* reactor, std::string path, bool use_mmap)
      : path{std::move(path)},
        source_{source},
        reactor_{reactor},
        use_mmap_{use_mmap} {}
  ~Impl() {
    Close();
    reactor_->Cancel(farewell_);
  }

  void Start();
  void Stop();
  void Pause();
  void Resume();
  void ScheduleDelivery();
  [[nodiscard]] bool HasMore() const { return file_.IsOpen(); }
  /// For messages.
  [[nodiscard]] std::string Name() const {
    return path == "-" ? "standard input" : path;
  }

  std::string path;
  std::shared_ptr<std::function<void()>> on_complete;
  std::uint64_t read = 0;
  std::optional<std::uint64_t> total;

 private:
  enum class Flow { Go, Wait, Gone };

  void Turn();
  [[nodiscard]] Flow Deliver();
  [[nodiscard]] Flow DeliverZstd();
  [[nodiscard]] Flow Fill();
  [[nodiscard]] Flow Begin(std::size_t n);
  [[nodiscard]] Flow Ended();
  [[nodiscard]] std::span<std::byte> Room();
  [[nodiscard]] Flow Wait();
  void StopWaiting() noexcept;
  void Close() noexcept;
  Flow End(Error error);

  DbnFileSource* source_;
  Reactor* reactor_;
  bool use_mmap_;
  net::ByteFile file_;
  bool begun_ = false;  // its form is known
  bool eof_ = false;
  std::array<std::byte, kBegin> begin_{};
  std::size_t begin_size_ = 0;
  std::unique_ptr<codec::ZstdStream> zstd_;
  std::vector<std::byte> in_;  // compressed, [in_at_, in_end_)
  std::size_t in_at_ = 0;
  std::size_t in_end_ = 0;
  bool waiting_ = false;  // the fd is in epoll
  Reactor::TimerId delivery_ = 0;
  Reactor::TimerId farewell_ = 0;
};

// ---- Calls of the user --------------------------------------------------------------

void DbnFileSource::Impl::Start() {
  if (file_.IsOpen()) {
    throw Exception{{ErrorCode::InvalidState,
                     "Start: " + Name() + " is being read already; Stop it before"}};
  }
  file_.Open(path, use_mmap_);
  reactor_->Cancel(farewell_);
  farewell_ = 0;
  source_->BeginStream();
  begun_ = eof_ = false;
  begin_size_ = in_at_ = in_end_ = 0;
  zstd_.reset();
  read = 0;
  total = file_.size();
  ScheduleDelivery();
}

void DbnFileSource::Impl::Stop() {
  if (!file_.IsOpen()) return;
  Close();
  farewell_ = reactor_->After({}, [this] {
    farewell_ = 0;
    source_->DeliverError(
        {ErrorCode::Cancelled, "reading " + Name() + " was stopped by this program"});
  });
}

void DbnFileSource::Impl::Pause() {
  source_->SetPaused(true);
  StopWaiting();
}

void DbnFileSource::Impl::Resume() {
  source_->SetPaused(false);
  if (file_.IsOpen()) ScheduleDelivery();
}

void DbnFileSource::Impl::ScheduleDelivery() {
  reactor_->Cancel(delivery_);
  delivery_ = reactor_->After({}, [this] {
    delivery_ = 0;
    Turn();
  });
}

// ---- Turns --------------------------------------------------------------------------

// A turn's share, or until the file must be waited for.
void DbnFileSource::Impl::Turn() {
  const auto control = source_->control();
  const auto read_before = read;
  const auto delivered_before = source_->parser_.offset();
  try {
    for (;;) {
      if (source_->IsBlocked()) return StopWaiting();
      auto flow = Deliver();
      if (flow == Flow::Go) flow = eof_ ? Ended() : Fill();
      if (flow == Flow::Gone) return;
      if (flow == Flow::Wait) return;
      // Compressed bytes may be many records, or, in skippable frames, none.
      if (read - read_before >= kTurn ||
          source_->parser_.offset() - delivered_before >= kTurn) {
        return ScheduleDelivery();
      }
    }
  } catch (...) {
    if (!control->destroyed && file_.IsOpen() && !source_->IsPaused()) {
      ScheduleDelivery();
    }
    throw;
  }
}

// Hands out what is held. Wait: delivery is blocked, or goes on in the next turn.
DbnFileSource::Impl::Flow DbnFileSource::Impl::Deliver() {
  if (!begun_) return Flow::Go;
  if (zstd_) return DeliverZstd();
  switch (source_->Pump()) {
    case PumpResult::Destroyed:
      return Flow::Gone;
    case PumpResult::Blocked:
      return file_.IsOpen() ? Flow::Wait : Flow::Gone;
    case PumpResult::Failed:
      return End(source_->parser_.error());
    case PumpResult::Dry:
      break;
  }
  return Flow::Go;
}

DbnFileSource::Impl::Flow DbnFileSource::Impl::DeliverZstd() {
  switch (source_->Inflate(*zstd_, std::span{in_}.first(in_end_), in_at_)) {
    case InflateResult::Destroyed:
      return Flow::Gone;
    case InflateResult::Blocked:
      return file_.IsOpen() ? Flow::Wait : Flow::Gone;
    case InflateResult::Turn:
      ScheduleDelivery();
      return Flow::Wait;
    case InflateResult::Failed:
      return End(source_->parser_.error() ? source_->parser_.error() : zstd_->error());
    case InflateResult::Dry:
      break;
  }
  return Flow::Go;
}

std::span<std::byte> DbnFileSource::Impl::Room() {
  if (!begun_) return std::span{begin_}.subspan(begin_size_);
  if (!zstd_) return source_->parser_.WritableSpan();
  in_at_ = in_end_ = 0;
  return in_;
}

DbnFileSource::Impl::Flow DbnFileSource::Impl::Fill() {
  const auto [io, n, reason] = file_.Read(Room());
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
  source_->NoteRead(n);
  if (!begun_) return Begin(n);
  if (zstd_) {
    in_end_ = n;
  } else {
    source_->parser_.Commit(n);
  }
  return Flow::Go;
}

// The first bytes say what the file is.
DbnFileSource::Impl::Flow DbnFileSource::Impl::Begin(std::size_t n) {
  begin_size_ += n;
  if (begin_size_ < kBegin && !eof_) return Flow::Go;
  const auto begin = std::span{begin_}.first(begin_size_);
  begun_ = true;
  switch (FormOf(begin)) {
    case Form::Dbz:
      return End({ErrorCode::ParseError,
                  "it is a file of the legacy format DBZ; convert it with Databento's "
                  "dbn tool: dbn FILE -o FILE.dbn.zst"});
    case Form::Zstd:
      zstd_ = std::make_unique<codec::ZstdStream>();
      in_.resize(kCompressed);
      std::ranges::copy(begin, in_.begin());
      in_end_ = begin.size();
      break;
    case Form::Plain:
      source_->parser_.Push(begin);
      break;
  }
  return Flow::Go;
}

// Everything was handed out; says why nothing more comes.
DbnFileSource::Impl::Flow DbnFileSource::Impl::Ended() {
  if (zstd_ && zstd_->Finish()) return End(zstd_->Finish());
  if (auto cut = source_->parser_.Finish()) return End(std::move(cut));
  Close();
  if (const auto handler = on_complete) (*handler)();
  return Flow::Gone;
}

// ---- Waiting and ends ---------------------------------------------------------------

// Not everything that can be read can be waited for.
DbnFileSource::Impl::Flow DbnFileSource::Impl::Wait() {
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
  reactor_->Cancel(delivery_);
  delivery_ = 0;
  source_->StopDelivery();
}

DbnFileSource::Impl::Flow DbnFileSource::Impl::End(Error error) {
  Close();
  error.message = Name() + ": " + error.message;
  source_->DeliverError(std::move(error));
  return Flow::Gone;
}

// ---- Source -------------------------------------------------------------------------

DbnFileSource::DbnFileSource(Reactor* reactor, std::string path, FileOptions options)
    : DataSource{reactor,
                 {.buffer_size = options.buffer_size,
                  .max_metadata = options.max_metadata,
                  .upgrade_policy = options.upgrade_policy,
                  .fragment = options.fragment}} {
  if (reactor == nullptr) {
    throw Exception{{ErrorCode::InvalidArgument, "DbnFileSource: the reactor is null"}};
  }
  impl_ = std::make_unique<Impl>(this, reactor, std::move(path), options.use_mmap);
}

DbnFileSource::~DbnFileSource() = default;

void DbnFileSource::Start() { impl_->Start(); }
void DbnFileSource::Stop() { impl_->Stop(); }
void DbnFileSource::Pause() { impl_->Pause(); }
void DbnFileSource::Resume() { impl_->Resume(); }

void DbnFileSource::OnComplete(std::function<void()> h) {
  impl_->on_complete =
      h ? std::make_shared<std::function<void()>>(std::move(h)) : nullptr;
}

const std::string& DbnFileSource::Path() const noexcept { return impl_->path; }
std::uint64_t DbnFileSource::ReadBytes() const noexcept { return impl_->read; }
std::optional<std::uint64_t> DbnFileSource::TotalBytes() const noexcept {
  return impl_->total;
}

void DbnFileSource::ScheduleDelivery() { impl_->ScheduleDelivery(); }
bool DbnFileSource::HasMore() const { return impl_->HasMore(); }

}  // namespace dbnloop
