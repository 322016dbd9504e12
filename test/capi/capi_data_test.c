/* Records, metadata, symbol maps, and values as text: what they give, NULL for every
 * pointer, and headers and records that nobody should trust. */
#include <dbnloop.h>
#include <string.h>

#include "check.h"

/* ---- A DBN header, written byte by byte ---- */

typedef struct header {
  unsigned char bytes[4096];
  size_t size;
} header;

static void put(header* h, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    h->bytes[h->size++] = (unsigned char)(value >> (8 * i));
  }
}

static void put_text(header* h, const char* text, size_t size) {
  memset(h->bytes + h->size, 0, size);
  memcpy(h->bytes + h->size, text, strlen(text));
  h->size += size;
}

/* A mapping of a symbol to one id up to the 20th, and to another one from then on. */
static void put_mapping(header* h, const char* symbol, const char* before,
                        const char* after) {
  put_text(h, symbol, DBNLOOP_SYMBOL_CSTR_LEN);
  put(h, 2, 4);
  put(h, 20261115, 4);
  put(h, 20261120, 4);
  put_text(h, before, DBNLOOP_SYMBOL_CSTR_LEN);
  put(h, 20261120, 4);
  put(h, 20261125, 4);
  put_text(h, after, DBNLOOP_SYMBOL_CSTR_LEN);
}

static const uint64_t kStart = 1794700800000000000; /* 2026-11-15 */
static const uint64_t kEnd = 1795564800000000000;   /* 2026-11-25 */

static header make_header(uint8_t stype_out) {
  header h = {{0}, 0};
  put_text(&h, "DBN\x03", 4);
  put(&h, 0, 4); /* the length, see below */
  put_text(&h, "GLBX.MDP3", 16);
  put(&h, DBNLOOP_SCHEMA_TRADES, 2);
  put(&h, kStart, 8);
  put(&h, kEnd, 8);
  put(&h, 7, 8); /* the limit */
  put(&h, DBNLOOP_STYPE_RAW_SYMBOL, 1);
  put(&h, stype_out, 1);
  put(&h, 1, 1); /* ts_out */
  put(&h, DBNLOOP_SYMBOL_CSTR_LEN, 2);
  put_text(&h, "", 53);
  put(&h, 0, 4);
  put(&h, 2, 4);
  put_text(&h, "ESZ6", DBNLOOP_SYMBOL_CSTR_LEN);
  put_text(&h, "NQZ6", DBNLOOP_SYMBOL_CSTR_LEN);
  put(&h, 1, 4);
  put_text(&h, "NQZ6", DBNLOOP_SYMBOL_CSTR_LEN);
  put(&h, 1, 4);
  put_text(&h, "XXX", DBNLOOP_SYMBOL_CSTR_LEN);
  put(&h, 2, 4);
  put_mapping(&h, "ESZ6", "11", "12");
  put_mapping(&h, "NQZ6", "21", "");
  const size_t end = h.size;
  h.size = 4;
  put(&h, end - 8, 4);
  h.size = end;
  return h;
}

static void metadata_is_typed(void) {
  const header h = make_header(DBNLOOP_STYPE_INSTRUMENT_ID);
  dbnloop_error error;
  const dbnloop_metadata* m = NULL;
  CHECK(dbnloop_metadata_new(h.bytes, h.size, &m, &error) == DBNLOOP_OK);
  CHECK(m->version == 3 && strcmp(m->dataset, "GLBX.MDP3") == 0);
  CHECK(m->schema == DBNLOOP_SCHEMA_TRADES && m->limit == 7 && m->ts_out == 1);
  CHECK(m->stype_in == DBNLOOP_STYPE_RAW_SYMBOL);
  CHECK(m->stype_out == DBNLOOP_STYPE_INSTRUMENT_ID);
  CHECK(m->start == kStart && m->end == kEnd);
  CHECK(m->symbol_count == 2 && strcmp(m->symbols[0], "ESZ6") == 0 &&
        strcmp(m->symbols[1], "NQZ6") == 0);
  CHECK(m->partial_count == 1 && strcmp(m->partial[0], "NQZ6") == 0);
  CHECK(m->not_found_count == 1 && strcmp(m->not_found[0], "XXX") == 0);
  CHECK(m->mapping_count == 2);
  const dbnloop_symbol_mapping* mapping = &m->mappings[0];
  CHECK(strcmp(mapping->raw_symbol, "ESZ6") == 0 && mapping->interval_count == 2);
  CHECK(mapping->intervals[1].start_date == 20261120 &&
        mapping->intervals[1].end_date == 20261125 &&
        strcmp(mapping->intervals[1].symbol, "12") == 0);
  mapping = &m->mappings[1];
  CHECK(strcmp(mapping->raw_symbol, "NQZ6") == 0 && mapping->interval_count == 2);
  CHECK(strcmp(mapping->intervals[0].symbol, "21") == 0 &&
        mapping->intervals[1].symbol[0] == '\0');
  dbnloop_metadata_free(m);
  dbnloop_metadata_free(NULL);

  /* What is not set. */
  header open = h;
  memset(open.bytes + 24, 0xFF, 2);
  memset(open.bytes + 34, 0xFF, 8);
  open.bytes[50] = 0xFF;
  CHECK(dbnloop_metadata_new(open.bytes, open.size, &m, &error) == DBNLOOP_OK);
  CHECK(m->schema == DBNLOOP_UNSET && m->stype_in == DBNLOOP_UNSET);
  CHECK(m->end == DBNLOOP_UNDEF_TIMESTAMP);
  dbnloop_metadata_free(m);

  CHECK(dbnloop_metadata_new(NULL, 8, &m, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_metadata_new(h.bytes, h.size, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
}

/* Cut anywhere, and with any byte changed, a header is refused or decoded. */
static void no_header_is_trusted(void) {
  const header h = make_header(DBNLOOP_STYPE_INSTRUMENT_ID);
  const dbnloop_metadata* m = NULL;
  dbnloop_pit_symbol_map* pit = NULL;
  dbnloop_ts_symbol_map* ts = NULL;
  dbnloop_error error;
  for (size_t size = 0; size < h.size; ++size) {
    CHECK(dbnloop_metadata_new(h.bytes, size, &m, &error) == DBNLOOP_TRUNCATED);
    CHECK(dbnloop_ts_symbol_map_new(h.bytes, size, &ts, &error) == DBNLOOP_TRUNCATED);
    CHECK(dbnloop_pit_symbol_map_new_for_day(h.bytes, size, 20261116, &pit, &error) ==
          DBNLOOP_TRUNCATED);
  }
  int refused = 0;
  for (size_t i = 0; i < h.size; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      header bad = h;
      bad.bytes[i] ^= (unsigned char)(1 << bit);
      if (dbnloop_metadata_new(bad.bytes, bad.size, &m, &error) == DBNLOOP_OK) {
        dbnloop_metadata_free(m);
      } else {
        CHECK(error.message[0] != '\0');
        ++refused;
      }
      if (dbnloop_ts_symbol_map_new(bad.bytes, bad.size, &ts, &error) == DBNLOOP_OK) {
        dbnloop_ts_symbol_map_free(ts);
      }
      if (dbnloop_pit_symbol_map_new_for_day(bad.bytes, bad.size, 20261116, &pit,
                                             &error) == DBNLOOP_OK) {
        dbnloop_pit_symbol_map_free(pit);
      }
    }
  }
  CHECK(refused > 0);
}

/* ---- Symbol maps ---- */

static int is(const char* symbol, const char* wanted) {
  return strcmp(symbol, wanted) == 0;
}

static dbnloop_symbol_mapping_msg mapping_of(uint32_t id, const char* symbol) {
  dbnloop_symbol_mapping_msg m;
  memset(&m, 0, sizeof m);
  m.hd.length = sizeof m / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  m.hd.rtype = DBNLOOP_RTYPE_SYMBOL_MAPPING;
  m.hd.instrument_id = id;
  strcpy(m.stype_out_symbol, symbol);
  return m;
}

static void a_live_map_follows_its_records(void) {
  dbnloop_error error;
  dbnloop_pit_symbol_map* map = NULL;
  CHECK(dbnloop_pit_symbol_map_new(&map, &error) == DBNLOOP_OK);
  CHECK(is(dbnloop_pit_symbol_map_find(map, 5), ""));
  CHECK(dbnloop_pit_symbol_map_size(map) == 0);
  dbnloop_symbol_mapping_msg m = mapping_of(5, "ESZ6");
  CHECK(dbnloop_pit_symbol_map_on_record(map, &m.hd, &error) == DBNLOOP_OK);
  CHECK(is(dbnloop_pit_symbol_map_find(map, 5), "ESZ6"));
  m = mapping_of(5, "ESH7");
  CHECK(dbnloop_pit_symbol_map_on_record(map, &m.hd, &error) == DBNLOOP_OK);
  CHECK(is(dbnloop_pit_symbol_map_find(map, 5), "ESH7"));
  /* A symbol without a NUL, a record that is too short, and one of another type. */
  m = mapping_of(6, "");
  memset(m.stype_out_symbol, 'x', sizeof m.stype_out_symbol);
  CHECK(dbnloop_pit_symbol_map_on_record(map, &m.hd, &error) == DBNLOOP_OK);
  const char* found = dbnloop_pit_symbol_map_find(map, 6);
  CHECK(strlen(found) == sizeof m.stype_out_symbol);
  m = mapping_of(7, "NQZ6");
  m.hd.length = sizeof m.hd / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  CHECK(dbnloop_pit_symbol_map_on_record(map, &m.hd, &error) == DBNLOOP_OK);
  m = mapping_of(7, "NQZ6");
  m.hd.rtype = DBNLOOP_RTYPE_MBO;
  CHECK(dbnloop_pit_symbol_map_on_record(map, &m.hd, &error) == DBNLOOP_OK);
  CHECK(is(dbnloop_pit_symbol_map_find(map, 7), ""));

  CHECK(dbnloop_pit_symbol_map_insert(map, 8, "CLZ6xx", 4, &error) == DBNLOOP_OK);
  CHECK(is(dbnloop_pit_symbol_map_find(map, 8), "CLZ6"));
  CHECK(dbnloop_pit_symbol_map_insert(map, 8, "GCZ6", DBNLOOP_STRLEN, &error) ==
        DBNLOOP_OK);
  CHECK(is(dbnloop_pit_symbol_map_find(map, 8), "GCZ6"));
  CHECK(dbnloop_pit_symbol_map_insert(map, 8, "A\0B", 3, &error) ==
        DBNLOOP_INVALID_SYMBOL);
  CHECK(is(dbnloop_pit_symbol_map_find(map, 8), "GCZ6"));
  CHECK(dbnloop_pit_symbol_map_size(map) == 3);

  CHECK(dbnloop_pit_symbol_map_new(NULL, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_pit_symbol_map_on_record(NULL, &m.hd, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_pit_symbol_map_on_record(map, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_pit_symbol_map_insert(NULL, 1, "A", 1, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_pit_symbol_map_insert(map, 1, NULL, 0, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(is(dbnloop_pit_symbol_map_find(NULL, 1), ""));
  CHECK(dbnloop_pit_symbol_map_size(NULL) == 0);
  dbnloop_pit_symbol_map_free(map);
  dbnloop_pit_symbol_map_free(NULL);
}

static void maps_of_a_header(void) {
  const header h = make_header(DBNLOOP_STYPE_INSTRUMENT_ID);
  dbnloop_error error;
  dbnloop_pit_symbol_map* pit = NULL;
  CHECK(dbnloop_pit_symbol_map_new_for_day(h.bytes, h.size, 20261116, &pit, &error) ==
        DBNLOOP_OK);
  CHECK(is(dbnloop_pit_symbol_map_find(pit, 11), "ESZ6"));
  CHECK(is(dbnloop_pit_symbol_map_find(pit, 21), "NQZ6"));
  CHECK(is(dbnloop_pit_symbol_map_find(pit, 12), ""));
  dbnloop_pit_symbol_map_free(pit);
  const uint32_t wrong[] = {0, 20261114, 20261125, 20261332, UINT32_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    CHECK(dbnloop_pit_symbol_map_new_for_day(h.bytes, h.size, wrong[i], &pit, &error) ==
          DBNLOOP_INVALID_ARGUMENT);
  }
  CHECK(dbnloop_pit_symbol_map_new_for_day(NULL, 1, 20261116, &pit, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_pit_symbol_map_new_for_day(h.bytes, h.size, 20261116, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);

  dbnloop_ts_symbol_map* ts = NULL;
  CHECK(dbnloop_ts_symbol_map_new(h.bytes, h.size, &ts, &error) == DBNLOOP_OK);
  CHECK(dbnloop_ts_symbol_map_size(ts) == 3);
  CHECK(is(dbnloop_ts_symbol_map_find(ts, 11, 20261119), "ESZ6"));
  CHECK(is(dbnloop_ts_symbol_map_find(ts, 11, 20261120), ""));
  CHECK(is(dbnloop_ts_symbol_map_find(ts, 12, 20261120), "ESZ6"));
  CHECK(is(dbnloop_ts_symbol_map_find(ts, 99, 20261120), ""));
  dbnloop_trade_msg trade;
  memset(&trade, 0, sizeof trade);
  trade.hd.length = sizeof trade / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  trade.hd.rtype = DBNLOOP_RTYPE_MBP_0;
  trade.hd.instrument_id = 11;
  trade.ts_recv = kStart;
  CHECK(is(dbnloop_ts_symbol_map_find_for(ts, &trade.hd), "ESZ6"));
  trade.ts_recv = DBNLOOP_UNDEF_TIMESTAMP;
  CHECK(is(dbnloop_ts_symbol_map_find_for(ts, &trade.hd), ""));
  CHECK(is(dbnloop_ts_symbol_map_find_for(ts, NULL), ""));
  CHECK(is(dbnloop_ts_symbol_map_find_for(NULL, &trade.hd), ""));
  CHECK(is(dbnloop_ts_symbol_map_find(NULL, 11, 20261119), ""));
  CHECK(dbnloop_ts_symbol_map_size(NULL) == 0);
  dbnloop_ts_symbol_map_free(ts);
  dbnloop_ts_symbol_map_free(NULL);
  CHECK(dbnloop_ts_symbol_map_new(NULL, 1, &ts, &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_ts_symbol_map_new(h.bytes, h.size, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);

  const header names = make_header(DBNLOOP_STYPE_CONTINUOUS);
  CHECK(dbnloop_ts_symbol_map_new(names.bytes, names.size, &ts, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "instrument_id") != NULL);
}

/* ---- Records ---- */

static void a_view_is_of_the_right_type_and_size(void) {
  dbnloop_mbo_msg mbo;
  memset(&mbo, 0, sizeof mbo);
  mbo.hd.length = sizeof mbo / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  mbo.hd.rtype = DBNLOOP_RTYPE_MBO;
  CHECK(dbnloop_mbo_msg_if(&mbo.hd) == &mbo);
  CHECK(dbnloop_trade_msg_if(&mbo.hd) == NULL);
  CHECK(dbnloop_mbo_msg_if(NULL) == NULL);
  mbo.hd.length += 2; /* a ts_out */
  CHECK(dbnloop_mbo_msg_if(&mbo.hd) == &mbo);
  mbo.hd.length = sizeof mbo / DBNLOOP_RECORD_LENGTH_MULTIPLIER - 1;
  CHECK(dbnloop_mbo_msg_if(&mbo.hd) == NULL);

  /* The layouts of older versions are shorter. */
  dbnloop_system_msg system;
  memset(&system, 0, sizeof system);
  system.hd.rtype = DBNLOOP_RTYPE_SYSTEM;
  system.hd.length = 80 / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  CHECK(dbnloop_system_msg_if(&system.hd) == NULL);

  /* Two rtypes, one type. */
  dbnloop_bbo_msg bbo;
  memset(&bbo, 0, sizeof bbo);
  bbo.hd.length = sizeof bbo / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  bbo.hd.rtype = DBNLOOP_RTYPE_BBO_1S;
  CHECK(dbnloop_bbo_msg_if(&bbo.hd) == &bbo);
  bbo.hd.rtype = DBNLOOP_RTYPE_BBO_1M;
  CHECK(dbnloop_bbo_msg_if(&bbo.hd) == &bbo);
  bbo.hd.rtype = DBNLOOP_RTYPE_CBBO_1M;
  CHECK(dbnloop_bbo_msg_if(&bbo.hd) == NULL);
}

static void the_records_of_an_event_are_walked(void) {
  struct {
    dbnloop_mbo_msg mbo;
    dbnloop_trade_msg trade;
  } both;
  memset(&both, 0, sizeof both);
  both.mbo.hd.length = sizeof both.mbo / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  both.trade.hd.length = sizeof both.trade / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  dbnloop_event event;
  memset(&event, 0, sizeof event);
  event.kind = DBNLOOP_EVENT_RECORDS;
  CHECK(dbnloop_next_record(&event, NULL) == NULL);
  event.records.data = &both;
  event.records.size = sizeof both;
  CHECK(dbnloop_next_record(&event, NULL) == &both.mbo.hd);
  CHECK(dbnloop_next_record(&event, &both.mbo.hd) == &both.trade.hd);
  CHECK(dbnloop_next_record(&event, &both.trade.hd) == NULL);
  event.kind = DBNLOOP_EVENT_METADATA;
  CHECK(dbnloop_next_record(&event, NULL) == NULL);
  CHECK(dbnloop_next_record(NULL, NULL) == NULL);
}

static void the_times_of_a_record(void) {
  struct {
    dbnloop_trade_msg trade;
    uint64_t ts_out;
  } sent;
  memset(&sent, 0, sizeof sent);
  sent.trade.hd.length = sizeof sent / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  sent.trade.hd.rtype = DBNLOOP_RTYPE_MBP_0;
  sent.trade.hd.ts_event = 1;
  sent.trade.ts_recv = 2;
  sent.ts_out = 3;
  CHECK(dbnloop_record_ts_out(&sent.trade.hd) == 3);
  CHECK(dbnloop_record_index_ts(&sent.trade.hd) == 2);
  sent.trade.hd.length = sizeof sent.trade.hd / DBNLOOP_RECORD_LENGTH_MULTIPLIER;
  CHECK(dbnloop_record_index_ts(&sent.trade.hd) == 1);
  CHECK(dbnloop_record_ts_out(&sent.trade.hd) == DBNLOOP_UNDEF_TIMESTAMP);
  sent.trade.hd.length = 0;
  CHECK(dbnloop_record_ts_out(&sent.trade.hd) == DBNLOOP_UNDEF_TIMESTAMP);
  CHECK(dbnloop_record_ts_out(NULL) == DBNLOOP_UNDEF_TIMESTAMP);
  CHECK(dbnloop_record_index_ts(NULL) == DBNLOOP_UNDEF_TIMESTAMP);
}

/* ---- Text ---- */

static void values_as_text(void) {
  CHECK(strcmp(dbnloop_format_price(-250000000).text, "-0.250000000") == 0);
  CHECK(strcmp(dbnloop_format_price(INT64_MIN).text, "-9223372036.854775808") == 0);
  CHECK(strcmp(dbnloop_format_price(DBNLOOP_UNDEF_PRICE).text, "") == 0);
  CHECK(dbnloop_price_to_double(DBNLOOP_FIXED_PRICE_SCALE / 2) == 0.5);
  const double none = dbnloop_price_to_double(DBNLOOP_UNDEF_PRICE);
  CHECK(none != none);
  CHECK(strcmp(dbnloop_format_time(kStart + 1).text,
               "2026-11-15T00:00:00.000000001Z") == 0);
  CHECK(strcmp(dbnloop_format_time(DBNLOOP_UNDEF_TIMESTAMP).text, "") == 0);
  CHECK(strlen(dbnloop_format_time(UINT64_MAX - 1).text) == 30);
  CHECK(strcmp(dbnloop_format_flags(DBNLOOP_FLAG_LAST | DBNLOOP_FLAG_MBP).text,
               "LAST | MBP (144)") == 0);
  for (int flags = 0; flags < 256; ++flags) {
    const dbnloop_flags_text text = dbnloop_format_flags((uint8_t)flags);
    CHECK(memchr(text.text, '\0', sizeof text.text) != NULL);
  }
  CHECK(dbnloop_date_of(kStart) == 20261115 && dbnloop_date_of(kStart - 1) == 20261114);
  CHECK(dbnloop_date_of(DBNLOOP_UNDEF_TIMESTAMP) == 0);
}

/* Every text of every enum is read back as its value. */
static void enums_as_text(void) {
  dbnloop_error error;
  uint32_t value = 0;
  for (uint32_t which = DBNLOOP_ENUM_RTYPE; which <= DBNLOOP_ENUM_PUBLISHER; ++which) {
    int known = 0;
    for (uint32_t v = 0; v <= 70000; ++v) {
      const char* text = dbnloop_enum_text(which, v);
      if (strcmp(text, "Unknown") == 0) continue;
      ++known;
      CHECK(dbnloop_enum_value(which, text, strlen(text), &value, &error) ==
            DBNLOOP_OK);
      CHECK(value == v);
    }
    CHECK(known > 0);
    CHECK(strcmp(dbnloop_enum_text(which, UINT32_MAX), "Unknown") == 0);
  }
  CHECK(strcmp(dbnloop_enum_text(DBNLOOP_ENUM_SCHEMA, DBNLOOP_SCHEMA_OHLCV_1S),
               "ohlcv-1s") == 0);
  CHECK(strcmp(dbnloop_enum_text(DBNLOOP_ENUM_SIDE, DBNLOOP_SIDE_ASK), "Ask") == 0);
  CHECK(strcmp(dbnloop_enum_text(DBNLOOP_ENUM_SIDE, 256 + DBNLOOP_SIDE_ASK),
               "Unknown") == 0);
  CHECK(dbnloop_enum_value(DBNLOOP_ENUM_STYPE, "nasdaq", DBNLOOP_STRLEN, &value,
                           &error) == DBNLOOP_OK);
  CHECK(value == DBNLOOP_STYPE_NASDAQ_SYMBOL);
  CHECK(dbnloop_enum_value(DBNLOOP_ENUM_SCHEMA, "trades\n", DBNLOOP_STRLEN, &value,
                           &error) == DBNLOOP_INVALID_ARGUMENT);
  CHECK(strstr(error.message, "ohlcv-1s") != NULL);
  CHECK(value == DBNLOOP_STYPE_NASDAQ_SYMBOL); /* written on success only */
  const uint32_t wrong[] = {0, DBNLOOP_ENUM_PUBLISHER + 1, UINT32_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    CHECK(strcmp(dbnloop_enum_text(wrong[i], 0), "Unknown") == 0);
    CHECK(dbnloop_enum_value(wrong[i], "mbo", 3, &value, &error) ==
          DBNLOOP_INVALID_ARGUMENT);
  }
  CHECK(dbnloop_enum_value(DBNLOOP_ENUM_SCHEMA, NULL, 0, &value, &error) ==
        DBNLOOP_INVALID_ARGUMENT);
  CHECK(dbnloop_enum_value(DBNLOOP_ENUM_SCHEMA, "mbo", 3, NULL, &error) ==
        DBNLOOP_INVALID_ARGUMENT);

  CHECK(strcmp(dbnloop_live_state_name(DBNLOOP_LIVE_STREAMING), "Streaming") == 0);
  CHECK(strcmp(dbnloop_live_state_name(99), "Unknown") == 0);
  CHECK(strcmp(dbnloop_session_event_name(DBNLOOP_SESSION_GATEWAY_ERROR),
               "GatewayError") == 0);
  CHECK(strcmp(dbnloop_session_event_name(0), "Unknown") == 0);
  CHECK(strcmp(dbnloop_session_event_name(256 + DBNLOOP_SESSION_NOTICE), "Unknown") ==
        0);
}

int main(void) {
  metadata_is_typed();
  no_header_is_trusted();
  a_live_map_follows_its_records();
  maps_of_a_header();
  a_view_is_of_the_right_type_and_size();
  the_records_of_an_event_are_walked();
  the_times_of_a_record();
  values_as_text();
  enums_as_text();
  return 0;
}
