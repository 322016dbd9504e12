#include "dbnloop/format.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "dbn/flag_names.hpp"
#include "dbn/record_size.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

char* Padded(char* out, std::uint64_t value, int width) noexcept {
  for (char* p = out + width; p != out; value /= 10) {
    *--p = static_cast<char>('0' + value % 10);
  }
  return out + width;
}

// UnixNanos is unsigned: system_clock's own conversions do not take it.
year_month_day DayOf(UnixNanos time) noexcept {
  constexpr std::uint64_t kDay = 24ULL * 3600 * 1'000'000'000;
  const auto n = static_cast<int>(time.time_since_epoch().count() / kDay);
  return year_month_day{sys_days{days{n}}};
}

}  // namespace

std::string_view FormatPrice(std::int64_t price, PriceText& room) noexcept {
  if (price == kUndefPrice) return {};
  constexpr auto kScale = static_cast<std::uint64_t>(kFixedPriceScale);
  char* out = room.data();
  if (price < 0) *out++ = '-';
  // The lowest price has no positive counterpart of its own type.
  const auto size = price < 0 ? ~static_cast<std::uint64_t>(price) + 1
                              : static_cast<std::uint64_t>(price);
  const auto whole = size / kScale;
  int digits = 1;
  for (auto rest = whole / 10; rest != 0; rest /= 10) ++digits;
  out = Padded(out, whole, digits);
  *out++ = '.';
  out = Padded(out, size % kScale, 9);
  return {room.data(), static_cast<std::size_t>(out - room.data())};
}

std::string_view FormatTime(UnixNanos time, TimeText& room) noexcept {
  const std::uint64_t nanos = time.time_since_epoch().count();
  if (nanos == kUndefTimestamp) return {};
  const auto day = DayOf(time);
  const auto seconds = nanos / 1'000'000'000;
  char* out = Padded(room.data(), static_cast<std::uint64_t>(int{day.year()}), 4);
  *out++ = '-';
  out = Padded(out, unsigned{day.month()}, 2);
  *out++ = '-';
  out = Padded(out, unsigned{day.day()}, 2);
  *out++ = 'T';
  out = Padded(out, seconds / 3600 % 24, 2);
  *out++ = ':';
  out = Padded(out, seconds / 60 % 60, 2);
  *out++ = ':';
  out = Padded(out, seconds % 60, 2);
  *out++ = '.';
  out = Padded(out, nanos % 1'000'000'000, 9);
  *out++ = 'Z';
  return {room.data(), static_cast<std::size_t>(out - room.data())};
}

std::string_view FormatFlags(FlagSet flags, FlagsText& room) noexcept {
  static_assert(detail::LongestFlags() <= std::tuple_size_v<FlagsText>);
  char* out = room.data();
  const auto add = [&out](std::string_view text) {
    out += text.copy(out, text.size());
  };
  for (const auto& [flag, name] : detail::kFlagNames) {
    if ((flags.Raw() & flag) == 0) continue;
    if (out != room.data()) add(" | ");
    add(name);
  }
  const bool named = out != room.data();
  if (named) add(" (");
  out = std::to_chars(out, room.data() + room.size(), flags.Raw()).ptr;
  if (named) add(")");
  return {room.data(), static_cast<std::size_t>(out - room.data())};
}

std::uint32_t DateOf(UnixNanos time) noexcept {
  if (time.time_since_epoch().count() == kUndefTimestamp) return 0;
  const auto day = DayOf(time);
  return static_cast<std::uint32_t>(int{day.year()}) * 10'000 +
         unsigned{day.month()} * 100 + unsigned{day.day()};
}

UnixNanos MidnightOf(std::uint32_t date) noexcept {
  const year_month_day day{std::chrono::year{static_cast<int>(date / 10'000)},
                           std::chrono::month{date / 100 % 100},
                           std::chrono::day{date % 100}};
  const auto n = sys_days{day}.time_since_epoch().count();
  constexpr std::uint64_t kDay = 24ULL * 3600 * 1'000'000'000;
  return UnixNanos{
      UnixNanos::duration{n < 0 ? 0 : static_cast<std::uint64_t>(n) * kDay}};
}

UnixNanos IndexTs(const Record& record) noexcept {
  const auto& header = record.Header();
  return VisitRType(header.rtype, [&]<typename T>(std::type_identity<T>) -> UnixNanos {
    if constexpr (requires { T::ts_recv; }) {
      // ts_recv is where it always was in every version's layout.
      constexpr std::size_t kOffset = offsetof(T, ts_recv);
      if (codec::SizeOf(header) >= kOffset + sizeof(UnixNanos)) {
        UnixNanos time;
        std::memcpy(&time, reinterpret_cast<const std::byte*>(&header) + kOffset,
                    sizeof(time));
        return time;
      }
    }
    return header.ts_event;
  });
}

}  // namespace dbnloop
