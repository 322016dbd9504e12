#pragma once

#include <expected>
#include <string_view>

#include "dbnloop/historical_api.hpp"

namespace dbnloop::proto {

/// The answer of a call, typed. What it should be is in protocol section 9; anything
/// else is a ParseError that names the endpoint and the place. `T` is a result of
/// HistoricalApi.
template <typename T>
[[nodiscard]] std::expected<T, Error> ReadAnswer(std::string_view endpoint,
                                                 std::string_view json);

}  // namespace dbnloop::proto
