#pragma once

#include <array>
#include <string>
#include <string_view>

#include "proto/secret.hpp"

namespace dbnloop::proto {

/// Takes the key out of what a peer sent, also as an Authorization header carries it.
/// Texts are given to it whole and decoded: it does not find a part of a key, so what
/// is cut (Printable, Quoted) is cut after it.
class Redactor {
 public:
  /// Knows no key.
  Redactor() = default;
  explicit Redactor(const SecretString& key);

  [[nodiscard]] std::string operator()(std::string_view text) const;

 private:
  std::array<SecretString, 2> secrets_;
};

}  // namespace dbnloop::proto
