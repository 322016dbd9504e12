#include "proto/validate.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/number.hpp"
#include "base/text.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/exception.hpp"

namespace dbnloop::proto {
namespace {

constexpr std::size_t kApiKeyLength = 32;
constexpr std::size_t kMaxDataset = 15;  // the field of 16 bytes holds a NUL

[[noreturn]] void Throw(ErrorCode code, std::string message) {
  throw Exception{{code, std::move(message)}};
}

// What a text line may hold without breaking it.
bool IsPlain(char c) { return c > 0x20 && c < 0x7F && c != '|'; }

void ValidateSymbol(std::string_view symbol, std::size_t count) {
  if (symbol.empty()) Throw(ErrorCode::InvalidSymbol, "a symbol is empty");
  if (symbol.size() >= static_cast<std::size_t>(kSymbolCstrLen)) {
    Throw(ErrorCode::InvalidSymbol, "symbol " + base::Quoted(symbol) + " has " +
                                        std::to_string(symbol.size()) +
                                        " characters; the most is 70");
  }
  // Spaces occur within option symbols; at an end they are a mistake.
  const bool plain = std::ranges::all_of(
      symbol, [](char c) { return (IsPlain(c) || c == ' ') && c != ','; });
  if (!plain || symbol.front() == ' ' || symbol.back() == ' ') {
    Throw(ErrorCode::InvalidSymbol,
          "symbol " + base::Quoted(symbol) +
              " has a character that the gateway's line protocol cannot carry; symbols "
              "are printable ASCII without '|', ',' or spaces around them");
  }
  if (symbol == kAllSymbols && count != 1) {
    Throw(ErrorCode::InvalidSymbol,
          "ALL_SYMBOLS selects everything: it cannot be mixed with other symbols");
  }
}

// Names where ids are due resolve to nothing: no record would ever come.
void ValidateInstrumentId(std::string_view symbol) {
  if (base::ParseNumber<std::uint32_t>(symbol)) return;
  Throw(ErrorCode::InvalidSymbol,
        "symbol " + base::Quoted(symbol) +
            " is not a number from 0 to 4294967295, and stype_in is instrument_id; "
            "set stype_in to raw_symbol, parent or continuous for names");
}

}  // namespace

void ValidateApiKey(std::string_view key) {
  if (key.size() != kApiKeyLength || !std::ranges::all_of(key, IsPlain)) {
    Throw(ErrorCode::InvalidApiKey,
          "the API key must have 32 printable ASCII characters, this one has " +
              std::to_string(key.size()) +
              (key.size() == kApiKeyLength ? " of which some are not" : "") +
              "; keys are listed in the Databento portal and begin with \"db-\"");
  }
}

void ValidateDataset(std::string_view dataset) {
  const bool plain = std::ranges::all_of(dataset, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '-' || c == '_';
  });
  if (dataset.empty() || dataset.size() > kMaxDataset || !plain) {
    Throw(ErrorCode::InvalidDataset,
          "dataset " + base::Quoted(dataset) +
              " is no dataset code; codes look like GLBX.MDP3, 15 characters at most");
  }
}

void ValidateSubscription(const Subscription& subscription) {
  if (!subscription.dataset.empty()) ValidateDataset(subscription.dataset);
  if (std::string_view{TextOf(subscription.schema)} == "Unknown") {
    Throw(ErrorCode::InvalidSchema,
          "schema number " + std::to_string(static_cast<int>(subscription.schema)) +
              " is not known");
  }
  if (std::string_view{TextOf(subscription.stype_in)} == "Unknown") {
    Throw(ErrorCode::InvalidArgument,
          "stype_in number " + std::to_string(static_cast<int>(subscription.stype_in)) +
              " is not known");
  }
  if (subscription.symbols.empty()) {
    Throw(ErrorCode::InvalidSymbol,
          "a subscription needs at least one symbol; ALL_SYMBOLS selects every one");
  }
  for (const auto& symbol : subscription.symbols) {
    ValidateSymbol(symbol, subscription.symbols.size());
    if (subscription.stype_in == SType::InstrumentId && symbol != kAllSymbols) {
      ValidateInstrumentId(symbol);
    }
  }
  if (subscription.snapshot && subscription.schema != Schema::Mbo) {
    Throw(ErrorCode::InvalidArgument, "snapshot is only possible with schema mbo");
  }
  if (subscription.snapshot && subscription.start) {
    Throw(ErrorCode::InvalidArgument, "snapshot and start exclude each other");
  }
}

std::vector<std::string> SplitSymbols(std::string_view list) {
  std::vector<std::string> symbols;
  for (;;) {
    const auto comma = list.find(',');
    auto symbol = list.substr(0, comma);
    while (symbol.starts_with(' ')) symbol.remove_prefix(1);
    while (symbol.ends_with(' ')) symbol.remove_suffix(1);
    symbols.emplace_back(symbol);
    if (comma == std::string_view::npos) return symbols;
    list.remove_prefix(comma + 1);
  }
}

std::string GatewayHost(std::string_view dataset) {
  std::string host{dataset};
  for (char& c : host) {
    if (c == '.') {
      c = '-';
    } else if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return host + ".lsg.databento.com";
}

}  // namespace dbnloop::proto
