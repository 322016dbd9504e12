#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "dbnloop/error.hpp"
#include "support/fault_matrix.hpp"

/// The matrix of live sessions: the states, the faults, and how each pair must end.
namespace dbnloop::test::live_faults {

// Where the session stands when the fault comes, and what the peer has said until then.
enum class At {
  Resolving,       // the name's server was asked and has not answered
  Connecting,      // to an address that does not answer
  Greeting,        // connected, nothing said
  InGreeting,      // half of the greeting
  Challenge,       // the greeting
  Authenticating,  // the challenge; the client has answered
  Ready,           // authenticated, not started
  Started,         // nothing of the stream yet
  InMetadata,      // half of the header
  Streaming,       // the header and five records
  InRecord,        // and a part of the sixth
  Zstd,            // the header and five records in a frame, which is complete
  InZstd,          // and a part of another frame
  Paused,          // five records delivered, five more sent
  Stopping,        // Stop was called, the peer has not noticed
};

enum class Fault {
  Fin,
  Rst,
  Stall,
  ByteByByte,     // the rest of the session, in order
  InPieces,       // the same, seven bytes a turn
  SignalStorm,    // the same, while signals interrupt system calls
  NoFds,          // the same, while no fd can be opened
  Garbage,        // a line of bytes that are nothing, then the end; no DNS
  OtherProtocol,  // an HTTP response, then the end
  EndlessLine,
  HugeMetadata,
  WrongVersion,
  EmptyMetadata,
  ZeroLength,   // a record of no bytes
  ShortRecord,  // a record shorter than its header
  ErrorRecord,  // the gateway's own words, then the end
  Refused,      // the authentication, or the name
  UserCloses,
  UserStops,
  UserDestroys,
  HandlerCloses,
  HandlerStops,
  HandlerPauses,
  HandlerDestroys,
  HandlerThrows,
  HandlerConnects,  // again
};

inline constexpr std::array kStates = {std::pair{At::Resolving, "Resolving"},
                                       std::pair{At::Connecting, "Connecting"},
                                       std::pair{At::Greeting, "Greeting"},
                                       std::pair{At::InGreeting, "InGreeting"},
                                       std::pair{At::Challenge, "Challenge"},
                                       std::pair{At::Authenticating, "Authenticating"},
                                       std::pair{At::Ready, "Ready"},
                                       std::pair{At::Started, "Started"},
                                       std::pair{At::InMetadata, "InMetadata"},
                                       std::pair{At::Streaming, "Streaming"},
                                       std::pair{At::InRecord, "InRecord"},
                                       std::pair{At::Zstd, "Zstd"},
                                       std::pair{At::InZstd, "InZstd"},
                                       std::pair{At::Paused, "Paused"},
                                       std::pair{At::Stopping, "Stopping"}};
inline constexpr std::array kFaults = {
    std::pair{Fault::Fin, "Fin"},
    std::pair{Fault::Rst, "Rst"},
    std::pair{Fault::Stall, "Stall"},
    std::pair{Fault::ByteByByte, "ByteByByte"},
    std::pair{Fault::InPieces, "InPieces"},
    std::pair{Fault::SignalStorm, "SignalStorm"},
    std::pair{Fault::NoFds, "NoFds"},
    std::pair{Fault::Garbage, "Garbage"},
    std::pair{Fault::OtherProtocol, "OtherProtocol"},
    std::pair{Fault::EndlessLine, "EndlessLine"},
    std::pair{Fault::HugeMetadata, "HugeMetadata"},
    std::pair{Fault::WrongVersion, "WrongVersion"},
    std::pair{Fault::EmptyMetadata, "EmptyMetadata"},
    std::pair{Fault::ZeroLength, "ZeroLength"},
    std::pair{Fault::ShortRecord, "ShortRecord"},
    std::pair{Fault::ErrorRecord, "ErrorRecord"},
    std::pair{Fault::Refused, "Refused"},
    std::pair{Fault::UserCloses, "UserCloses"},
    std::pair{Fault::UserStops, "UserStops"},
    std::pair{Fault::UserDestroys, "UserDestroys"},
    std::pair{Fault::HandlerCloses, "HandlerCloses"},
    std::pair{Fault::HandlerStops, "HandlerStops"},
    std::pair{Fault::HandlerPauses, "HandlerPauses"},
    std::pair{Fault::HandlerDestroys, "HandlerDestroys"},
    std::pair{Fault::HandlerThrows, "HandlerThrows"},
    std::pair{Fault::HandlerConnects, "HandlerConnects"}};

using Cell = FaultCell<At, Fault>;

inline constexpr std::uint32_t kBefore = 5;   // records that came before the fault
inline constexpr std::uint32_t kInAll = 500;  // records of a session without a fault
inline constexpr std::size_t kPart = 20;      // bytes of a record, or of a frame

// How a session must end: not at all (None), or for one of two reasons, where bytes
// that cross each other decide.
struct Outcome {
  ErrorCode code = ErrorCode::None;
  std::uint32_t records = 0;  // at least
  std::optional<ErrorCode> other = std::nullopt;
};

inline bool IsText(At at) { return at >= At::Greeting && at <= At::Authenticating; }
inline bool IsCompressed(At at) { return at == At::Zstd || at == At::InZstd; }

inline std::uint32_t Delivered(At at) { return at < At::Streaming ? 0 : kBefore; }
// When nothing more comes than what is under way.
inline std::uint32_t UnderWay(At at) {
  return at == At::Paused ? 2 * kBefore : Delivered(at);
}

// The end of input, wherever it comes.
inline Outcome AtEnd(At at) {
  return {at == At::Stopping ? ErrorCode::Cancelled : ErrorCode::ConnectionClosed,
          UnderWay(at)};
}

inline Outcome AtStall(At at) {
  switch (at) {
    case At::Resolving:
      return {ErrorCode::DnsResolutionFailed};
    case At::Connecting:
    case At::Greeting:
    case At::InGreeting:
    case At::Challenge:
    case At::Authenticating:
      return {ErrorCode::Timeout};
    case At::Ready:  // a gateway need not speak before it is asked to
      return {};
    case At::Paused:  // the peer is held back by us
      return {ErrorCode::None, kBefore};
    case At::Stopping:
      return {ErrorCode::Cancelled, kBefore};
    default:
      return {ErrorCode::HeartbeatTimeout, Delivered(at)};
  }
}

// Bytes that are no text of a gateway and no DBN. A greeting is any text; what looks
// like the beginning of a record, or of a block, is taken for cut off by the end behind
// it.
inline Outcome AtNonsense(At at, Fault fault) {
  switch (at) {
    case At::Resolving:
      return {ErrorCode::DnsResolutionFailed};
    case At::Greeting:
    case At::InGreeting:
      return {fault == Fault::OtherProtocol ? ErrorCode::InvalidChallenge
                                            : ErrorCode::InvalidGreeting};
    case At::Challenge:
      return {ErrorCode::InvalidChallenge};
    case At::Authenticating:
      return {ErrorCode::AuthFailed};
    case At::Zstd:
    case At::InZstd:
      return {ErrorCode::DecompressionError, kBefore, ErrorCode::ConnectionClosed};
    case At::Streaming:
    case At::InRecord:
    case At::Paused:
      return {ErrorCode::ParseError, UnderWay(at), ErrorCode::ConnectionClosed};
    case At::Stopping:  // nobody reads it any more, or it is what ends the stream
      return {ErrorCode::Cancelled, kBefore, ErrorCode::ParseError};
    default:
      return {ErrorCode::ParseError, UnderWay(at)};
  }
}

inline Outcome Expected(At at, Fault fault) {
  switch (fault) {
    case Fault::Fin:
    case Fault::Rst:
      return AtEnd(at);
    case Fault::Stall:
      return AtStall(at);
    case Fault::ByteByByte:
    case Fault::InPieces:
    case Fault::SignalStorm:
    case Fault::NoFds:
      if (at == At::Connecting) return {ErrorCode::Timeout};
      if (at == At::Stopping) return {ErrorCode::Cancelled, kBefore};
      if (at == At::Resolving && fault == Fault::NoFds) {
        return {ErrorCode::ConnectionFailed};
      }
      return {ErrorCode::ConnectionClosed, kInAll};
    case Fault::Garbage:
    case Fault::OtherProtocol:
      return AtNonsense(at, fault);
    case Fault::HugeMetadata:
      return {ErrorCode::LimitExceeded};
    case Fault::EndlessLine:
      if (IsText(at)) return {ErrorCode::LimitExceeded};
      return AtNonsense(at, fault);
    case Fault::WrongVersion:
    case Fault::EmptyMetadata:
    case Fault::ZeroLength:
    case Fault::ShortRecord:
      return {ErrorCode::ParseError, UnderWay(at)};
    case Fault::ErrorRecord:
      if (at == At::Stopping) return {ErrorCode::Cancelled, kBefore};
      return {ErrorCode::GatewayError, UnderWay(at)};
    case Fault::Refused:
      return {at == At::Resolving ? ErrorCode::DnsResolutionFailed
                                  : ErrorCode::AuthFailed};
    case Fault::UserStops:
      return {ErrorCode::Cancelled, Delivered(at)};
    case Fault::HandlerStops:
      return {ErrorCode::Cancelled, Delivered(at)};
    case Fault::UserCloses:
    case Fault::UserDestroys:
    case Fault::HandlerCloses:
    case Fault::HandlerDestroys:
      return {ErrorCode::None, Delivered(at)};
    case Fault::HandlerPauses:
    case Fault::HandlerThrows:
    case Fault::HandlerConnects:
      return {ErrorCode::ConnectionClosed, kInAll};
  }
  return {};
}

// What cannot be, or is another cell under another name.
inline bool MakesSense(At at, Fault fault) {
  const bool rest_follows = fault >= Fault::ByteByByte && fault <= Fault::NoFds;
  const bool in_handler = fault >= Fault::HandlerCloses;
  const bool by_user = fault >= Fault::UserCloses && fault <= Fault::UserDestroys;
  if (at == At::Connecting) return fault == Fault::Stall || by_user;
  if (at == At::Resolving) {
    return fault == Fault::Stall || fault == Fault::Garbage ||
           fault == Fault::Refused || rest_follows || by_user || in_handler;
  }
  if (at == At::Paused) {
    return !in_handler &&
           (fault < Fault::OtherProtocol || fault >= Fault::ZeroLength) &&
           fault != Fault::Refused;
  }
  if (at == At::Stopping) {
    return fault <= Fault::Stall || rest_follows || fault == Fault::Garbage ||
           fault == Fault::ErrorRecord || fault == Fault::UserCloses ||
           fault == Fault::UserDestroys;
  }
  switch (fault) {
    case Fault::Refused:
      return at == At::Authenticating;
    case Fault::HugeMetadata:
    case Fault::WrongVersion:
    case Fault::EmptyMetadata:
      return at == At::Ready || at == At::Started;
    case Fault::ZeroLength:
    case Fault::ShortRecord:
      return at == At::Streaming || at == At::Paused;
    case Fault::ErrorRecord:
      return at == At::Streaming || at == At::Paused || at == At::Zstd;
    case Fault::OtherProtocol:
      return at != At::Streaming && at != At::InRecord && at != At::InMetadata;
    case Fault::EndlessLine:  // within the stream it is a run of records of odd types
      return IsText(at) || at == At::Ready || at == At::Started || IsCompressed(at);
    case Fault::HandlerConnects:
      return !IsCompressed(at);
    default:
      return true;
  }
}

inline std::vector<Cell> Cells() { return FaultCells(kStates, kFaults, MakesSense); }

}  // namespace dbnloop::test::live_faults
