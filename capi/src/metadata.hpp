#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "dbnloop/metadata.hpp"
#include "guard.hpp"

namespace dbnloop::capi {

/// What an expected holds; its error as an exception.
template <typename T>
T Unwrap(std::expected<T, Error> result) {
  if (!result) throw Exception{std::move(result.error())};
  return std::move(*result);
}

/// Decodes a DBN header that came as pointer and size.
inline Metadata DecodeMetadata(const void* data, std::size_t size, const char* name) {
  RequireNonNull(data, name);
  return Unwrap(Metadata::Decode(std::span{static_cast<const std::byte*>(data), size}));
}

}  // namespace dbnloop::capi
