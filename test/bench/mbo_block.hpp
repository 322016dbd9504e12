#pragma once

#include <cstdint>
#include <string>

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

}  // namespace dbnloop::bench
