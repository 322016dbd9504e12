#include "proto/validate.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/number.hpp"
#include "base/str_cat.hpp"
#include "base/text.hpp"
#include "base/throw.hpp"
#include "dbnloop/enum_strings.hpp"

namespace dbnloop::proto {
namespace {

constexpr std::size_t kApiKeyLength = 32;
constexpr std::size_t kMaxDataset = 15;  // the field of 16 bytes holds a NUL

// What a text line may hold without breaking it.
bool IsPlain(char c) { return c > 0x20 && c < 0x7F && c != '|'; }

void ValidateSymbol(std::string_view symbol, std::size_t count) {
  if (symbol.empty()) base::Throw(ErrorCode::InvalidSymbol, "a symbol is empty");
  if (symbol.size() >= static_cast<std::size_t>(kSymbolCstrLen)) {
    base::Throw(ErrorCode::InvalidSymbol,
                base::StrCat("symbol ", base::Quoted(symbol), " has ", symbol.size(),
                             " characters; the most is 70"));
  }
  // Spaces occur within option symbols; at an end they are a mistake.
  const bool plain = std::ranges::all_of(
      symbol, [](char c) { return (IsPlain(c) || c == ' ') && c != ','; });
  if (!plain || symbol.front() == ' ' || symbol.back() == ' ') {
    base::Throw(
        ErrorCode::InvalidSymbol,
        "symbol " + base::Quoted(symbol) +
            " has a character that the gateway's line protocol cannot carry; symbols "
            "are printable ASCII without '|', ',' or spaces around them");
  }
  if (symbol == kAllSymbols && count != 1) {
    base::Throw(
        ErrorCode::InvalidSymbol,
        "ALL_SYMBOLS selects everything: it cannot be mixed with other symbols");
  }
}

// Names where ids are due resolve to nothing: no record would ever come.
void ValidateInstrumentId(std::string_view symbol) {
  if (base::ParseNumber<std::uint32_t>(symbol)) return;
  base::Throw(
      ErrorCode::InvalidSymbol,
      "symbol " + base::Quoted(symbol) +
          " is not a number from 0 to 4294967295, and stype_in is instrument_id; "
          "set stype_in to raw_symbol, parent or continuous for names");
}

// What subscriptions and unsubscriptions have in common.
template <typename Request>
void ValidateRequest(const Request& request, const char* what) {
  if (!request.dataset.empty()) ValidateDataset(request.dataset);
  if (std::string_view{TextOf(request.schema)} == "Unknown") {
    base::Throw(ErrorCode::InvalidSchema,
                base::StrCat("schema number ", static_cast<int>(request.schema),
                             " is not known"));
  }
  if (std::string_view{TextOf(request.stype_in)} == "Unknown") {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("stype_in number ", static_cast<int>(request.stype_in),
                             " is not known"));
  }
  if (request.symbols.empty()) {
    base::Throw(ErrorCode::InvalidSymbol,
                base::StrCat(what,
                             " needs at least one symbol; ALL_SYMBOLS selects "
                             "every one"));
  }
  for (const auto& symbol : request.symbols) {
    ValidateSymbol(symbol, request.symbols.size());
    if (request.stype_in == SType::InstrumentId && symbol != kAllSymbols) {
      ValidateInstrumentId(symbol);
    }
  }
}

}  // namespace

void ValidateApiKey(std::string_view key) {
  if (key.size() != kApiKeyLength || !std::ranges::all_of(key, IsPlain)) {
    base::Throw(
        ErrorCode::InvalidApiKey,
        base::StrCat(
            "the API key must have 32 printable ASCII characters, this one has ",
            key.size(), (key.size() == kApiKeyLength ? " of which some are not" : ""),
            "; keys are listed in the Databento portal and begin with \"db-\""));
  }
}

void ValidateDataset(std::string_view dataset) {
  const bool plain = std::ranges::all_of(dataset, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '-' || c == '_';
  });
  if (dataset.empty() || dataset.size() > kMaxDataset || !plain) {
    base::Throw(ErrorCode::InvalidDataset,
                base::StrCat("invalid dataset ", base::Quoted(dataset),
                             " (expected a code such as GLBX.MDP3, of 15 characters at "
                             "most)"));
  }
}

void ValidateSubscription(const Subscription& subscription) {
  ValidateRequest(subscription, "a subscription");
  if (subscription.snapshot && subscription.schema != Schema::Mbo) {
    base::Throw(ErrorCode::InvalidArgument,
                "snapshot is only possible with schema mbo");
  }
  if (subscription.snapshot && subscription.start) {
    base::Throw(ErrorCode::InvalidArgument, "snapshot and start exclude each other");
  }
}

void ValidateUnsubscription(const Unsubscription& unsubscription) {
  ValidateRequest(unsubscription, "an unsubscription");
  if (!CanUnsubscribeBy(unsubscription.stype_in)) {
    base::Throw(
        ErrorCode::InvalidArgument,
        base::StrCat("Unsubscribe: stype_in is ", TextOf(unsubscription.stype_in),
                     "; it must be raw_symbol, parent or instrument_id"));
  }
}

bool CanUnsubscribeBy(SType stype) noexcept {
  return stype == SType::RawSymbol || stype == SType::Parent ||
         stype == SType::InstrumentId;
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
