#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "dbnloop/error.hpp"

/// The states and faults of live_stream_fault_test.cpp, and the table of how each ends.
namespace dbnloop::test::stream {

enum class State {
  Connecting,
  AwaitingGreeting,
  AwaitingChallenge,
  Authenticating,
  Ready,
  BeforeMetadata,
  InMetadata,
  BetweenRecords,
  InRecord,
  ZstdBeforeMetadata,
  ZstdInMetadata,
  ZstdBetweenRecords,
  ZstdInRecord,
  Paused,
  Stopping,
};
inline constexpr std::array kStates{"Connecting",
                                    "AwaitingGreeting",
                                    "AwaitingChallenge",
                                    "Authenticating",
                                    "Ready",
                                    "BeforeMetadata",
                                    "InMetadata",
                                    "BetweenRecords",
                                    "InRecord",
                                    "ZstdBeforeMetadata",
                                    "ZstdInMetadata",
                                    "ZstdBetweenRecords",
                                    "ZstdInRecord",
                                    "Paused",
                                    "Stopping"};

enum class Fault {
  // Of the connection, in the very state.
  Fin,
  Rst,
  Stall,
  Garbage,
  // Of the stream: it goes on from the state and then has the fault.
  GarbageRecords,
  EndlessMetadata,
  WrongVersion,
  ZeroLengthRecord,
  LengthBelowHeader,
  ShorterThanItsType,
  UnknownType,
  CutRecordThenFin,
  CutRecordThenRst,
  ErrorRecordThenFin,
  ErrorRecordThenRecords,
  // None of the stream: all records must come.
  ByteByByte,
  PiecesOf7,
  PiecesOf61,
  EintrStorm,
  Emfile,
  // Of the user, in a handler of records.
  HandlerCloses,
  HandlerPauses,
  HandlerStops,
  HandlerDestroys,
  HandlerThrows,
  // Of the user, in the very state.
  UserCloses,
  UserStops,
  UserDestroys,
};
inline constexpr std::array kFaults{"Fin",
                                    "Rst",
                                    "Stall",
                                    "Garbage",
                                    "GarbageRecords",
                                    "EndlessMetadata",
                                    "WrongVersion",
                                    "ZeroLengthRecord",
                                    "LengthBelowHeader",
                                    "ShorterThanItsType",
                                    "UnknownType",
                                    "CutRecordThenFin",
                                    "CutRecordThenRst",
                                    "ErrorRecordThenFin",
                                    "ErrorRecordThenRecords",
                                    "ByteByByte",
                                    "PiecesOf7",
                                    "PiecesOf61",
                                    "EintrStorm",
                                    "Emfile",
                                    "HandlerCloses",
                                    "HandlerPauses",
                                    "HandlerStops",
                                    "HandlerDestroys",
                                    "HandlerThrows",
                                    "UserCloses",
                                    "UserStops",
                                    "UserDestroys"};

inline constexpr std::uint32_t kBefore = 5;  // records in the states amid records
inline constexpr std::uint32_t kActsAt =
    7;  // the record in whose handler the user acts
inline constexpr std::uint32_t kRecords = 12;
inline constexpr std::size_t kCut = 20;  // bytes of a record that is cut

inline bool IsText(State s) { return s >= State::AwaitingGreeting && s < State::Ready; }
inline bool IsZstd(State s) {
  return s >= State::ZstdBeforeMetadata && s <= State::ZstdInRecord;
}
inline bool IsBeforeMetadata(State s) {
  return s <= State::BeforeMetadata || s == State::ZstdBeforeMetadata;
}
inline bool IsInMetadata(State s) {
  return s == State::InMetadata || s == State::ZstdInMetadata;
}
inline bool IsInRecord(State s) {
  return s == State::InRecord || s == State::ZstdInRecord;
}

struct Cell {
  State state;
  Fault fault;
};

// What is no cell of the other matrix: there zstd's frames are whole between records.
inline bool MakesSense(const Cell& c) {
  if (c.state == State::Connecting) {
    return c.fault == Fault::Stall || c.fault == Fault::Emfile;
  }
  switch (c.fault) {
    case Fault::Fin:
    case Fault::Rst:
    case Fault::ByteByByte:
    case Fault::PiecesOf7:
    case Fault::PiecesOf61:
    case Fault::EintrStorm:
    case Fault::Emfile:
      return IsZstd(c.state);
    case Fault::Garbage:
      return IsZstd(c.state) || c.state >= State::Paused;
    case Fault::EndlessMetadata:
    case Fault::WrongVersion:
      return IsBeforeMetadata(c.state);
    case Fault::UserCloses:
    case Fault::UserStops:
    case Fault::UserDestroys:
      return IsZstd(c.state) || c.state >= State::Paused;
    default:
      return true;
  }
}

inline std::vector<Cell> Cells() {
  std::vector<Cell> cells;
  for (std::size_t s = 0; s < kStates.size(); ++s) {
    for (std::size_t f = 0; f < kFaults.size(); ++f) {
      const Cell cell{static_cast<State>(s), static_cast<Fault>(f)};
      if (MakesSense(cell)) cells.push_back(cell);
    }
  }
  return cells;
}

inline std::string NameOf(const testing::TestParamInfo<Cell>& info) {
  return std::string{kStates[static_cast<std::size_t>(info.param.state)]} + "_" +
         kFaults[static_cast<std::size_t>(info.param.fault)];
}

inline void PrintTo(const Cell& c, std::ostream* os) {
  *os << kStates[static_cast<std::size_t>(c.state)] << " "
      << kFaults[static_cast<std::size_t>(c.fault)];
}

/// How a cell ends. Without a code: silently.
struct Ending {
  std::optional<ErrorCode> code;
  std::uint32_t records = 0;
  int os_errno = 0;
};

inline std::uint32_t RecordsAtEntry(State s) {
  const bool amid = s == State::BetweenRecords || s == State::ZstdBetweenRecords ||
                    IsInRecord(s) || s >= State::Paused;
  return amid ? kBefore : 0;
}

inline ErrorCode CodeOfGarbage(State s) {
  if (s == State::AwaitingGreeting) return ErrorCode::InvalidGreeting;
  if (s == State::AwaitingChallenge) return ErrorCode::InvalidChallenge;
  if (s == State::Authenticating) return ErrorCode::AuthFailed;
  return IsZstd(s) ? ErrorCode::DecompressionError : ErrorCode::ParseError;
}

inline Ending EndOfStall(State s, std::uint32_t before) {
  if (s == State::Connecting || IsText(s)) return {ErrorCode::Timeout, 0};
  if (s == State::Stopping) return {ErrorCode::Cancelled, before};
  // Nobody is late before Start or while paused: the session goes on to its end.
  if (s == State::Ready || s == State::Paused) {
    return {ErrorCode::ConnectionClosed, kRecords};
  }
  return {ErrorCode::HeartbeatTimeout, before};
}

/// The table.
inline Ending Expected(const Cell& c) {
  const auto before = RecordsAtEntry(c.state);
  // After Stop an end of the connection is the end that was asked for; what the peer
  // sent wrongly is still told as such.
  const bool stopping = c.state == State::Stopping;
  const auto closed = stopping ? ErrorCode::Cancelled : ErrorCode::ConnectionClosed;
  const int reset = stopping ? 0 : ECONNRESET;
  switch (c.fault) {
    case Fault::Fin:
      return {closed, before};
    case Fault::Rst:
      return {closed, before, reset};
    case Fault::Stall:
      return EndOfStall(c.state, before);
    case Fault::Garbage:
      return {CodeOfGarbage(c.state), before};
    case Fault::EndlessMetadata:
      return {ErrorCode::LimitExceeded, 0};
    case Fault::WrongVersion:
      return {ErrorCode::ParseError, 0};
    case Fault::GarbageRecords:
    case Fault::ZeroLengthRecord:
    case Fault::LengthBelowHeader:
      return {ErrorCode::ParseError, kRecords};
    case Fault::CutRecordThenFin:
      return {closed, kRecords};
    case Fault::CutRecordThenRst:
      return {closed, kRecords, reset};
    case Fault::ErrorRecordThenFin:
      return {stopping ? closed : ErrorCode::GatewayError, kRecords};
    case Fault::Emfile:
      if (c.state == State::Connecting) return {ErrorCode::ConnectionFailed, 0, EMFILE};
      return {closed, kRecords};
    case Fault::HandlerCloses:
    case Fault::HandlerDestroys:
      return {std::nullopt, kActsAt + 1};
    case Fault::HandlerStops:
      return {ErrorCode::Cancelled, kActsAt + 1};
    case Fault::UserCloses:
    case Fault::UserDestroys:
      return {std::nullopt, before};
    case Fault::UserStops:
      return {ErrorCode::Cancelled, before};
    default:
      return {closed, kRecords};
  }
}

}  // namespace dbnloop::test::stream
