#pragma once

#include <optional>
#include <string_view>

#include "dbnloop/record.hpp"

namespace dbnloop::proto {

/// A time as the historical API writes it: "2026-11-23" or
/// "2026-11-23T14:30:00.123456789Z", with up to nine digits, and "+00:00" or nothing in
/// place of Z. nullopt for anything else.
[[nodiscard]] std::optional<UnixNanos> ParseIsoTime(std::string_view text);

}  // namespace dbnloop::proto
