#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/continuous/evidence.hpp"

namespace dbnloop::client {

/// Writes what is known of a dataset's stream, so that another process can go on there.
[[nodiscard]] std::vector<std::byte> EncodePosition(std::string_view dataset,
                                                    const KnownStream& known);
/// Reads it. Throws Exception(InvalidArgument), which says what differs, when it is
/// damaged, of another version, or (unless `dataset` is empty) of another dataset.
[[nodiscard]] KnownStream DecodePosition(std::span<const std::byte> position,
                                         std::string_view dataset);

}  // namespace dbnloop::client
