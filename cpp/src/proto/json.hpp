#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace dbnloop::proto {

/// The most arrays and objects within each other in what a peer sends.
inline constexpr int kMaxJsonDepth = 64;

/// A value within a JSON document: a piece of its text, read where it lies. Nothing is
/// allocated but what String gives, so that a document costs no more than its text,
/// however many values it holds. The text must outlive it.
class Json {
 public:
  enum class Kind { Null, Boolean, Number, Text, List, Object };
  enum class Fault { Syntax, TooDeep };

  /// Checks all of a document: RFC 8259 in UTF-8, nested kMaxJsonDepth deep at most.
  [[nodiscard]] static std::expected<Json, Fault> Parse(std::string_view text);

  [[nodiscard]] Kind kind() const noexcept;
  /// The value as it is written.
  [[nodiscard]] std::string_view raw() const noexcept { return text_; }
  /// The bytes that the characters of a Text have without its escapes.
  [[nodiscard]] std::size_t StringSize() const;
  /// The characters of a Text.
  [[nodiscard]] std::string String() const;
  /// Whether this is the Text.
  [[nodiscard]] bool Is(std::string_view text) const;
  /// The values of a List, the members of an Object.
  [[nodiscard]] std::size_t Count() const;
  /// The last member of an Object that has the key.
  [[nodiscard]] std::optional<Json> Find(std::string_view key) const;

  /// Calls f(item) for each value of a List.
  template <typename F>
  void EachItem(F&& f) const {
    for (std::size_t at = Begin(); at != kEnd;) {
      const Json item{ValueAt(at)};
      at = Next(at + item.text_.size());
      f(item);
    }
  }
  /// Calls f(key, value) for each member of an Object; the key is a Text.
  template <typename F>
  void EachMember(F&& f) const {
    for (std::size_t at = Begin(); at != kEnd;) {
      const Json key{ValueAt(at)};
      at = Next(at + key.text_.size());
      const Json value{ValueAt(at)};
      at = Next(at + value.text_.size());
      f(key, value);
    }
  }

 private:
  static constexpr std::size_t kEnd = std::string_view::npos;

  explicit Json(std::string_view text) : text_{text} {}
  template <typename F>
  void EachChar(F&& f) const;
  [[nodiscard]] std::size_t Begin() const;
  [[nodiscard]] std::size_t Next(std::size_t at) const;
  [[nodiscard]] std::string_view ValueAt(std::size_t at) const;

  std::string_view text_;  // of one value, without blanks around it
};

}  // namespace dbnloop::proto
