#pragma once

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "dbnloop/error.hpp"
#include "support/fault_matrix.hpp"

/// The matrix of historical streams: the states, the faults, and how each pair must
/// end.
namespace dbnloop::test::historical_faults {

// Where the stream stands when the fault comes.
enum class At {
  Resolving,    // the name's server was asked and has not answered
  Connecting,   // to an address that does not answer
  Tunnel,       // a proxy was asked for one
  InTunnel,     // it has said half of its answer
  Handshake,    // the server has said nothing of TLS
  InHandshake,  // 100 bytes of it
  Requested,    // the request is with the server
  InHead,       // half of the response's head
  Head,         // all of it
  InMetadata,   // a frame of zstd with half of the header
  Streaming,    // the header and five records, in whole frames and chunks
  InRecord,     // a frame with a part of the sixth
  InChunkLine,  // and a part of the next chunk's size
  InChunk,      // that, and a part of the chunk
  InZstd,       // a chunk that ends within its frame
  InLastChunk,  // everything but the last two bytes
  Paused,       // five records delivered, all others sent
};

enum class Fault {
  Fin,
  CloseNotify,  // TLS says that nothing follows
  Rst,
  Stall,
  ByteByByte,     // the rest of the response, in order
  InPieces,       // the same, seven bytes a turn
  SignalStorm,    // the same, while signals interrupt system calls
  NoFds,          // the same, while no fd can be opened
  Informational,  // the same, after responses 100 and 103
  Garbage,        // bytes that are nothing, within TLS; no DNS
  RawGarbage,     // the same, on the wire
  OtherProtocol,
  Refused,   // status 500; no such name
  Redirect,  // elsewhere
  EndlessHead,
  EndlessChunkLine,
  EndlessTrailer,
  HugeChunk,
  NotZstd,
  HugeMetadata,
  WrongVersion,
  EmptyMetadata,
  ZeroLength,   // a record of no bytes
  ShortRecord,  // a record shorter than its header
  UserStops,
  UserDestroys,
  HandlerStops,
  HandlerPauses,
  HandlerDestroys,
  HandlerThrows,
  HandlerStarts,  // another stream
};

inline constexpr std::array kStates = {std::pair{At::Resolving, "Resolving"},
                                       std::pair{At::Connecting, "Connecting"},
                                       std::pair{At::Tunnel, "Tunnel"},
                                       std::pair{At::InTunnel, "InTunnel"},
                                       std::pair{At::Handshake, "Handshake"},
                                       std::pair{At::InHandshake, "InHandshake"},
                                       std::pair{At::Requested, "Requested"},
                                       std::pair{At::InHead, "InHead"},
                                       std::pair{At::Head, "Head"},
                                       std::pair{At::InMetadata, "InMetadata"},
                                       std::pair{At::Streaming, "Streaming"},
                                       std::pair{At::InRecord, "InRecord"},
                                       std::pair{At::InChunkLine, "InChunkLine"},
                                       std::pair{At::InChunk, "InChunk"},
                                       std::pair{At::InZstd, "InZstd"},
                                       std::pair{At::InLastChunk, "InLastChunk"},
                                       std::pair{At::Paused, "Paused"}};
inline constexpr std::array kFaults = {
    std::pair{Fault::Fin, "Fin"},
    std::pair{Fault::CloseNotify, "CloseNotify"},
    std::pair{Fault::Rst, "Rst"},
    std::pair{Fault::Stall, "Stall"},
    std::pair{Fault::ByteByByte, "ByteByByte"},
    std::pair{Fault::InPieces, "InPieces"},
    std::pair{Fault::SignalStorm, "SignalStorm"},
    std::pair{Fault::NoFds, "NoFds"},
    std::pair{Fault::Informational, "Informational"},
    std::pair{Fault::Garbage, "Garbage"},
    std::pair{Fault::RawGarbage, "RawGarbage"},
    std::pair{Fault::OtherProtocol, "OtherProtocol"},
    std::pair{Fault::Refused, "Refused"},
    std::pair{Fault::Redirect, "Redirect"},
    std::pair{Fault::EndlessHead, "EndlessHead"},
    std::pair{Fault::EndlessChunkLine, "EndlessChunkLine"},
    std::pair{Fault::EndlessTrailer, "EndlessTrailer"},
    std::pair{Fault::HugeChunk, "HugeChunk"},
    std::pair{Fault::NotZstd, "NotZstd"},
    std::pair{Fault::HugeMetadata, "HugeMetadata"},
    std::pair{Fault::WrongVersion, "WrongVersion"},
    std::pair{Fault::EmptyMetadata, "EmptyMetadata"},
    std::pair{Fault::ZeroLength, "ZeroLength"},
    std::pair{Fault::ShortRecord, "ShortRecord"},
    std::pair{Fault::UserStops, "UserStops"},
    std::pair{Fault::UserDestroys, "UserDestroys"},
    std::pair{Fault::HandlerStops, "HandlerStops"},
    std::pair{Fault::HandlerPauses, "HandlerPauses"},
    std::pair{Fault::HandlerDestroys, "HandlerDestroys"},
    std::pair{Fault::HandlerThrows, "HandlerThrows"},
    std::pair{Fault::HandlerStarts, "HandlerStarts"}};

using Cell = FaultCell<At, Fault>;

inline constexpr std::uint32_t kBefore = 5;   // records that came before the fault
inline constexpr std::uint32_t kInAll = 200;  // records of a stream without a fault

// How a stream must end: complete, with an error, or (gone) silently.
struct Outcome {
  enum { Fails, Completes, Gone } end = Completes;
  ErrorCode code = ErrorCode::None;
  std::uint32_t records = kInAll;
};

inline Outcome Fails(ErrorCode code, std::uint32_t records) {
  return {Outcome::Fails, code, records};
}

inline bool BeforeTls(At at) { return at <= At::InHandshake; }
inline bool InProxy(At at) { return at == At::Tunnel || at == At::InTunnel; }
// Where the next byte begins a chunk.
inline bool BeforeChunk(At at) {
  return at == At::Head || at == At::InMetadata || at == At::Streaming ||
         at == At::InRecord || at == At::InZstd || at == At::Paused;
}
inline std::uint32_t Delivered(At at) {
  if (at < At::Streaming) return 0;
  return at == At::InLastChunk || at == At::Paused ? kInAll : kBefore;
}

// What is not HTTP, or not this part of it.
inline ErrorCode AtNonsense(At at) {
  if (at == At::Resolving) return ErrorCode::DnsResolutionFailed;
  if (at == At::Handshake || at == At::InHandshake)
    return ErrorCode::TlsHandshakeFailed;
  return at == At::InChunk ? ErrorCode::DecompressionError : ErrorCode::HttpError;
}

inline Outcome Expected(At at, Fault fault) {
  const auto delivered = Delivered(at);
  switch (fault) {
    case Fault::Fin:
    case Fault::CloseNotify:
      if (InProxy(at)) return Fails(ErrorCode::ConnectionFailed, 0);
      [[fallthrough]];
    case Fault::Rst:
      return Fails(BeforeTls(at) && !InProxy(at) ? ErrorCode::TlsHandshakeFailed
                                                 : ErrorCode::ConnectionClosed,
                   delivered);
    case Fault::Stall:
      return Fails(
          at == At::Resolving ? ErrorCode::DnsResolutionFailed : ErrorCode::Timeout,
          delivered);
    case Fault::ByteByByte:
    case Fault::InPieces:
    case Fault::SignalStorm:
    case Fault::NoFds:
      if (at == At::Resolving && fault == Fault::NoFds) {
        return Fails(ErrorCode::ConnectionFailed, 0);
      }
      [[fallthrough]];
    case Fault::Informational:
    case Fault::HandlerPauses:
    case Fault::HandlerThrows:
    case Fault::HandlerStarts:
      return {};
    case Fault::RawGarbage:
      if (at >= At::Requested) return Fails(ErrorCode::ConnectionClosed, delivered);
      [[fallthrough]];
    case Fault::Garbage:
    case Fault::OtherProtocol:
      return Fails(AtNonsense(at), delivered);
    case Fault::Refused:
      if (at == At::Resolving) return Fails(ErrorCode::DnsResolutionFailed, 0);
      [[fallthrough]];
    case Fault::Redirect:
      return Fails(InProxy(at) ? ErrorCode::ConnectionFailed : ErrorCode::HttpError, 0);
    case Fault::EndlessHead:
    case Fault::EndlessChunkLine:
    case Fault::EndlessTrailer:
      return Fails(ErrorCode::LimitExceeded, delivered);
    case Fault::HugeChunk:
      return Fails(ErrorCode::HttpError, delivered);
    case Fault::NotZstd:
      return Fails(ErrorCode::DecompressionError, delivered);
    case Fault::HugeMetadata:
      return Fails(ErrorCode::LimitExceeded, 0);
    case Fault::WrongVersion:
    case Fault::EmptyMetadata:
    case Fault::ZeroLength:
    case Fault::ShortRecord:
      return Fails(ErrorCode::ParseError, delivered);
    case Fault::UserStops:
      return Fails(ErrorCode::Cancelled, at == At::Paused ? kBefore : delivered);
    case Fault::HandlerStops:
      return Fails(ErrorCode::Cancelled, delivered);
    case Fault::UserDestroys:
    case Fault::HandlerDestroys:
      return {Outcome::Gone, ErrorCode::None, at == At::Paused ? kBefore : delivered};
  }
  return {};
}

// What cannot be, or is another cell under another name.
inline bool MakesSense(At at, Fault fault, bool tls) {
  const bool in_handler = fault >= Fault::HandlerStops;
  const bool by_user = fault == Fault::UserStops || fault == Fault::UserDestroys;
  if (at == At::Connecting) return tls && (fault == Fault::Stall || by_user);
  if (at == At::Resolving) {
    const bool rest_follows = fault >= Fault::ByteByByte && fault <= Fault::NoFds;
    return fault == Fault::Stall || fault == Fault::Garbage ||
           fault == Fault::Refused || rest_follows || by_user || in_handler;
  }
  if (BeforeTls(at) && !tls) return false;
  switch (fault) {
    case Fault::CloseNotify:
      return tls && at >= At::Requested;
    case Fault::RawGarbage:
      return tls;
    case Fault::Garbage:
      return at >= At::Requested;
    case Fault::Informational:
      return at == At::Requested;
    case Fault::OtherProtocol:
    case Fault::Refused:
    case Fault::Redirect:
      return at == At::Requested || at == At::Tunnel;
    case Fault::EndlessHead:
      return at == At::Requested || at == At::InHead || InProxy(at);
    case Fault::EndlessChunkLine:
    case Fault::EndlessTrailer:
    case Fault::HugeChunk:
      return BeforeChunk(at);
    case Fault::NotZstd:
      return at == At::Head || at == At::Streaming || at == At::InRecord;
    case Fault::HugeMetadata:
    case Fault::WrongVersion:
    case Fault::EmptyMetadata:
      return at == At::Head;
    case Fault::ZeroLength:
    case Fault::ShortRecord:
      return at == At::Streaming;
    default:  // a handler acts in the next record, of which there must be one
      return !in_handler || (at != At::InLastChunk && at != At::Paused);
  }
}

inline std::vector<Cell> Cells() {
  std::vector<Cell> cells;
  for (const bool tls : {true, false}) {
    auto more = FaultCells(kStates, kFaults, [&](At at, Fault fault) {
      return MakesSense(at, fault, tls);
    });
    for (auto& cell : more) {
      cell.tls = tls;
      cell.name = (tls ? "Tls_" : "Plain_") + cell.name;
      cells.push_back(std::move(cell));
    }
  }
  return cells;
}

}  // namespace dbnloop::test::historical_faults
