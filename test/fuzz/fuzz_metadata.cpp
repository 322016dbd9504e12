// What decodes can be encoded again, unless a string does not fit, and is then the
// same.
#include <cstdint>
#include <cstdlib>

#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/metadata.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto metadata = dbnloop::Metadata::Decode(std::as_bytes(std::span{data, size}));
  if (!metadata) {
    if (metadata.error().message.empty()) abort();
    return 0;
  }
  const auto encoded = dbnloop::EncodeMetadata(*metadata);
  if (!encoded) return 0;
  const auto again = dbnloop::Metadata::Decode(*encoded);
  if (!again) abort();
  metadata->symbol_cstr_len = again->symbol_cstr_len;  // the encoder writes its own
  if (*again != *metadata) abort();
  return 0;
}
