#pragma once

#include <cstddef>

#include "dbnloop/record.hpp"

namespace dbnloop::codec {

/// The size of a record in bytes, as its header says.
///
/// In place of the header's own Size(), which databento-cpp defines out of line: with
/// its types the library would refer to an object of that library, and a Go or C
/// program would have to link it.
[[nodiscard]] constexpr std::size_t SizeOf(const RecordHeader& header) noexcept {
  return header.length * RecordHeader::kLengthMultiplier;
}

}  // namespace dbnloop::codec
