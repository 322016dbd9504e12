#pragma once

#include <string_view>

namespace dbnloop {

/// The library's version; the CMake project's is the same, which a test checks.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace dbnloop
