#pragma once

#include <stdexcept>
#include <utility>

#include "dbnloop/error.hpp"

namespace dbnloop {

/// Thrown for misuse (a bad argument, a call in the wrong state) and for resources that
/// cannot be had. Whatever happens later, on the loop, arrives at OnError instead.
class Exception : public std::runtime_error {
 public:
  explicit Exception(Error error)
      : std::runtime_error{error.message}, error_{std::move(error)} {}

  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

}  // namespace dbnloop
