#pragma once

#include <string_view>

#include "dbnloop/detail/require_cxx23.hpp"

namespace dbnloop {

/// The version of the library. It equals that of the CMake project, which a test
/// checks.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace dbnloop
