#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dbnloop/record.hpp"

#if DBNLOOP_HAS_DATABENTO_CPP
#include <databento/publishers.hpp>
#else
#include "dbnloop/publishers.gen.hpp"
#endif

namespace dbnloop {

/// Enums of the known values; enum_strings.hpp converts them from and to strings.
using dbn::Dataset;
using dbn::Publisher;
using dbn::ToString;
using dbn::Venue;

/// A venue's feed within a dataset.
struct PublisherInfo {
  std::uint16_t id;          ///< RecordHeader::publisher_id
  std::string_view name;     ///< "GLBX.MDP3.GLBX"
  std::string_view dataset;  ///< "GLBX.MDP3"
  std::string_view venue;    ///< ISO 10383, "GLBX"
};

/// All publishers that this version knows, ordered by id, from 1 without gaps. New ones
/// may appear at any time: do not treat an unknown id as an error.
[[nodiscard]] std::span<const PublisherInfo> Publishers() noexcept;
/// Null for an id that this version does not know.
[[nodiscard]] inline const PublisherInfo* FindPublisher(std::uint16_t id) noexcept {
  const auto all = Publishers();
  return id >= 1 && id <= all.size() ? &all[id - 1U] : nullptr;
}
/// The same lookup for a value of the enum, e.g. record.Publisher().
[[nodiscard]] inline const PublisherInfo* FindPublisher(Publisher id) noexcept {
  return FindPublisher(static_cast<std::uint16_t>(id));
}
/// The codes of datasets ("GLBX.MDP3") and venues ("GLBX"), ordered by id, from 1.
[[nodiscard]] std::span<const std::string_view> Datasets() noexcept;
[[nodiscard]] std::span<const std::string_view> Venues() noexcept;

}  // namespace dbnloop
