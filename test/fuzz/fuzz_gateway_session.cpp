// The gateway's bytes, whole and in pieces of the first byte's size: the session must
// send the same and end the same, and never show the key.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "proto/gateway_session.hpp"

namespace {
constexpr char kKey[] = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012";

std::string Talk(std::span<const std::byte> in, std::size_t piece) {
  dbnloop::LiveOptions options;
  options.dataset = "GLBX.MDP3";
  dbnloop::proto::GatewaySession session{kKey, options};
  session.Subscribe({.dataset = {}, .symbols = {"ESZ6"}, .start = {}});
  session.Start();
  while (!in.empty()) {
    const auto part = in.first(std::min(in.size(), piece));
    if (session.Receive(part) < part.size()) break;
    in = in.subspan(part.size());
  }
  return std::string{session.Output()} + session.Finish().message +
         std::to_string(session.session_id());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto in = std::as_bytes(std::span{data + 1, size - 1});
  const std::string said{reinterpret_cast<const char*>(data), size};
  if (said.find(kKey) != said.npos) return 0;  // a guess: the gateway is never told it
  const auto whole = Talk(in, size);
  if (whole != Talk(in, data[0] + 1U)) abort();
  if (whole.find(kKey) != std::string::npos) abort();
  return 0;
}
