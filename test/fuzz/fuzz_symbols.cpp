// The first three bytes choose schema, symbology and options of a subscription; then
// come a dataset, a key and a list of symbols, each on a line. A subscription that is
// accepted is as many lines as its symbols need, with those symbols and no others; what
// is refused sends nothing; the key is in no output. The same holds for unsubscribing
// from the first symbols and then from all of them, of which the rest and nothing stay
// in effect.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "dbnloop/exception.hpp"
#include "proto/gateway_session.hpp"
#include "proto/validate.hpp"

namespace proto = dbnloop::proto;

namespace {
std::string_view SubscriptionLine(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

template <typename F>
bool Accepts(F&& check) {
  try {
    check();
  } catch (const dbnloop::Exception& e) {
    if (e.error().message.empty()) abort();
    return false;
  }
  return true;
}

// The symbols that a session asked for in `lines`.
std::string Asked(std::string_view lines, std::size_t count, std::string_view begin) {
  std::string asked;
  for (std::size_t left = (count + 499) / 500; left > 0; --left) {
    const auto line = SubscriptionLine(lines);
    if (!line.starts_with(begin)) abort();
    if (!line.ends_with(left == 1 ? "|is_last=1" : "|is_last=0")) abort();
    if (!asked.empty()) asked += ',';
    asked += *proto::ValueOf(line, "symbols");
  }
  if (!lines.empty()) abort();
  return asked;
}
std::string Joined(std::span<const std::string> symbols) {
  std::string all;
  for (const auto& symbol : symbols) all += (all.empty() ? "" : ",") + symbol;
  return all;
}

// Unsubscribes from the first n symbols of a subscription.
void Unsubscribe(proto::GatewaySession& session, const dbnloop::Subscription& from,
                 std::size_t n) {
  const auto begin = from.symbols.begin();
  const dbnloop::Unsubscription request{
      from.dataset,
      from.schema,
      from.stype_in,
      {begin, begin + static_cast<std::ptrdiff_t>(n)}};
  const bool accepted = Accepts([&] { session.Unsubscribe(request); });
  if (accepted != proto::CanUnsubscribeBy(from.stype_in)) abort();
  if (!accepted && !session.Output().empty()) abort();
  if (!accepted) return;
  if (Asked(session.Output(), n, "unsubscribe|schema=") != Joined(request.symbols)) {
    abort();
  }
  session.Sent(session.Output().size());
  std::vector<std::string> left;
  for (const auto& symbol : from.symbols) {
    if (std::ranges::find(request.symbols, symbol) == request.symbols.end()) {
      left.push_back(symbol);
    }
  }
  const auto effective = session.subscriptions().Effective();
  if (effective.size() != (left.empty() ? 0U : 1U)) abort();
  if (left.empty()) return;
  if (std::get<dbnloop::EffectiveSubscription>(effective[0]).subscription.symbols !=
      left) {
    abort();
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  std::string_view rest{reinterpret_cast<const char*>(data) + 3, size - 3};
  dbnloop::Subscription wanted;
  wanted.schema = static_cast<dbnloop::Schema>(data[0]);
  wanted.stype_in = static_cast<dbnloop::SType>(data[1]);
  wanted.snapshot = data[2] % 2 != 0;
  if (data[2] % 4 / 2 != 0) wanted.start.emplace(std::chrono::nanoseconds{data[2]});
  wanted.dataset = SubscriptionLine(rest);
  std::string key{SubscriptionLine(rest)};
  const bool good_key = Accepts([&] { proto::ValidateApiKey(key); });
  if (!good_key) key = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012";
  wanted.symbols = proto::SplitSymbols(rest);

  proto::GatewaySession session{dbnloop::base::ToSecret(key), {}};
  const std::string gateway = "lsg\ncram=a\nsuccess=1\n";
  auto in = std::as_bytes(std::span{gateway});
  in = in.subspan(session.Receive(in));
  const bool dataset = Accepts([&] { session.SetDataset(wanted.dataset); });
  if (!dataset) session.SetDataset("GLBX.MDP3");
  if (session.Receive(in) != in.size()) abort();
  const std::string login{session.Output()};
  if (std::ranges::count(login, '\n') != 1 || login.find(key) != login.npos) abort();
  session.Sent(login.size());

  const bool accepted = Accepts([&] { session.Subscribe(wanted); });
  if (!accepted && !session.Output().empty()) abort();
  if (!accepted) return 0;
  const auto all = Joined(wanted.symbols);
  if (Asked(session.Output(), wanted.symbols.size(), "schema=") != all) abort();
  session.Sent(session.Output().size());
  // Comparing each with each is for short lists.
  const auto some = std::min<std::size_t>(wanted.symbols.size(), 1 + data[2] / 4);
  Unsubscribe(session, wanted, some);
  if (wanted.symbols.size() <= 2000)
    Unsubscribe(session, wanted, wanted.symbols.size());
  return 0;
}
