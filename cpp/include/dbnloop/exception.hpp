#pragma once

#include <stdexcept>
#include <utility>

#include "dbnloop/error.hpp"

namespace dbnloop {

/// Thrown for misuse (a bad argument, a call in the wrong state) and when a resource is
/// unavailable. Failures that happen later, on the loop, are reported to OnError
/// instead.
class Exception : public std::runtime_error {
 public:
  explicit Exception(Error error)
      : std::runtime_error{error.message}, error_{std::move(error)} {}

  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

}  // namespace dbnloop
