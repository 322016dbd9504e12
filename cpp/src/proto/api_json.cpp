#include "proto/api_json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "proto/json.hpp"

namespace dbnloop::proto {
namespace {

using Json = nlohmann::json;

// What stands where in the answer is not what it should be.
struct Mismatch {
  std::string place;
  std::string wanted;
};

// A value and the way to it, for messages: by names of ours and by positions, not by
// names that the peer chose.
class Value {
 public:
  Value(const Json& json, std::string place) : json_{json}, place_{std::move(place)} {}

  [[noreturn]] void Want(const char* what) const { throw Mismatch{place_, what}; }

  [[nodiscard]] Value At(const char* key) const {
    const auto found = Find(key);
    if (found == nullptr) throw Mismatch{place_ + "." + key, "a value"};
    return {*found, place_ + "." + key};
  }
  [[nodiscard]] const Json* Find(const char* key) const {
    if (!json_.is_object()) Want("an object");
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }
  template <typename F>
  void EachItem(F&& f) const {
    if (!json_.is_array()) Want("a list");
    std::size_t i = 0;
    for (const auto& item : json_) {
      f(Value{item, place_ + "[" + std::to_string(i++) + "]"});
    }
  }
  template <typename F>
  void EachMember(F&& f) const {
    if (!json_.is_object()) Want("an object");
    std::size_t i = 0;
    for (const auto& [key, item] : json_.items()) {
      f(key, Value{item, place_ + "{" + std::to_string(i++) + "}"});
    }
  }
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  const Json& json_;
  std::string place_;
};

void Read(const Value& value, std::string& out) {
  if (!value.json().is_string()) value.Want("a text");
  out = value.json().get<std::string>();
}

void Read(const Value& value, bool& out) {
  if (!value.json().is_boolean()) value.Want("true or false");
  out = value.json().get<bool>();
}

void Read(const Value& value, double& out) {
  if (!value.json().is_number()) value.Want("a number");
  out = value.json().get<double>();
  if (!std::isfinite(out)) value.Want("a finite number");
}

template <typename T>
void ReadInteger(const Value& value, T& out) {
  const auto& json = value.json();
  const bool fits =
      json.is_number_unsigned()
          ? std::in_range<T>(json.get<std::uint64_t>())
          : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
  if (!fits) value.Want("a whole number in range");
  out = json.is_number_unsigned() ? static_cast<T>(json.get<std::uint64_t>())
                                  : static_cast<T>(json.get<std::int64_t>());
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
void Read(const Value& value, BatchFile& out);

template <typename T>
void Read(const Value& value, std::vector<T>& out) {
  value.EachItem([&](const Value& item) { Read(item, out.emplace_back()); });
}

template <typename T>
void Read(const Value& value, std::map<std::string, T>& out) {
  value.EachMember(
      [&](const std::string& key, const Value& item) { Read(item, out[key]); });
}

template <typename T>
void Member(const Value& object, const char* key, T& out) {
  Read(object.At(key), out);
}

// May be null, or absent.
template <typename T>
void Member(const Value& object, const char* key, std::optional<T>& out) {
  const auto* const found = object.Find(key);
  if (found != nullptr && !found->is_null()) Read(object.At(key), out.emplace());
}

// One text, or a list of texts or numbers.
void ReadSymbols(const Value& value, std::vector<std::string>& out) {
  if (value.json().is_null()) return;
  if (value.json().is_string()) {
    const auto text = value.json().get<std::string>();
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find(',', at), text.size());
      out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return;
  }
  value.EachItem([&](const Value& item) {
    if (item.json().is_string()) return Read(item, out.emplace_back());
    std::uint64_t id = 0;
    Read(item, id);
    out.push_back(std::to_string(id));
  });
}

void Read(const Value& value, PublisherDetail& out) {
  Member(value, "publisher_id", out.publisher_id);
  Member(value, "dataset", out.dataset);
  Member(value, "venue", out.venue);
  Member(value, "description", out.description);
}

void Read(const Value& value, FieldDetail& out) {
  Member(value, "name", out.name);
  Member(value, "type", out.type);
}

void Read(const Value& value, UnitPricesForMode& out) {
  Member(value, "mode", out.mode);
  Member(value, "unit_prices", out.unit_prices);
}

void Read(const Value& value, DatasetConditionDetail& out) {
  Member(value, "date", out.date);
  Member(value, "condition", out.condition);
  Member(value, "last_modified_date", out.last_modified_date);
}

void Read(const Value& value, DateTimeRange& out) {
  Member(value, "start", out.start);
  Member(value, "end", out.end);
}

void Read(const Value& value, DatasetRange& out) {
  Member(value, "start", out.start);
  Member(value, "end", out.end);
  if (value.Find("schema") != nullptr) Member(value, "schema", out.range_by_schema);
}

void Read(const Value& value, SymbolInterval& out) {
  Member(value, "d0", out.start_date);
  Member(value, "d1", out.end_date);
  Member(value, "s", out.symbol);
}

void Read(const Value& value, SymbologyResolution& out) {
  Member(value, "result", out.mappings);
  Member(value, "partial", out.partial);
  Member(value, "not_found", out.not_found);
}

void Read(const Value& value, BatchJob& out) {
  Member(value, "id", out.id);
  Member(value, "state", out.state);
  Member(value, "cost_usd", out.cost_usd);
  Member(value, "dataset", out.dataset);
  ReadSymbols(value.At("symbols"), out.symbols);
  Member(value, "stype_in", out.stype_in);
  Member(value, "stype_out", out.stype_out);
  Member(value, "schema", out.schema);
  Member(value, "start", out.start);
  Member(value, "end", out.end);
  Member(value, "limit", out.limit);
  Member(value, "encoding", out.encoding);
  Member(value, "compression", out.compression);
  Member(value, "split_duration", out.split_duration);
  Member(value, "split_size", out.split_size);
  Member(value, "split_symbols", out.split_symbols);
  Member(value, "delivery", out.delivery);
  Member(value, "record_count", out.record_count);
  Member(value, "billed_size", out.billed_size);
  Member(value, "actual_size", out.actual_size);
  Member(value, "package_size", out.package_size);
  Member(value, "ts_received", out.ts_received);
  Member(value, "ts_queued", out.ts_queued);
  Member(value, "ts_process_start", out.ts_process_start);
  Member(value, "ts_process_done", out.ts_process_done);
  Member(value, "ts_expiration", out.ts_expiration);
  Member(value, "progress", out.progress);
}

// The name comes from the server: it may not lead elsewhere.
bool IsPlainName(const std::string& name) {
  if (name.empty() || name == "." || name == "..") return false;
  return std::ranges::none_of(name, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '/' || byte < 0x20 || byte == 0x7F;
  });
}

void Read(const Value& value, BatchFile& out) {
  Member(value, "filename", out.filename);
  if (!IsPlainName(out.filename)) value.At("filename").Want("a plain file name");
  Member(value, "size", out.size);
  Member(value, "hash", out.hash);
  Member(value, "urls", out.urls);
}

}  // namespace

template <typename T>
std::expected<T, Error> ReadAnswer(std::string_view endpoint, std::string_view json) {
  const auto fault = [&](const std::string& what) {
    return std::unexpected{
        Error{ErrorCode::ParseError, std::string{endpoint} + ": the server's answer " +
                                         what + "; is it Databento's API?"}};
  };
  const auto parsed = ParseJson(json);
  if (parsed.is_discarded()) {
    return fault(IsNestedTooDeep(json)
                     ? "is nested deeper than " + std::to_string(kMaxJsonDepth)
                     : "is no JSON");
  }
  try {
    T out{};
    Read(Value{parsed, "$"}, out);
    return out;
  } catch (const Mismatch& m) {
    return fault("lacks " + m.wanted + " at " + m.place);
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
