// Eight bytes are a time, a price and flags: their texts, read back, are the same
// values. The rest is the text of a value of every enum: what is read has one text,
// and that text is the value's.
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/number.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/format.hpp"

namespace {
template <typename... Enums>
void CheckEnums(std::string_view text) {
  const auto check = [&]<typename E>(std::type_identity<E>) {
    const auto value = dbnloop::FromString<E>(text);
    if (value && dbnloop::FromString<E>(dbnloop::TextOf(*value)) != value) abort();
  };
  (check(std::type_identity<Enums>{}), ...);
}

std::uint64_t Digits(std::string_view text) {
  const auto value = dbnloop::base::ParseNumber<std::uint64_t>(text);
  if (!value) abort();
  return *value;
}

void CheckTime(dbnloop::UnixNanos time) {
  dbnloop::TimeText room;
  const auto text = dbnloop::FormatTime(time, room);
  if (text.empty()) return;
  if (text.size() != 30 || text[10] != 'T' || text[19] != '.' || text[29] != 'Z') {
    abort();
  }
  const auto date = Digits(text.substr(0, 4)) * 10'000 +
                    Digits(text.substr(5, 2)) * 100 + Digits(text.substr(8, 2));
  if (date != dbnloop::DateOf(time)) abort();
  const auto second = Digits(text.substr(11, 2)) * 3600 +
                      Digits(text.substr(14, 2)) * 60 + Digits(text.substr(17, 2));
  const auto midnight =
      dbnloop::MidnightOf(dbnloop::DateOf(time)).time_since_epoch().count();
  const auto nanos = Digits(text.substr(20, 9));
  if (midnight + second * 1'000'000'000 + nanos != time.time_since_epoch().count()) {
    abort();
  }
}

void CheckPrice(std::int64_t price) {
  dbnloop::PriceText room;
  const auto text = dbnloop::FormatPrice(price, room);
  if (text.empty()) return;
  std::string digits{text};
  digits.erase(text.find('.'), 1);
  std::int64_t again = 0;
  const char* const end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, again).ptr != end || again != price) abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dbnloop;
  if (size < 8) return 0;
  std::uint64_t number = 0;
  std::memcpy(&number, data, sizeof(number));
  CheckTime(UnixNanos{UnixNanos::duration{number}});
  CheckPrice(static_cast<std::int64_t>(number));
  FlagsText room;
  const FlagSet flags{data[0]};
  if (FromString<FlagSet>(FormatFlags(flags, room)) != flags) abort();
  (void)MidnightOf(static_cast<std::uint32_t>(number));

  const std::string_view text{reinterpret_cast<const char*>(data) + 8, size - 8};
  (void)FromString<FlagSet>(text);
  CheckEnums<RType, Side, Action, InstrumentClass, MatchAlgorithm,
             UserDefinedInstrument, SecurityUpdateAction, SType, Schema, Encoding,
             Compression, StatType, StatUpdateAction, StatusAction, StatusReason,
             TradingEvent, TriState, VersionUpgradePolicy, GatewayErrorCode, SystemCode,
             SlowReaderBehavior, HistoricalGateway, FeedMode, SplitDuration, Delivery,
             JobState, DatasetCondition, Venue, Dataset, Publisher, RollRule,
             SymbologyResolutionStatus, PriceType, ReconnectPolicy, Packaging>(text);
  return 0;
}
