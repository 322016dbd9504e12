#include "client/continuous/evidence.hpp"

#include <algorithm>
#include <cstring>

#include "base/unix_time.hpp"
#include "dbn/upgrade.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop::client {
namespace {

constexpr std::size_t kTsOutBytes = sizeof(std::uint64_t);

// Both halves of the product depend on all bits of both factors.
std::uint64_t MixBits(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const auto product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^
         static_cast<std::uint64_t>(product >> 64U);
}

}  // namespace

CanonicalRecord::CanonicalRecord(const std::byte* source, std::size_t size,
                                 std::uint8_t version, bool ts_out) noexcept {
  const auto rtype = static_cast<RType>(source[1]);
  const auto extra = ts_out ? kTsOutBytes : 0;
  const bool upgrade = codec::NeedsUpgrade(rtype, version, kDbnVersion) &&
                       size >= MinRecordSize(rtype, version) + extra;
  if (upgrade) {
    size = codec::UpgradeRecord(source, version, kDbnVersion, ts_out, bytes_);
  } else {
    std::memcpy(bytes_, source, size);
  }
  size_ = size >= sizeof(RecordHeader) + extra ? size - extra : size;
}

std::uint64_t CanonicalRecord::Clock() const noexcept {
  switch (header().rtype) {
    case RType::Bbo1S:
    case RType::Bbo1M:
      if (const auto* bbo = As<BboMsg>()) return base::NanosOf(bbo->ts_recv);
      break;
    case RType::Cbbo1S:
    case RType::Cbbo1M:
      if (const auto* cbbo = As<CbboMsg>()) return base::NanosOf(cbbo->ts_recv);
      break;
    default:
      break;
  }
  return base::NanosOf(header().ts_event);
}

std::uint64_t CanonicalRecord::Index() const noexcept {
  return VisitRType(header().rtype, [&]<typename T>(std::type_identity<T>) {
    if constexpr (requires(const T& record) { record.ts_recv; }) {
      if (const auto* record = As<T>()) return base::NanosOf(record->ts_recv);
    }
    return base::NanosOf(header().ts_event);
  });
}

// The length is left out: it counts the ts_out.
KnownRecord CanonicalRecord::Known() const noexcept {
  constexpr std::uint64_t kFirst = 0x9E3779B97F4A7C15;
  constexpr std::uint64_t kSecond = 0xD6E8FEB86659FD93;
  std::uint64_t hash = MixBits(size_ ^ kFirst, kSecond);
  for (std::size_t at = 0; at < size_; at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_ + at, std::min(sizeof(word), size_ - at));
    if (at == 0) word &= ~std::uint64_t{0xFF};
    hash = MixBits(hash ^ word, kSecond) + kFirst;
  }
  return {Clock(), hash};
}

bool IsMarketData(RType rtype) noexcept {
  return rtype != RType::System && rtype != RType::Error &&
         rtype != RType::SymbolMapping;
}

RType RTypeOf(Schema schema) noexcept {
  switch (schema) {
    case Schema::Mbo:
      return RType::Mbo;
    case Schema::Mbp1:
    case Schema::Tbbo:
      return RType::Mbp1;
    case Schema::Mbp10:
      return RType::Mbp10;
    case Schema::Trades:
      return RType::Mbp0;
    case Schema::Ohlcv1S:
      return RType::Ohlcv1S;
    case Schema::Ohlcv1M:
      return RType::Ohlcv1M;
    case Schema::Ohlcv1H:
      return RType::Ohlcv1H;
    case Schema::Ohlcv1D:
      return RType::Ohlcv1D;
    case Schema::OhlcvEod:
      return RType::OhlcvEod;
    case Schema::Definition:
      return RType::InstrumentDef;
    case Schema::Statistics:
      return RType::Statistics;
    case Schema::Status:
      return RType::Status;
    case Schema::Imbalance:
      return RType::Imbalance;
    case Schema::Cmbp1:
      return RType::Cmbp1;
    case Schema::Cbbo1S:
      return RType::Cbbo1S;
    case Schema::Cbbo1M:
      return RType::Cbbo1M;
    case Schema::Tcbbo:
      return RType::Tcbbo;
    case Schema::Bbo1S:
      return RType::Bbo1S;
    case Schema::Bbo1M:
      return RType::Bbo1M;
  }
  return RType::Mbo;
}

std::uint64_t LatenessOf(RType rtype) noexcept {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr auto kUsual = 600 * kSecond;
  switch (rtype) {
    case RType::Ohlcv1S:
    case RType::Bbo1S:
    case RType::Cbbo1S:
      return kUsual + kSecond;
    case RType::Ohlcv1M:
    case RType::Bbo1M:
    case RType::Cbbo1M:
      return kUsual + 60 * kSecond;
    case RType::Ohlcv1H:
      return kUsual + 3600 * kSecond;
    case RType::Ohlcv1D:
    case RType::OhlcvEod:
      return kUsual + 24 * 3600 * kSecond;
    case RType::InstrumentDef:
    case RType::Statistics:
    case RType::Status:
    case RType::Imbalance:
      return 20 * 3600 * kSecond;
    default:
      return kUsual;
  }
}

// Only bars, samples and what venues publish about other times are later than usual.
std::uint64_t SeamSkewOf(RType rtype) noexcept {
  const auto late = LatenessOf(rtype);
  return late == LatenessOf(RType::Mbo) ? kReceptionSkew : late;
}

}  // namespace dbnloop::client
