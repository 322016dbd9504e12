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
/// gives what `std::cout << trade` writes, and takes the width and alignment of a
/// string, as in
/// `{:>8}`. The header is empty where the standard library has no std::format (g++ 12).
#if __cpp_lib_format
namespace dbnloop::detail {

/// What has an operator<< for std::format to use. RecordHeader stands for itself; every
/// record begins with one.
template <typename T>
concept Formatted =
    NamedEnum<T> ||
    OneOf<T, FlagSet, RecordHeader, BidAskPair, ConsolidatedBidAskPair, Record> ||
    requires(const T& record) {
      { record.hd } -> std::same_as<const RecordHeader&>;
      { T::HasRType(RType::Mbo) } -> std::same_as<bool>;
    };

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
