#include "proto/cram.hpp"

#include <algorithm>
#include <span>

#include "base/secret.hpp"
#include "base/sha256.hpp"

namespace dbnloop::proto {
namespace {

constexpr std::size_t kBucketLength = 5;

}  // namespace

std::string CramReply(std::string_view challenge, std::string_view api_key) {
  base::SecretString text;
  text.reserve(challenge.size() + 1 + api_key.size());
  text.append(challenge).append("|").append(api_key);
  base::Sha256 digest;
  digest.Update(std::as_bytes(std::span{text}));
  auto reply = digest.Finish();
  reply += '-';
  reply += api_key.substr(api_key.size() - std::min(api_key.size(), kBucketLength));
  return reply;
}

}  // namespace dbnloop::proto
