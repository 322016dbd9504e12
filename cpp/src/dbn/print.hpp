#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

#include "dbnloop/format.hpp"
#include "dbnloop/record.hpp"

/// How operator<< writes records and enums: into a string first, so that neither the
/// state of the stream (hex, precision) nor its width changes a field.
namespace dbnloop::print {

inline constexpr std::string_view kUndefinedText = "undefined";

struct Price {
  std::int64_t value;
};
/// A number that is undefined when it has one value.
template <typename T>
struct Optional {
  T value;
  T undefined;
};

/// Writes a struct: Begin, a call for each field, End. PrintFields, which is generated,
/// makes these calls.
class Printer {
 public:
  explicit Printer(std::string& out) : out_{out} {}

  void Begin(std::string_view type) {
    out_ += type;
    out_ += " {";
  }
  void End() { out_ += " }"; }
  template <typename T>
  void operator()(std::string_view name, const T& value) {
    out_ += first_ ? " " : ", ";
    first_ = false;
    out_ += name;
    out_ += " = ";
    Value(value);
  }

  template <typename E>
    requires std::is_enum_v<E>
  void Value(E value) {
    const std::string_view text = ToString(value);
    out_ += text;
    if (text == "Unknown") {
      out_ += " (";
      Number(static_cast<int>(value));
      out_ += ')';
    }
  }

 private:
  void Number(std::integral auto value) {
    std::array<char, 24> room;
    out_.append(room.data(),
                std::to_chars(room.data(), room.data() + room.size(), value).ptr);
  }
  void OrUndefined(std::string_view text) {
    out_ += text.empty() ? kUndefinedText : text;
  }
  // What a peer sends may be any byte; what is written stays on its line.
  void Character(char c) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\'' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (byte < ' ' || byte == 0x7f) {
      out_ += "\\x";
      out_ += kHex[byte >> 4];
      out_ += kHex[byte & 15];
    } else {
      out_ += c;
    }
  }

  void Value(std::integral auto value) { Number(value); }
  void Value(char value) {
    out_ += '\'';
    Character(value);
    out_ += '\'';
  }
  void Value(Price price) {
    PriceText room;
    OrUndefined(FormatPrice(price.value, room));
  }
  template <typename T>
  void Value(Optional<T> number) {
    if (number.value == number.undefined) {
      out_ += kUndefinedText;
    } else {
      Number(number.value);
    }
  }
  void Value(UnixNanos time) {
    TimeText room;
    OrUndefined(FormatTime(time, room));
  }
  void Value(TimeDeltaNanos delta) {
    Number(delta.count());
    out_ += "ns";
  }
  void Value(FlagSet flags) {
    FlagsText room;
    out_ += FormatFlags(flags, room);
  }
  template <std::size_t N>
  void Value(const std::array<char, N>& text) {
    out_ += '"';
    for (const char c : std::string_view{text.data(), N}.substr(
             0, std::string_view{text.data(), N}.find('\0'))) {
      Character(c);
    }
    out_ += '"';
  }
  template <typename T, std::size_t N>
  void Value(const std::array<T, N>& list) {
    out_ += '[';
    for (const T& item : list) {
      if (&item != list.data()) out_ += ", ";
      Value(item);
    }
    out_ += ']';
  }
  template <typename T>
    requires std::is_class_v<T>
  void Value(const T& value) {
    Printer nested{out_};
    PrintFields(nested, value);
  }

  std::string& out_;
  bool first_ = true;
};

template <typename E>
std::ostream& Enum(std::ostream& out, E value) {
  std::string text;
  Printer{text}.Value(value);
  return out << text;
}
template <typename T>
std::ostream& Struct(std::ostream& out, const T& value) {
  std::string text;
  Printer printer{text};
  PrintFields(printer, value);
  return out << text;
}

}  // namespace dbnloop::print
