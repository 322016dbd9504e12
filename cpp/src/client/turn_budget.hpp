#pragma once

#include <cstddef>

namespace dbnloop::client {

// What one connection or file may do in a turn of the reactor, so that others have
// theirs.

/// The most bytes of records that are delivered, of a file that are read, or of a file
/// that are hashed. Decompressed bytes count: a few compressed ones may hold very many.
inline constexpr std::size_t kTurnBytes = 1024 * 1024;
/// The most bytes that are decompressed before they are delivered, from a core's cache.
inline constexpr std::size_t kInflateBytes = 256 * 1024;
/// The most bytes that one read from a socket receives.
inline constexpr std::size_t kReceiveBytes = 64 * 1024;
/// The most reads from a socket whose bytes go straight into the parser.
inline constexpr int kTurnReads = 4;
/// Where more fds than this are ready, each has one read in its turn.
inline constexpr std::size_t kCrowd = 1024;
/// The most reads from an HTTP connection, where TLS cuts the bytes into records of
/// 16 KiB.
inline constexpr int kTurnHttpReads = 8;

}  // namespace dbnloop::client
