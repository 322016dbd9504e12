#include "client/continuous/position.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/sha256.hpp"
#include "base/str_cat.hpp"
#include "base/text.hpp"
#include "base/throw.hpp"

namespace dbnloop::client {
namespace {

// Layout, little-endian: magic (7 bytes), version, length of the dataset and its text,
// latest, the number of rtypes; of each rtype its number, whether it is complete, the
// lowest index time and the number of records, then clock and hash of each; at the end
// the first 16 hexadecimal digits of the SHA-256 of everything before.
constexpr std::string_view kMagic = "DBNLPOS";
constexpr std::uint8_t kPositionVersion = 1;
constexpr std::size_t kDigestBytes = 16;
// Of each rtype the last ones: more than what is usually in flight.
constexpr std::size_t kMostRecords = 2048;

template <typename T>
void PutNumber(std::vector<std::byte>& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
  }
}

std::string DigestOf(std::span<const std::byte> bytes) {
  base::Sha256 hash;
  hash.Update(bytes);
  return hash.Finish().substr(0, kDigestBytes);
}

[[noreturn]] void RefusePosition(std::string why) {
  base::Throw(ErrorCode::InvalidArgument, "ResumeFrom: the position " + std::move(why));
}

class PositionReader {
 public:
  explicit PositionReader(std::span<const std::byte> bytes) : rest_{bytes} {}

  template <typename T>
  T Take() {
    const auto bytes = TakeBytes(sizeof(T));
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value =
          static_cast<T>(value | static_cast<T>(static_cast<T>(bytes[i]) << (8 * i)));
    }
    return value;
  }
  std::span<const std::byte> TakeBytes(std::size_t n) {
    if (n > rest_.size()) RefusePosition("is cut off");
    const auto bytes = rest_.first(n);
    rest_ = rest_.subspan(n);
    return bytes;
  }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace

std::vector<std::byte> EncodePosition(std::string_view dataset,
                                      const KnownStream& known) {
  std::vector<std::byte> out;
  for (const char c : kMagic) out.push_back(static_cast<std::byte>(c));
  PutNumber(out, kPositionVersion);
  PutNumber(out, static_cast<std::uint16_t>(dataset.size()));
  for (const char c : dataset) out.push_back(static_cast<std::byte>(c));
  PutNumber(out, known.latest);
  PutNumber(out, static_cast<std::uint16_t>(known.rtypes.size()));
  for (const auto& [rtype, evidence] : known.rtypes) {
    const auto count = std::min(evidence.records.size(), kMostRecords);
    const bool complete = evidence.complete && count == evidence.records.size();
    PutNumber(out, static_cast<std::uint8_t>(rtype));
    PutNumber(out, static_cast<std::uint8_t>(complete));
    PutNumber(out, evidence.lowest_index);
    PutNumber(out, static_cast<std::uint32_t>(count));
    for (const auto& record : std::span{evidence.records}.last(count)) {
      PutNumber(out, record.clock);
      PutNumber(out, record.hash);
    }
  }
  for (const char c : DigestOf(out)) out.push_back(static_cast<std::byte>(c));
  return out;
}

KnownStream DecodePosition(std::span<const std::byte> position,
                           std::string_view dataset) {
  const auto text = [](std::span<const std::byte> bytes) {
    return std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  };
  if (position.size() < kMagic.size() ||
      text(position.first(kMagic.size())) != kMagic) {
    RefusePosition("is not one: it does not begin with \"DBNLPOS\"");
  }
  PositionReader header{position.subspan(kMagic.size())};
  if (const auto version = header.Take<std::uint8_t>(); version != kPositionVersion) {
    RefusePosition(base::StrCat("has version ", version,
                                ", this library reads version ", kPositionVersion));
  }
  if (position.size() < kMagic.size() + 1 + kDigestBytes) RefusePosition("is cut off");
  const auto body = position.first(position.size() - kDigestBytes);
  if (DigestOf(body) != text(position.last(kDigestBytes))) {
    RefusePosition("is damaged: its checksum differs");
  }
  PositionReader in{body.subspan(kMagic.size() + 1)};
  const auto named = text(in.TakeBytes(in.Take<std::uint16_t>()));
  if (!dataset.empty() && named != dataset) {
    RefusePosition(base::StrCat("belongs to dataset ", base::Quoted(named),
                                ", the subscriptions to ", dataset));
  }
  KnownStream known;
  known.latest = in.Take<std::uint64_t>();
  for (auto rtypes = in.Take<std::uint16_t>(); rtypes != 0; --rtypes) {
    auto& evidence = known.rtypes[static_cast<RType>(in.Take<std::uint8_t>())];
    evidence.complete = in.Take<std::uint8_t>() != 0;
    evidence.lowest_index = in.Take<std::uint64_t>();
    auto count = in.Take<std::uint32_t>();
    if (count > in.left() / sizeof(KnownRecord)) RefusePosition("is cut off");
    evidence.records.reserve(count);
    for (; count != 0; --count) {
      const auto clock = in.Take<std::uint64_t>();
      evidence.records.push_back({clock, in.Take<std::uint64_t>()});
    }
  }
  return known;
}

}  // namespace dbnloop::client
