#pragma once

#include <concepts>
#include <sstream>
#include <string>
#include <utility>
#include <version>
#if __cpp_lib_format
#include <format>
#endif

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/record.hpp"

/// std::format, std::print and so on for records and enums: `std::format("{}", trade)`
/// gives what `std::cout << trade` writes. The format is that of a string, with width,
/// alignment and precision. The header is empty where the standard library has no
/// std::format, as with g++ 12.
#if __cpp_lib_format
namespace dbnloop::detail {

/// Enums, records of any version (with a ts_out too, if they are dbnloop's own types)
/// and their parts: what an operator<< writes.
template <typename T>
concept Formatted =
    (NamedEnum<T> ||
     OneOf<T, FlagSet, RecordHeader, BidAskPair, ConsolidatedBidAskPair, Record> ||
     requires {
       { T::HasRType(RType::Mbo) } -> std::same_as<bool>;
     }) &&
    requires(std::ostream& out, const T& value) { out << value; };

}  // namespace dbnloop::detail

template <dbnloop::detail::Formatted T>
struct std::formatter<T, char> : std::formatter<std::string, char> {
  template <typename Context>
  auto format(const T& value, Context& context) const {
    std::ostringstream out;
    out << value;
    return std::formatter<std::string, char>::format(std::move(out).str(), context);
  }
};
#endif
