#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/record.hpp"
#include "support/dbn.hpp"
#include "support/scripted_gateway.hpp"

namespace dbnloop::test {

/// A market whose time continues while nobody is connected, and a gateway that replays
/// it: from `start` on by the records' clock, then a message that says so, then live.
class MarketGateway : public ScriptedGateway {
 public:
  struct Event {
    std::string bytes;
    Schema schema = Schema::Mbo;
    std::uint64_t clock = 0;
  };
  /// How a session goes.
  struct Session {
    std::size_t live = SIZE_MAX;  ///< records that happen while it lasts
    std::size_t away = 0;         ///< records that happen after its end
    std::optional<std::size_t> cut = std::nullopt;  ///< bytes after which it ends
  };

  MarketGateway(Reactor* reactor, std::vector<Event> events)
      : ScriptedGateway{reactor}, events{std::move(events)} {
    make_stream = [this](const auto& subscriptions) { return Make(subscriptions); };
  }

  std::vector<Event> events;      ///< in the order in which they happen
  std::size_t present = 0;        ///< how many have happened
  std::vector<Session> sessions;  ///< of each connection; afterwards all that is left
  std::set<std::size_t> omit;     ///< events that no replay contains
  std::size_t claim_after = SIZE_MAX;  ///< a replay says that it is complete by then
  std::uint64_t retained = 0;          ///< a replay from before is refused as aged out
  std::set<std::uint32_t> refused;     ///< ids of subscriptions that are refused
  std::size_t replayed = 0;            ///< records of the last session's replays
  std::vector<std::optional<std::uint64_t>> starts;  ///< of the last session
  std::uint64_t began = 0;     ///< metadata.start of the next session
  std::string symbol_mapping;  ///< begins every session
  bool ts_out = false;         ///< another one in each session
  bool zstd = false;

  static std::string Refusal(GatewayErrorCode code, std::string_view text) {
    auto record = Zeroed<ErrorMsg>(RType::Error);
    record.code = code;
    text.copy(record.err.data(), record.err.size() - 1);
    return WireBytes(record);
  }
  static std::string System(SystemCode code, std::string_view text,
                            std::uint64_t time = 0) {
    auto record = Zeroed<SystemMsg>(RType::System);
    record.hd.ts_event = UnixNanos{UnixNanos::duration{time}};
    record.code = code;
    text.copy(record.msg.data(), record.msg.size() - 1);
    return WireBytes(record);
  }

 private:
  static std::string_view Field(std::string_view line, std::string_view name) {
    const auto at = line.find(std::string{name} + "=");
    if (at == std::string_view::npos) return {};
    auto value = line.substr(at + name.size() + 1);
    return value.substr(0, value.find('|'));
  }

  Stream Make(const std::vector<std::string>& subscriptions) {
    const auto session = sessions.empty() ? Session{} : sessions.front();
    if (!sessions.empty()) sessions.erase(sessions.begin());
    ++sends;
    std::string out = LiveHeader() + OnWire(symbol_mapping);
    replayed = 0;
    starts.clear();
    std::set<Schema> schemas;
    for (const auto& line : subscriptions) {
      if (line.starts_with("unsubscribe")) continue;
      const auto schema = FromString<Schema>(Field(line, "schema")).value();
      const std::string id{Field(line, "id")};
      if (refused.contains(static_cast<std::uint32_t>(std::stoul(id)))) {
        out += OnWire(Refusal(GatewayErrorCode::InvalidSubscription,
                              "Subscription request " + id + " failed"));
        continue;
      }
      schemas.insert(schema);
      out += OnWire(System(SystemCode::SubscriptionAck,
                           "Subscription request " + id + " for " +
                               std::string{Field(line, "schema")} + " data succeeded"));
      const auto start = Field(line, "start");
      starts.emplace_back();
      if (start.empty()) continue;
      std::uint64_t from = 0;
      std::from_chars(start.data(), start.data() + start.size(), from);
      starts.back() = from;
      if (from < retained) {
        out += OnWire(
            Refusal(GatewayErrorCode::ReplayDataAgedOut,
                    "replay of " + std::string{Field(line, "schema")} + " aged out"));
        continue;
      }
      std::size_t count = 0;
      for (std::size_t i = 0; i < present && count < claim_after; ++i) {
        const auto& event = events[i];
        if (event.schema != schema || event.clock < from || omit.contains(i)) continue;
        out += OnWire(event.bytes);
        ++count;
      }
      replayed += count;
      out += OnWire(System(SystemCode::ReplayCompleted,
                           "Finished " + std::string{Field(line, "schema")} + " replay",
                           present != 0 ? events[present - 1].clock : 0));
    }
    const auto live = std::min(session.live, events.size() - present);
    for (std::size_t i = 0; i < live; ++i) {
      const auto& event = events[present + i];
      if (schemas.contains(event.schema)) out += OnWire(event.bytes);
    }
    present = std::min(present + live + session.away, events.size());
    if (zstd) out = Zstd(out);
    sent = out.size();
    if (!session.cut) return {out};
    return {out.substr(0, *session.cut), true};
  }

  // A record as this session sends it.
  [[nodiscard]] std::string OnWire(std::string bytes) const {
    if (!ts_out || bytes.empty()) return bytes;
    bytes[0] = static_cast<char>(bytes[0] + 2);
    bytes += std::string(7, static_cast<char>(sends)) + '\0';
    return bytes;
  }

  std::string LiveHeader() const {
    Metadata metadata;
    metadata.dataset = "GLBX.MDP3";
    metadata.start = UnixNanos{UnixNanos::duration{began}};
    metadata.ts_out = ts_out;
    const auto bytes = EncodeMetadata(metadata);
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

  int sends = 0;

 public:
  std::size_t sent = 0;  ///< bytes that the last session has, uncut
};

}  // namespace dbnloop::test
