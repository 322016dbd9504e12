#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.hpp"
#include "dbnloop/exception.hpp"

namespace dbnloop::base {

[[noreturn]] inline void Throw(Error error) { throw Exception{std::move(error)}; }
[[noreturn]] inline void Throw(ErrorCode code, std::string message, int os_errno = 0) {
  Throw({code, std::move(message), os_errno});
}

/// What errno says of a system call that failed: "what: reason".
[[nodiscard]] inline Error SystemError(std::string_view what, int reason = errno) {
  return {ErrorCode::System, StrCat(what, ": ", std::strerror(reason)), reason};
}

}  // namespace dbnloop::base
