#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "proto/url.hpp"

namespace dbnloop::proto {

/// Takes secrets out of what a peer sent: the key, also as an Authorization header
/// carries it, and a proxy's password. Texts are given to it whole: it does not find a
/// part of a secret, so what is cut (base::Printable, Quoted) is cut after it. The
/// escapes of JSON hide nothing from it.
class Redactor {
 public:
  /// Knows no secret.
  Redactor() = default;
  explicit Redactor(const base::SecretString& key);
  /// From now on the proxy's password, too. One of fewer than three characters is found
  /// only beside its user: alone it is a part of many words.
  void AddProxy(const Url& proxy);

  [[nodiscard]] std::string operator()(std::string_view text) const;
  /// The same in place; a text never grows.
  void Redact(std::string& text) const;

 private:
  struct Secret {
    base::SecretString text;
    std::string_view instead;
  };
  void Add(base::SecretString text, std::string_view instead);

  std::vector<Secret> secrets_;  // longer ones first: they may hold shorter ones
};

}  // namespace dbnloop::proto
