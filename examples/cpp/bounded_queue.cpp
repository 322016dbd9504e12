// Trades go to a worker thread through a queue of bounded size. When the queue is full
// the client pauses: TCP then holds the gateway back, and no record is lost.
//
//   bounded_queue [HOST PORT]

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <thread>

#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

namespace {
// docs: queue
class Queue {
 public:
  static constexpr std::size_t kCapacity = 256;

  /// Adds a copy. Returns whether the queue is full now.
  bool Push(const dbnloop::TradeMsg& trade) {
    const std::lock_guard lock{mutex_};
    trades_.push_back(trade);
    ready_.notify_one();
    return trades_.size() >= kCapacity;
  }
  /// Waits for the next trade. `left` is how many remain. Returns false at the end.
  bool Pop(dbnloop::TradeMsg& trade, std::size_t& left) {
    std::unique_lock lock{mutex_};
    ready_.wait(lock, [&] { return closed_ || !trades_.empty(); });
    if (trades_.empty()) return false;
    trade = trades_.front();
    trades_.pop_front();
    left = trades_.size();
    return true;
  }
  void Close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    ready_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<dbnloop::TradeMsg> trades_;
  bool closed_ = false;
};
// docs: end
}  // namespace

int main(int argc, char** argv) {
  const char* key = std::getenv("DATABENTO_API_KEY");
  // docs: session
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};
  Queue queue;
  client.OnRecord([&](const dbnloop::TradeMsg& trade) {
    if (queue.Push(trade)) client.Pause();  // no further record after this one
  });
  client.OnError([&](const dbnloop::Error&) { reactor.Stop(); });
  std::size_t volume = 0;
  std::thread worker{[&] {
    dbnloop::TradeMsg trade;
    for (std::size_t left = 0; queue.Pop(trade, left);) {
      volume += trade.size;  // whatever takes its time
      if (left == Queue::kCapacity / 2) reactor.Post([&] { client.Resume(); });
    }
  }};
  // docs: end
  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", dbnloop::Schema::Trades);
  client.Connect(argc == 3 ? argv[1] : "", argc == 3 ? std::atoi(argv[2]) : 13000);
  client.Start();
  reactor.Run();
  queue.Close();
  worker.join();
  std::cout << client.Stats().pauses << " pauses, volume " << volume << "\n";
}
