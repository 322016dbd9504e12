#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace dbnloop::proto {

/// The most arrays and objects within each other in what a peer sends.
inline constexpr int kMaxJsonDepth = 64;

/// Whether a text is nested deeper than kMaxJsonDepth, whether it is JSON or not.
[[nodiscard]] bool IsNestedTooDeep(std::string_view json) noexcept;

/// What a peer sent; is_discarded() when it is no JSON, or nested too deep: a bracket
/// of one byte would become a value, an allocation and its place in another one.
[[nodiscard]] nlohmann::json ParseJson(std::string_view text);

}  // namespace dbnloop::proto
