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
  std::uint16_t record_size;  ///< bytes, including ts_out; 16 to 1020
  RType rtype;
  /// 1 when the records can be viewed as this rtype's struct of the current DBN
  /// version; 0 for unknown rtypes, for records shorter than their struct, and for
  /// older layouts (v1::, v2::) that the upgrade policy left unchanged.
  std::uint8_t typed;
};
static_assert(sizeof(RecordRun) == 8);

/// Complete, validated records, aligned to 8 bytes, in memory order, described by runs.
struct RecordBatch {
  const std::byte* data = nullptr;
  std::size_t size = 0;  ///< bytes; the sum of count * record_size over runs
  std::span<const RecordRun> runs;

  [[nodiscard]] bool empty() const noexcept { return size == 0; }
  /// A batch of mixed records has no table of runs; see DbnParser::PeekMixed.
  [[nodiscard]] bool mixed() const noexcept { return size != 0 && runs.empty(); }
};

struct ParserOptions {
  /// Bytes of the record buffer, 16 KiB to 1 GiB. A larger buffer only allows fewer,
  /// larger reads.
  std::size_t buffer_size = 256 * 1024;
  /// The largest metadata that is accepted, in bytes; the peer chooses its length.
  std::size_t max_metadata = 256 * 1024 * 1024;
  VersionUpgradePolicy upgrade_policy = VersionUpgradePolicy::UpgradeToV3;
  /// Set this to read a fragment: records without a header.
  struct Fragment {
    std::uint8_t version = 3;  ///< 1 to 3; 3 is refused together with UpgradeToV2
    bool ts_out = false;
  };
  std::optional<Fragment> fragment;
};

/// Parses DBN bytes into records, without I/O: it uses no fd, clock, thread or log.
///
/// The input may consist of several DBN streams in succession (`cat a.dbn b.dbn`, a
/// capture that was appended to). A header between two records is then read like the
/// first one, and metadata() changes. Its dataset, schema, version and ts_out must
/// equal those of the first header; otherwise parsing ends with an error that says
/// where the other stream begins. Of several headers without a record between them,
/// only the last may be visible.
///
/// Input: Push copies bytes; WritableSpan and Commit receive straight into the buffer.
/// Output: Pull returns one record; Peek and Consume return a batch of runs without
/// copying. Records that a version upgrade rewrites, or that lie misaligned in the
/// buffer, are returned from a separate aligned area. After construction only metadata
/// allocates. Pointers are valid until the next Push, Commit, WritableSpan, Peek or
/// Pull.
class DbnParser {
 public:
  /// Throws Exception(InvalidArgument) when an option is out of range.
  explicit DbnParser(ParserOptions options = {});
  class Pool;
  /// For the library's sources, which take turns: takes its memory from `pool`, which
  /// may be null, and gives it back in Rest.
  DbnParser(ParserOptions options, std::shared_ptr<Pool> pool);
  class Keeper;
  /// For the library's sources: consumed records stay in memory, and `keeper` receives
  /// each buffer that is full of them. It must outlive the parser, or be removed
  /// (nullptr) before.
  void SetKeeper(Keeper* keeper) noexcept { keeper_ = keeper; }
  ~DbnParser();
  DbnParser(const DbnParser&) = delete;
  DbnParser& operator=(const DbnParser&) = delete;

  /// The memory to receive into. It has room for at least one record of the largest
  /// size, but may be shorter or empty while Peek has complete records to return or a
  /// part of large metadata to process. May move the unread tail.
  [[nodiscard]] std::span<std::byte> WritableSpan();
  /// Declares that the first `n` bytes of the last WritableSpan were filled. The
  /// behaviour is undefined if `n` exceeds its size.
  void Commit(std::size_t n) noexcept { end_ += n; }
  /// Copies as many of `bytes` as there is room for and returns their number. Call Peek
  /// or Pull until they return nothing, then Push the rest.
  std::size_t Push(std::span<const std::byte> bytes);

  /// The records that are complete now; empty when more bytes are needed, or after an
  /// error. Checks each header once, detects runs and refuses hostile lengths.
  [[nodiscard]] RecordBatch Peek() { return PeekRecords(kMaxRuns); }
  /// The same for a reader that can do without runs. Where they are short, a table of
  /// them costs more than it saves: the batch is then mixed(), and its bytes were *not*
  /// checked, except that a complete plain record comes first. The reader finds each
  /// record by the length of the one before it, and stops before one that is incomplete
  /// or is not plain: the next call takes care of that one.
  ///
  /// A record is plain if its first two bytes are those that plain_heads() holds for
  /// its rtype. It can then be viewed as its rtype's struct of the current version,
  /// followed by ts_out in a stream that has it, and by nothing else.
  [[nodiscard]] RecordBatch PeekMixed();
  /// By rtype: length and rtype of a plain record as a little-endian number, or 0 if no
  /// record of that rtype is plain. It changes when a header is read. What a gateway
  /// says about the session (System, Error, SymbolMapping) is never plain.
  [[nodiscard]] const std::array<std::uint16_t, 256>& plain_heads() const noexcept {
    return plain_heads_;
  }
  /// Marks the first `n` bytes of the batch as consumed; `n` must be a record boundary.
  /// Moves no memory, so the batch stays readable.
  void Consume(std::size_t n) noexcept {
    taken_ += n;
    // Each record of an upgraded batch stands for one of the buffer's, of another size.
    if (upgraded_size_ != 0) n = n / upgraded_size_ * source_size_;
    pos_ += n;
    offset_ += n;
  }
  /// The next record, already marked as consumed, or nullopt.
  [[nodiscard]] std::optional<Record> Pull() {
    if (pull_.left == 0 && !PullNextRun()) return std::nullopt;
    auto* const record = const_cast<std::byte*>(pull_.at);
    pull_.at += pull_.size;
    --pull_.left;
    pos_ += pull_.source_size;
    offset_ += pull_.source_size;
    return Record{reinterpret_cast<RecordHeader*>(record)};
  }

  /// For the library's sources: the next record as it arrived, before an upgrade or
  /// alignment. After Peek the source records of a run follow each other there.
  [[nodiscard]] std::byte* NextSource() noexcept { return buffer_.get() + pos_; }
  /// The size in bytes of a source record of a batch's run.
  [[nodiscard]] std::size_t SourceSize(const RecordRun& run) const noexcept {
    return upgraded_size_ != 0 ? source_size_ : run.record_size;
  }
  /// With a keeper: the consumed source records that are still in the buffer.
  [[nodiscard]] std::span<const std::byte> Kept() const noexcept {
    if (!buffer_ || kept_from_ >= pos_) return {};
    return {buffer_.get() + kept_from_, pos_ - kept_from_};
  }

  /// The number of bytes of the last batch that were passed to Consume.
  [[nodiscard]] std::size_t taken() const noexcept { return taken_; }

  /// The header, upgraded according to the policy; null until it is complete, and for
  /// fragments. Peek and Pull replace it when they read another header: it always
  /// belongs to the records that they returned last.
  [[nodiscard]] const Metadata* metadata() const noexcept {
    return metadata_ ? &*metadata_ : nullptr;
  }
  /// The number of headers read; more than 1 when streams follow each other.
  [[nodiscard]] std::uint64_t headers() const noexcept { return headers_; }
  /// Whether records end with an 8-byte ts_out.
  [[nodiscard]] bool ts_out() const noexcept { return ts_out_; }
  /// The DBN version of the input, not of the upgraded records; 0 until it is known.
  [[nodiscard]] std::uint8_t input_version() const noexcept { return input_version_; }

  /// The fault that ended parsing, if any. Every complete record before it was returned
  /// first.
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  /// What an end of input at this point means. Between records it is not an error, even
  /// if complete records remain to be consumed. Inside a record or the header it is
  /// Truncated, with the offset. It is ParseError if the input is empty or is not DBN.
  [[nodiscard]] Error Finish() const;

  /// ParserOptions::buffer_size.
  [[nodiscard]] std::size_t buffer_size() const noexcept {
    return options_.buffer_size;
  }
  /// The number of bytes buffered and not yet consumed.
  [[nodiscard]] std::size_t buffered() const noexcept { return end_ - pos_; }
  /// The number of bytes consumed since the start of the stream, including the header.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  /// Discards all state and keeps the buffer.
  void Reset();
  /// Lends the memory to other parsers of its pool until more bytes are pushed, unless
  /// it holds more than a part of a record. The last batch becomes invalid. Does
  /// nothing without a pool.
  void Rest() noexcept;

 private:
  struct AlignedDelete {
    void operator()(std::byte* p) const noexcept;
  };
  using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;
  static AlignedBytes AllocateAligned(std::size_t size);

  struct Memory {
    static Memory Allocate(std::size_t size);

    std::size_t size = 0;  // of the buffer
    AlignedBytes buffer;
    AlignedBytes side;
    std::unique_ptr<RecordRun[]> runs;
  };
  void TakeMemory();

  bool ReadHeader();
  bool DecodeHeader(std::span<const std::byte> header);
  bool BeginNextHeader();
  [[nodiscard]] bool AcceptNext(const Metadata& next);
  void BeginRecords(std::uint8_t version, bool ts_out);
  [[nodiscard]] bool AtRecord();
  [[nodiscard]] RecordBatch PeekRecords(std::size_t probe);
  [[nodiscard]] RecordBatch PeekAsIs(std::size_t probe);
  [[nodiscard]] RecordBatch PeekUpgraded();
  [[nodiscard]] bool WillUpgrade(RType rtype, std::size_t size) const noexcept;
  [[nodiscard]] RecordRun Run(RType rtype, std::size_t size, std::size_t count) const;
  bool PullNextRun();
  void Compact() noexcept;
  [[nodiscard]] bool NeedsHandOver() const noexcept;
  void HandOver();
  void Fail(ErrorCode code, std::string message);
  void FailHeader(Error error);

  // What Peek needs to know of an rtype, indexed by its value: one load per run.
  struct RTypeRule {
    std::uint16_t typed_size;    // minimum for a typed view, including ts_out
    std::uint16_t upgrade_size;  // minimum that the upgrade rewrites
  };

  static constexpr std::size_t kMaxRuns = 1024;

  // 0 <= pos_ <= end_ <= options_.buffer_size.
  ParserOptions options_;
  std::shared_ptr<Pool> pool_;
  AlignedBytes buffer_;  // null while it rests: `rest_` holds [0, end_) then
  std::size_t pos_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;  // of buffer_[pos_] in the stream
  std::size_t taken_ = 0;     // bytes consumed of the last batch
  Keeper* keeper_ = nullptr;
  std::size_t kept_from_ = 0;  // where the records that are kept begin in buffer_

  std::unique_ptr<RecordRun[]> runs_;
  AlignedBytes side_;              // holds upgraded and misaligned records
  std::size_t upgraded_size_ = 0;  // of one record of the batch; 0: size is unchanged
  std::size_t source_size_ = 0;    // of the same record in buffer_
  std::array<RTypeRule, 256> rules_{};
  std::array<std::uint16_t, 256> plain_heads_{};
  std::size_t mixed_left_ = 0;  // bytes that PeekMixed takes for mixed without asking

  std::array<std::byte, 1024> rest_;  // more than a part of a record

  // The run that Pull returns records of, and the runs after it.
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
