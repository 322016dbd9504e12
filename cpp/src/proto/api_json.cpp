#include "proto/api_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "proto/json.hpp"

namespace dbnloop::proto {
namespace {

// What stands where in the answer is not what it should be.
struct Mismatch {
  std::string place;
  std::string wanted;
};
// The result would take more memory than its answer allows.
struct TooLarge {};

// The memory that a result may take yet. A list or a map of the API is many times as
// large as its text when its values are small, so each is paid for before it is made.
class Budget {
 public:
  explicit Budget(std::size_t bytes) : left_{bytes} {}
  [[nodiscard]] bool Allows(std::size_t count, std::size_t size) const {
    return count <= left_ / size;
  }
  void Take(std::size_t count, std::size_t size) {
    if (!Allows(count, size)) throw TooLarge{};
    left_ -= count * size;
  }
  // An allocation, as malloc makes it.
  void TakeBlock(std::size_t bytes) {
    constexpr std::size_t kOverhead = 8;
    constexpr std::size_t kUnit = 16;
    Take(1, std::max(2 * kUnit, (bytes + kOverhead + kUnit - 1) / kUnit * kUnit));
  }
  void TakeString(std::size_t size) {
    constexpr std::size_t kWithin = 15;  // characters that need no allocation
    if (size > kWithin) TakeBlock(size + 1);
  }

 private:
  std::size_t left_;
};

// A value and the way to it, for messages: by names of ours and by positions, not by
// names that the peer chose. The way is put into words only when it is asked for.
class Value {
 public:
  Value(Json json, Budget* budget) : json_{json}, budget_{budget} {}

  [[noreturn]] void Want(const char* what) const { throw Mismatch{Place(), what}; }
  [[noreturn]] void WantMember(const char* key) const {
    throw Mismatch{Place() + "." + key, "a value"};
  }

  [[nodiscard]] Value Member(const char* key, Json json) const {
    return {json, budget_, this, key, 0};
  }
  template <typename F>
  void EachItem(F&& f) const {
    if (!Is(Json::Kind::List)) Want("a list");
    std::size_t i = 0;
    json_.EachItem([&](const Json& item) { f(Value{item, budget_, this, "[]", i++}); });
  }
  template <typename F>
  void EachMember(F&& f) const {
    if (!Is(Json::Kind::Object)) Want("an object");
    std::size_t i = 0;
    json_.EachMember([&](const Json& key, const Json& item) {
      f(key, Value{item, budget_, this, "{}", i++});
    });
  }
  [[nodiscard]] bool Is(Json::Kind kind) const { return json_.kind() == kind; }
  [[nodiscard]] const Json& json() const { return json_; }
  [[nodiscard]] Budget& budget() const { return *budget_; }

 private:
  Value(Json json, Budget* budget, const Value* in, const char* key, std::size_t index)
      : json_{json}, budget_{budget}, in_{in}, key_{key}, index_{index} {}

  [[nodiscard]] std::string Place() const {
    if (in_ == nullptr) return "$";
    const std::string_view key = key_;
    const bool numbered = key == "[]" || key == "{}";
    return in_->Place() + (numbered ? key[0] + std::to_string(index_) + key[1]
                                    : "." + std::string{key});
  }

  Json json_;
  Budget* budget_;
  const Value* in_ = nullptr;  // what it is within
  const char* key_ = "";
  std::size_t index_ = 0;
};

std::string ReadString(const Json& text, Budget& budget) {
  budget.TakeString(text.StringSize());
  return text.String();
}

void Read(const Value& value, std::string& out) {
  if (!value.Is(Json::Kind::Text)) value.Want("a text");
  out = ReadString(value.json(), value.budget());
}

void Read(const Value& value, bool& out) {
  if (!value.Is(Json::Kind::Boolean)) value.Want("true or false");
  out = value.json().raw() == "true";
}

// All of them are amounts of money.
void Read(const Value& value, double& out) {
  if (!value.Is(Json::Kind::Number)) value.Want("a number");
  const auto text = value.json().raw();
  const auto [end, fault] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc{}) value.Want("a finite number");
  if (out < 0) value.Want("a number of 0 or more");
}

template <typename T>
void ReadInteger(const Value& value, T& out) {
  const auto text = value.json().raw();
  const auto [end, fault] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc{} || end != text.data() + text.size()) {
    value.Want("a whole number in range");
  }
}
void Read(const Value& value, std::uint64_t& out) { ReadInteger(value, out); }
void Read(const Value& value, std::uint16_t& out) { ReadInteger(value, out); }
void Read(const Value& value, int& out) { ReadInteger(value, out); }

void Read(const Value& value, PublisherDetail& out);
void Read(const Value& value, FieldDetail& out);
void Read(const Value& value, UnitPricesForMode& out);
void Read(const Value& value, DatasetConditionDetail& out);
void Read(const Value& value, DateTimeRange& out);
void Read(const Value& value, SymbolInterval& out);
void Read(const Value& value, BatchJob& out);
void ReadOfList(const Value& value, BatchJob& out);
void Read(const Value& value, BatchFile& out);

// An item of a list; what has a form of its own there has an overload.
template <typename T>
void ReadOfList(const Value& value, T& out) {
  Read(value, out);
}

template <typename T>
void Reserve(const Value& list, std::vector<T>& out) {
  const auto count = list.json().Count();
  list.budget().Take(count, sizeof(T));
  if (count != 0) list.budget().TakeBlock(0);
  out.clear();
  out.reserve(count);
}

// That the first item is a wrong one says more than that they are too many.
template <typename T>
void CheckFirst(const Value& list) {
  list.EachItem([first = true](const Value& item) mutable {
    T read{};
    if (std::exchange(first, false)) ReadOfList(item, read);
  });
}

template <typename T>
void Read(const Value& value, std::vector<T>& out) {
  if (!value.Is(Json::Kind::List)) value.Want("a list");
  if (!value.budget().Allows(value.json().Count(), sizeof(T))) CheckFirst<T>(value);
  Reserve(value, out);
  value.EachItem([&](const Value& item) { ReadOfList(item, out.emplace_back()); });
}

template <typename T>
void Read(const Value& value, std::map<std::string, T>& out) {
  constexpr std::size_t kNode = 32 + sizeof(std::pair<const std::string, T>);
  value.EachMember([&](const Json& key, const Value& item) {
    value.budget().TakeBlock(kNode);
    Read(item, out[ReadString(key, value.budget())]);
  });
}

template <typename T>
void Read(const Value& value, std::optional<T>& out) {
  out.reset();
  if (!value.Is(Json::Kind::Null)) Read(value, out.emplace());
}

// ---- Objects ------------------------------------------------------------------------

template <typename T>
struct Field {
  const char* key;
  bool must;  // be there
  void (*read)(const Value&, T&);
};

template <typename T, typename M>
T ClassOf(M T::*);

template <auto kMember, typename T = decltype(ClassOf(kMember))>
constexpr Field<T> Must(const char* key) {
  return {key, true, [](const Value& value, T& out) { Read(value, out.*kMember); }};
}
template <auto kMember, typename T = decltype(ClassOf(kMember))>
constexpr Field<T> May(const char* key) {
  return {key, false, [](const Value& value, T& out) { Read(value, out.*kMember); }};
}

// Reads the fields that are there, in one walk over the members: an object may have
// any number of others. Of the last fields, which need not be there, null means that.
template <typename T, std::size_t kCount>
void ReadFields(const Value& object, const std::array<Field<T>, kCount>& fields, T& out,
                std::size_t required = kCount) {
  std::array<bool, kCount> seen{};
  object.EachMember([&](const Json& key, const Value& item) {
    for (std::size_t i = 0; i < kCount; ++i) {
      if (!key.Is(fields[i].key)) continue;
      seen[i] = true;
      if (i >= required && item.Is(Json::Kind::Null)) return;
      return fields[i].read(object.Member(fields[i].key, item.json()), out);
    }
  });
  for (std::size_t i = 0; i < required; ++i) {
    if (fields[i].must && !seen[i]) object.WantMember(fields[i].key);
  }
}

// One text, or a list of texts or numbers.
void ReadSymbols(const Value& value, std::vector<std::string>& out) {
  out.clear();
  if (value.Is(Json::Kind::Null)) return;
  auto& budget = value.budget();
  if (value.Is(Json::Kind::Text)) {
    const auto text = ReadString(value.json(), budget);
    const auto count =
        text.empty() ? 0 : static_cast<std::size_t>(std::ranges::count(text, ',')) + 1;
    budget.Take(count, sizeof(std::string));
    out.reserve(count);
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find(',', at), text.size());
      budget.TakeString(end - at);
      out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return;
  }
  if (!value.Is(Json::Kind::List)) value.Want("a list");
  Reserve(value, out);
  value.EachItem([&](const Value& item) {
    if (item.Is(Json::Kind::Text)) return Read(item, out.emplace_back());
    std::uint64_t id = 0;
    Read(item, id);
    budget.TakeString(item.json().raw().size());
    out.push_back(std::to_string(id));
  });
}

void Read(const Value& value, PublisherDetail& out) {
  static constexpr std::array kFields = {
      Must<&PublisherDetail::publisher_id>("publisher_id"),
      Must<&PublisherDetail::dataset>("dataset"),
      Must<&PublisherDetail::venue>("venue"),
      Must<&PublisherDetail::description>("description")};
  ReadFields(value, kFields, out);
}

void Read(const Value& value, FieldDetail& out) {
  static constexpr std::array kFields = {Must<&FieldDetail::name>("name"),
                                         Must<&FieldDetail::type>("type")};
  ReadFields(value, kFields, out);
}

void Read(const Value& value, UnitPricesForMode& out) {
  static constexpr std::array kFields = {
      Must<&UnitPricesForMode::mode>("mode"),
      Must<&UnitPricesForMode::unit_prices>("unit_prices")};
  ReadFields(value, kFields, out);
}

void Read(const Value& value, DatasetConditionDetail& out) {
  static constexpr std::array kFields = {
      Must<&DatasetConditionDetail::date>("date"),
      Must<&DatasetConditionDetail::condition>("condition"),
      May<&DatasetConditionDetail::last_modified_date>("last_modified_date")};
  ReadFields(value, kFields, out);
}

void Read(const Value& value, DateTimeRange& out) {
  static constexpr std::array kFields = {Must<&DateTimeRange::start>("start"),
                                         Must<&DateTimeRange::end>("end")};
  ReadFields(value, kFields, out);
}

void Read(const Value& value, DatasetRange& out) {
  static constexpr std::array kFields = {Must<&DatasetRange::start>("start"),
                                         Must<&DatasetRange::end>("end"),
                                         May<&DatasetRange::range_by_schema>("schema")};
  ReadFields(value, kFields, out);
}

void Read(const Value& value, SymbolInterval& out) {
  static constexpr std::array kFields = {Must<&SymbolInterval::start_date>("d0"),
                                         Must<&SymbolInterval::end_date>("d1"),
                                         Must<&SymbolInterval::symbol>("s")};
  ReadFields(value, kFields, out);
}

void Read(const Value& value, SymbologyResolution& out) {
  static constexpr std::array kFields = {
      Must<&SymbologyResolution::mappings>("result"),
      Must<&SymbologyResolution::partial>("partial"),
      Must<&SymbologyResolution::not_found>("not_found")};
  ReadFields(value, kFields, out);
}

// A list of jobs has the first three; a job's details have all.
constexpr std::size_t kShortJob = 3;
constexpr std::array kJobFields = {
    Must<&BatchJob::id>("id"),
    Must<&BatchJob::state>("state"),
    Must<&BatchJob::ts_received>("ts_received"),
    May<&BatchJob::cost_usd>("cost_usd"),
    Must<&BatchJob::dataset>("dataset"),
    Field<BatchJob>{
        "symbols", true,
        [](const Value& value, BatchJob& out) { ReadSymbols(value, out.symbols); }},
    Must<&BatchJob::stype_in>("stype_in"),
    Must<&BatchJob::stype_out>("stype_out"),
    Must<&BatchJob::schema>("schema"),
    Must<&BatchJob::start>("start"),
    Must<&BatchJob::end>("end"),
    May<&BatchJob::limit>("limit"),
    Must<&BatchJob::encoding>("encoding"),
    May<&BatchJob::compression>("compression"),
    May<&BatchJob::split_duration>("split_duration"),
    May<&BatchJob::split_size>("split_size"),
    Must<&BatchJob::split_symbols>("split_symbols"),
    Must<&BatchJob::delivery>("delivery"),
    May<&BatchJob::record_count>("record_count"),
    May<&BatchJob::billed_size>("billed_size"),
    May<&BatchJob::actual_size>("actual_size"),
    May<&BatchJob::package_size>("package_size"),
    May<&BatchJob::ts_queued>("ts_queued"),
    May<&BatchJob::ts_process_start>("ts_process_start"),
    May<&BatchJob::ts_process_done>("ts_process_done"),
    May<&BatchJob::ts_expiration>("ts_expiration"),
    May<&BatchJob::progress>("progress")};

void Read(const Value& value, BatchJob& out) { ReadFields(value, kJobFields, out); }
void ReadOfList(const Value& value, BatchJob& out) {
  ReadFields(value, kJobFields, out, kShortJob);
}

// The name comes from the server: it may not lead elsewhere.
bool IsPlainName(const std::string& name) {
  if (name.empty() || name == "." || name == "..") return false;
  // A name that cannot be shown as it is would be another one in every message.
  return !name.contains('/') && base::Printable(name) == name;
}

void Read(const Value& value, BatchFile& out) {
  static constexpr std::array kFields = {
      Must<&BatchFile::filename>("filename"), Must<&BatchFile::size>("size"),
      Must<&BatchFile::hash>("hash"), Must<&BatchFile::urls>("urls")};
  ReadFields(value, kFields, out);
  if (!IsPlainName(out.filename)) {
    value.Member("filename", value.json()).Want("a plain file name");
  }
}

std::unexpected<Error> Refused(ErrorCode code, std::string_view endpoint,
                               const std::string& what) {
  return std::unexpected{
      Error{code, std::string{endpoint} + ": the server's answer " + what}};
}

}  // namespace

template <typename T>
std::expected<T, Error> ReadAnswer(std::string_view endpoint, std::string_view json) {
  constexpr auto kAdvice = "; is it Databento's API?";
  const auto parsed = Json::Parse(json);
  if (!parsed) {
    const bool deep = parsed.error() == Json::Fault::TooDeep;
    return Refused(ErrorCode::ParseError, endpoint,
                   (deep ? "is nested deeper than " + std::to_string(kMaxJsonDepth)
                         : "is not JSON") +
                       kAdvice);
  }
  Budget budget{std::max(kMinAnswerMemory, json.size() * (kMaxAnswerMemory - 1))};
  try {
    T out{};
    Read(Value{*parsed, &budget}, out);
    return out;
  } catch (const Mismatch& m) {
    return Refused(ErrorCode::ParseError, endpoint,
                   "lacks " + m.wanted + " at " + m.place + kAdvice);
  } catch (const TooLarge&) {
    return Refused(ErrorCode::LimitExceeded, endpoint,
                   "has so many small values that they need more than " +
                       std::to_string(kMaxAnswerMemory) + " times the memory of its " +
                       std::to_string(json.size()) +
                       " bytes; ask for less, or read it with Get or Post");
  }
}

template std::expected<std::uint64_t, Error> ReadAnswer(std::string_view,
                                                        std::string_view);
template std::expected<double, Error> ReadAnswer(std::string_view, std::string_view);
template std::expected<std::vector<std::string>, Error> ReadAnswer(std::string_view,
                                                                   std::string_view);
template std::expected<std::vector<PublisherDetail>, Error> ReadAnswer(
    std::string_view, std::string_view);
template std::expected<std::vector<FieldDetail>, Error> ReadAnswer(std::string_view,
                                                                   std::string_view);
template std::expected<std::vector<UnitPricesForMode>, Error> ReadAnswer(
    std::string_view, std::string_view);
template std::expected<std::vector<DatasetConditionDetail>, Error> ReadAnswer(
    std::string_view, std::string_view);
template std::expected<DatasetRange, Error> ReadAnswer(std::string_view,
                                                       std::string_view);
template std::expected<SymbologyResolution, Error> ReadAnswer(std::string_view,
                                                              std::string_view);
template std::expected<BatchJob, Error> ReadAnswer(std::string_view, std::string_view);
template std::expected<std::vector<BatchJob>, Error> ReadAnswer(std::string_view,
                                                                std::string_view);
template std::expected<std::vector<BatchFile>, Error> ReadAnswer(std::string_view,
                                                                 std::string_view);

}  // namespace dbnloop::proto
