#include "dbn/metadata_layout.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace dbnloop::codec {
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

bool IsText(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) {
    const auto c = static_cast<char>(byte);
    return (c >= 0x20 && c < 0x7F) || c == '\r' || c == '\n' || c == '\t';
  });
}

Error NotDbn(std::span<const std::byte> bytes) {
  bytes = bytes.first(std::min(bytes.size(), kPreludeSize));
  std::uint32_t magic = 0;
  if (bytes.size() >= sizeof(magic)) std::memcpy(&magic, bytes.data(), sizeof(magic));
  std::string what;
  if (magic == kZstdMagic) {
    what = "it is zstd-compressed; ask for compression, or decompress it first";
  } else if ((magic & 0xFFFFFFF0) == kSkippableMagic) {
    what =
        "it is a zstd skippable frame, perhaps legacy DBZ; convert it with the "
        "official dbn tool";
  } else if (IsText(bytes)) {
    what = "it begins with the text " +
           base::Quoted({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) +
           "; check where it comes from";
  } else {
    what = "it begins with the bytes " + Hex(bytes) + "; check where it comes from";
  }
  return {ErrorCode::ParseError, "not DBN data: " + what};
}

}  // namespace

std::expected<std::size_t, Error> MetadataSize(std::span<const std::byte> prelude) {
  static constexpr std::string_view kMagic = "DBN";
  const auto magic = prelude.first(std::min(prelude.size(), kMagic.size()));
  if (!std::ranges::equal(magic,
                          std::as_bytes(std::span{kMagic}).first(magic.size()))) {
    return std::unexpected{NotDbn(prelude)};
  }
  if (prelude.size() < kPreludeSize) {
    return std::unexpected{Error{
        ErrorCode::Truncated,
        "DBN metadata is cut off after " + std::to_string(prelude.size()) + " bytes"}};
  }
  const auto version = static_cast<unsigned>(prelude[3]);
  if (version == 0 || version > kDbnVersion) {
    return std::unexpected{
        Error{ErrorCode::ParseError,
              "DBN version " + std::to_string(version) +
                  (version == 0 ? " does not exist" : " is newer than supported") +
                  "; this library reads 1 to " + std::to_string(kDbnVersion)}};
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

}  // namespace dbnloop::codec
