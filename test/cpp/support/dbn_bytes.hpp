#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop::test {

using Bytes = std::vector<std::byte>;

inline void Append(Bytes& out, std::span<const std::byte> more) {
  out.insert(out.end(), more.begin(), more.end());
}

inline Bytes BytesOfText(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

template <typename T>
Bytes BytesOf(const T& record) {
  const auto bytes = std::as_bytes(std::span{&record, 1});
  return {bytes.begin(), bytes.end()};
}

/// A record of `size` bytes (a multiple of 4); its body is a pattern of ASCII.
inline Bytes RawRecord(RType rtype, std::size_t size, unsigned seed = 1) {
  Bytes out(size);
  for (std::size_t i = 2; i < size; ++i) {
    out[i] = static_cast<std::byte>((i * 7 + seed * 31) % 95 + 32);
  }
  out[0] = static_cast<std::byte>(size / 4);
  out[1] = static_cast<std::byte>(rtype);
  return out;
}

/// A record as long as its struct in that version (and its ts_out).
inline Bytes RecordOf(RType rtype, std::uint8_t version, bool ts_out,
                      unsigned seed = 1) {
  return RawRecord(rtype, MinRecordSize(rtype, version) + (ts_out ? 8 : 0), seed);
}

inline constexpr auto kUnknownRType = static_cast<RType>(0xEE);

/// A live stream's metadata.
inline Metadata LiveMetadata(std::uint8_t version, bool ts_out = false) {
  Metadata metadata;
  metadata.version = version;
  metadata.dataset = "GLBX.MDP3";
  metadata.start = UnixNanos{UnixNanos::duration{1'700'000'000'000'000'000}};
  metadata.ts_out = ts_out;
  metadata.symbol_cstr_len = version == 1 ? 22 : 71;
  return metadata;
}

inline Bytes HeaderOf(const Metadata& metadata) {
  auto bytes = EncodeMetadata(metadata);
  EXPECT_TRUE(bytes.has_value());
  return std::move(*bytes);
}

/// A record as it was handed out.
struct Seen {
  Bytes bytes;
  bool typed = false;

  bool operator==(const Seen&) const = default;
  [[nodiscard]] RType rtype() const { return static_cast<RType>(bytes[1]); }
};

/// Everything that a stream gave.
struct Outcome {
  std::optional<Metadata> metadata;
  std::vector<Seen> records;
  ErrorCode code = ErrorCode::None;
  std::string message;

  bool operator==(const Outcome&) const = default;
};

/// Adds the records that are whole now, and checks what holds for every batch.
inline void TakeAll(DbnParser& parser, Outcome& out) {
  for (auto batch = parser.Peek(); !batch.empty(); batch = parser.Peek()) {
    const std::byte* p = batch.data;
    for (const auto& run : batch.runs) {
      EXPECT_GT(run.count, 0U);
      for (std::uint32_t i = 0; i < run.count; ++i, p += run.record_size) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 8, 0U) << "misaligned record";
        EXPECT_EQ(static_cast<std::size_t>(p[0]) * 4, run.record_size);
        EXPECT_EQ(static_cast<RType>(p[1]), run.rtype);
        out.records.push_back({Bytes{p, p + run.record_size}, run.typed != 0});
      }
    }
    EXPECT_EQ(static_cast<std::size_t>(p - batch.data), batch.size);
    parser.Consume(batch.size);
  }
}

/// Pushes all of `bytes`, as far as the parser is sound, and takes what becomes whole.
inline void Feed(DbnParser& parser, std::span<const std::byte> bytes, Outcome& out) {
  while (!bytes.empty() && !parser.error()) {
    bytes = bytes.subspan(parser.Push(bytes));
    TakeAll(parser, out);
  }
}

inline void End(DbnParser& parser, Outcome& out) {
  const auto error = parser.Finish();
  out.code = error.code;
  out.message = error.message;
  if (parser.metadata() != nullptr) out.metadata = *parser.metadata();
}

inline Outcome Parse(const std::vector<std::span<const std::byte>>& pieces,
                     const ParserOptions& options = {}) {
  DbnParser parser{options};
  Outcome out;
  for (const auto piece : pieces) Feed(parser, piece, out);
  End(parser, out);
  return out;
}

inline Outcome Parse(std::span<const std::byte> bytes,
                     const ParserOptions& options = {}) {
  return Parse(std::vector{bytes}, options);
}

}  // namespace dbnloop::test
