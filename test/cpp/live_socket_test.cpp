// The options of a live client's socket, as the system sees them.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "dbnloop/exception.hpp"
#include "net/dialer.hpp"
#include "net/socket_options.hpp"
#include "support/live_fixture.hpp"

namespace dbnloop {
namespace {

using namespace std::chrono_literals;
using test::Header;
using test::Trades;

int OptionOf(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

class LiveSocket : public test::LiveFixture {
 protected:
  void Begin(LiveClient& client) {
    gateway_.on_start = Header();
    Stream(client);
  }
};

TEST_F(LiveSocket, HasTheSystemsOptionsByDefault) {
  const net::ScopedFd plain{::socket(AF_INET, SOCK_STREAM, 0)};
  auto client = Make();
  Begin(*client);
  EXPECT_EQ(OptionOf(client->Fd(), SOL_SOCKET, SO_BUSY_POLL),
            OptionOf(plain.get(), SOL_SOCKET, SO_BUSY_POLL));
  // A size that was set is locked; the system's may have grown since.
  EXPECT_GE(OptionOf(client->Fd(), SOL_SOCKET, SO_RCVBUF),
            OptionOf(plain.get(), SOL_SOCKET, SO_RCVBUF));
}

TEST_F(LiveSocket, HasTheReceiveBufferThatWasAskedFor) {
  auto client = Make({.receive_buffer = 64 * 1024});
  Begin(*client);
  EXPECT_EQ(OptionOf(client->Fd(), SOL_SOCKET, SO_RCVBUF), 2 * 64 * 1024);
  gateway_.Send(Trades(0, 5000));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 5000; }));
  EXPECT_EQ(sequences_, Numbers(0, 5000));
}

// Whether the system lets this user have it; if not, the session's end says why.
TEST_F(LiveSocket, PollsTheDeviceForTheTimeThatWasAskedFor) {
  auto client = Make({.busy_poll = 50us});
  gateway_.on_start = Header();
  Connect(*client);
  SubscribeTrades(*client);
  client->Start();
  ASSERT_TRUE(Until([&] {
    return client->GetState() == LiveClient::State::Streaming || !errors_.empty();
  }));
  if (errors_.empty()) {
    EXPECT_EQ(OptionOf(client->Fd(), SOL_SOCKET, SO_BUSY_POLL), 50);
    return;
  }
  EXPECT_EQ(errors_[0].code, ErrorCode::System);
  EXPECT_EQ(errors_[0].os_errno, EPERM);
  EXPECT_NE(errors_[0].message.find("busy_poll"), std::string::npos)
      << errors_[0].message;
}

TEST_F(LiveSocket, AcknowledgesAtOnceAfterEachRead) {
  auto client = Make({.quick_ack = true});
  Begin(*client);
  const int off = 0;
  ASSERT_EQ(::setsockopt(client->Fd(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)),
            0);
  ASSERT_EQ(OptionOf(client->Fd(), IPPROTO_TCP, TCP_QUICKACK), 0);
  gateway_.Send(Trades(0, 1));
  ASSERT_TRUE(Until([&] { return sequences_.size() == 1; }));
  EXPECT_EQ(OptionOf(client->Fd(), IPPROTO_TCP, TCP_QUICKACK), 1);
}

TEST_F(LiveSocket, IsThereWhileTheClientIsConnected) {
  auto client = Make();
  EXPECT_EQ(client->Fd(), -1);
  Connect(*client);
  EXPECT_EQ(client->Fd(), -1) << "it is not connected yet";
  SubscribeTrades(*client);
  client->Start();
  ASSERT_TRUE(Until([&] { return gateway_.started; }));
  const int fd = client->Fd();
  EXPECT_EQ(OptionOf(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  client->Close();
  EXPECT_EQ(client->Fd(), -1);
}

TEST_F(LiveSocket, OptionsOutsideTheirRangeAreRefused) {
  const auto refused = [&](LiveOptions options, const char* says) {
    try {
      Make(std::move(options));
      FAIL() << says;
    } catch (const Exception& e) {
      EXPECT_EQ(e.error().code, ErrorCode::InvalidArgument);
      EXPECT_NE(e.error().message.find(says), std::string::npos) << e.error().message;
    }
  };
  refused({.receive_buffer = 4095}, "receive_buffer is 4095 bytes");
  refused({.receive_buffer = (std::size_t{1} << 30) + 1},
          "receive_buffer is 1073741825");
  refused({.busy_poll = -1us}, "busy_poll is -1 us");
  refused({.busy_poll = 1'000'001us}, "busy_poll is 1000001 us");
}

TEST_F(LiveSocket, AnOptionThatTheSystemRefusesEndsTheDial) {
  net::Dialer dialer{&reactor_, {}, {.busy_poll = -1us}};
  net::Dialer::Result result;
  int done = 0;
  dialer.Dial("127.0.0.1", gateway_.port(), [&](net::Dialer::Result r) {
    result = std::move(r);
    ++done;
  });
  ASSERT_TRUE(Until([&] { return done != 0; }));
  Settle();
  EXPECT_EQ(done, 1);
  EXPECT_FALSE(result.socket);
  EXPECT_EQ(result.error.code, ErrorCode::System);
  EXPECT_EQ(result.error.os_errno, EINVAL);
  EXPECT_NE(result.error.message.find("SO_BUSY_POLL) of -1"), std::string::npos)
      << result.error.message;
}

TEST(SocketOptions, NameTheOneThatTheSystemRefuses) {
  const auto error = net::Apply({.receive_buffer = 8192}, -1);
  EXPECT_EQ(error.code, ErrorCode::System);
  EXPECT_EQ(error.os_errno, EBADF);
  EXPECT_NE(error.message.find("SO_RCVBUF) of 8192"), std::string::npos)
      << error.message;
  EXPECT_FALSE(net::Apply({}, -1)) << "nothing was asked for";
}

}  // namespace
}  // namespace dbnloop
