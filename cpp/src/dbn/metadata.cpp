#include "dbnloop/metadata.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "dbn/metadata_layout.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop {
namespace {

// Reads fields in order; after the first one that passes the end everything reads as
// zero.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::size_t pos)
      : bytes_{bytes}, pos_{pos} {}

  template <typename T>
  T Get() {
    T value{};
    if (Has(sizeof(T), 1)) {
      std::memcpy(&value, bytes_.data() + pos_, sizeof(T));
      pos_ += sizeof(T);
    }
    return value;
  }

  std::string Text(std::size_t length) {
    if (!Has(length, 1)) return {};
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + pos_);
    pos_ += length;
    return std::string{text, ::strnlen(text, length)};
  }

  // A count of symbols and the like, each of `length` bytes and `more`: more than the
  // bytes can hold is an error before anything is allocated. Symbols that are shorter
  // than those of any version were never defined, and a peer's small number would make
  // a small header into very many strings; without symbols the length does not matter.
  std::size_t Count(std::size_t length, std::size_t more) {
    const auto at = pos_;
    const auto item = length + more;
    const std::uint64_t count = Get<std::uint32_t>();
    if (error_ || count == 0) return 0;
    if (length < codec::kSymbolSizeV1) {
      error_ = {ErrorCode::ParseError, "metadata: symbol_cstr_len is " +
                                           std::to_string(length) +
                                           ", the least is 22"};
      return 0;
    }
    if (!Has(item, count)) {
      error_.message = "metadata at byte " + std::to_string(at) + ": " +
                       std::to_string(count) + " items of " + std::to_string(item) +
                       " bytes pass its end at " + std::to_string(bytes_.size());
      return 0;
    }
    return static_cast<std::size_t>(count);
  }

  std::vector<std::string> Symbols(std::size_t length) {
    std::vector<std::string> out(Count(length, 0));
    for (auto& symbol : out) symbol = Text(length);
    return out;
  }

  std::vector<SymbolMapping> Mappings(std::size_t length) {
    std::vector<SymbolMapping> out(Count(length, 4));
    for (auto& mapping : out) {
      mapping.raw_symbol = Text(length);
      mapping.intervals.resize(Count(length, 8));
      for (auto& interval : mapping.intervals) {
        interval.start_date = Get<std::uint32_t>();
        interval.end_date = Get<std::uint32_t>();
        interval.symbol = Text(length);
      }
    }
    return out;
  }

  void Seek(std::size_t pos) { pos_ = pos; }
  [[nodiscard]] std::size_t pos() const { return pos_; }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  bool Has(std::uint64_t size, std::uint64_t count) {
    if (!error_ && size * count > bytes_.size() - pos_) {
      error_ = {ErrorCode::ParseError, "metadata at byte " + std::to_string(pos_) +
                                           ": a field of " + std::to_string(size) +
                                           " bytes passes its end at " +
                                           std::to_string(bytes_.size())};
    }
    return !error_;
  }

  std::span<const std::byte> bytes_;
  std::size_t pos_;
  Error error_;
};

UnixNanos Time(std::uint64_t nanos) { return UnixNanos{UnixNanos::duration{nanos}}; }

Error Malformed(std::string message) {
  return {ErrorCode::ParseError, std::move(message)};
}

}  // namespace

std::expected<Metadata, Error> Metadata::Decode(std::span<const std::byte> bytes) {
  const auto total = codec::MetadataSize(bytes);
  if (!total) return std::unexpected{total.error()};
  if (bytes.size() < *total) {
    return std::unexpected{
        Error{ErrorCode::Truncated, "metadata is cut off: it has " +
                                        std::to_string(*total) + " bytes, " +
                                        std::to_string(bytes.size()) + " are there"}};
  }
  Reader in{bytes.first(*total), codec::kPreludeSize};
  Metadata out;
  out.version = static_cast<std::uint8_t>(bytes[3]);
  out.dataset = in.Text(codec::kDatasetSize);
  if (const auto schema = in.Get<std::uint16_t>(); schema != codec::kNoSchema) {
    out.schema = static_cast<Schema>(schema);
  }
  out.start = Time(in.Get<std::uint64_t>());
  if (const auto end = in.Get<std::uint64_t>();
      end != 0 && end != std::numeric_limits<std::uint64_t>::max()) {
    out.end = Time(end);
  }
  out.limit = in.Get<std::uint64_t>();
  if (out.version == 1) {
    const auto count = in.Get<std::uint64_t>();
    if (count != std::numeric_limits<std::uint64_t>::max()) out.record_count = count;
  }
  if (const auto stype = in.Get<std::uint8_t>(); stype != codec::kNoSType) {
    out.stype_in = static_cast<SType>(stype);
  }
  out.stype_out = static_cast<SType>(in.Get<std::uint8_t>());
  out.ts_out = in.Get<std::uint8_t>() != 0;
  out.symbol_cstr_len =
      out.version == 1 ? codec::kSymbolSizeV1 : in.Get<std::uint16_t>();
  in.Seek(codec::kPreludeSize + codec::kFixedSize);
  if (const auto length = in.Get<std::uint32_t>(); length != 0) {
    return std::unexpected{Malformed("metadata: schema_definition_length is " +
                                     std::to_string(length) + ", only 0 is defined")};
  }
  out.symbols = in.Symbols(out.symbol_cstr_len);
  out.partial = in.Symbols(out.symbol_cstr_len);
  out.not_found = in.Symbols(out.symbol_cstr_len);
  out.mappings = in.Mappings(out.symbol_cstr_len);
  if (in.error()) return std::unexpected{in.error()};
  return out;
}

void Metadata::Upgrade(VersionUpgradePolicy policy) noexcept {
  const auto target = codec::TargetVersion(version, policy);
  if (target == version) return;
  version = target;
  symbol_cstr_len = kSymbolCstrLen;
  record_count.reset();
}

}  // namespace dbnloop
