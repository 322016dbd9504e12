#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dbnloop.h"
#include "dbnloop/dbn_file_source.hpp"
#include "dbnloop/historical_client.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::capi {

/// What an event points to, until the next poll.
struct Kept {
  std::string text;
  std::vector<std::byte> metadata;
  std::shared_ptr<const HttpFailure> failure;
  dbnloop_http_failure http{};
  dbnloop_session_event session{};
};

/// What every kind of client's handle has.
struct Source {
  Source() = default;
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  dbnloop_reactor* reactor = nullptr;  // null once the reactor was freed
  std::uint64_t id = 0;

  /// Null once the reactor was freed.
  [[nodiscard]] virtual DataSource* source() const noexcept = 0;
  /// Destroys the client; its reactor goes.
  virtual void Drop() noexcept = 0;

  /// Gives it an id and turns its records, metadata and errors into events. The last
  /// step of making it: what throws behind this would leave the reactor a dead handle.
  void Attach(dbnloop_reactor* to);
  /// Forgets it, and the events that were not handed out yet.
  void Detach() noexcept;
};

/// dbnloop_X_stats of every kind of client. Thread-safe while the client exists.
dbnloop_status ReadStats(const Source* client, dbnloop_stats* out,
                         dbnloop_error* error);

}  // namespace dbnloop::capi

/// A reactor and the events it has gathered. Two arrays: the caller reads (and writes
/// `consumed` of) one while calls between two polls append to the other.
struct dbnloop_reactor {
  dbnloop::Reactor loop;
  std::vector<dbnloop_event> handed;  // the caller's, until the next poll
  std::vector<dbnloop_event> next;
  std::vector<std::unique_ptr<dbnloop::capi::Kept>> handed_texts;
  std::vector<std::unique_ptr<dbnloop::capi::Kept>> next_texts;
  std::map<std::uint64_t, dbnloop::capi::Source*> sources;    // by id
  std::map<std::uint64_t, dbnloop::Reactor::TimerId> timers;  // by our id
  std::uint64_t last_id = 0;

  dbnloop_event& Append(std::uint32_t kind, std::uint64_t source);
  /// An event with a text that lives as long as it.
  dbnloop_event& AppendText(std::uint32_t kind, std::uint64_t source, std::string text);
  dbnloop_event& AppendError(std::uint32_t kind, std::uint64_t source,
                             const dbnloop::Error& error);
  /// Drops the events of an id that were not handed out yet. (The source of an FD event
  /// is the caller's number, not an id.)
  void Forget(std::uint64_t id) noexcept;
  /// Takes in what the caller used of the batches of the last poll. Throws, and takes
  /// in nothing, when that cannot be.
  void TakeConsumed();
  /// Null when the client was freed.
  [[nodiscard]] dbnloop::DataSource* Find(std::uint64_t source) const;
};

struct dbnloop_live : dbnloop::capi::Source {
  std::unique_ptr<dbnloop::LiveClient> client;

  [[nodiscard]] dbnloop::DataSource* source() const noexcept override {
    return client.get();
  }
  void Drop() noexcept override { client.reset(); }
};

struct dbnloop_hist : dbnloop::capi::Source {
  std::unique_ptr<dbnloop::HistoricalClient> client;
  std::map<std::uint64_t, dbnloop::HistoricalClient::CallId> calls;  // by our id

  [[nodiscard]] dbnloop::DataSource* source() const noexcept override {
    return client.get();
  }
  void Drop() noexcept override { client.reset(); }
};

struct dbnloop_file : dbnloop::capi::Source {
  std::unique_ptr<dbnloop::DbnFileSource> file;

  [[nodiscard]] dbnloop::DataSource* source() const noexcept override {
    return file.get();
  }
  void Drop() noexcept override { file.reset(); }
};
