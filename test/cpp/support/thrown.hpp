#pragma once

#include <utility>

#include "dbnloop/error.hpp"
#include "dbnloop/exception.hpp"

namespace dbnloop::test {

/// The error that `call` throws; ErrorCode::None when it throws nothing.
template <typename F>
Error Thrown(F&& call) {
  try {
    std::forward<F>(call)();
  } catch (const Exception& e) {
    return e.error();
  }
  return {};
}

}  // namespace dbnloop::test
