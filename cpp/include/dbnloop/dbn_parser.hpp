#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dbnloop/error.hpp"
#include "dbnloop/metadata.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop {

/// A run: `count` consecutive records of the same rtype and the same size.
struct RecordRun {
  std::uint32_t count;
  std::uint16_t record_size;  ///< bytes, ts_out included; 16 to 1020
  RType rtype;
  /// 1 when a view as this rtype's struct of the current DBN version is safe; 0 for
  /// unknown rtypes, for records shorter than their struct, and for the older layouts
  /// (v1::, v2::) that the upgrade policy left as they are.
  std::uint8_t typed;
};
static_assert(sizeof(RecordRun) == 8);

/// Whole, validated, 8-aligned records in memory order, described by runs.
struct RecordBatch {
  const std::byte* data = nullptr;
  std::size_t size = 0;  ///< bytes; the sum of count * record_size over runs
  std::span<const RecordRun> runs;

  [[nodiscard]] bool empty() const noexcept { return size == 0; }
};

struct ParserOptions {
  /// Bytes of the record buffer, 16 KiB to 1 GiB. Two slots of the largest record are
  /// the least that works; more only helps with fewer, larger reads.
  std::size_t buffer_size = 256 * 1024;
  /// The largest metadata accepted, bytes. The length comes from the peer.
  std::size_t max_metadata = 256 * 1024 * 1024;
  VersionUpgradePolicy upgrade_policy = VersionUpgradePolicy::UpgradeToV3;
  /// Set to read a fragment (records without a header).
  struct Fragment {
    std::uint8_t version = 3;  ///< 1 to 3; 3 does not go with UpgradeToV2
    bool ts_out = false;
  };
  std::optional<Fragment> fragment;
};

/// DBN bytes in, records out; no fd, clock, thread or log (sans-I/O).
///
/// A stream may be several DBN streams one after the other (`cat a.dbn b.dbn`, a
/// capture that was appended to): a header between two records is read like the first
/// one, and metadata() changes. Dataset, schema, version and ts_out must be those of
/// the first header; anything else ends parsing with an error that says where the other
/// stream begins. Of headers without a record between them only the last may be seen.
///
/// Two ways in: Push copies; WritableSpan + Commit receives straight into the buffer.
/// Two ways out: Pull gives one record; Peek + Consume gives a batch of runs, without
/// copying. Records that a version upgrade rewrites, or that lie misaligned in the
/// buffer, are handed out from a separate aligned area. After construction only
/// metadata allocates.
/// Pointers stay valid until the next Push, Commit, WritableSpan, Peek or Pull.
class DbnParser {
 public:
  /// Throws Exception(InvalidArgument) when an option is out of range.
  explicit DbnParser(ParserOptions options = {});
  ~DbnParser();
  DbnParser(const DbnParser&) = delete;
  DbnParser& operator=(const DbnParser&) = delete;

  /// Where to receive into: at least one largest record long, unless Peek has something
  /// to take in first (whole records, a part of large metadata): then it may be
  /// shorter, or empty. May move the unread tail.
  [[nodiscard]] std::span<std::byte> WritableSpan();
  /// The first `n` bytes of the last WritableSpan were filled; more than it had is
  /// undefined.
  void Commit(std::size_t n) noexcept { end_ += n; }
  /// Copies as much of `bytes` as there is room for and returns how many: call Peek or
  /// Pull until they give nothing, then Push the rest.
  std::size_t Push(std::span<const std::byte> bytes);

  /// The records that are whole now; empty when more bytes are wanted, or after an
  /// error. Looks at each header once, detects runs, refuses hostile lengths.
  [[nodiscard]] RecordBatch Peek();
  /// Marks the first `n` bytes of the batch as taken; `n` must fall between two
  /// records. Moves no memory, so the batch stays readable.
  void Consume(std::size_t n) noexcept {
    taken_ += n;
    // Each record of an upgraded batch stands for one of the buffer's, of another size.
    if (upgraded_size_ != 0) n = n / upgraded_size_ * source_size_;
    pos_ += n;
    offset_ += n;
  }
  /// The next record, already consumed ("advance first, then call out"), or none.
  [[nodiscard]] std::optional<Record> Pull() {
    if (pull_.left == 0 && !PullNextRun()) return std::nullopt;
    auto* const record = const_cast<std::byte*>(pull_.at);
    pull_.at += pull_.size;
    --pull_.left;
    pos_ += pull_.source_size;
    offset_ += pull_.source_size;
    return Record{reinterpret_cast<RecordHeader*>(record)};
  }

  /// How many bytes of the last batch of Peek were given to Consume.
  [[nodiscard]] std::size_t taken() const noexcept { return taken_; }

  /// Set once the header is complete (upgraded as the policy says); null before, and
  /// for fragments. Peek and Pull replace it when they read another header: it is the
  /// header of the records that they gave last.
  [[nodiscard]] const Metadata* metadata() const noexcept {
    return metadata_ ? &*metadata_ : nullptr;
  }
  /// How many headers were read: more than 1 when streams follow each other.
  [[nodiscard]] std::uint64_t headers() const noexcept { return headers_; }
  /// True when records carry an 8-byte ts_out at their end.
  [[nodiscard]] bool ts_out() const noexcept { return ts_out_; }
  /// The version of the input (not of the upgraded records); 0 before it is known.
  [[nodiscard]] std::uint8_t input_version() const noexcept { return input_version_; }

  /// The fault that ended parsing, if any. Every whole record before it was handed out
  /// first.
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  /// Says what an end of input here means: no error between records (whole ones may
  /// still wait to be taken); Truncated inside a record or the header, with the
  /// offset; ParseError for what is not DBN, or nothing at all.
  [[nodiscard]] Error Finish() const;

  /// Bytes held and not yet consumed.
  [[nodiscard]] std::size_t buffered() const noexcept { return end_ - pos_; }
  /// Bytes consumed since the start of the stream, header included.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  /// Forgets everything; the buffer is kept.
  void Reset();

 private:
  struct AlignedDelete {
    void operator()(std::byte* p) const noexcept;
  };
  using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;
  static AlignedBytes AllocateAligned(std::size_t size);

  bool ReadHeader();
  bool DecodeHeader(std::span<const std::byte> header);
  bool BeginNextHeader();
  [[nodiscard]] bool AcceptNext(const Metadata& next);
  void BeginRecords(std::uint8_t version, bool ts_out);
  [[nodiscard]] RecordBatch PeekAsIs();
  [[nodiscard]] RecordBatch PeekUpgraded();
  [[nodiscard]] bool WillUpgrade(RType rtype, std::size_t size) const noexcept;
  [[nodiscard]] RecordRun Run(RType rtype, std::size_t size, std::size_t count) const;
  bool PullNextRun();
  void Compact() noexcept;
  void Fail(ErrorCode code, std::string message);
  void FailHeader(Error error);

  // What Peek asks of an rtype, looked up by its value: one load per run.
  struct RTypeRule {
    std::uint16_t typed_size;    // the least for a typed view, ts_out included
    std::uint16_t upgrade_size;  // the least that the upgrade rewrites
  };

  // 0 <= pos_ <= end_ <= options_.buffer_size.
  ParserOptions options_;
  AlignedBytes buffer_;
  std::size_t pos_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;  // of buffer_[pos_] in the stream
  std::size_t taken_ = 0;     // of the last batch

  std::unique_ptr<RecordRun[]> runs_;
  AlignedBytes side_;              // where upgraded and misaligned records are put
  std::size_t upgraded_size_ = 0;  // of one record of the batch; 0: sizes are the same
  std::size_t source_size_ = 0;    // of the same record in buffer_
  std::array<RTypeRule, 256> rules_{};

  // The run that Pull hands out of, and the runs behind it.
  struct Pulling {
    const std::byte* at = nullptr;
    std::size_t size = 0;         // of one record
    std::size_t source_size = 0;  // of the same record in buffer_
    std::uint32_t left = 0;
    std::span<const RecordRun> runs;
  };
  Pulling pull_;

  std::vector<std::byte> header_;  // of metadata that is larger than the buffer
  std::size_t header_size_ = 0;    // 0: not known yet
  bool in_header_ = true;
  std::optional<Metadata> metadata_;
  std::uint64_t headers_ = 0;
  std::uint8_t input_version_ = 0;
  std::uint8_t output_version_ = 0;
  bool ts_out_ = false;
  Error error_;
};

}  // namespace dbnloop
