#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

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

}  // namespace dbnloop::bench
