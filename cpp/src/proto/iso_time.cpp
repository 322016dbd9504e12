#include "proto/iso_time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/number.hpp"

namespace dbnloop::proto {
namespace {

// A number of exactly `digits` digits, which is removed together with `before`, the
// character that must precede it (0: none).
std::optional<unsigned> TakeDigits(std::string_view& text, std::size_t digits,
                                   char before) {
  if (before != 0) {
    if (!text.starts_with(before)) return std::nullopt;
    text.remove_prefix(1);
  }
  if (text.size() < digits) return std::nullopt;
  const auto number = base::ParseNumber<unsigned>(text.substr(0, digits));
  text.remove_prefix(digits);
  return number;
}

}  // namespace

std::optional<UnixNanos> ParseIsoTime(std::string_view text) {
  using namespace std::chrono;
  const auto y = TakeDigits(text, 4, 0);
  const auto m = y ? TakeDigits(text, 2, '-') : std::nullopt;
  const auto d = m ? TakeDigits(text, 2, '-') : std::nullopt;
  if (!d) return std::nullopt;
  const year_month_day date{year{static_cast<int>(*y)}, month{*m}, day{*d}};
  if (!date.ok() || *y < 1970 || *y > 2500) return std::nullopt;
  auto since = duration_cast<nanoseconds>(sys_days{date}.time_since_epoch());
  if (!text.empty()) {
    const auto hour = TakeDigits(text, 2, text.front() == ' ' ? ' ' : 'T');
    const auto minute = hour ? TakeDigits(text, 2, ':') : std::nullopt;
    const auto second = minute ? TakeDigits(text, 2, ':') : std::nullopt;
    if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
    since += hours{*hour} + minutes{*minute} + seconds{*second};
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      auto digits = std::string{
          text.substr(0, std::min(text.size(), text.find_first_not_of("0123456789")))};
      if (digits.empty() || digits.size() > 9) return std::nullopt;
      text.remove_prefix(digits.size());
      digits.resize(9, '0');
      since += nanoseconds{base::ParseNumber<std::uint32_t>(digits).value_or(0)};
    }
    if (!text.empty() && text != "Z" && text != "+00:00") return std::nullopt;
  }
  return UnixNanos{UnixNanos::duration{static_cast<std::uint64_t>(since.count())}};
}

}  // namespace dbnloop::proto
