#pragma once

#include <zstd.h>

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/metadata.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop::test {

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// The header of a live stream.
inline std::string Header(bool ts_out = false) {
  Metadata metadata;
  metadata.dataset = "GLBX.MDP3";
  metadata.ts_out = ts_out;
  const auto bytes = EncodeMetadata(metadata);
  if (!bytes) throw std::runtime_error{bytes.error().message};
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

inline UnixNanos Time(std::uint64_t nanos) {
  return UnixNanos{UnixNanos::duration{nanos}};
}

/// A record as it goes on the wire.
template <typename T>
std::string WireBytes(const T& record) {
  return {reinterpret_cast<const char*>(&record), sizeof(T)};
}

template <typename T>
T Zeroed(RType rtype) {
  T record{};
  record.hd.length = sizeof(T) / RecordHeader::kLengthMultiplier;
  record.hd.rtype = rtype;
  return record;
}

/// A trade that says which one it is.
inline TradeMsg Trade(std::uint32_t sequence) {
  auto trade = Zeroed<TradeMsg>(RType::Mbp0);
  trade.sequence = sequence;
  return trade;
}

inline MboMsg Mbo(std::uint32_t sequence) {
  auto mbo = Zeroed<MboMsg>(RType::Mbo);
  mbo.sequence = sequence;
  return mbo;
}

/// Trades [first, first + count) one behind the other.
inline std::string Trades(std::uint32_t first, std::uint32_t count) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i) bytes += WireBytes(Trade(first + i));
  return bytes;
}

/// What the gateway says in a record; the layout of version 1 has no code.
template <typename T = SystemMsg>
std::string SystemRecord(std::string_view text, SystemCode code) {
  auto record = Zeroed<T>(RType::System);
  text.copy(record.msg.data(), record.msg.size());
  if constexpr (requires { record.code; }) record.code = code;
  return WireBytes(record);
}

template <typename T = ErrorMsg>
std::string GatewayErrorRecord(std::string_view text, GatewayErrorCode code = {}) {
  auto record = Zeroed<T>(RType::Error);
  text.copy(record.err.data(), record.err.size());
  if constexpr (requires { record.code; }) record.code = code;
  return WireBytes(record);
}

/// The answer to subscription `id`, of trades.
inline std::string SubscriptionAck(int id) {
  return SystemRecord(
      "Subscription request " + std::to_string(id) + " for trades data succeeded",
      SystemCode::SubscriptionAck);
}

/// A record of a type that no version knows, `size` bytes long (a multiple of 4).
inline std::string UnknownRecord(std::size_t size) {
  std::string bytes(size, '\0');
  bytes[0] = static_cast<char>(size / RecordHeader::kLengthMultiplier);
  bytes[1] = static_cast<char>(0xEE);
  return bytes;
}

/// One zstd frame.
inline std::string Zstd(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  const auto size =
      ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 1);
  if (ZSTD_isError(size) != 0) throw std::runtime_error{ZSTD_getErrorName(size)};
  out.resize(size);
  return out;
}

}  // namespace dbnloop::test
