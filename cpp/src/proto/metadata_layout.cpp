#include "proto/metadata_layout.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace dbnloop::proto {
namespace {

constexpr std::uint32_t kZstdMagic = 0xFD2FB528;
constexpr std::uint32_t kSkippableMagic = 0x184D2A50;

std::string Hex(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const auto byte : bytes) {
    if (!out.empty()) out += ' ';
    out += kDigits[static_cast<unsigned>(byte) >> 4];
    out += kDigits[static_cast<unsigned>(byte) & 15];
  }
  return out;
}

Error NotDbn(std::span<const std::byte> bytes) {
  std::uint32_t magic = 0;
  std::memcpy(&magic, bytes.data(), sizeof(magic));
  std::string what;
  if (magic == kZstdMagic) {
    what = "it is zstd-compressed; ask for compression, or decompress it first";
  } else if ((magic & 0xFFFFFFF0) == kSkippableMagic) {
    what =
        "it is a zstd skippable frame, perhaps legacy DBZ; convert it with the "
        "official dbn tool";
  } else {
    what = "it begins with bytes " + Hex(bytes.first(kPreludeSize)) +
           "; check that the peer is a Databento gateway";
  }
  return {ErrorCode::ParseError, "not DBN data: " + what};
}

}  // namespace

std::expected<std::size_t, Error> MetadataSize(std::span<const std::byte> prelude) {
  if (prelude.size() < kPreludeSize) {
    return std::unexpected{Error{
        ErrorCode::ParseError,
        "DBN metadata is cut off after " + std::to_string(prelude.size()) + " bytes"}};
  }
  if (std::memcmp(prelude.data(), "DBN", 3) != 0) {
    return std::unexpected{NotDbn(prelude)};
  }
  const auto version = static_cast<unsigned>(prelude[3]);
  if (version == 0 || version > kDbnVersion) {
    return std::unexpected{
        Error{ErrorCode::ParseError,
              "DBN version " + std::to_string(version) +
                  " is not supported, only 1 to " + std::to_string(kDbnVersion) +
                  (version == 0 ? "" : "; it is newer than this library")}};
  }
  std::uint32_t length = 0;
  std::memcpy(&length, prelude.data() + 4, sizeof(length));
  if (length < kFixedSize) {
    return std::unexpected{Error{ErrorCode::ParseError,
                                 "DBN metadata says it has " + std::to_string(length) +
                                     " bytes, the least is " +
                                     std::to_string(kFixedSize)}};
  }
  return kPreludeSize + length;
}

}  // namespace dbnloop::proto
