// The official C++ client as a consumer of dbn-relay, for ../relay_test.go.
//
//   relay PORT KEY live|replay SCHEMA STYPE SYMBOLS COMPRESSION COUNT
//
// Prints "ready" when the gateway has acknowledged the subscription and "complete"
// after COUNT records; at the end of the session it prints the number of the records
// and their SHA-256.

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <databento/enums.hpp>
#include <databento/exceptions.hpp>
#include <databento/live.hpp>
#include <databento/log.hpp>
#include <databento/record.hpp>
#include <exception>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace db = databento;

/// What has come of the session.
class Received {
 public:
  explicit Received(std::uint64_t wanted) : wanted_{wanted} {
    EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr);
  }

  void Take(const db::Record& record) {
    switch (record.RType()) {
      case db::RType::SymbolMapping:
        return;
      case db::RType::Error:
        throw std::runtime_error{record.Get<db::ErrorMsg>().Err()};
      case db::RType::System:
        if (std::string{record.Get<db::SystemMsg>().Msg()}.rfind("Subscription request",
                                                                 0) == 0) {
          Say("ready");
        }
        return;
      default:
        EVP_DigestUpdate(hash_.get(), &record.Header(), record.Size());
        if (++records_ == wanted_) Say("complete");
    }
  }

  void End() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(hash_.get(), digest.data(), &size);
    std::printf("%llu ", static_cast<unsigned long long>(records_));
    for (unsigned i = 0; i < size; ++i) std::printf("%02x", digest[i]);
    Say("");
  }

 private:
  static void Say(const char* line) {
    std::puts(line);
    std::fflush(stdout);
  }

  struct Free {
    void operator()(EVP_MD_CTX* hash) const { EVP_MD_CTX_free(hash); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> hash_{EVP_MD_CTX_new()};
  std::uint64_t wanted_;
  std::uint64_t records_ = 0;
};

void Consume(const std::vector<std::string>& args) {
  if (args.size() != 8) {
    throw std::runtime_error{
        "usage: PORT KEY live|replay SCHEMA STYPE SYMBOLS COMPRESSION COUNT"};
  }
  db::NullLogReceiver log;
  auto client =
      db::LiveBuilder{}
          .SetLogReceiver(&log)
          .SetKey(args[1])
          .SetDataset("GLBX.MDP3")
          .SetAddress("127.0.0.1", static_cast<std::uint16_t>(std::stoul(args[0])))
          .SetUpgradePolicy(db::VersionUpgradePolicy::UpgradeToV3)
          .SetCompression(args[6] == "zstd" ? db::Compression::Zstd
                                            : db::Compression::None)
          .BuildBlocking();
  std::vector<std::string> symbols;
  std::istringstream list{args[5]};
  for (std::string symbol; std::getline(list, symbol, ',');) symbols.push_back(symbol);
  const auto schema = db::FromString<db::Schema>(args[3]);
  const auto stype = db::FromString<db::SType>(args[4]);
  if (args[2] == "replay") {
    client.Subscribe(symbols, schema, stype, db::UnixNanos{});
  } else {
    client.Subscribe(symbols, schema, stype);
  }
  client.Start();
  Received received{std::stoull(args[7])};
  try {
    for (;;) received.Take(client.NextRecord());
  } catch (const db::LiveApiError& error) {
    if (error.Message() != "Gateway closed the session") throw;
  }
  received.End();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Consume({argv + 1, argv + argc});
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "relay: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
