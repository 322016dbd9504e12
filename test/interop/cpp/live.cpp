// Compares what the official C++ client receives from dbn-sim with the files served.
//
//   live DBN_SIM SAMPLE_DIR [FIXTURE_DIR]
//
// Every sample schema is received in DBN versions 1, 2 and 3, and every DBN file of
// FIXTURE_DIR in its own version under each upgrade policy, each with and without zstd
// and ts_out, by the blocking client and the threaded one. Each record must equal, bit
// for bit, what databento-cpp reads from the file under the same policy.

#include <chrono>
#include <cstdint>
#include <cstring>
#include <databento/exceptions.hpp>
#include <databento/live.hpp>
#include <databento/symbol_map.hpp>
#include <databento/symbology.hpp>
#include <exception>
#include <set>
#include <tuple>

#include "compare.hpp"

namespace interop {
namespace {

using db::Schema;
using db::SType;
using db::VersionUpgradePolicy;
using Names = std::set<std::string>;

/// How a session is asked for and read.
struct Way {
  VersionUpgradePolicy policy = VersionUpgradePolicy::UpgradeToV3;
  db::Compression compression = db::Compression::None;
  bool ts_out = false;
  enum class By { kBlocking, kHand, kThread } by = By::kBlocking;
};

std::vector<Way> Ways(VersionUpgradePolicy policy) {
  using By = Way::By;
  using db::Compression;
  return {{policy, Compression::None, false, By::kBlocking},
          {policy, Compression::None, true, By::kThread},
          {policy, Compression::Zstd, false, By::kThread},
          {policy, Compression::Zstd, true, By::kHand}};
}

struct Subscription {
  Schema schema;
  std::vector<std::string> symbols = db::kAllSymbols;
  SType stype_in = SType::RawSymbol;
  enum class Start { kNow, kAll, kSnapshot } start = Start::kNow;
};

/// What a session brought until the gateway closed it.
class Received {
 public:
  explicit Received(const Way& way) : way_{way} {}

  /// Sorts a record in. What the gateway says itself is looked into only where it is of
  /// the newest version.
  void Take(const db::Record& record) {
    const bool newest = way_.policy == VersionUpgradePolicy::UpgradeToV3;
    switch (record.RType()) {
      case db::RType::SymbolMapping:
        if (newest) symbols.OnRecord(record);
        return;
      case db::RType::Error:
        if (newest) errors.emplace_back(record.Get<db::ErrorMsg>().Err());
        return;
      case db::RType::System:
        if (newest) systems.emplace_back(record.Get<db::SystemMsg>().Msg());
        return;
      default:
        data.push_back(way_.ts_out ? WithoutTsOut(record) : Raw(record));
    }
  }

  [[nodiscard]] Names Symbols() const {
    Names names;
    for (const auto& [id, name] : symbols.Map()) names.insert(name);
    return names;
  }

  std::vector<Bytes> data;
  db::PitSymbolMap symbols;
  std::vector<std::string> errors;
  std::vector<std::string> systems;
  db::Metadata metadata{};

 private:
  /// The record as it is without the time of sending, which must be now.
  static Bytes WithoutTsOut(const db::Record& record) {
    auto raw = Raw(record);
    std::uint64_t sent = 0;
    std::memcpy(&sent, raw.data() + raw.size() - sizeof(sent), sizeof(sent));
    const std::chrono::system_clock::time_point at{std::chrono::nanoseconds{sent}};
    const auto now = std::chrono::system_clock::now();
    Expect(at <= now && at > now - std::chrono::minutes{2}, "ts_out is not now");
    raw.resize(raw.size() - sizeof(sent));
    raw[0] = static_cast<std::byte>(raw.size() / db::kRecordHeaderLengthMultiplier);
    return raw;
  }

  Way way_;
};

/// A dbn-sim process that ends each session behind its last record.
class Gateway {
 public:
  Gateway(const fs::path& program, std::vector<std::string> args)
      : sim_{program, [&] {
               args.insert(args.begin(), "--close-at-end");
               return args;
             }()} {
    const auto address = sim_.Ready("listening on 127.0.0.1:");
    port_ = static_cast<std::uint16_t>(std::stoul(address));
  }

  [[nodiscard]] db::LiveBuilder Builder(const Way& way, const std::string& dataset,
                                        const std::string& key = kKey) {
    return db::LiveBuilder{}
        .SetLogReceiver(&log_)
        .SetKey(key)
        .SetDataset(dataset)
        .SetAddress("127.0.0.1", port_)
        .SetUpgradePolicy(way.policy)
        .SetCompression(way.compression)
        .SetSendTsOut(way.ts_out);
  }

  Received Receive(const std::vector<Subscription>& subscriptions, const Way& way = {},
                   const std::string& dataset = kDataset) {
    if (way.by == Way::By::kThread) {
      auto client = Builder(way, dataset).BuildThreaded();
      Subscribe(client, subscriptions);
      return ReadThreaded(client, way);
    }
    auto client = Builder(way, dataset).BuildBlocking();
    Subscribe(client, subscriptions);
    return Read(client, way);
  }

  template <typename Client>
  static void Subscribe(Client& client,
                        const std::vector<Subscription>& subscriptions) {
    for (const auto& one : subscriptions) {
      switch (one.start) {
        case Subscription::Start::kNow:
          client.Subscribe(one.symbols, one.schema, one.stype_in);
          break;
        case Subscription::Start::kAll:
          client.Subscribe(one.symbols, one.schema, one.stype_in, db::UnixNanos{});
          break;
        case Subscription::Start::kSnapshot:
          client.SubscribeWithSnapshot(one.symbols, one.schema, one.stype_in);
          break;
      }
    }
  }

  /// Starts the session and reads it to its end.
  static Received Read(db::LiveBlocking& client, const Way& way) {
    Received got{way};
    got.metadata = client.Start();
    if (way.by == Way::By::kHand) {
      do {
        while (const auto* const record = client.TryNextRecord()) got.Take(*record);
      } while (client.FillBuffer().status != db::IReadable::Status::Closed);
      while (const auto* const record = client.TryNextRecord()) got.Take(*record);
      return got;
    }
    try {
      while (true) got.Take(client.NextRecord());
    } catch (const db::LiveApiError& error) {
      ExpectClosed(error);
    }
    return got;
  }

 private:
  static Received ReadThreaded(db::LiveThreaded& client, const Way& way) {
    Received got{way};
    std::exception_ptr failure;
    client.Start([&](db::Metadata&& metadata) { got.metadata = std::move(metadata); },
                 [&](const db::Record& record) {
                   got.Take(record);
                   return db::KeepGoing::Continue;
                 },
                 [&](const std::exception&) {
                   failure = std::current_exception();
                   return db::LiveThreaded::ExceptionAction::Stop;
                 });
    client.BlockForStop();
    try {
      std::rethrow_exception(failure);
    } catch (const db::LiveApiError& error) {
      ExpectClosed(error);
    }
    return got;
  }

  static void ExpectClosed(const db::LiveApiError& error) {
    if (error.Message() != "Gateway closed the session") throw error;
  }

  Simulator sim_;
  db::NullLogReceiver log_;
  std::uint16_t port_ = 0;
};

std::string Name(const std::string& what, const Way& way) {
  return what + ", " + db::ToString(way.compression) + (way.ts_out ? ", ts_out" : "") +
         ", policy " + std::to_string(static_cast<int>(way.policy)) + ", reader " +
         std::to_string(static_cast<int>(way.by));
}

void Samples(const fs::path& program, const fs::path& folder) {
  std::size_t sessions = 0;
  std::size_t records = 0;
  for (const auto* const version : {"1", "2", "3"}) {
    Gateway gateway{program, {"--dbn-version", version}};
    for (const auto& path : DbnFiles(folder)) {
      const auto want = FromFile(path, VersionUpgradePolicy::UpgradeToV3).first;
      for (const auto& way : Ways(VersionUpgradePolicy::UpgradeToV3)) {
        const auto got = gateway.Receive({{SampleSchema(path)}}, way);
        const auto name = Name(path.filename().string() + " v" + version, way);
        records += Same(name, got.data, want);
        Expect(got.Symbols() == Names{"CLF7", "ESZ6", "GCG7", "NQZ6"},
               name + ", symbols");
        Expect(got.metadata.version == 3 && got.metadata.ts_out == way.ts_out,
               name + ", metadata");
        ++sessions;
      }
    }
  }
  std::printf("  sample data, versions 1 to 3: %zu sessions, %zu records equal\n",
              sessions, records);
}

void Fixtures(const fs::path& program, const fs::path& folder) {
  std::size_t files = 0;
  std::size_t sessions = 0;
  std::size_t records = 0;
  for (const auto& path : DbnFiles(folder)) {
    const auto own = FromFile(path, VersionUpgradePolicy::AsIs).second;
    Gateway gateway{program, {path.string()}};
    ++files;
    for (const auto policy :
         {VersionUpgradePolicy::AsIs, VersionUpgradePolicy::UpgradeToV2,
          VersionUpgradePolicy::UpgradeToV3}) {
      if (policy == VersionUpgradePolicy::UpgradeToV2 && own.version > 2) continue;
      const auto [want, metadata] = FromFile(path, policy);
      Subscription all{metadata.schema.value()};
      if (!metadata.symbols.empty()) all.symbols = metadata.symbols;
      for (const auto& way : Ways(policy)) {
        const auto got = gateway.Receive({all}, way, metadata.dataset);
        const auto name = Name(path.filename().string(), way);
        records += Same(name, got.data, want);
        Expect(got.metadata.version == metadata.version, name + ", version");
        ++sessions;
      }
    }
  }
  std::printf("  %zu real files: %zu sessions, %zu records equal\n", files, sessions,
              records);
}

/// Several schemas in one session, each with symbols of its own.
void Several(const fs::path& program, const fs::path& folder) {
  Gateway gateway{program, {}};
  const std::vector<Subscription> subscriptions{{Schema::Mbo, {"ESZ6"}},
                                                {Schema::Trades, {"NQZ6"}},
                                                {Schema::Ohlcv1S, {"CLF7"}},
                                                {Schema::Definition, {"GCG7"}}};
  std::size_t records = 0;
  for (const auto& way : Ways(VersionUpgradePolicy::UpgradeToV3)) {
    const auto got = gateway.Receive(subscriptions, way);
    Expect(got.errors.empty() && got.systems.size() == subscriptions.size(),
           "four acks");
    std::size_t compared = 0;
    for (const auto& [schema, symbols, stype, start] : subscriptions) {
      const auto& [id, name] = *std::find_if(
          got.symbols.Map().begin(), got.symbols.Map().end(),
          [&](const auto& mapping) { return mapping.second == symbols.front(); });
      auto want = FromFile(folder / (std::string{db::ToString(schema)} + ".dbn.zst"),
                           VersionUpgradePolicy::UpgradeToV3)
                      .first;
      std::erase_if(want,
                    [&](const Bytes& record) { return Instrument(record) != id; });
      auto data = got.data;
      const auto rtype = static_cast<std::byte>(db::Record::RTypeFromSchema(schema));
      std::erase_if(data, [&](const Bytes& record) { return record[1] != rtype; });
      compared += Same(Name(name, way), data, want);
    }
    Expect(compared == got.data.size(), "only what is subscribed");
    records += compared;
  }
  std::printf("  %zu schemas and symbols in one session: %zu records equal\n",
              subscriptions.size(), records);
}

/// What is said besides data: replay, snapshot, chunks, parents, refusals,
/// reconnecting.
void Conversation(const fs::path& program, const fs::path& folder) {
  using Start = Subscription::Start;
  Gateway gateway{program, {"--live-from", "2026-11-15T23:01:00"}};
  const auto trades =
      FromFile(folder / "trades.dbn.zst", VersionUpgradePolicy::UpgradeToV3).first;
  const auto replay = gateway.Receive(
      {{Schema::Trades, db::kAllSymbols, SType::RawSymbol, Start::kAll}});
  Same("replay", replay.data, trades);
  Expect(replay.systems.back() == "Finished trades replay", replay.systems.back());

  const auto snapshot =
      gateway.Receive({{Schema::Mbo, {"ESZ6"}, SType::RawSymbol, Start::kSnapshot}});
  const auto live = [](const Bytes& record) {
    return !reinterpret_cast<const db::MboMsg*>(record.data())->flags.IsSnapshot();
  };
  const auto book = std::find_if(snapshot.data.begin(), snapshot.data.end(), live);
  const auto* const first =
      reinterpret_cast<const db::MboMsg*>(snapshot.data.front().data());
  Expect(book - snapshot.data.begin() >= 20 && first->action == db::Action::Clear &&
             std::all_of(book, snapshot.data.end(), live),
         "a snapshot");

  std::vector<std::string> many;
  for (int i = 0; i < 1200; ++i) many.push_back("X" + std::to_string(i));
  many.emplace_back("ESZ6");
  const auto chunks = gateway.Receive({{Schema::Trades, many}});
  Expect(chunks.errors.size() == 1200, "1200 symbols that do not resolve");
  Expect(chunks.systems ==
                 std::vector<std::string>{
                     "Subscription request 1 for trades data succeeded"} &&
             !chunks.data.empty(),
         "chunks");

  const auto parents =
      gateway.Receive({{Schema::Trades, {"NQ.FUT"}, SType::Parent},
                       {Schema::Trades, {"CL.c.0"}, SType::Continuous}});
  Expect(parents.Symbols() == Names{"CLF7", "NQZ6"}, "parents");
  for (const auto& record : parents.data) {
    Expect(parents.symbols.Map().count(Instrument(record)) == 1, "a mapped instrument");
  }

  const std::string key{kKey};
  const std::string wrong{key.rbegin(), key.rend()};
  for (const auto& [used, dataset, reason] :
       {std::tuple{wrong, kDataset, "Authentication failed."},
        {key, "XNAS.ITCH", "unknown dataset"}}) {
    try {
      gateway.Builder({}, dataset, used).BuildBlocking();
      throw std::runtime_error{std::string{"no refusal with "} + reason};
    } catch (const db::LiveApiError& error) {
      Expect(error.Message().find(reason) != std::string::npos, error.Message());
    }
  }

  auto client = gateway.Builder({}, kDataset).BuildBlocking();
  Gateway::Subscribe(client, std::vector<Subscription>{{Schema::Trades, {"ESZ6"}}});
  const auto before = Gateway::Read(client, {});
  client.Reconnect();
  client.Resubscribe();
  Expect(Same("after reconnecting", Gateway::Read(client, {}).data, before.data) > 0,
         "records after reconnecting");
  std::printf(
      "  replay, snapshot, chunks, parents, refusals, reconnecting: as expected\n");
}

}  // namespace
}  // namespace interop

int main(int argc, char** argv) try {
  if (argc < 3)
    throw std::runtime_error{"usage: live DBN_SIM SAMPLE_DIR [FIXTURE_DIR]"};
  const std::filesystem::path program{argv[1]};
  interop::Samples(program, argv[2]);
  interop::Several(program, argv[2]);
  interop::Conversation(program, argv[2]);
  if (argc > 3 && std::filesystem::is_directory(argv[3])) {
    interop::Fixtures(program, argv[3]);
  } else {
    std::printf("  real files: skipped, set DBN_TESTDATA to a folder of DBN files\n");
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "interop: %s\n", error.what());
  return 1;
}
