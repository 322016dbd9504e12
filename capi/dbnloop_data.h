/* dbnloop_data.h: metadata, symbol maps, and values as text.
 *
 * Include dbnloop.h, whose first comment describes the conventions. */
#ifndef DBNLOOP_H
#error "include dbnloop.h"
#endif
#ifndef DBNLOOP_DATA_H
#define DBNLOOP_DATA_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Metadata ---- */

/* The symbol of an instrument from start_date to end_date, exclusive; UTC days as
 * yyyymmdd. An empty symbol is a gap, to be skipped. */
typedef struct dbnloop_mapping_interval {
  uint32_t start_date;
  uint32_t end_date;
  const char* symbol; /* in stype_out */
} dbnloop_mapping_interval;

typedef struct dbnloop_symbol_mapping {
  const char* raw_symbol; /* in stype_in */
  const dbnloop_mapping_interval* intervals;
  size_t interval_count;
} dbnloop_symbol_mapping;

/* The header of a DBN stream. Only the library creates this struct: newer versions may
 * append fields. */
typedef struct dbnloop_metadata {
  uint32_t version;    /* of DBN */
  const char* dataset; /* such as "GLBX.MDP3" */
  int32_t schema;      /* dbnloop_schema; DBNLOOP_UNSET: mixed, as in live streams */
  int32_t stype_in;    /* dbnloop_stype; DBNLOOP_UNSET: mixed */
  uint32_t stype_out;  /* dbnloop_stype */
  int32_t ts_out;      /* 1 if each record ends with an 8-byte ts_out, otherwise 0 */
  uint64_t start;      /* UNIX nanoseconds, inclusive */
  uint64_t end;        /* UNIX nanoseconds, exclusive; DBNLOOP_UNDEF_TIMESTAMP: open */
  uint64_t limit;      /* number of records; 0: no limit */
  const char* const* symbols; /* as requested */
  size_t symbol_count;
  const char* const* partial; /* did not resolve for all of the time */
  size_t partial_count;
  const char* const* not_found; /* did not resolve */
  size_t not_found_count;
  const dbnloop_symbol_mapping* mappings;
  size_t mapping_count;
} dbnloop_metadata;

/* Decodes a complete DBN header, such as the data of a METADATA event, which is copied.
 * Its pointers are valid until dbnloop_metadata_free. TRUNCATED if bytes are missing at
 * the end, PARSE_ERROR if it is malformed. */
dbnloop_status dbnloop_metadata_new(const void* data, size_t size,
                                    const dbnloop_metadata** out, dbnloop_error* error);
/* Frees what dbnloop_metadata_new created. */
void dbnloop_metadata_free(const dbnloop_metadata* metadata);

/* ---- Symbols at one point in time ---- */

/* A map from instrument id to symbol: for one day of historical data, or kept up to
 * date from a live stream. */
typedef struct dbnloop_pit_symbol_map dbnloop_pit_symbol_map;

/* Creates an empty map, for a live stream. */
dbnloop_status dbnloop_pit_symbol_map_new(dbnloop_pit_symbol_map** out,
                                          dbnloop_error* error);
/* Creates a map of the mappings of a UTC day (yyyymmdd) in a DBN header, such as the
 * data of a METADATA event. The errors of dbnloop_metadata_new; INVALID_ARGUMENT if the
 * date is invalid or outside the data, or if neither side of the mappings consists of
 * instrument ids; PARSE_ERROR if an id is not a number. */
dbnloop_status dbnloop_pit_symbol_map_new_for_day(const void* metadata, size_t size,
                                                  uint32_t date,
                                                  dbnloop_pit_symbol_map** out,
                                                  dbnloop_error* error);
void dbnloop_pit_symbol_map_free(dbnloop_pit_symbol_map* map);
/* Applies a symbol mapping record; the latest mapping of an instrument counts. Ignores
 * other records, and mappings that are too short. Call it for every record of a live
 * stream, before looking up the record's symbol. */
dbnloop_status dbnloop_pit_symbol_map_on_record(dbnloop_pit_symbol_map* map,
                                                const dbnloop_record_header* record,
                                                dbnloop_error* error);
/* Sets an instrument's symbol. INVALID_SYMBOL if it contains a NUL. */
dbnloop_status dbnloop_pit_symbol_map_insert(dbnloop_pit_symbol_map* map,
                                             uint32_t instrument_id, const char* symbol,
                                             size_t symbol_len, dbnloop_error* error);
/* Returns the symbol of an instrument, "" without a mapping. It is valid until that
 * instrument is mapped again, or until the map is freed. */
const char* dbnloop_pit_symbol_map_find(const dbnloop_pit_symbol_map* map,
                                        uint32_t instrument_id);
/* Returns the number of instruments. */
size_t dbnloop_pit_symbol_map_size(const dbnloop_pit_symbol_map* map);

/* ---- Symbols over time ---- */

/* A map from instrument id and UTC day to symbol. It does not change, so any number of
 * threads may read it. */
typedef struct dbnloop_ts_symbol_map dbnloop_ts_symbol_map;

/* Creates a map of all mappings of a DBN header, such as the data of a METADATA event.
 * Where intervals overlap, the later one in the header counts. The errors of
 * dbnloop_metadata_new; INVALID_ARGUMENT if neither side of the mappings consists of
 * instrument ids; PARSE_ERROR if an id is not a number, or an interval ends before it
 * begins. */
dbnloop_status dbnloop_ts_symbol_map_new(const void* metadata, size_t size,
                                         dbnloop_ts_symbol_map** out,
                                         dbnloop_error* error);
void dbnloop_ts_symbol_map_free(dbnloop_ts_symbol_map* map);
/* Returns the symbol of an instrument on a UTC day (yyyymmdd), "" without a mapping.
 * It is valid until the map is freed. */
const char* dbnloop_ts_symbol_map_find(const dbnloop_ts_symbol_map* map,
                                       uint32_t instrument_id, uint32_t date);
/* Returns the symbol of a record's instrument on the day of its index timestamp, ""
 * without a mapping. It is valid until the map is freed. */
const char* dbnloop_ts_symbol_map_find_for(const dbnloop_ts_symbol_map* map,
                                           const dbnloop_record_header* record);
/* Returns the number of instruments. */
size_t dbnloop_ts_symbol_map_size(const dbnloop_ts_symbol_map* map);

/* ---- Prices, times and flags ---- */

/* The results are structs, so that no buffer can be too small:
 * printf("%s\n", dbnloop_format_price(trade->price).text); */
typedef struct dbnloop_price_text {
  char text[24];
} dbnloop_price_text;
typedef struct dbnloop_time_text {
  char text[32];
} dbnloop_time_text;
typedef struct dbnloop_flags_text {
  char text[96];
} dbnloop_flags_text;

/* Formats a price exactly, with nine decimals, such as "-0.250000000"; "" for
 * DBNLOOP_UNDEF_PRICE. */
dbnloop_price_text dbnloop_format_price(int64_t price);
/* Converts a price to the nearest floating-point number; NaN for DBNLOOP_UNDEF_PRICE.
 */
double dbnloop_price_to_double(int64_t price);
/* Formats a time in UNIX nanoseconds as ISO 8601 in UTC, such as
 * "2026-11-23T14:30:00.000000001Z"; "" for DBNLOOP_UNDEF_TIMESTAMP. */
dbnloop_time_text dbnloop_format_time(uint64_t time);
/* Formats the flags of a record, such as "LAST | MBP (144)"; the number alone if no
 * known flag is set. */
dbnloop_flags_text dbnloop_format_flags(uint8_t flags);
/* Returns the UTC day of a time as yyyymmdd; 0 for DBNLOOP_UNDEF_TIMESTAMP. */
uint32_t dbnloop_date_of(uint64_t time);

/* Returns the index timestamp of a record, by which records are sorted and merged:
 * ts_recv if it has one, otherwise ts_event. DBNLOOP_UNDEF_TIMESTAMP for NULL. */
uint64_t dbnloop_record_index_ts(const dbnloop_record_header* record);
/* Returns the ts_out of a record of a stream with ts_out: its last 8 bytes.
 * DBNLOOP_UNDEF_TIMESTAMP for NULL, and for a record that is too short for one. */
uint64_t dbnloop_record_ts_out(const dbnloop_record_header* record);

/* ---- Enums as text ---- */

/* Returns the text of a value: the one that the API and files use, if there is one
 * ("mbp-1", "raw_symbol", "XNAS.ITCH"), otherwise its name ("Ask", "OpeningPrice").
 * which: dbnloop_enum. "Unknown" for values that this version does not know, and if
 * `which` is not a dbnloop_enum. Static storage. */
const char* dbnloop_enum_text(uint32_t which, uint32_t value);
/* The reverse: reads "mbp-1" as DBNLOOP_SCHEMA_MBP_1 if `which` is DBNLOOP_ENUM_SCHEMA.
 * Also reads older names, such as "nasdaq" for a symbology. INVALID_ARGUMENT if the
 * enum has no such value; the comparison is case-sensitive. */
dbnloop_status dbnloop_enum_value(uint32_t which, const char* text, size_t text_len,
                                  uint32_t* value, dbnloop_error* error);

#ifdef __cplusplus
}
#endif

#endif /* DBNLOOP_DATA_H */
