#pragma once

#include <cstddef>
#include <expected>
#include <string_view>

#include "dbnloop/historical_api.hpp"

namespace dbnloop::proto {

/// The most that an answer may need in memory, its text included, as a multiple of the
/// text's size.
inline constexpr std::size_t kMaxAnswerMemory = 4;
/// What a typed answer may need in addition to its text, however short that is.
inline constexpr std::size_t kMinAnswerMemory = 48 * 1024 * 1024;

/// The answer of a call, typed. `T` is a result of HistoricalApi. Anything that is not
/// such an answer is a ParseError that names the endpoint and the place; one that would
/// need too much memory is LimitExceeded, before the memory is taken.
template <typename T>
[[nodiscard]] std::expected<T, Error> ReadAnswer(std::string_view endpoint,
                                                 std::string_view json);

}  // namespace dbnloop::proto
