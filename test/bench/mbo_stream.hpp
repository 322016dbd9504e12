#pragma once

#include <zstd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop::bench {

/// Mbo records, as many as fill about a MiB, each unlike the next.
inline std::string MboBlock() {
  std::string block;
  for (std::uint32_t i = 0; block.size() < (1U << 20); ++i) {
    MboMsg m{};
    m.hd.length = sizeof(m) / RecordHeader::kLengthMultiplier;
    m.hd.rtype = RType::Mbo;
    m.hd.instrument_id = i % 97;
    m.order_id = i;
    m.price = 4'000'000'000'000 + i;
    m.size = i % 13 + 1;
    m.sequence = i;
    block.append(reinterpret_cast<const char*>(&m), sizeof(m));
  }
  return block;
}

/// How many records `blocks` blocks have.
inline std::uint64_t RecordsOf(std::uint64_t blocks) {
  return blocks * (MboBlock().size() / sizeof(MboMsg));
}

inline std::string MboHeader() {
  Metadata metadata;
  metadata.dataset = "GLBX.MDP3";
  const auto bytes = EncodeMetadata(metadata);
  if (!bytes) std::abort();
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

/// Calls `f` with a stream's pieces, header first. Blocks differ by their order ids, so
/// that compression finds what it finds in real data and not one block over and over.
template <typename F>
void EachPiece(std::uint64_t blocks, F&& f) {
  f(std::span<const char>{MboHeader()});
  auto block = MboBlock();
  std::uint64_t state = 1;
  for (std::uint64_t b = 0; b < blocks; ++b) {
    auto* const records = reinterpret_cast<MboMsg*>(block.data());
    for (std::size_t i = 0; i < block.size() / sizeof(MboMsg); ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      records[i].order_id = state >> 32U;
      records[i].price = 4'000'000'000'000 + static_cast<std::int64_t>(state >> 58U);
    }
    f(std::span<const char>{block});
  }
}

/// The same stream compressed, piece by piece: one frame.
template <typename F>
void EachZstdPiece(std::uint64_t blocks, F&& f) {
  auto* const context = ZSTD_createCCtx();
  std::vector<char> out(ZSTD_CStreamOutSize());
  const auto write = [&](std::span<const char> bytes, ZSTD_EndDirective mode) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (std::size_t left = 1; left != 0;) {
      ZSTD_outBuffer room{out.data(), out.size(), 0};
      left = ZSTD_compressStream2(context, &room, &in, mode);
      if (ZSTD_isError(left) != 0) std::abort();
      f(std::span<const char>{out}.first(room.pos));
      if (mode == ZSTD_e_continue) left = in.size - in.pos;
    }
  };
  EachPiece(blocks, [&](std::span<const char> p) { write(p, ZSTD_e_continue); });
  write({}, ZSTD_e_end);
  ZSTD_freeCCtx(context);
}

}  // namespace dbnloop::bench
