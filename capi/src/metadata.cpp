#include "metadata.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using Texts = std::vector<const char*>;

Texts TextsOf(const std::vector<std::string>& strings) {
  Texts out;
  out.reserve(strings.size());
  for (const auto& text : strings) out.push_back(text.c_str());
  return out;
}

template <typename E>
std::int32_t OrUnset(const std::optional<E>& value) {
  return value ? static_cast<std::int32_t>(*value) : DBNLOOP_UNSET;
}

// What the caller sees, and the memory that it points to.
struct DecodedMetadata {
  dbnloop_metadata view{};  // the first member: both have one address
  dbnloop::Metadata value;
  Texts symbols, partial, not_found;
  std::vector<dbnloop_mapping_interval> intervals;
  std::vector<dbnloop_symbol_mapping> mappings;

  explicit DecodedMetadata(dbnloop::Metadata metadata);
};

DecodedMetadata::DecodedMetadata(dbnloop::Metadata metadata)
    : value{std::move(metadata)},
      symbols{TextsOf(value.symbols)},
      partial{TextsOf(value.partial)},
      not_found{TextsOf(value.not_found)} {
  std::size_t count = 0;
  for (const auto& mapping : value.mappings) count += mapping.intervals.size();
  intervals.reserve(count);  // so that it does not move
  mappings.reserve(value.mappings.size());
  for (const auto& mapping : value.mappings) {
    const auto* const first = intervals.data() + intervals.size();
    for (const auto& interval : mapping.intervals) {
      intervals.push_back(
          {interval.start_date, interval.end_date, interval.symbol.c_str()});
    }
    mappings.push_back({mapping.raw_symbol.c_str(), first, mapping.intervals.size()});
  }
  view = {.version = value.version,
          .dataset = value.dataset.c_str(),
          .schema = OrUnset(value.schema),
          .stype_in = OrUnset(value.stype_in),
          .stype_out = static_cast<std::uint32_t>(value.stype_out),
          .ts_out = value.ts_out ? 1 : 0,
          .start = value.start.time_since_epoch().count(),
          .end = value.end ? value.end->time_since_epoch().count()
                           : DBNLOOP_UNDEF_TIMESTAMP,
          .limit = value.limit,
          .symbols = symbols.data(),
          .symbol_count = symbols.size(),
          .partial = partial.data(),
          .partial_count = partial.size(),
          .not_found = not_found.data(),
          .not_found_count = not_found.size(),
          .mappings = mappings.data(),
          .mapping_count = mappings.size()};
}

}  // namespace

extern "C" {

dbnloop_status dbnloop_metadata_new(const void* data, size_t size,
                                    const dbnloop_metadata** out,
                                    dbnloop_error* error) {
  return dbnloop::capi::Guard(error, [&] {
    dbnloop::capi::RequireNonNull(out, "out");
    auto decoded = std::make_unique<DecodedMetadata>(
        dbnloop::capi::DecodeMetadata(data, size, "data"));
    *out = &decoded.release()->view;
  });
}

void dbnloop_metadata_free(const dbnloop_metadata* metadata) {
  static_assert(offsetof(DecodedMetadata, view) == 0);
  delete reinterpret_cast<const DecodedMetadata*>(metadata);
}

}  // extern "C"
