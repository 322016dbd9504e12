// What a handler of a message changes: the handlers, and the session itself.

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/live_fixture.hpp"

namespace dbnloop {
namespace {

using test::Header;
using test::SubscriptionAck;
using test::Trades;

using LiveChange = test::LiveFixture;

TEST_F(LiveChange, AnEventHandlerMayReplaceTheRecordHandler) {
  auto client = Make();
  std::vector<std::uint32_t> later;
  client->OnSessionEvent([&](const SessionEvent&) {
    client->OnRecord([&](const TradeMsg& m) { later.push_back(m.sequence); });
  });
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1) + Trades(0, 5));
  EXPECT_TRUE(Until([&] { return later.size() == 5; }));
}

TEST_F(LiveChange, ASessionThatItsMessageEndsLeavesNoEventToTheNext) {
  auto client = Make();
  std::vector<std::string> events;
  bool closed = false;
  client->OnSessionEvent(
      [&](const SessionEvent& e) { events.emplace_back(ToString(e.kind)); });
  client->OnRecord(
      Overload{[&](const SystemMsg&) {
                 closed = true;
                 client->Close();
               },
               [&](const TradeMsg& m) { sequences_.push_back(m.sequence); }});
  Stream(*client);
  gateway_.Send(Header() + SubscriptionAck(1));
  ASSERT_TRUE(Until([&] { return closed; }));
  EXPECT_TRUE(events.empty());
  gateway_.started = false;
  Stream(*client);
  gateway_.Send(Header() + Trades(0, 1));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 1; }));
  EXPECT_THAT(events, testing::IsEmpty());
}

TEST_F(LiveChange, ASessionThatItsErrorEndsLeavesNoErrorToTheNext) {
  auto client = Make();
  bool closed = false;
  client->OnRecord([&](const ErrorMsg&) {
    closed = true;
    client->Close();
  });
  Stream(*client);
  gateway_.Send(Header() + test::GatewayErrorRecord("old error"));
  ASSERT_TRUE(Until([&] { return closed; }));
  gateway_.started = false;
  Stream(*client);
  gateway_.Send(Header());
  ASSERT_TRUE(Until([&] { return metadata_.size() == 2; }));
  gateway_.Fin();
  ASSERT_TRUE(UntilEnd());
  EXPECT_EQ(errors_[0].code, ErrorCode::ConnectionClosed) << errors_[0].message;
}

}  // namespace
}  // namespace dbnloop
