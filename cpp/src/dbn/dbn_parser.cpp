#include "dbnloop/dbn_parser.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "base/str_cat.hpp"
#include "base/text.hpp"
#include "base/throw.hpp"
#include "dbn/metadata_layout.hpp"
#include "dbn/parser_memory.hpp"
#include "dbn/upgrade.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr std::size_t kRecordAlignment = 8;
constexpr std::size_t kMinBuffer = 16 * 1024;
constexpr std::size_t kMaxBuffer = std::size_t{1} << 30;
constexpr std::size_t kProbeRuns = 16;  // whose length decides whether records mix
constexpr std::size_t kShortRun = 8;    // records; where they are fewer, runs cost more
constexpr std::size_t kMixedBytes = 1024 * 1024;  // until runs are looked for again
constexpr std::size_t kSideArea = 64 * 1024;
constexpr std::size_t kKeptRoom =
    64 * 1024;                            // where less is left, a kept buffer is full
constexpr std::uint16_t kNever = 0xFFFF;  // no record is that long
constexpr std::size_t kTsOutSize = sizeof(std::uint64_t);

// The two bytes that make a run: length and rtype.
std::uint16_t Head(const std::byte* record) {
  std::uint16_t head = 0;
  std::memcpy(&head, record, sizeof(head));
  return head;
}

std::size_t SizeOf(std::uint16_t head) {
  return (head & 0xFFU) * RecordHeader::kLengthMultiplier;
}

std::uint16_t HeadOf(RType rtype, std::size_t size) {
  return static_cast<std::uint16_t>(size / RecordHeader::kLengthMultiplier |
                                    static_cast<unsigned>(rtype) << 8);
}

RType RTypeOf(std::uint16_t head) { return static_cast<RType>(head >> 8); }

// How many records from `p` on surely have its head: at least the one. Long runs go
// four at a time; the rest of a run, and short ones, are for the caller to join. So
// there is one branch that is always taken in uniform data and never in mixed data.
std::uint32_t CountRun(const std::byte* p, const std::byte* end, std::uint16_t head,
                       std::size_t size) {
  std::uint32_t count = 1;
  while (static_cast<std::size_t>(end - p) >= 5 * size) {
    const unsigned different = (Head(p + size) ^ head) | (Head(p + 2 * size) ^ head) |
                               (Head(p + 3 * size) ^ head) |
                               (Head(p + 4 * size) ^ head);
    if (different != 0) break;
    p += 4 * size;
    count += 4;
  }
  return count;
}

// Whether `head` may be the first two bytes of a DBN header or of a zstd frame; the
// next two distinguish (IsHeader, IsZstdFrame).
bool MayBeginStream(std::uint16_t head) {
  constexpr std::uint16_t kHeader = 'D' | 'B' << 8;
  constexpr std::uint16_t kZstd = 0xB528;
  return head == kHeader || head == kZstd;
}

bool BeginsStream(const std::byte* p) {
  return codec::IsHeader(p) || codec::IsZstdFrame(p);
}

// UpgradeToV2 cannot go back from version 3.
Error Refused(std::uint8_t version, VersionUpgradePolicy policy) {
  if (policy != VersionUpgradePolicy::UpgradeToV2 || version <= 2) return {};
  return {ErrorCode::InvalidArgument,
          "the stream is DBN version 3, which cannot be upgraded to version 2; set "
          "upgrade_policy to AsIs or UpgradeToV3"};
}

}  // namespace

void DbnParser::AlignedDelete::operator()(std::byte* p) const noexcept {
  ::operator delete[](p, kAlignment);
}

DbnParser::AlignedBytes DbnParser::AllocateAligned(std::size_t size) {
  return AlignedBytes{static_cast<std::byte*>(::operator new[](size, kAlignment))};
}

DbnParser::Memory DbnParser::Memory::Allocate(std::size_t size) {
  return {size, AllocateAligned(size), AllocateAligned(kSideArea),
          std::make_unique_for_overwrite<RecordRun[]>(kMaxRuns)};
}

DbnParser::DbnParser(ParserOptions options) : DbnParser{options, nullptr} {}

DbnParser::DbnParser(ParserOptions options, std::shared_ptr<Pool> pool)
    : options_{options}, pool_{std::move(pool)} {
  if (options_.buffer_size < kMinBuffer || options_.buffer_size > kMaxBuffer) {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("buffer_size is ", options_.buffer_size,
                             " bytes; it must be 16 KiB to 1 GiB"));
  }
  if (options_.fragment &&
      (options_.fragment->version < 1 || options_.fragment->version > kDbnVersion)) {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("a fragment's DBN version must be 1 to 3, not ",
                             options_.fragment->version));
  }
  if (options_.fragment) {
    auto error = Refused(options_.fragment->version, options_.upgrade_policy);
    if (error) base::Throw(std::move(error));
  }
  if (!pool_) TakeMemory();
  Reset();
}

DbnParser::~DbnParser() = default;

void DbnParser::TakeMemory() {
  auto memory = pool_ ? pool_->Take(options_.buffer_size)
                      : Memory::Allocate(options_.buffer_size);
  buffer_ = std::move(memory.buffer);
  side_ = std::move(memory.side);
  runs_ = std::move(memory.runs);
  std::memcpy(buffer_.get(), rest_.data(), end_);
}

void DbnParser::Rest() noexcept {
  const auto held = end_ - pos_;
  if (!pool_ || !buffer_ || keeper_ != nullptr || held > rest_.size()) return;
  std::memcpy(rest_.data(), buffer_.get() + pos_, held);
  pos_ = 0;
  end_ = held;
  pull_ = {};
  pool_->Give(
      {options_.buffer_size, std::move(buffer_), std::move(side_), std::move(runs_)});
}

void DbnParser::Reset() {
  if (keeper_ != nullptr && buffer_) {
    end_ = pos_;  // a part of a record is of no use to anybody
    HandOver();
  }
  pos_ = end_ = 0;
  offset_ = 0;
  upgraded_size_ = source_size_ = 0;
  mixed_left_ = 0;
  pull_ = {};
  std::vector<std::byte>{}.swap(header_);
  header_size_ = 0;
  in_header_ = true;
  metadata_.reset();
  headers_ = 0;
  input_version_ = output_version_ = 0;
  ts_out_ = false;
  error_ = {};
  if (options_.fragment) {
    BeginRecords(options_.fragment->version, options_.fragment->ts_out);
  }
}

std::span<std::byte> DbnParser::WritableSpan() {
  if (!buffer_) TakeMemory();
  pull_ = {};
  upgraded_size_ = 0;
  // Usually the tail is less than one record: moving it keeps the buffer linear.
  if (keeper_ != nullptr) {
    if (NeedsHandOver()) HandOver();
  } else if (end_ - pos_ < kMaxEncodableRecordSize || end_ == options_.buffer_size) {
    Compact();
  }
  return {buffer_.get() + end_, options_.buffer_size - end_};
}

std::size_t DbnParser::Push(std::span<const std::byte> bytes) {
  const auto room = WritableSpan();
  const auto n = std::min(room.size(), bytes.size());
  if (n != 0) std::memcpy(room.data(), bytes.data(), n);
  Commit(n);
  return n;
}

// A misaligned rest would make every following batch be copied.
bool DbnParser::NeedsHandOver() const noexcept {
  const auto room = options_.buffer_size - end_;
  if (room == 0) return true;
  if (in_header_ || end_ - pos_ >= kMaxEncodableRecordSize) return false;
  return room < std::min(kKeptRoom, options_.buffer_size / 4) ||
         pos_ % kRecordAlignment != 0;
}

// The keeper receives the buffer with what was consumed; the rest begins another one.
void DbnParser::HandOver() {
  const auto consumed = pos_ > kept_from_ ? pos_ : kept_from_;
  auto next = keeper_->Prepare(options_.buffer_size);
  std::memcpy(next.get(), buffer_.get() + pos_, end_ - pos_);
  keeper_->Keep(std::exchange(buffer_, std::move(next)), kept_from_, consumed, *this);
  end_ -= pos_;
  pos_ = 0;
  kept_from_ = 0;
}

void DbnParser::Compact() noexcept {
  if (pos_ == 0) return;
  std::memmove(buffer_.get(), buffer_.get() + pos_, end_ - pos_);
  end_ -= pos_;
  pos_ = 0;
}

// Begins another batch. True when a complete record is at pos_.
bool DbnParser::AtRecord() {
  pull_ = {};
  upgraded_size_ = 0;
  taken_ = 0;
  if (error_ || (!buffer_ && end_ == 0)) return false;
  if (!buffer_) TakeMemory();
  do {
    if (in_header_ && !ReadHeader()) return false;
    if (end_ - pos_ < kRecordHeaderSize) return false;
  } while (BeginNextHeader());
  if (error_) return false;
  const auto size = SizeOf(Head(buffer_.get() + pos_));
  if (size < kRecordHeaderSize) {
    Fail(ErrorCode::ParseError,
         base::StrCat("DBN record at byte ", offset_, " says it has ", size,
                      " bytes, the least is 16; the stream is corrupt"));
    return false;
  }
  return size <= end_ - pos_;
}

// `probe`: see PeekAsIs.
RecordBatch DbnParser::PeekRecords(std::size_t probe) {
  if (!AtRecord()) return {};
  const auto head = Head(buffer_.get() + pos_);
  return WillUpgrade(RTypeOf(head), SizeOf(head)) ? PeekUpgraded() : PeekAsIs(probe);
}

// What the last batches were is a good guess at what the next ones are. It is checked
// now and then, by looking for runs.
RecordBatch DbnParser::PeekMixed() {
  if (mixed_left_ == 0 || pos_ % kRecordAlignment != 0) return PeekRecords(kProbeRuns);
  if (!AtRecord()) return {};
  const std::byte* const begin = buffer_.get() + pos_;
  const auto head = Head(begin);
  if (plain_heads_[head >> 8] != head) return PeekRecords(kProbeRuns);
  const auto size = end_ - pos_;
  mixed_left_ -= std::min(mixed_left_, size);
  return {begin, size, {}};
}

// Whole records, up to the first that is cut, hostile or to be upgraded. They are
// handed out where they lie, or from the side area when that is not a multiple of 8:
// metadata of versions 1 and 2, and records of odd size, shift what follows them.
//
// When `probe` runs are found and they are short, the batch ends with them, and
// PeekMixed may do without runs for a while.
RecordBatch DbnParser::PeekAsIs(std::size_t probe) {
  const bool aligned = pos_ % kRecordAlignment == 0;
  const std::byte* const begin = buffer_.get() + pos_;
  const std::byte* const end =
      begin + (aligned ? end_ - pos_ : std::min(end_ - pos_, kSideArea));
  const std::byte* p = begin;
  std::size_t runs = 0;
  std::size_t records = 0;
  std::uint32_t in_run = 0;
  std::uint16_t last = 0;  // no record's head
  while (static_cast<std::size_t>(end - p) >= kRecordHeaderSize) {
    const auto head = Head(p);
    const auto size = SizeOf(head);
    if (size < kRecordHeaderSize || size > static_cast<std::size_t>(end - p)) break;
    if (WillUpgrade(RTypeOf(head), size)) break;
    const bool suspect = MayBeginStream(head);
    if (suspect && BeginsStream(p)) break;
    const bool same = head == last;
    if (runs == probe && !same) {
      const bool few = records < runs * kShortRun;
      if (few) mixed_left_ = kMixedBytes;
      if (few || probe == kMaxRuns) break;
      probe = kMaxRuns;
    }
    // A record of odd size leaves the next one misaligned: it ends the batch.
    const bool odd = size % kRecordAlignment != 0;
    const auto count = odd || suspect ? 1 : CountRun(p, end, head, size);
    in_run = (same ? in_run : 0) + count;
    runs += same ? 0 : 1;
    runs_[runs - 1] = Run(RTypeOf(head), size, in_run);
    last = head;
    p += count * size;
    records += count;
    if (odd) break;
  }
  const auto size = static_cast<std::size_t>(p - begin);
  if (!aligned) std::memcpy(side_.get(), begin, size);
  return {aligned ? begin : side_.get(), size, {runs_.get(), runs}};
}

// One run of records that the upgrade rewrites, in memory of its own.
RecordBatch DbnParser::PeekUpgraded() {
  const std::byte* p = buffer_.get() + pos_;
  const std::byte* const end = buffer_.get() + end_;
  const auto head = Head(p);
  source_size_ = SizeOf(head);
  std::size_t written = 0;
  std::uint32_t count = 0;
  do {
    upgraded_size_ = codec::UpgradeRecord(p, input_version_, output_version_, ts_out_,
                                          side_.get() + written);
    written += upgraded_size_;
    p += source_size_;
    ++count;
  } while (static_cast<std::size_t>(end - p) >= source_size_ && Head(p) == head &&
           written + kMaxEncodableRecordSize <= kSideArea);
  runs_[0] = Run(RTypeOf(head), upgraded_size_, count);
  return {side_.get(), written, {runs_.get(), 1}};
}

// A record too short for its own layout stays as it is.
bool DbnParser::WillUpgrade(RType rtype, std::size_t size) const noexcept {
  return size >= rules_[static_cast<std::uint8_t>(rtype)].upgrade_size;
}

RecordRun DbnParser::Run(RType rtype, std::size_t size, std::size_t count) const {
  const auto typed_size = rules_[static_cast<std::uint8_t>(rtype)].typed_size;
  return {static_cast<std::uint32_t>(count), static_cast<std::uint16_t>(size), rtype,
          static_cast<std::uint8_t>(size >= typed_size)};
}

bool DbnParser::PullNextRun() {
  if (pull_.runs.empty()) {
    const auto batch = Peek();
    pull_.at = batch.data;
    pull_.runs = batch.runs;
  }
  if (pull_.runs.empty()) return false;
  const auto& run = pull_.runs.front();
  pull_.size = run.record_size;
  pull_.source_size = upgraded_size_ != 0 ? source_size_ : run.record_size;
  pull_.left = run.count;
  pull_.runs = pull_.runs.subspan(1);
  return true;
}

// True when another stream's header begins at pos_, which holds a record's header or
// more: it is read next. What cannot be read on is an error.
bool DbnParser::BeginNextHeader() {
  const std::byte* const p = buffer_.get() + pos_;
  if (!MayBeginStream(Head(p))) return false;
  const auto where = base::StrCat("at byte ", offset_, " of the DBN stream ");
  if (codec::IsZstdFrame(p)) {
    Fail(ErrorCode::ParseError,
         where +
             "zstd-compressed data begins; a stream is compressed "
             "completely or not at all: read the parts one by one");
    return false;
  }
  if (!codec::IsHeader(p)) return false;
  if (options_.fragment) {
    Fail(ErrorCode::ParseError, where +
                                    "a DBN header begins, but a fragment has none: "
                                    "read it without the fragment "
                                    "option");
    return false;
  }
  in_header_ = true;
  header_size_ = 0;
  return true;
}

// Whether the records of another stream may follow those of the first one.
bool DbnParser::AcceptNext(const Metadata& next) {
  const auto text = [](const Metadata& m, std::uint8_t version) {
    return base::StrCat("DBN version ", version, ", dataset ", base::Quoted(m.dataset),
                        ", schema ",
                        (m.schema ? std::string{TextOf(*m.schema)} : "mixed"),
                        (m.ts_out ? ", with ts_out" : ""));
  };
  if (next.version == input_version_ && next.dataset == metadata_->dataset &&
      next.schema == metadata_->schema && next.ts_out == metadata_->ts_out) {
    return true;
  }
  Fail(ErrorCode::ParseError,
       base::StrCat("at byte ", offset_, " another DBN stream begins (",
                    text(next, next.version), ") which is not like the one before it (",
                    text(*metadata_, input_version_), "): read them one by one"));
  return false;
}

// Takes the header in; true when records may follow.
bool DbnParser::ReadHeader() {
  const std::span<const std::byte> held{buffer_.get() + pos_, end_ - pos_};
  if (header_size_ == 0) {
    if (held.size() < codec::kPreludeSize) return false;
    const auto size = codec::MetadataSize(held);
    if (!size) {
      FailHeader(size.error());
      return false;
    }
    if (*size > options_.max_metadata) {
      FailHeader({ErrorCode::LimitExceeded,
                  base::StrCat(
                      "DBN metadata of ", *size, " bytes exceeds the limit of ",
                      options_.max_metadata,
                      " bytes; raise max_metadata if the stream is really so large")});
      return false;
    }
    header_size_ = *size;
  }
  try {
    if (header_size_ <= options_.buffer_size) {
      if (held.size() < header_size_) return false;
      pos_ += header_size_;
      kept_from_ = pos_;
      return DecodeHeader(held.first(header_size_));
    }
    // The size is the peer's word: memory grows only with the bytes that really came.
    const auto take = std::min(held.size(), header_size_ - header_.size());
    header_.insert(header_.end(), held.begin(),
                   held.begin() + static_cast<std::ptrdiff_t>(take));
    pos_ += take;
    kept_from_ = pos_;
    if (header_.size() < header_size_) return false;
    const auto header = std::exchange(header_, {});
    return DecodeHeader(header);
  } catch (const std::bad_alloc&) {
    Fail(ErrorCode::OutOfMemory,
         base::StrCat("no memory for DBN metadata of ", header_size_,
                      " bytes; lower max_metadata to refuse such streams"));
    return false;
  }
}

bool DbnParser::DecodeHeader(std::span<const std::byte> header) {
  auto metadata = Metadata::Decode(header);
  if (!metadata) {
    FailHeader(metadata.error());
    return false;
  }
  const auto version = metadata->version;
  if (auto error = Refused(version, options_.upgrade_policy)) {
    error_ = std::move(error);
    return false;
  }
  if (metadata_ && !AcceptNext(*metadata)) return false;
  offset_ += header.size();
  ++headers_;
  metadata->Upgrade(options_.upgrade_policy);
  metadata_ = std::move(*metadata);
  BeginRecords(version, metadata_->ts_out);
  return true;
}

void DbnParser::BeginRecords(std::uint8_t version, bool ts_out) {
  in_header_ = false;
  ts_out_ = ts_out;
  input_version_ = version;
  output_version_ = codec::TargetVersion(version, options_.upgrade_policy);
  const auto extra = ts_out ? kTsOutSize : 0;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const auto rtype = static_cast<RType>(i);
    const auto size = MinRecordSize(rtype, output_version_);
    const bool current = size == MinRecordSize(rtype, kDbnVersion);
    const bool upgraded = codec::NeedsUpgrade(rtype, version, output_version_);
    const bool message = rtype == RType::System || rtype == RType::Error ||
                         rtype == RType::SymbolMapping;
    rules_[i] = {kNever, kNever};
    plain_heads_[i] = 0;
    if (IsKnown(rtype) && current) {
      rules_[i].typed_size = static_cast<std::uint16_t>(size + extra);
      if (!upgraded && !message) plain_heads_[i] = HeadOf(rtype, size + extra);
    }
    if (upgraded) {
      rules_[i].upgrade_size =
          static_cast<std::uint16_t>(MinRecordSize(rtype, version) + extra);
    }
  }
}

Error DbnParser::Finish() const {
  if (error_) return error_;
  const std::span<const std::byte> held{(buffer_ ? buffer_.get() : rest_.data()) + pos_,
                                        end_ - pos_};
  if (in_header_) {
    if (header_size_ == 0 && held.empty()) {
      return {ErrorCode::ParseError, "the stream ended before its DBN metadata"};
    }
    if (const auto size = codec::MetadataSize(held); header_size_ == 0 && !size) {
      return size.error();
    }
    return {ErrorCode::Truncated,
            base::StrCat(
                "the stream ended inside ",
                (headers_ == 0
                     ? "its DBN metadata"
                     : base::StrCat("the DBN metadata that begins at byte ", offset_)),
                ", after ", header_.size() + held.size(), " bytes")};
  }
  std::size_t at = 0;
  std::size_t size = 0;
  while (held.size() - at >= kRecordHeaderSize) {
    const auto next = held.subspan(at);
    size = SizeOf(Head(next.data()));
    if (codec::IsHeader(next.data())) {
      const auto header = codec::MetadataSize(next);
      if (!header) return header.error();
      size = *header;
    }
    if (size < kRecordHeaderSize || size > next.size()) break;
    at += size;
  }
  const auto rest = held.size() - at;
  if (rest == 0) return {};
  if (rest >= 4 && codec::IsHeader(held.data() + at)) {
    return {
        ErrorCode::Truncated,
        base::StrCat("the stream ended inside the DBN metadata that begins at byte ",
                     offset_ + at, ", after ", rest, " bytes")};
  }
  if (rest > 1) size = SizeOf(Head(held.data() + at));
  return {ErrorCode::Truncated,
          base::StrCat(
              "the stream ended inside a DBN record at byte ", offset_ + at, ": ", rest,
              (rest > 1 ? base::StrCat(" of ", size) : std::string{}), " bytes came")};
}

// Says of a header that follows records where it begins.
void DbnParser::FailHeader(Error error) {
  if (headers_ != 0) {
    error.message = base::StrCat("at byte ", offset_,
                                 " another DBN stream begins: ", error.message);
  }
  error_ = std::move(error);
}

void DbnParser::Fail(ErrorCode code, std::string message) {
  error_ = {code, std::move(message)};
}

}  // namespace dbnloop
