#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dbnloop.h"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

/// A reactor and the events it has gathered. Two arrays: the caller reads (and writes
/// `consumed` of) one while calls between two polls append to the other.
struct dbnloop_reactor {
  dbnloop::Reactor loop;
  std::vector<dbnloop_event> handed;  // the caller's, until the next poll
  std::vector<dbnloop_event> next;
  std::map<std::uint64_t, dbnloop_live*> clients;             // by id
  std::map<std::uint64_t, dbnloop::Reactor::TimerId> timers;  // by our id
  std::uint64_t last_id = 0;

  dbnloop_event& Append(std::uint32_t kind, std::uint64_t source);
  /// Takes in what the caller used of the batches of the last poll. Throws, and takes
  /// in nothing, when that cannot be.
  void TakeConsumed();
  /// Null when the client was freed.
  [[nodiscard]] dbnloop_live* Find(std::uint64_t client) const;
};

struct dbnloop_live {
  dbnloop_reactor* reactor = nullptr;  // null once the reactor was freed
  std::uint64_t id = 0;
  std::unique_ptr<dbnloop::LiveClient> client;  // null once the reactor was freed
  // What events point to, until the next poll.
  std::vector<std::byte> metadata;
  std::string error_message;

  void Wire();
};
