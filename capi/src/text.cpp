// Prices, times, flags and enums as text.

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "base/text.hpp"
#include "dbnloop/continuous_client.hpp"
#include "dbnloop/format.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/session_event.hpp"
#include "enums.gen.hpp"
#include "guard.hpp"

using dbnloop::UnixNanos;
using dbnloop::capi::EnumOf;

namespace {

// Formats into a struct of C by way of the array that the C++ function wants.
template <typename Out, typename Room, typename Format>
Out Formatted(Format&& format) noexcept {
  static_assert(sizeof(Out::text) >= std::tuple_size_v<Room>);
  Out out{};
  Room room;
  const std::string_view text = format(room);
  std::ranges::copy(text, out.text);  // "" may be a view of nothing
  return out;
}

UnixNanos TimeOf(uint64_t nanos) { return UnixNanos{UnixNanos::duration{nanos}}; }

template <typename E>
uint32_t NumberOf(E value) {
  return static_cast<std::make_unsigned_t<std::underlying_type_t<E>>>(value);
}

// The name of a value of the library's own enums.
template <typename E>
const char* NameOf(uint32_t value) {
  const auto known = EnumOf<E>(value);
  return known ? ToString(*known).data() : "Unknown";
}

}  // namespace

extern "C" {

dbnloop_price_text dbnloop_format_price(int64_t price) {
  return Formatted<dbnloop_price_text, dbnloop::PriceText>(
      [&](auto& room) { return dbnloop::FormatPrice(price, room); });
}

double dbnloop_price_to_double(int64_t price) { return dbnloop::PriceToDouble(price); }

dbnloop_time_text dbnloop_format_time(uint64_t time) {
  return Formatted<dbnloop_time_text, dbnloop::TimeText>(
      [&](auto& room) { return dbnloop::FormatTime(TimeOf(time), room); });
}

dbnloop_flags_text dbnloop_format_flags(uint8_t flags) {
  return Formatted<dbnloop_flags_text, dbnloop::FlagsText>(
      [&](auto& room) { return dbnloop::FormatFlags(dbnloop::FlagSet{flags}, room); });
}

uint32_t dbnloop_date_of(uint64_t time) { return dbnloop::DateOf(TimeOf(time)); }

uint64_t dbnloop_record_index_ts(const dbnloop_record_header* record) {
  if (record == nullptr) return DBNLOOP_UNDEF_TIMESTAMP;
  const dbnloop::Record view{reinterpret_cast<dbnloop::RecordHeader*>(
      const_cast<dbnloop_record_header*>(record))};
  return dbnloop::IndexTs(view).time_since_epoch().count();
}

uint64_t dbnloop_record_ts_out(const dbnloop_record_header* record) {
  uint64_t out = DBNLOOP_UNDEF_TIMESTAMP;
  if (record == nullptr) return out;
  const auto size = dbnloop_record_size(record);
  if (size < sizeof(*record) + sizeof(out)) return out;
  std::memcpy(&out, reinterpret_cast<const char*>(record) + size - sizeof(out),
              sizeof(out));
  return out;
}

const char* dbnloop_status_name(uint32_t code) {
  return NameOf<dbnloop::ErrorCode>(code);
}

const char* dbnloop_live_state_name(uint32_t state) {
  return NameOf<dbnloop::LiveClient::State>(state);
}

const char* dbnloop_session_event_name(uint32_t kind) {
  return NameOf<dbnloop::SessionEvent::Kind>(kind);
}

const char* dbnloop_continuous_state_name(uint32_t state) {
  return NameOf<dbnloop::ContinuousClient::State>(state);
}

const char* dbnloop_continuity_name(uint32_t kind) {
  return NameOf<dbnloop::ContinuityEvent::Kind>(kind);
}

const char* dbnloop_gap_reason_name(uint32_t reason) {
  return NameOf<dbnloop::ContinuityEvent::GapReason>(reason);
}

const char* dbnloop_recovery_policy_name(uint32_t policy) {
  return NameOf<dbnloop::RecoveryPolicy>(policy);
}

const char* dbnloop_enum_text(uint32_t which, uint32_t value) {
  const char* text = "Unknown";
  dbnloop::capi::VisitEnum(which, [&]<typename E>(std::type_identity<E>) {
    if (const auto known = EnumOf<E>(value)) text = dbnloop::TextOf(*known);
  });
  return text;
}

dbnloop_status dbnloop_enum_value(uint32_t which, const char* text, size_t text_len,
                                  uint32_t* value, dbnloop_error* error) {
  using dbnloop::capi::ThrowArgument;
  return dbnloop::capi::Guard(error, [&] {
    dbnloop::capi::RequireNonNull(text, "text");
    dbnloop::capi::RequireNonNull(value, "value");
    const auto wanted = dbnloop::capi::View(text, text_len, "text");
    const auto visited =
        dbnloop::capi::VisitEnum(which, [&]<typename E>(std::type_identity<E>) {
          if (const auto found = dbnloop::FromString<E>(wanted)) {
            *value = NumberOf(*found);
            return;
          }
          std::string known;
          for (const auto& each : dbnloop::EnumValues<E>()) {
            known += (known.empty() ? "" : ", ") + std::string{each.text};
          }
          ThrowArgument(dbnloop::base::Quoted(wanted) +
                        " is not a value of this enum; it must be one of " + known);
        });
    if (!visited) {
      ThrowArgument("which is " + std::to_string(which) +
                    ", which is not a dbnloop_enum");
    }
  });
}

}  // extern "C"
