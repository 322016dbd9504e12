/* The structs of ABI version 5, field by field, as callers were compiled with them (64
 * bit). Whoever changes a line that is here already raises DBNLOOP_ABI_VERSION; a field
 * at the end of a struct that begins with struct_size is a new line and a new size. */
#include <dbnloop.h>

#include "check.h"

_Static_assert(DBNLOOP_ABI_VERSION == 6, "compare every line below, then raise this");

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#define AT(type, field, offset) \
  _Static_assert(offsetof(type, field) == (offset), #type "." #field)

#if UINTPTR_MAX == UINT64_MAX
SIZE(dbnloop_error, 1032);
AT(dbnloop_error, code, 0);
AT(dbnloop_error, os_errno, 4);
AT(dbnloop_error, message, 8);

SIZE(dbnloop_http_failure, 128);
AT(dbnloop_http_failure, status, 0);
AT(dbnloop_http_failure, retryable, 4);
AT(dbnloop_http_failure, retry_after_s, 8);
AT(dbnloop_http_failure, error_case, 16);
AT(dbnloop_http_failure, error_case_len, 24);
AT(dbnloop_http_failure, message, 32);
AT(dbnloop_http_failure, message_len, 40);
AT(dbnloop_http_failure, docs, 48);
AT(dbnloop_http_failure, docs_len, 56);
AT(dbnloop_http_failure, request_id, 64);
AT(dbnloop_http_failure, request_id_len, 72);
AT(dbnloop_http_failure, available_start, 80);
AT(dbnloop_http_failure, available_start_len, 88);
AT(dbnloop_http_failure, available_end, 96);
AT(dbnloop_http_failure, available_end_len, 104);
AT(dbnloop_http_failure, payload, 112);
AT(dbnloop_http_failure, payload_len, 120);

SIZE(dbnloop_run, 8);
AT(dbnloop_run, count, 0);
AT(dbnloop_run, record_size, 4);
AT(dbnloop_run, rtype, 6);
AT(dbnloop_run, typed, 7);

SIZE(dbnloop_mixed, 24);
AT(dbnloop_mixed, heads, 0);
AT(dbnloop_mixed, counts, 8);
AT(dbnloop_mixed, last, 16);

SIZE(dbnloop_records_event, 56);
AT(dbnloop_records_event, data, 0);
AT(dbnloop_records_event, size, 8);
AT(dbnloop_records_event, runs, 16);
AT(dbnloop_records_event, run_count, 24);
AT(dbnloop_records_event, consumed, 32);
AT(dbnloop_records_event, ts_out, 40);
AT(dbnloop_records_event, mixed, 48);

SIZE(dbnloop_metadata_event, 24);
AT(dbnloop_metadata_event, data, 0);
AT(dbnloop_metadata_event, size, 8);
AT(dbnloop_metadata_event, ts_out, 16);

SIZE(dbnloop_state_event, 4);
AT(dbnloop_state_event, state, 0);

SIZE(dbnloop_error_event, 32);
AT(dbnloop_error_event, code, 0);
AT(dbnloop_error_event, os_errno, 4);
AT(dbnloop_error_event, message, 8);
AT(dbnloop_error_event, message_len, 16);
AT(dbnloop_error_event, http, 24);

SIZE(dbnloop_timer_event, 8);
AT(dbnloop_timer_event, id, 0);

SIZE(dbnloop_fd_event, 16);
AT(dbnloop_fd_event, userdata, 0);
AT(dbnloop_fd_event, ready, 8);

SIZE(dbnloop_warning_event, 16);
AT(dbnloop_warning_event, text, 0);
AT(dbnloop_warning_event, text_len, 8);

SIZE(dbnloop_response_event, 72);
AT(dbnloop_response_event, request, 0);
AT(dbnloop_response_event, error, 8);
AT(dbnloop_response_event, body, 40);
AT(dbnloop_response_event, body_len, 48);
AT(dbnloop_response_event, sha256, 56);
AT(dbnloop_response_event, file_size, 64);

SIZE(dbnloop_progress_event, 24);
AT(dbnloop_progress_event, request, 0);
AT(dbnloop_progress_event, bytes, 8);
AT(dbnloop_progress_event, total, 16);

SIZE(dbnloop_session_event, 48);
AT(dbnloop_session_event, kind, 0);
AT(dbnloop_session_event, error_code, 4);
AT(dbnloop_session_event, subscription_id, 8);
AT(dbnloop_session_event, schema, 12);
AT(dbnloop_session_event, fatal, 16);
AT(dbnloop_session_event, ts_event, 24);
AT(dbnloop_session_event, message, 32);
AT(dbnloop_session_event, message_len, 40);

SIZE(dbnloop_continuity_event, 72);
AT(dbnloop_continuity_event, kind, 0);
AT(dbnloop_continuity_event, gap, 4);
AT(dbnloop_continuity_event, attempt, 8);
AT(dbnloop_continuity_event, schema, 12);
AT(dbnloop_continuity_event, delay_ms, 16);
AT(dbnloop_continuity_event, from, 24);
AT(dbnloop_continuity_event, to, 32);
AT(dbnloop_continuity_event, replayed, 40);
AT(dbnloop_continuity_event, dropped, 48);
AT(dbnloop_continuity_event, cost, 56);
AT(dbnloop_continuity_event, error, 64);

SIZE(dbnloop_event, 88);
AT(dbnloop_event, kind, 0);
AT(dbnloop_event, source, 8);
AT(dbnloop_event, records, 16);
AT(dbnloop_event, metadata, 16);
AT(dbnloop_event, state, 16);
AT(dbnloop_event, error, 16);
AT(dbnloop_event, timer, 16);
AT(dbnloop_event, fd, 16);
AT(dbnloop_event, warning, 16);
AT(dbnloop_event, response, 16);
AT(dbnloop_event, progress, 16);
AT(dbnloop_event, session, 16);
AT(dbnloop_event, continuity, 16);

SIZE(dbnloop_stats, 3152);
AT(dbnloop_stats, struct_size, 0);
AT(dbnloop_stats, bytes_read, 8);
AT(dbnloop_stats, reads, 16);
AT(dbnloop_stats, bytes, 24);
AT(dbnloop_stats, batches, 32);
AT(dbnloop_stats, polls, 40);
AT(dbnloop_stats, pauses, 48);
AT(dbnloop_stats, paused_ns, 56);
AT(dbnloop_stats, buffered, 64);
AT(dbnloop_stats, silence_ns, 72);
AT(dbnloop_stats, records, 80);
AT(dbnloop_stats, gateway_to_client, 2128);
AT(dbnloop_stats, venue_to_gateway, 2640);

SIZE(dbnloop_live_options, 128);
AT(dbnloop_live_options, struct_size, 0);
AT(dbnloop_live_options, dataset, 8);
AT(dbnloop_live_options, dataset_len, 16);
AT(dbnloop_live_options, user_agent_extension, 24);
AT(dbnloop_live_options, user_agent_extension_len, 32);
AT(dbnloop_live_options, ts_out, 40);
AT(dbnloop_live_options, heartbeat_interval_s, 44);
AT(dbnloop_live_options, heartbeat_grace_ms, 48);
AT(dbnloop_live_options, slow_reader_behavior, 52);
AT(dbnloop_live_options, compression, 56);
AT(dbnloop_live_options, upgrade_policy, 60);
AT(dbnloop_live_options, connect_timeout_ms, 64);
AT(dbnloop_live_options, auth_timeout_ms, 68);
AT(dbnloop_live_options, buffer_size, 72);
AT(dbnloop_live_options, max_metadata, 80);
AT(dbnloop_live_options, ack_timeout_ms, 88);
AT(dbnloop_live_options, resolve_timeout_ms, 92);
AT(dbnloop_live_options, name_servers, 96);
AT(dbnloop_live_options, name_servers_len, 104);
AT(dbnloop_live_options, receive_buffer, 112);
AT(dbnloop_live_options, busy_poll_us, 120);
AT(dbnloop_live_options, quick_ack, 124);

SIZE(dbnloop_reactor_options, 16);
AT(dbnloop_reactor_options, struct_size, 0);
AT(dbnloop_reactor_options, spin_us, 8);

SIZE(dbnloop_subscription, 64);
AT(dbnloop_subscription, struct_size, 0);
AT(dbnloop_subscription, dataset, 8);
AT(dbnloop_subscription, dataset_len, 16);
AT(dbnloop_subscription, symbols, 24);
AT(dbnloop_subscription, symbols_len, 32);
AT(dbnloop_subscription, schema, 40);
AT(dbnloop_subscription, stype_in, 44);
AT(dbnloop_subscription, snapshot, 48);
AT(dbnloop_subscription, has_start, 52);
AT(dbnloop_subscription, start, 56);

SIZE(dbnloop_unsubscription, 48);
AT(dbnloop_unsubscription, struct_size, 0);
AT(dbnloop_unsubscription, dataset, 8);
AT(dbnloop_unsubscription, dataset_len, 16);
AT(dbnloop_unsubscription, symbols, 24);
AT(dbnloop_unsubscription, symbols_len, 32);
AT(dbnloop_unsubscription, schema, 40);
AT(dbnloop_unsubscription, stype_in, 44);

SIZE(dbnloop_effective_request, 120);
AT(dbnloop_effective_request, id, 0);
AT(dbnloop_effective_request, subscription, 8);
AT(dbnloop_effective_request, unsubscription, 72);

SIZE(dbnloop_effective_set, 16);
AT(dbnloop_effective_set, requests, 0);
AT(dbnloop_effective_set, count, 8);

SIZE(dbnloop_historical_options, 152);
AT(dbnloop_historical_options, struct_size, 0);
AT(dbnloop_historical_options, url, 8);
AT(dbnloop_historical_options, url_len, 16);
AT(dbnloop_historical_options, ca_file, 24);
AT(dbnloop_historical_options, ca_file_len, 32);
AT(dbnloop_historical_options, ca_dir, 40);
AT(dbnloop_historical_options, ca_dir_len, 48);
AT(dbnloop_historical_options, proxy, 56);
AT(dbnloop_historical_options, proxy_len, 64);
AT(dbnloop_historical_options, user_agent_extension, 72);
AT(dbnloop_historical_options, user_agent_extension_len, 80);
AT(dbnloop_historical_options, upgrade_policy, 88);
AT(dbnloop_historical_options, max_retries, 92);
AT(dbnloop_historical_options, connect_timeout_ms, 96);
AT(dbnloop_historical_options, tls_timeout_ms, 100);
AT(dbnloop_historical_options, response_timeout_ms, 104);
AT(dbnloop_historical_options, idle_timeout_ms, 108);
AT(dbnloop_historical_options, buffer_size, 112);
AT(dbnloop_historical_options, max_metadata, 120);
AT(dbnloop_historical_options, resolve_timeout_ms, 128);
AT(dbnloop_historical_options, name_servers, 136);
AT(dbnloop_historical_options, name_servers_len, 144);

SIZE(dbnloop_continuous_options, 88);
AT(dbnloop_continuous_options, struct_size, 0);
AT(dbnloop_continuous_options, live, 8);
AT(dbnloop_continuous_options, history, 16);
AT(dbnloop_continuous_options, gateway, 24);
AT(dbnloop_continuous_options, gateway_len, 32);
AT(dbnloop_continuous_options, port, 40);
AT(dbnloop_continuous_options, min_delay_ms, 44);
AT(dbnloop_continuous_options, max_delay_ms, 48);
AT(dbnloop_continuous_options, has_max_cost, 52);
AT(dbnloop_continuous_options, give_up_after_ms, 56);
AT(dbnloop_continuous_options, memory, 64);
AT(dbnloop_continuous_options, replay_limit_s, 72);
AT(dbnloop_continuous_options, max_cost, 80);

SIZE(dbnloop_range, 80);
AT(dbnloop_range, struct_size, 0);
AT(dbnloop_range, dataset, 8);
AT(dbnloop_range, dataset_len, 16);
AT(dbnloop_range, symbols, 24);
AT(dbnloop_range, symbols_len, 32);
AT(dbnloop_range, schema, 40);
AT(dbnloop_range, stype_in, 44);
AT(dbnloop_range, stype_out, 48);
AT(dbnloop_range, has_end, 52);
AT(dbnloop_range, start, 56);
AT(dbnloop_range, end, 64);
AT(dbnloop_range, limit, 72);

SIZE(dbnloop_download, 104);
AT(dbnloop_download, struct_size, 0);
AT(dbnloop_download, url_path, 8);
AT(dbnloop_download, url_path_len, 16);
AT(dbnloop_download, range, 24);
AT(dbnloop_download, path, 32);
AT(dbnloop_download, path_len, 40);
AT(dbnloop_download, sha256, 48);
AT(dbnloop_download, sha256_len, 56);
AT(dbnloop_download, overwrite, 64);
AT(dbnloop_download, resume, 68);
AT(dbnloop_download, has_size, 72);
AT(dbnloop_download, size, 80);
AT(dbnloop_download, part, 88);
AT(dbnloop_download, part_len, 96);

SIZE(dbnloop_file_options, 40);
AT(dbnloop_file_options, struct_size, 0);
AT(dbnloop_file_options, upgrade_policy, 8);
AT(dbnloop_file_options, fragment_version, 12);
AT(dbnloop_file_options, fragment_ts_out, 16);
AT(dbnloop_file_options, use_mmap, 20);
AT(dbnloop_file_options, buffer_size, 24);
AT(dbnloop_file_options, max_metadata, 32);

SIZE(dbnloop_mapping_interval, 16);
AT(dbnloop_mapping_interval, start_date, 0);
AT(dbnloop_mapping_interval, end_date, 4);
AT(dbnloop_mapping_interval, symbol, 8);

SIZE(dbnloop_symbol_mapping, 24);
AT(dbnloop_symbol_mapping, raw_symbol, 0);
AT(dbnloop_symbol_mapping, intervals, 8);
AT(dbnloop_symbol_mapping, interval_count, 16);

SIZE(dbnloop_metadata, 120);
AT(dbnloop_metadata, version, 0);
AT(dbnloop_metadata, dataset, 8);
AT(dbnloop_metadata, schema, 16);
AT(dbnloop_metadata, stype_in, 20);
AT(dbnloop_metadata, stype_out, 24);
AT(dbnloop_metadata, ts_out, 28);
AT(dbnloop_metadata, start, 32);
AT(dbnloop_metadata, end, 40);
AT(dbnloop_metadata, limit, 48);
AT(dbnloop_metadata, symbols, 56);
AT(dbnloop_metadata, symbol_count, 64);
AT(dbnloop_metadata, partial, 72);
AT(dbnloop_metadata, partial_count, 80);
AT(dbnloop_metadata, not_found, 88);
AT(dbnloop_metadata, not_found_count, 96);
AT(dbnloop_metadata, mappings, 104);
AT(dbnloop_metadata, mapping_count, 112);

SIZE(dbnloop_price_text, 24);
SIZE(dbnloop_time_text, 32);
SIZE(dbnloop_flags_text, 96);
#endif

int main(void) {
  CHECK(dbnloop_abi_version() == DBNLOOP_ABI_VERSION);
  return 0;
}
