#include "dbnloop/enum_strings.hpp"

#include <algorithm>
#include <string>

#include "base/number.hpp"
#include "dbn/flag_names.hpp"
#include "dbnloop/format.hpp"

namespace dbnloop {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::optional<FlagSet::Repr> Names(std::string_view text) {
  FlagSet::Repr value = 0;
  for (;;) {
    const auto bar = text.find('|');
    const auto name = Trimmed(text.substr(0, bar));
    const auto it =
        std::ranges::find(detail::kFlagNames, name, &detail::FlagName::name);
    if (it == detail::kFlagNames.end()) return std::nullopt;
    value |= it->flag;
    if (bar == text.npos) return value;
    text.remove_prefix(bar + 1);
  }
}

}  // namespace

template <std::same_as<FlagSet> F>
std::optional<FlagSet> FromString(std::string_view text) noexcept {
  if (const auto number = base::ParseNumber<FlagSet::Repr>(text))
    return FlagSet{*number};
  const auto open = text.find('(');
  auto value = Names(text.substr(0, open));
  if (value && open != text.npos) {
    // The number may have bits that have no name.
    const auto inside = text.substr(open + 1);
    const auto number =
        inside.ends_with(')')
            ? base::ParseNumber<FlagSet::Repr>(inside.substr(0, inside.size() - 1))
            : std::nullopt;
    if (!number || (*number & detail::kKnownFlags) != *value) return std::nullopt;
    value = number;
  }
  if (!value) return std::nullopt;
  return FlagSet{*value};
}
template std::optional<FlagSet> FromString<FlagSet>(std::string_view) noexcept;

#if DBNLOOP_HAS_DATABENTO_CPP

const char* ToString(HistoricalGateway value) noexcept { return TextOf(value); }

#else

std::string dbn::ToString(FlagSet flags) {
  FlagsText room;
  return std::string{FormatFlags(flags, room)};
}

#endif

}  // namespace dbnloop
