#include "proto/json.hpp"

#include <algorithm>
#include <cstdint>

#include "base/utf8.hpp"

namespace dbnloop::proto {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A character of ASCII that stands for itself within quotes.
bool IsUnescaped(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four digits of \uXXXX.
std::optional<char32_t> HexUnit(std::string_view digits) {
  if (digits.size() < 4) return std::nullopt;
  char32_t unit = 0;
  for (const char c : digits.substr(0, 4)) {
    if (HexDigit(c) < 0) return std::nullopt;
    unit = unit << 4U | static_cast<char32_t>(HexDigit(c));
  }
  return unit;
}

bool IsHighSurrogate(char32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool IsLowSurrogate(char32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

// A character within quotes, from its first byte. A size of 0 marks an invalid
// character.
base::Utf8Char QuotedChar(std::string_view text) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (!text.starts_with('\\')) {
    const auto c = base::FirstUtf8Char(text);
    return c.code < 0x20 || c.code == '"' ? base::Utf8Char{} : c;
  }
  if (text.size() < 2) return {};
  if (const auto i = kEscapes.find(text[1]); i != std::string_view::npos) {
    return {static_cast<unsigned char>(kMeanings[i]), 2};
  }
  const auto unit = text[1] == 'u' ? HexUnit(text.substr(2)) : std::nullopt;
  if (!unit || IsLowSurrogate(*unit)) return {};
  if (!IsHighSurrogate(*unit)) return {*unit, 6};
  if (!text.substr(6).starts_with("\\u")) return {};
  const auto low = HexUnit(text.substr(8));
  if (!low || !IsLowSurrogate(*low)) return {};
  return {0x10000 + ((*unit - 0xD800) << 10U) + (*low - 0xDC00), 12};
}

// Checks a document from its beginning; each method takes what it names.
class Checker {
 public:
  explicit Checker(std::string_view text) : rest_{text} {}

  // Values within each other are counted here, not on the stack.
  std::expected<std::string_view, Json::Fault> Document() {
    const auto syntax = std::unexpected{Json::Fault::Syntax};
    Blanks();
    const auto before = rest_;
    do {
      if (!BeginValue()) return syntax;
      if (depth_ > kMaxJsonDepth) return std::unexpected{Json::Fault::TooDeep};
      // What an opening bracket leaves to do is a value, too.
      if (opened_) continue;
      if (!EndValue()) return syntax;
    } while (depth_ != 0);
    const auto value = before.substr(0, before.size() - rest_.size());
    Blanks();
    if (!rest_.empty()) return syntax;
    return value;
  }

 private:
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void Blanks() {
    while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
  }

  bool Text() {
    if (!Take('"')) return false;
    while (!Take('"')) {
      if (!rest_.empty() && IsUnescaped(rest_.front())) {
        rest_.remove_prefix(1);
        continue;
      }
      const auto c = QuotedChar(rest_);
      if (c.size == 0) return false;
      rest_.remove_prefix(c.size);
    }
    return true;
  }

  bool Digits() {
    const auto* const end = std::ranges::find_if_not(rest_, IsDigit);
    const auto count = static_cast<std::size_t>(end - rest_.begin());
    rest_.remove_prefix(count);
    return count != 0;
  }

  bool Number() {
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (!Take('e') && !Take('E')) return true;
    if (!Take('+')) Take('-');
    return Digits();
  }

  bool Literal() {
    for (const std::string_view word : {"null", "true", "false"}) {
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return true;
    }
    return Number();
  }

  // The key of a member and its colon.
  bool Key() {
    if (!Text()) return false;
    Blanks();
    if (!Take(':')) return false;
    Blanks();
    return true;
  }

  // A scalar or an empty bracket pair, or the bracket and key before another value.
  bool BeginValue() {
    opened_ = false;
    const bool object = rest_.starts_with('{');
    if (!object && !rest_.starts_with('[')) {
      return rest_.starts_with('"') ? Text() : Literal();
    }
    rest_.remove_prefix(1);
    Blanks();
    if (++depth_ > kMaxJsonDepth) return true;
    is_object_[static_cast<std::size_t>(depth_) - 1] = object;
    if (Take(object ? '}' : ']')) {
      --depth_;
      return true;
    }
    opened_ = true;
    return !object || Key();
  }

  // The brackets that close after a value, and what leads to the next one.
  bool EndValue() {
    while (depth_ != 0) {
      const bool object = is_object_[static_cast<std::size_t>(depth_) - 1];
      Blanks();
      if (Take(',')) {
        Blanks();
        return !object || Key();
      }
      if (!Take(object ? '}' : ']')) return false;
      --depth_;
    }
    return true;
  }

  std::string_view rest_;
  int depth_ = 0;
  bool opened_ = false;  // the next value is the first within a bracket
  std::array<bool, kMaxJsonDepth> is_object_{};
};

}  // namespace

std::expected<Json, Json::Fault> Json::Parse(std::string_view text) {
  const auto value = Checker{text}.Document();
  if (!value) return std::unexpected{value.error()};
  return Json{*value};
}

// What follows relies on the check.

Json::Kind Json::kind() const noexcept {
  switch (text_.front()) {
    case 'n':
      return Kind::Null;
    case 't':
    case 'f':
      return Kind::Boolean;
    case '"':
      return Kind::Text;
    case '[':
      return Kind::List;
    case '{':
      return Kind::Object;
    default:
      return Kind::Number;
  }
}

template <typename F>
void Json::EachChar(F&& f) const {
  for (auto rest = text_.substr(1, text_.size() - 2); !rest.empty();) {
    const auto c = QuotedChar(rest);
    rest.remove_prefix(c.size);
    if (!f(c.code)) return;
  }
}

std::size_t Json::StringSize() const {
  std::size_t size = 0;
  EachChar([&](char32_t c) {
    size += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    return true;
  });
  return size;
}

std::string Json::String() const {
  std::string out;
  out.reserve(StringSize());
  EachChar([&](char32_t c) {
    base::AppendUtf8(out, c);
    return true;
  });
  return out;
}

bool Json::Is(std::string_view text) const {
  EachChar([&](char32_t c) {
    const auto next = base::FirstUtf8Char(text);
    if (next.size == 0 || next.code != c) {
      text = "?";  // something is left: they differ
      return false;
    }
    text.remove_prefix(next.size);
    return true;
  });
  return text.empty();
}

std::size_t Json::Count() const {
  std::size_t count = 0;
  for (std::size_t at = Begin(); at != kEnd; ++count) {
    at = Next(at + ValueAt(at).size());
  }
  return kind() == Kind::Object ? count / 2 : count;
}

std::optional<Json> Json::Find(std::string_view key) const {
  std::optional<Json> found;
  EachMember([&](const Json& name, const Json& value) {
    if (name.Is(key)) found = value;
  });
  return found;
}

// Where the first value within the brackets begins; a key counts as one.
std::size_t Json::Begin() const { return Next(1); }

// Behind a value or a bracket: where the next one begins, kEnd when none does.
std::size_t Json::Next(std::size_t at) const {
  while (IsBlank(text_[at]) || text_[at] == ',' || text_[at] == ':') ++at;
  return text_[at] == ']' || text_[at] == '}' ? kEnd : at;
}

std::string_view Json::ValueAt(std::size_t at) const {
  auto end = at;
  int depth = 0;
  do {
    const char c = text_[end++];
    if (c == '"') {
      for (; text_[end] != '"'; ++end) {
        if (text_[end] == '\\') ++end;
      }
      ++end;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (depth == 0) {
      // A number or a word: it ends before what cannot be in it.
      while (end < text_.size() && text_[end] != ',' && text_[end] != ']' &&
             text_[end] != '}' && !IsBlank(text_[end])) {
        ++end;
      }
    }
  } while (depth != 0);
  return text_.substr(at, end - at);
}

}  // namespace dbnloop::proto
