// The design's own snippets and signatures, word for word where C++ allows: what its
// author expects to write must compile and mean what it says there.

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "dbnloop/historical_client.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"
#include "support/dbn.hpp"

namespace dbnloop {
namespace {

// ---- Reactor
static_assert(std::is_same_v<Reactor::Callback, std::function<void(std::uint32_t)>>);
static_assert(std::is_default_constructible_v<Reactor>);
static_assert(std::is_same_v<decltype(&Reactor::Add),
                             void (Reactor::*)(int, std::uint32_t, Reactor::Callback)>);
static_assert(
    std::is_same_v<decltype(&Reactor::Modify), void (Reactor::*)(int, std::uint32_t)>);
static_assert(std::is_same_v<decltype(&Reactor::Remove), void (Reactor::*)(int)>);
static_assert(std::is_same_v<decltype(&Reactor::Poll), int (Reactor::*)(int)>);
static_assert(std::is_same_v<decltype(&Reactor::Run), void (Reactor::*)()>);
static_assert(std::is_invocable_v<decltype(&Reactor::Stop), Reactor&>);

// ---- DataSource
static_assert(std::is_abstract_v<DataSource>);
static_assert(std::has_virtual_destructor_v<DataSource>);
static_assert(std::is_base_of_v<DataSource, LiveClient>);
static_assert(std::is_base_of_v<DataSource, HistoricalClient>);
static_assert(std::is_same_v<decltype(&DataSource::Start), void (DataSource::*)()>);
static_assert(std::is_same_v<decltype(&DataSource::Stop), void (DataSource::*)()>);
static_assert(std::is_same_v<decltype(&DataSource::Pause), void (DataSource::*)()>);
static_assert(std::is_same_v<decltype(&DataSource::Resume), void (DataSource::*)()>);
static_assert(
    std::is_same_v<decltype(std::declval<const DataSource&>().IsPaused()), bool>);

// A source of the user's own, on what the design gives to those that derive.
class OwnSource : public DataSource {
 public:
  OwnSource() : DataSource{nullptr, {}} {}
  void Start() override {}
  void Stop() override {}
  void Pause() override { SetPaused(true); }
  void Resume() override { SetPaused(false); }
  void Feed(std::span<const std::byte> data) { DeliverBytes(data); }
  void Fail(const Error& e) { DeliverError(e); }
  [[nodiscard]] const DbnParser& parser() const { return parser_; }
  [[nodiscard]] bool paused() const { return paused_; }
};

// A source of the user's own that the reactor drives, as data_source.hpp shows it.
class Replay : public DataSource {
 public:
  Replay(Reactor* reactor, std::string bytes)
      : DataSource{reactor, {}}, all_{std::move(bytes)} {}
  void Start() override {
    BeginStream();
    bytes_ = std::as_bytes(std::span{all_});
    ScheduleDelivery();
  }
  void Stop() override { EndStream(); }
  void Pause() override { SetPaused(true); }
  void Resume() override { SetPaused(false); }

 private:
  void ContinueDelivery() override {
    DeliverFrom(bytes_);
    if (bytes_.empty() && parser_.buffered() == 0) {
      DeliverError({ErrorCode::ConnectionClosed, "there is no more"});
    }
  }

  std::string all_;
  std::span<const std::byte> bytes_;
};

// ---- LiveClient, HistoricalClient
static_assert(std::is_constructible_v<LiveClient, Reactor*, std::string>);
static_assert(std::is_constructible_v<HistoricalClient, Reactor*, std::string>);
static_assert(std::is_same_v<decltype(&LiveClient::Connect),
                             void (LiveClient::*)(std::string_view, int)>);
static_assert(std::is_same_v<decltype(&LiveClient::Close), void (LiveClient::*)()>);
static_assert(
    std::is_invocable_v<decltype(static_cast<std::uint32_t (LiveClient::*)(
                                     std::string_view, std::string_view, Schema)>(
                            &LiveClient::Subscribe)),
                        LiveClient&, std::string_view, std::string_view, Schema>);
static_assert(std::is_same_v<decltype(std::declval<const LiveClient&>().GetState()),
                             LiveClient::State>);
static_assert(static_cast<int>(LiveClient::State::Disconnected) == 0 &&
              static_cast<int>(LiveClient::State::Connecting) == 1 &&
              static_cast<int>(LiveClient::State::Authenticating) == 2 &&
              static_cast<int>(LiveClient::State::Ready) == 3 &&
              static_cast<int>(LiveClient::State::Streaming) == 4);
static_assert(requires(HistoricalClient& c, Timestamp start, Timestamp end) {
  c.Request(std::string_view{}, std::string_view{}, Schema::Trades, start, end);
});

// ---- Error
static_assert(std::is_enum_v<ErrorCode> && !std::is_convertible_v<ErrorCode, int>);
static_assert(std::is_same_v<decltype(Error::code), ErrorCode>);
static_assert(std::is_same_v<decltype(Error::message), std::string>);
static_assert(std::is_same_v<decltype(Error::os_errno), int>);

TEST(Design, ErrorsHaveItsNamesAndDefaults) {
  for (const auto& [code, name] : {
           std::pair{ErrorCode::ConnectionFailed, "ConnectionFailed"},
           {ErrorCode::ConnectionClosed, "ConnectionClosed"},
           {ErrorCode::DnsResolutionFailed, "DnsResolutionFailed"},
           {ErrorCode::AuthFailed, "AuthFailed"},
           {ErrorCode::InvalidApiKey, "InvalidApiKey"},
           {ErrorCode::InvalidGreeting, "InvalidGreeting"},
           {ErrorCode::InvalidChallenge, "InvalidChallenge"},
           {ErrorCode::ParseError, "ParseError"},
           {ErrorCode::InvalidDataset, "InvalidDataset"},
           {ErrorCode::InvalidSymbol, "InvalidSymbol"},
           {ErrorCode::InvalidSchema, "InvalidSchema"},
           {ErrorCode::TlsHandshakeFailed, "TlsHandshakeFailed"},
           {ErrorCode::CertificateError, "CertificateError"},
           {ErrorCode::HttpError, "HttpError"},
           {ErrorCode::DecompressionError, "DecompressionError"},
       }) {
    EXPECT_EQ(ToString(code), name);
  }
  const Error e{ErrorCode::ParseError, "words"};
  EXPECT_EQ(e.os_errno, 0);
}

// "Callbacks with Overload pattern for static dispatch", "separate error callback" and
// "backpressure", as they stand in the design.
TEST(Design, ItsSnippetsCompile) {
  Reactor reactor;
  LiveClient client{&reactor, "db-abcdefghijklmnopqrstuvwxyz012"};
  client.OnRecord(Overload{
      [](const MboMsg& m) { static_cast<void>(m.order_id); },
      [](const TradeMsg& m) { static_cast<void>(m.price); },
      [](const auto&) { /* fallback */ },
  });
  client.OnError([](const Error& e) {
    if (e.code == ErrorCode::ConnectionClosed) {
      // user decides whether to reconnect
    }
  });
  struct Queue {
    std::deque<RecordHeader> held;
    bool TryPush(const Record& r) {
      if (held.size() == 1) return false;
      Push(r);
      return true;
    }
    void Push(const Record& r) { held.push_back(r.Header()); }
  } queue;
  client.OnRecord([&](const Record& r) {
    if (!queue.TryPush(r)) {
      client.Pause();   // stop reading socket
      queue.Push(r);    // blocking push
      client.Resume();  // resume reading
    }
  });
  EXPECT_EQ(client.GetState(), LiveClient::State::Disconnected);
  EXPECT_FALSE(client.IsPaused());
  EXPECT_EQ(reactor.Poll(0), 0);

  OwnSource own;
  int errors = 0;
  own.OnError([&](const Error&) { ++errors; });
  own.Fail({ErrorCode::ParseError, "mine"});
  EXPECT_EQ(errors, 1);
  own.Pause();
  EXPECT_TRUE(own.paused());
  own.Feed({});
  EXPECT_EQ(own.parser().buffered(), 0U);
}

TEST(Design, ASourceOfOnesOwnDeliversPausesThrowsAndEnds) {
  constexpr std::uint32_t kRecords = 20'000;  // more than the parser's buffer holds
  Reactor reactor;
  Replay replay{&reactor, test::Header() + test::Trades(0, kRecords)};
  std::vector<std::uint32_t> seen;
  std::vector<ErrorCode> errors;
  replay.OnError([&](const Error& e) { errors.push_back(e.code); });
  replay.OnRecord([&](const TradeMsg& m) {
    seen.push_back(m.sequence);
    if (m.sequence == 5) replay.Pause();
    if (m.sequence == 9000) throw std::runtime_error{"a handler's"};
  });
  replay.Start();
  EXPECT_TRUE(seen.empty()) << "never from inside Start";
  EXPECT_EQ(reactor.Poll(-1), 1);
  EXPECT_EQ(seen.size(), 6U);
  EXPECT_EQ(reactor.Poll(0), 0) << "paused";
  replay.Resume();
  EXPECT_EQ(seen.size(), 6U) << "never from inside Resume";
  EXPECT_THROW(reactor.Poll(-1), std::runtime_error);
  EXPECT_EQ(seen.size(), 9001U);
  while (errors.empty()) ASSERT_EQ(reactor.Poll(-1), 1);
  ASSERT_EQ(seen.size(), kRecords);
  for (std::uint32_t i = 0; i < kRecords; ++i) ASSERT_EQ(seen[i], i);
  EXPECT_EQ(errors.front(), ErrorCode::ConnectionClosed);
  EXPECT_EQ(replay.Stats().TotalRecords(), kRecords);
}

}  // namespace
}  // namespace dbnloop
