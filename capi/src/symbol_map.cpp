#include "dbnloop/symbol_map.hpp"

#include <memory>
#include <optional>
#include <string_view>

#include "metadata.hpp"

using dbnloop::PitSymbolMap;
using dbnloop::TsSymbolMap;
using dbnloop::capi::DecodeMetadata;
using dbnloop::capi::Guard;
using dbnloop::capi::RequireNonNull;
using dbnloop::capi::Unwrap;
using dbnloop::capi::View;

struct dbnloop_pit_symbol_map {
  PitSymbolMap map;
};

struct dbnloop_ts_symbol_map {
  TsSymbolMap map;
};

namespace {

// The view of a record that C hands over. The class wants a pointer that is not const,
// and changes nothing.
dbnloop::Record RecordOf(const dbnloop_record_header* record) {
  return dbnloop::Record{reinterpret_cast<dbnloop::RecordHeader*>(
      const_cast<dbnloop_record_header*>(record))};
}

// Both maps hold std::string, whose text ends with a NUL.
const char* OrEmpty(std::optional<std::string_view> symbol) {
  return symbol ? symbol->data() : "";
}

}  // namespace

extern "C" {

dbnloop_status dbnloop_pit_symbol_map_new(dbnloop_pit_symbol_map** out,
                                          dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(out, "out");
    *out = new dbnloop_pit_symbol_map;
  });
}

dbnloop_status dbnloop_pit_symbol_map_new_for_day(const void* metadata, size_t size,
                                                  uint32_t date,
                                                  dbnloop_pit_symbol_map** out,
                                                  dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(out, "out");
    const auto header = DecodeMetadata(metadata, size, "metadata");
    *out = new dbnloop_pit_symbol_map{Unwrap(PitSymbolMap::FromMetadata(header, date))};
  });
}

void dbnloop_pit_symbol_map_free(dbnloop_pit_symbol_map* map) { delete map; }

dbnloop_status dbnloop_pit_symbol_map_on_record(dbnloop_pit_symbol_map* map,
                                                const dbnloop_record_header* record,
                                                dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(map, "map");
    RequireNonNull(record, "record");
    map->map.OnRecord(RecordOf(record));
  });
}

dbnloop_status dbnloop_pit_symbol_map_insert(dbnloop_pit_symbol_map* map,
                                             uint32_t instrument_id, const char* symbol,
                                             size_t symbol_len, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(map, "map");
    RequireNonNull(symbol, "symbol");
    const auto text = View(symbol, symbol_len, "symbol");
    if (text.contains('\0')) {
      throw dbnloop::Exception{
          {dbnloop::ErrorCode::InvalidSymbol,
           "symbol contains a NUL: it could not be returned as a string of C"}};
    }
    map->map.Insert(instrument_id, text);
  });
}

const char* dbnloop_pit_symbol_map_find(const dbnloop_pit_symbol_map* map,
                                        uint32_t instrument_id) {
  return map == nullptr ? "" : OrEmpty(map->map.Find(instrument_id));
}

size_t dbnloop_pit_symbol_map_size(const dbnloop_pit_symbol_map* map) {
  return map == nullptr ? 0 : map->map.size();
}

dbnloop_status dbnloop_ts_symbol_map_new(const void* metadata, size_t size,
                                         dbnloop_ts_symbol_map** out,
                                         dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(out, "out");
    const auto header = DecodeMetadata(metadata, size, "metadata");
    *out = new dbnloop_ts_symbol_map{Unwrap(TsSymbolMap::FromMetadata(header))};
  });
}

void dbnloop_ts_symbol_map_free(dbnloop_ts_symbol_map* map) { delete map; }

const char* dbnloop_ts_symbol_map_find(const dbnloop_ts_symbol_map* map,
                                       uint32_t instrument_id, uint32_t date) {
  return map == nullptr ? "" : OrEmpty(map->map.Find(instrument_id, date));
}

const char* dbnloop_ts_symbol_map_find_for(const dbnloop_ts_symbol_map* map,
                                           const dbnloop_record_header* record) {
  if (map == nullptr || record == nullptr) return "";
  return OrEmpty(map->map.FindFor(RecordOf(record)));
}

size_t dbnloop_ts_symbol_map_size(const dbnloop_ts_symbol_map* map) {
  return map == nullptr ? 0 : map->map.size();
}

}  // extern "C"
