// Faults further on in a live session, and what users do in its odd moments: from each
// state the session goes on and then has the fault. Beside live_fault_matrix_test.cpp,
// whose faults come in the very state. A cell asserts how the session ends, exactly
// which records came, that no fd leaks, that nothing spins while nothing happens, and
// that another client on the same reactor streams to its end unharmed.

#include <gmock/gmock.h>

#include <stdexcept>

#include "support/adversity.hpp"
#include "support/live_fixture.hpp"
#include "support/live_stream_faults.hpp"
#include "support/sockets.hpp"

namespace dbnloop::test::stream {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

/// What goes on the wire for the stream's bytes: themselves, or one frame of zstd that
/// is flushed behind each piece.
class Wire {
 public:
  explicit Wire(bool zstd) : context_{zstd ? ZSTD_createCCtx() : nullptr} {}
  ~Wire() { ZSTD_freeCCtx(context_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  std::string Put(const std::string& plain, bool end = false) {
    if (context_ == nullptr) return plain;
    std::string out(ZSTD_compressBound(plain.size()) + 64, '\0');
    ZSTD_inBuffer in{plain.data(), plain.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    ZSTD_compressStream2(context_, &to, &in, end ? ZSTD_e_end : ZSTD_e_flush);
    out.resize(to.pos);
    return out;
  }

 private:
  ZSTD_CCtx* context_;
};

class LiveStreamFault : public test::LiveFixture,
                        public testing::WithParamInterface<Cell> {
 protected:
  [[nodiscard]] State state() const { return GetParam().state; }
  [[nodiscard]] Fault fault() const { return GetParam().fault; }

  // ---- The other client ----------------------------------------------------------

  void StartBystander() {
    LiveOptions options;
    options.dataset = "GLBX.MDP3";
    options.heartbeat_interval = 1800s;  // the clock moves for the one under test
    bystander_ = std::make_unique<LiveClient>(&reactor_, std::string{test::kKey},
                                              std::move(options));
    bystander_->OnRecord([this](const TradeMsg& m) { seen_.push_back(m.sequence); });
    bystander_->OnError([this](const Error& e) { bystander_ends_.push_back(e); });
    bystander_->Connect("127.0.0.1", other_gateway_.port());
    bystander_->Start();
    ASSERT_TRUE(Until([&] { return other_gateway_.started; }));
    other_gateway_.Send(Header() + Trades(0, 3));
    ASSERT_TRUE(Until([&] { return seen_.size() == 3; }));
  }
  void ExpectBystanderUnharmed() {
    ASSERT_THAT(bystander_ends_, IsEmpty());
    other_gateway_.Send(Trades(3, 100));
    other_gateway_.Fin();
    ASSERT_TRUE(Until([&] { return !bystander_ends_.empty(); }));
    EXPECT_EQ(bystander_ends_[0].code, ErrorCode::ConnectionClosed);
    EXPECT_EQ(seen_, Numbers(0, 103));
    bystander_.reset();
  }

  // ---- Into the state ------------------------------------------------------------

  void Enter() {
    LiveOptions options;
    if (IsZstd(state())) options.compression = Compression::Zstd;
    client_ = Make(options);
    client_->OnRecord([this](const TradeMsg& m) { OnTrade(m.sequence); });
    if (state() == State::Connecting) return EnterConnecting();
    if (IsText(state()) || state() == State::Ready) return EnterText();
    gateway_.close_with_peer = state() != State::Stopping;
    Stream(*client_);
    SendUpTo(EntryPosition());
    ASSERT_TRUE(Go([&] { return sequences_.size() == RecordsAtEntry(state()); }));
    Settle();
    if (state() == State::Paused) client_->Pause();
    if (state() == State::Stopping) {
      client_->Stop();
      ASSERT_TRUE(Until([&] { return gateway_.peer_closed; }));
    }
  }
  void EnterConnecting() {
    if (fault() == Fault::Emfile) return;
    client_->Connect("127.0.0.1", test::PortOf(full_.get()));
  }
  void EnterText() {
    if (state() <= State::AwaitingGreeting)
      greeting_ = std::exchange(gateway_.greeting, {});
    if (state() <= State::AwaitingChallenge) {
      challenge_ = std::exchange(gateway_.challenge, {});
    }
    if (state() == State::Authenticating) {
      auth_response_ = std::exchange(gateway_.auth_response, {});
    }
    Connect(*client_);
    SubscribeTrades(*client_);
    if (state() != State::Ready) client_->Start();
    ASSERT_TRUE(Until([&] {
      if (state() == State::Ready)
        return client_->GetState() == LiveClient::State::Ready;
      if (state() == State::Authenticating) return !gateway_.auth.empty();
      return client_->GetState() == LiveClient::State::Authenticating &&
             gateway_.accepted == 1;
    }));
  }

  // ---- The stream ----------------------------------------------------------------

  [[nodiscard]] std::size_t EntryPosition() const {
    if (IsBeforeMetadata(state())) return 0;
    if (IsInMetadata(state())) return Header().size() / 2;
    return Header().size() + Trades(0, kBefore).size() +
           (IsInRecord(state()) ? kCut : 0);
  }
  void SendUpTo(std::size_t position) {
    if (position == 0) return;
    gateway_.Send(wire_.Put(whole_.substr(0, position)));
  }
  // What remains of the session from the state on, then `more`; returns when all of it
  // is on its way.
  void GoOn(const std::string& more = {}, bool whole_frame = true) {
    SendStream(wire_.Put(whole_.substr(EntryPosition()) + more, whole_frame));
  }
  void SendStream(const std::string& bytes) {
    gateway_.on_start = bytes;
    if (IsText(state())) {
      gateway_.Send(greeting_ + challenge_ + auth_response_);
    } else if (state() == State::Ready) {
      client_->Start();
    } else {
      gateway_.Send(bytes);
    }
    ASSERT_TRUE(Go([&] {
      return gateway_.started && (gateway_.Unsent() == 0 || !gateway_.Connected());
    }));
  }
  void GoOnThenFin(const std::string& more = {}, bool whole_frame = true) {
    GoOn(more, whole_frame);
    gateway_.Fin();
  }

  // ---- The fault -----------------------------------------------------------------

  void OnTrade(std::uint32_t sequence) {
    sequences_.push_back(sequence);
    if (sequence != kActsAt) return;
    switch (fault()) {
      case Fault::HandlerCloses:
        return client_->Close();
      case Fault::HandlerPauses:
        return client_->Pause();
      case Fault::HandlerStops:
        return client_->Stop();
      case Fault::HandlerDestroys:
        return client_.reset();
      case Fault::HandlerThrows:
        throw std::runtime_error{"mine"};
      default:
        return;
    }
  }

  void Act() {
    switch (fault()) {
      case Fault::Fin:
        return gateway_.Fin();
      case Fault::Rst:
        return gateway_.Rst();
      case Fault::Stall:
        return Stall();
      case Fault::Garbage:
        // As DBN a record of 4 bytes; in a frame of zstd a block of the reserved type.
        return gateway_.Send(std::string(4096, IsZstd(state()) ? '\xFF' : '\x01') +
                             "\n");
      case Fault::EndlessMetadata:
        return SendStream(wire_.Put(std::string{"DBN\x03\xFF\xFF\xFF\x7F", 8} +
                                    std::string(1000, 'x')));
      case Fault::WrongVersion:
        return SendStream(wire_.Put(std::string{"DBN\x09\x00\x01\x00\x00", 8} +
                                    std::string(256, '\0')));
      case Fault::GarbageRecords:
        return GoOn(std::string(4096, '\x01'));
      case Fault::ZeroLengthRecord:
        return GoOn(std::string(64, '\0') + Trades(kRecords, 2));
      case Fault::LengthBelowHeader:
        return GoOn("\x03" + std::string(63, '\0') + Trades(kRecords, 2));
      case Fault::CutRecordThenFin:
        return GoOnThenFin(Trades(kRecords, 1).substr(0, kCut), false);
      case Fault::CutRecordThenRst:
        GoOn(Trades(kRecords, 1).substr(0, kCut), false);
        return gateway_.Rst();
      case Fault::ErrorRecordThenFin:
        return GoOnThenFin(test::GatewayErrorRecord("no such symbol"));
      case Fault::Emfile: {
        const test::NoFds none;
        if (state() != State::Connecting) return GoOnThenFin();
        client_->Connect("127.0.0.1", test::PortOf(full_.get()));
        EXPECT_TRUE(UntilEnd());
        return;
      }
      case Fault::ByteByByte:
        gateway_.SetPiece(1);
        return GoOnThenFin();
      case Fault::PiecesOf7:
        gateway_.SetPiece(7);
        return GoOnThenFin();
      case Fault::PiecesOf61:
        gateway_.SetPiece(61);
        return GoOnThenFin();
      case Fault::EintrStorm: {
        const test::SignalStorm storm;
        gateway_.SetPiece(7);
        return GoOnThenFin();
      }
      case Fault::UserCloses:
        return client_->Close();
      case Fault::UserStops:
        return client_->Stop();
      case Fault::UserDestroys:
        return client_.reset();
      default:  // inside the stream, or in a handler
        return GoOnThenFin();
    }
  }

  // Nothing comes: exactly the limit of the state ends the session, or none does.
  void Stall() {
    auto limit = 35s;  // the gateway's heartbeat and its grace
    if (state() == State::Connecting) limit = 10s;
    if (IsText(state())) limit = 30s;
    if (state() == State::Stopping) limit = 5s;
    Advance(limit - 1ms);
    ASSERT_THAT(errors_, IsEmpty());
    if (state() == State::Ready || state() == State::Paused) {
      Advance(20min);
      ASSERT_THAT(errors_, IsEmpty());
      return GoOnThenFin();
    }
    Advance(1ms);
  }

  // The records before the fault, amid which some streams have odd ones.
  [[nodiscard]] std::string Whole() const {
    std::string odd;
    if (fault() == Fault::ShorterThanItsType) {
      odd = Trades(99, 1).substr(0, 24);
      odd[0] = 24 / RecordHeader::kLengthMultiplier;
    }
    if (fault() == Fault::UnknownType) odd = test::UnknownRecord(40);
    if (fault() == Fault::ErrorRecordThenRecords) {
      odd = test::GatewayErrorRecord("a warning");
    }
    return Header() + Trades(0, kActsAt + 1) + odd +
           Trades(kActsAt + 1, kRecords - kActsAt - 1);
  }

  // ---- What is asserted ----------------------------------------------------------

  template <typename F>
  bool Go(F&& done) {
    return UntilDespiteThrows(threw_, std::forward<F>(done));
  }
  // Turns until nothing is ready. What then still runs callbacks spins.
  void ExpectQuiet(const char* when) {
    int turns = 0;
    for (int idle = 0; idle < 50 && turns < 10'000; ++turns) {
      int ran = 1;
      try {
        ran = reactor_.Poll(0);
      } catch (const std::runtime_error&) {
        ++threw_;
      }
      idle = ran == 0 ? idle + 1 : 0;
    }
    EXPECT_LT(turns, 10'000) << "spins " << when;
  }
  void ExpectEnding(const Ending& expected) {
    if (expected.code) {
      ASSERT_TRUE(Go([this] { return !errors_.empty(); }));
    } else {
      ASSERT_TRUE(Go([&] { return sequences_.size() >= expected.records; }));
    }
    ExpectQuiet("after the end");
    Advance(5min);
    ASSERT_EQ(errors_.size(), expected.code ? 1U : 0U);
    if (expected.code) {
      EXPECT_EQ(ToString(errors_[0].code), ToString(*expected.code))
          << errors_[0].message;
      EXPECT_EQ(errors_[0].os_errno, expected.os_errno) << errors_[0].message;
    }
    auto records = Numbers(0, expected.records);
    // Its second half is garbage, its length is right: a whole record.
    if (state() == State::InRecord && fault() == Fault::Garbage) {
      records.push_back(0x01010101);
    }
    EXPECT_EQ(sequences_, records);
    if (client_) {
      EXPECT_EQ(client_->GetState(), LiveClient::State::Disconnected);
    }
    EXPECT_EQ(threw_, fault() == Fault::HandlerThrows ? 1 : 0);
  }

  test::ScriptedGateway other_gateway_{&reactor_};
  std::unique_ptr<LiveClient> bystander_;
  std::vector<std::uint32_t> seen_;
  std::vector<Error> bystander_ends_;
  // A listener whose queue is full: it answers no further connection.
  net::ScopedFd full_ = test::Listen(0);
  test::ConnectAttempts fill_{test::PortOf(full_.get()), 3};
  std::unique_ptr<test::OpenLiveClient> client_;
  Wire wire_{IsZstd(GetParam().state)};
  const std::string whole_ = Whole();
  // What the gateway keeps to itself until the session goes on.
  std::string greeting_;
  std::string challenge_;
  std::string auth_response_;
  int threw_ = 0;
};

TEST_P(LiveStreamFault, EndsAsTheTableSays) {
  const auto fds = test::OpenFds();
  ASSERT_NO_FATAL_FAILURE(StartBystander());
  ASSERT_NO_FATAL_FAILURE(Enter());
  ExpectQuiet("in the state");
  ASSERT_THAT(errors_, IsEmpty());

  ASSERT_NO_FATAL_FAILURE(Act());
  if (state() == State::Paused && fault() < Fault::UserCloses) {
    ExpectQuiet("while paused");
    ASSERT_EQ(sequences_, Numbers(0, kBefore)) << "paused";
    ASSERT_THAT(errors_, IsEmpty()) << "paused";
    client_->Resume();
  }
  if (fault() == Fault::HandlerPauses) {
    ASSERT_TRUE(Go([&] { return client_->IsPaused(); }));
    ExpectQuiet("after the handler's pause");
    ASSERT_EQ(sequences_, Numbers(0, kActsAt + 1)) << "paused by the handler";
    client_->Resume();
  }
  if (fault() == Fault::UserStops && state() == State::Paused) client_->Resume();
  if (fault() == Fault::UserStops && state() == State::Stopping) gateway_.Fin();

  ASSERT_NO_FATAL_FAILURE(ExpectEnding(Expected(GetParam())));
  ASSERT_NO_FATAL_FAILURE(ExpectBystanderUnharmed());
  client_.reset();
  gateway_.Fin();
  ExpectQuiet("when all is gone");
  EXPECT_EQ(test::OpenFds(), fds) << "an fd leaks";
}

INSTANTIATE_TEST_SUITE_P(Matrix, LiveStreamFault, testing::ValuesIn(Cells()), NameOf);

}  // namespace
}  // namespace dbnloop::test::stream
