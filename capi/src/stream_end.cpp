#include "dbnloop/stream_end.hpp"

#include <cstddef>
#include <memory>
#include <vector>

#include "dbnloop.h"
#include "guard.hpp"

struct dbnloop_stream_end {
  explicit dbnloop_stream_end(std::size_t memory) : end{memory} {}

  dbnloop::StreamEnd end;
  std::vector<std::byte> position;  // that C was given
};

extern "C" {

dbnloop_status dbnloop_stream_end_new(uint64_t memory, dbnloop_stream_end** out,
                                      dbnloop_error* error) {
  return dbnloop::capi::Guard(error, [&] {
    dbnloop::capi::RequireNonNull(out, "out");
    constexpr std::size_t kDefault = std::size_t{256} * 1024;
    *out = new dbnloop_stream_end{memory != 0 ? memory : kDefault};
  });
}

void dbnloop_stream_end_free(dbnloop_stream_end* end) { delete end; }

dbnloop_status dbnloop_stream_end_push(dbnloop_stream_end* end, const void* data,
                                       size_t size, dbnloop_error* error) {
  return dbnloop::capi::Guard(error, [&] {
    dbnloop::capi::RequireNonNull(end, "end");
    if (size != 0) dbnloop::capi::RequireNonNull(data, "data");
    end->end.Push({static_cast<const std::byte*>(data), size});
  });
}

uint64_t dbnloop_stream_end_complete(const dbnloop_stream_end* end) {
  return end != nullptr ? end->end.Complete() : 0;
}

uint64_t dbnloop_stream_end_records(const dbnloop_stream_end* end) {
  return end != nullptr ? end->end.Records() : 0;
}

dbnloop_status dbnloop_stream_end_position(dbnloop_stream_end* end, const void** data,
                                           size_t* size, dbnloop_error* error) {
  return dbnloop::capi::Guard(error, [&] {
    dbnloop::capi::RequireNonNull(end, "end");
    dbnloop::capi::RequireNonNull(data, "data");
    dbnloop::capi::RequireNonNull(size, "size");
    end->position = end->end.Position();
    *data = end->position.data();
    *size = end->position.size();
  });
}

}  // extern "C"
