#include "proto/session_events.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/dbn.hpp"

namespace dbnloop {
namespace {

using Kind = SessionEvent::Kind;
using test::GatewayErrorRecord;
using test::SystemRecord;
using test::Zeroed;

std::optional<SessionEvent> Read(const std::string& bytes) {
  alignas(8) std::byte record[1024];
  std::ranges::copy(test::AsBytes(bytes), record);
  return proto::ReadSessionEvent(*reinterpret_cast<const RecordHeader*>(record));
}

struct SystemCase {
  const char* text;
  SystemCode code;
  std::optional<Kind> kind;
  std::uint32_t id = 0;
  std::optional<Schema> schema = std::nullopt;
};

const SystemCase kSystemCases[] = {
    {"Heartbeat", SystemCode::Heartbeat, std::nullopt},
    {"Subscription request 3 for mbp-1 data succeeded", SystemCode::SubscriptionAck,
     Kind::SubscriptionAck, 3, Schema::Mbp1},
    {"Subscription request 4294967295 for trades data succeeded",
     SystemCode::SubscriptionAck, Kind::SubscriptionAck, 4294967295, Schema::Trades},
    {"Subscription request 4294967296 for trades data succeeded",
     SystemCode::SubscriptionAck, Kind::SubscriptionAck, 0, Schema::Trades},
    {"Subscription request 12x succeeded", SystemCode::SubscriptionAck,
     Kind::SubscriptionAck, 0},
    {"Warning: slow reading", SystemCode::SlowReaderWarning, Kind::SlowReader},
    {"Finished mbo replay", SystemCode::ReplayCompleted, Kind::ReplayCompleted, 0,
     Schema::Mbo},
    {"End of interval for ohlcv-1s", SystemCode::EndOfInterval, Kind::EndOfInterval, 0,
     Schema::Ohlcv1S},
    {"Unsubscribe request for mbp-1 data succeeded", static_cast<SystemCode>(5),
     Kind::UnsubscribeAck, 0, Schema::Mbp1},
    {"The exchange is closed", SystemCode::Unset, Kind::Notice},
};

TEST(SessionEvents, SystemMessagesOfEveryVersion) {
  for (const auto& test : kSystemCases) {
    for (const auto& record :
         {SystemRecord<SystemMsg>(test.text, test.code),
          SystemRecord<SystemMsg>(test.text, SystemCode::Unset),
          SystemRecord<v1::SystemMsg>(test.text, SystemCode::Unset)}) {
      SCOPED_TRACE(std::string{test.text} + ", " + std::to_string(record.size()));
      const auto event = Read(record);
      ASSERT_EQ(event.has_value(), test.kind.has_value());
      if (!event) continue;
      EXPECT_EQ(event->kind, *test.kind);
      EXPECT_EQ(event->subscription_id, test.id);
      EXPECT_EQ(event->schema, test.schema);
      EXPECT_EQ(event->message, test.text);
      EXPECT_FALSE(event->fatal);
      EXPECT_EQ(event->error_code, GatewayErrorCode::Unset);
    }
  }
}

TEST(SessionEvents, ErrorsByCode) {
  struct Case {
    GatewayErrorCode code;
    Kind kind;
    bool fatal;
  };
  const Case cases[] = {
      {GatewayErrorCode::AuthFailed, Kind::GatewayError, true},
      {GatewayErrorCode::ApiKeyDeactivated, Kind::GatewayError, true},
      {GatewayErrorCode::ConnectionLimitExceeded, Kind::GatewayError, true},
      {GatewayErrorCode::SymbolResolutionFailed, Kind::SymbolUnresolved, false},
      {GatewayErrorCode::InvalidSubscription, Kind::GatewayError, false},
      {GatewayErrorCode::InternalError, Kind::GatewayError, true},
      {GatewayErrorCode::SkippedRecordsAfterSlowReading, Kind::RecordsSkipped, false},
      {GatewayErrorCode::ReplayDataAgedOut, Kind::GatewayError, false},
      {GatewayErrorCode::Unset, Kind::GatewayError, false},
      {static_cast<GatewayErrorCode>(77), Kind::GatewayError, false},
  };
  for (const auto& test : cases) {
    const auto event = Read(GatewayErrorRecord<ErrorMsg>("what is wrong", test.code));
    SCOPED_TRACE(static_cast<int>(test.code));
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, test.kind);
    EXPECT_EQ(event->fatal, test.fatal);
    EXPECT_EQ(event->error_code, test.code);
    EXPECT_EQ(event->message, "what is wrong");
  }
}

TEST(SessionEvents, ErrorsNameTheirSchema) {
  const auto schema = [](std::string_view text) {
    return Read(GatewayErrorRecord<ErrorMsg>(text, GatewayErrorCode::ReplayDataAgedOut))
        ->schema;
  };
  EXPECT_EQ(schema("Replay of subscription 2 (mbo): start is too old"), Schema::Mbo);
  EXPECT_EQ(schema("data of 'mbp-1', and more"), Schema::Mbp1);
  EXPECT_EQ(schema("ohlcv-1s."), Schema::Ohlcv1S);
  EXPECT_EQ(schema("(mbos) (mbo-1) "), std::nullopt);
  EXPECT_EQ(schema(" ()"), std::nullopt);
}

TEST(SessionEvents, ErrorsOfVersion1AreKnownByTheirText) {
  const auto read = [](std::string_view text) {
    return Read(GatewayErrorRecord<v1::ErrorMsg>(text, {}))->error_code;
  };
  EXPECT_EQ(read("User or API key deactivated"), GatewayErrorCode::ApiKeyDeactivated);
  EXPECT_EQ(read("Failed to resolve symbol XYZ"),
            GatewayErrorCode::SymbolResolutionFailed);
  EXPECT_EQ(read("Slow client detected for mbo"),
            GatewayErrorCode::SkippedRecordsAfterSlowReading);
  EXPECT_EQ(read("something else"), GatewayErrorCode::Unset);
}

TEST(SessionEvents, TextWithoutAnEndStaysInsideItsField) {
  const std::string full(500, 'x');
  EXPECT_EQ(Read(SystemRecord<v1::SystemMsg>(full, {}) + "tsouttst")->message.size(),
            64U);
  EXPECT_EQ(Read(SystemRecord<SystemMsg>(full, SystemCode::Unset))->message.size(),
            303U);
  EXPECT_EQ(
      Read(GatewayErrorRecord<ErrorMsg>(full, GatewayErrorCode::Unset))->message.size(),
      302U);
}

TEST(SessionEvents, RecordsShorterThanAnyLayoutAreRead) {
  for (std::size_t size = sizeof(RecordHeader); size <= 80; size += 4) {
    auto bytes = SystemRecord<v1::SystemMsg>("Heart\x1b[31m\nbeat", {}).substr(0, size);
    bytes[0] = static_cast<char>(size / 4);
    const auto event = Read(bytes);
    ASSERT_TRUE(event);
    EXPECT_LE(event->message.size(), size - sizeof(RecordHeader));
    EXPECT_EQ(event->message.find_first_of("\x1b\n"), std::string::npos)
        << "nothing that could steer a terminal";
  }
}

TEST(SessionEvents, EveryKindHasAName) {
  for (int kind = 1; kind <= 11; ++kind) {
    EXPECT_NE(ToString(static_cast<Kind>(kind)), "Unknown") << kind;
  }
  EXPECT_EQ(ToString(static_cast<Kind>(0)), "Unknown");
  EXPECT_EQ(ToString(static_cast<Kind>(12)), "Unknown");
}

}  // namespace
}  // namespace dbnloop
