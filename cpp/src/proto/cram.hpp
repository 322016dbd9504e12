#pragma once

#include <string>
#include <string_view>

namespace dbnloop::proto {

/// hex(SHA256(challenge|key)) + '-' + last five characters of the key.
std::string CramReply(std::string_view challenge, std::string_view api_key);

}  // namespace dbnloop::proto
