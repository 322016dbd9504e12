#include "dbnloop/dbn_encoder.hpp"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "dbn/metadata_layout.hpp"
#include "dbn/record_size.hpp"

namespace dbnloop {
namespace {

constexpr std::uint64_t kNoRecordCount = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kOpenEnd = std::numeric_limits<std::uint64_t>::max();

// Appends the header's fields; remembers the first string that does not fit.
class Writer {
 public:
  explicit Writer(std::size_t symbol_length) : symbol_length_{symbol_length} {}

  template <typename T>
  void Put(T value) {
    static_assert(std::endian::native == std::endian::little);
    Zeros(sizeof(value));
    std::memcpy(bytes_.data() + bytes_.size() - sizeof(value), &value, sizeof(value));
  }

  void Text(std::string_view what, std::string_view text, std::size_t length) {
    const bool ascii = std::ranges::all_of(
        text, [](char c) { return c > 0 && static_cast<unsigned char>(c) < 0x80; });
    if ((text.size() >= length || !ascii) && !error_) {
      error_ = {ErrorCode::InvalidArgument,
                base::StrCat("metadata: ", what, " '", text,
                             "' must be ASCII and shorter than ", length, " bytes")};
    }
    Zeros(length);
    std::memcpy(bytes_.data() + bytes_.size() - length, text.data(),
                std::min(text.size(), length));
  }

  void Symbols(std::string_view what, const std::vector<std::string>& symbols) {
    Put(static_cast<std::uint32_t>(symbols.size()));
    for (const auto& symbol : symbols) Text(what, symbol, symbol_length_);
  }

  void Mappings(const std::vector<SymbolMapping>& mappings) {
    Put(static_cast<std::uint32_t>(mappings.size()));
    for (const auto& mapping : mappings) {
      Text("mapping", mapping.raw_symbol, symbol_length_);
      Put(static_cast<std::uint32_t>(mapping.intervals.size()));
      for (const auto& interval : mapping.intervals) {
        Put(interval.start_date);
        Put(interval.end_date);
        Text("mapped symbol", interval.symbol, symbol_length_);
      }
    }
  }

  void Zeros(std::size_t count) { bytes_.resize(bytes_.size() + count); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] const Error& error() const { return error_; }

  std::vector<std::byte> Finish() && {
    const auto length = static_cast<std::uint32_t>(bytes_.size() - codec::kPreludeSize);
    std::memcpy(bytes_.data() + 4, &length, sizeof(length));
    return std::move(bytes_);
  }

 private:
  std::size_t symbol_length_;
  std::vector<std::byte> bytes_;
  Error error_;
};

std::uint64_t NanosSinceEpoch(UnixNanos time) {
  return time.time_since_epoch().count();
}

}  // namespace

std::expected<std::vector<std::byte>, Error> EncodeMetadata(const Metadata& metadata) {
  const auto version = metadata.version;
  if (version < 1 || version > kDbnVersion) {
    return std::unexpected{Error{ErrorCode::InvalidArgument,
                                 base::StrCat("metadata: version ", version,
                                              " cannot be written; it is 1, 2 or 3")}};
  }
  Writer out{version == 1 ? codec::kSymbolSizeV1
                          : static_cast<std::size_t>(kSymbolCstrLen)};
  for (const char c : {'D', 'B', 'N'}) out.Put(c);
  out.Put(version);
  out.Put(std::uint32_t{0});  // the length, known at the end
  out.Text("dataset", metadata.dataset, codec::kDatasetSize);
  out.Put(metadata.schema ? static_cast<std::uint16_t>(*metadata.schema)
                          : codec::kNoSchema);
  out.Put(NanosSinceEpoch(metadata.start));
  out.Put(metadata.end ? NanosSinceEpoch(*metadata.end) : kOpenEnd);
  out.Put(metadata.limit);
  if (version == 1) out.Put(metadata.record_count.value_or(kNoRecordCount));
  out.Put(metadata.stype_in ? static_cast<std::uint8_t>(*metadata.stype_in)
                            : codec::kNoSType);
  out.Put(static_cast<std::uint8_t>(metadata.stype_out));
  out.Put(static_cast<std::uint8_t>(metadata.ts_out ? 1 : 0));
  if (version > 1) out.Put(static_cast<std::uint16_t>(kSymbolCstrLen));
  out.Zeros(codec::kPreludeSize + codec::kFixedSize - out.size());
  out.Put(std::uint32_t{0});  // schema_definition_length
  out.Symbols("symbol", metadata.symbols);
  out.Symbols("partial symbol", metadata.partial);
  out.Symbols("symbol not found", metadata.not_found);
  out.Mappings(metadata.mappings);
  // From version 3 on records are aligned in the file.
  if (version >= 3) out.Zeros((8 - out.size() % 8) % 8);
  if (out.error()) return std::unexpected{out.error()};
  return std::move(out).Finish();
}

struct DbnEncoder::Impl {
  explicit Impl(EncoderOptions opts) : options{opts} {
    if (options.compression != Compression::Zstd) return;
    context = ZSTD_createCCtx();
    if (context == nullptr) {
      base::Throw(ErrorCode::OutOfMemory, "no memory for a zstd compressor");
    }
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, options.level);
    room.resize(ZSTD_CStreamOutSize());
  }
  ~Impl() { ZSTD_freeCCtx(context); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void Append(std::span<const std::byte> bytes) {
    if (context == nullptr) {
      output.insert(output.end(), bytes.begin(), bytes.end());
      return;
    }
    Compress(bytes, ZSTD_e_continue);
    in_frame += bytes.size();
    if (options.frame_size != 0 && in_frame >= options.frame_size) End();
  }

  void End() {
    if (context == nullptr || in_frame == 0) return;
    Compress({}, ZSTD_e_end);
    in_frame = 0;
  }

  void Compress(std::span<const std::byte> bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{room.data(), room.size(), 0};
      const std::size_t left = ZSTD_compressStream2(context, &out, &in, directive);
      output.insert(output.end(), room.data(), room.data() + out.pos);
      if (ZSTD_isError(left) != 0) {
        base::Throw(ErrorCode::System,
                    std::string{"zstd cannot compress: "} + ZSTD_getErrorName(left));
      }
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }

  EncoderOptions options;
  ZSTD_CCtx* context = nullptr;
  std::vector<std::byte> room;    // for zstd; mostly it has nothing to give
  std::vector<std::byte> output;  // from `taken` on
  std::size_t taken = 0;
  std::size_t in_frame = 0;
};

DbnEncoder::DbnEncoder(const Metadata& metadata, EncoderOptions options) {
  auto header = EncodeMetadata(metadata);
  if (!header) base::Throw(header.error());
  impl_ = std::make_unique<Impl>(options);
  impl_->Append(*header);
}

DbnEncoder::~DbnEncoder() = default;
DbnEncoder::DbnEncoder(DbnEncoder&&) noexcept = default;
DbnEncoder& DbnEncoder::operator=(DbnEncoder&&) noexcept = default;

void DbnEncoder::Write(std::span<const std::byte> records) { impl_->Append(records); }

void DbnEncoder::Write(const Record& record) {
  const auto* raw = reinterpret_cast<const std::byte*>(&record.Header());
  impl_->Append({raw, codec::SizeOf(record.Header())});
}

void DbnEncoder::Flush() { impl_->End(); }

std::span<const std::byte> DbnEncoder::Output() const noexcept {
  return std::span{impl_->output}.subspan(impl_->taken);
}

void DbnEncoder::Taken(std::size_t n) {
  auto& output = impl_->output;
  auto& taken = impl_->taken;
  taken += n;
  // Who never takes all of it must not make it grow for ever; moving what is left costs
  // no more than was taken.
  if (taken * 2 < output.size()) return;
  output.erase(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(taken));
  taken = 0;
}

}  // namespace dbnloop
