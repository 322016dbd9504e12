// The first byte chooses whether this answers CONNECT and whether the connection ends
// behind the bytes, the second how they are cut: the same must be told of the pieces as
// of the whole.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "proto/http_response.hpp"

using dbnloop::proto::HttpResponse;
using Event = HttpResponse::Event;

static std::string Read(std::span<const std::byte> in, std::size_t piece, bool tunnel,
                        bool ends) {
  HttpResponse response{tunnel};
  std::string head, body;
  std::size_t at = 0;
  std::size_t came = std::min(piece, in.size());
  Event event = Event::NeedMore;
  do {
    event = response.Next(in.subspan(at, came - at), at);
    if (at > came) abort();
    if (event == Event::Head) {
      if (!head.empty() || !body.empty()) abort();
      head = std::to_string(response.head().status);
      for (const auto& [name, value] : response.head().headers) {
        head.append("\n").append(name).append(":").append(value);
      }
    } else if (event == Event::Body) {
      const auto part = response.body();
      if (part.empty() || head.empty() || part.data() < in.data() ||
          part.data() + part.size() > in.data() + at) {
        abort();
      }
      body.append(reinterpret_cast<const char*>(part.data()), part.size());
    } else if (event == Event::NeedMore) {
      if (at != came) abort();
      if (came == in.size()) break;
      came = std::min(came + piece, in.size());
    }
  } while (event != Event::Done && event != Event::Failed);
  if (event == Event::NeedMore && ends) event = response.Finish();
  if ((event == Event::Failed) != static_cast<bool>(response.error())) abort();
  if (event == Event::Done) body += "\nbehind " + std::to_string(at);
  return head + "\n\n" + body + "\n" + std::to_string(static_cast<int>(event)) +
         response.error().message + (response.KeepAlive() ? " keep" : " close");
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto in = std::as_bytes(std::span{data, size}).subspan(2);
  const bool tunnel = data[0] % 2 != 0;
  const bool ends = data[0] / 2 % 2 != 0;
  if (Read(in, data[1] + 1U, tunnel, ends) != Read(in, size, tunnel, ends)) abort();
  return 0;
}
