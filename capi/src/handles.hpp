#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dbnloop.h"
#include "dbnloop/continuous_client.hpp"
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
  dbnloop_error_event error{};
};

/// What every kind of client's handle has.
struct Source {
  Source() = default;
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  dbnloop_reactor* reactor = nullptr;  // null once the reactor was freed
  std::uint64_t id = 0;
  dbnloop_mixed mixed{};  // of the batch that is held, if it is mixed

  /// Takes in what the caller used of the batch that is held.
  void Release(const dbnloop_records_event& batch);

  /// Null once the reactor was freed.
  [[nodiscard]] virtual DataSource* source() const noexcept = 0;
  /// Destroys the client; its reactor goes.
  virtual void Drop() noexcept = 0;

  /// Gives it an id and turns its records, metadata and errors into events. The last
  /// step of making it: what throws after this would leave the reactor a dead handle.
  void Attach(dbnloop_reactor* to);
  /// Forgets it, and the events that were not handed out yet.
  void Detach() noexcept;
};

/// The handle of a client of class T.
template <typename T>
struct Handle : Source {
  std::unique_ptr<T> client;  // null once the reactor was freed

  [[nodiscard]] DataSource* source() const noexcept override { return client.get(); }
  void Drop() noexcept override { client.reset(); }
};

/// dbnloop_X_stats of every kind of client. Thread-safe while the client exists.
dbnloop_status ReadStats(const Source* client, dbnloop_stats* out,
                         dbnloop_error* error);

}  // namespace dbnloop::capi

/// A reactor and the events it has gathered. Two arrays: the caller reads (and writes
/// `consumed` of) one while calls between two polls append to the other.
struct dbnloop_reactor {
  explicit dbnloop_reactor(dbnloop::ReactorOptions options) : loop{options} {}

  dbnloop::Reactor loop;
  std::vector<dbnloop_event> handed;  // the caller's, until the next poll
  std::vector<dbnloop_event> next;
  std::vector<std::unique_ptr<dbnloop::capi::Kept>> handed_texts;
  std::vector<std::unique_ptr<dbnloop::capi::Kept>> next_texts;
  std::unordered_map<std::uint64_t, dbnloop::capi::Source*> sources;  // by id
  std::map<std::uint64_t, dbnloop::Reactor::TimerId> timers;          // by our id
  std::uint64_t last_id = 0;
  bool accepts_mixed = false;   // batches without runs
  std::size_t batch_bytes = 0;  // of the present turn

  /// Adds an event. It ends the turn when there are enough, so that timers and others
  /// do not wait until the caller has worked through those of thousands of clients.
  dbnloop_event& Append(std::uint32_t kind, std::uint64_t source);
  /// Ends the turn when the batches that it gathered are enough: their records are
  /// handed out while they are still in the processor's cache.
  void BoundTurn(std::size_t bytes) noexcept;
  /// Stores what the events point to until the poll after the next one.
  dbnloop::capi::Kept& Keep();
  /// Stores a text, and sets where it is.
  void Keep(std::string text, const char*& data, std::size_t& size);
  /// Fills in `out` from an error, whose texts it stores.
  void Keep(const dbnloop::Error& error, dbnloop_error_event& out);
  /// Drops the events of a client that were not handed out yet.
  void Forget(std::uint64_t source) noexcept;
  /// Drops those of a call or a download.
  void ForgetRequest(std::uint64_t request) noexcept;
  /// Takes in what the caller used of the batches of the last poll. Throws, and takes
  /// in nothing, when that cannot be.
  void TakeConsumed();
  /// How many bytes the caller used of a client's batch of the last poll; 0 without
  /// one. Throws when that cannot be.
  [[nodiscard]] std::size_t ConsumedOf(std::uint64_t source) const;
  /// Null when the client was freed.
  [[nodiscard]] dbnloop::DataSource* Find(std::uint64_t source) const;
};

struct dbnloop_live : dbnloop::capi::Handle<dbnloop::LiveClient> {};

struct dbnloop_historical : dbnloop::capi::Handle<dbnloop::HistoricalClient> {
  std::map<std::uint64_t, dbnloop::HistoricalClient::CallId> calls;  // by our id
};

struct dbnloop_continuous : dbnloop::capi::Handle<dbnloop::ContinuousClient> {
  std::vector<std::byte> position;  // that was asked for last
};

struct dbnloop_file : dbnloop::capi::Handle<dbnloop::DbnFileSource> {};
