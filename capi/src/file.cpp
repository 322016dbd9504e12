#include <string>

#include "client.hpp"

using dbnloop::DbnFileSource;
using dbnloop::capi::Ask;
using dbnloop::capi::With;

namespace capi = dbnloop::capi;

namespace {

dbnloop::FileOptions Convert(const dbnloop_file_options& in) {
  dbnloop::FileOptions out;
  capi::ReadCommon(in, out);
  const bool ts_out = capi::Flag(in.fragment_ts_out, "options.fragment_ts_out");
  const auto version = capi::InRange(in.fragment_version, 0, DBNLOOP_DBN_VERSION,
                                     "options.fragment_version");
  if (version == 0 && ts_out) {
    capi::ThrowArgument(
        "options.fragment_ts_out is 1, but options.fragment_version is 0: set the "
        "fragment's version; a file with a header says itself whether it has a ts_out");
  }
  if (version != 0) out.fragment.emplace(static_cast<std::uint8_t>(version), ts_out);
  out.use_mmap = capi::Flag(in.use_mmap, "options.use_mmap");
  return out;
}

}  // namespace

extern "C" {

void dbnloop_file_options_init(dbnloop_file_options* options) {
  if (options != nullptr) capi::FillCommon(dbnloop::FileOptions{}, options);
}

dbnloop_status dbnloop_file_new(dbnloop_reactor* reactor, const char* path,
                                size_t path_len, const dbnloop_file_options* options,
                                dbnloop_file** out, dbnloop_error* error) {
  return capi::New(reactor, options, dbnloop_file_options_init, out, error,
                   [&](const dbnloop_file_options& read, dbnloop_file* raw) {
                     capi::RequireNonNull(path, "path");
                     auto file = std::make_unique<DbnFileSource>(
                         &reactor->loop,
                         std::string{capi::View(path, path_len, "path")},
                         Convert(read));
                     file->OnComplete([raw] {
                       raw->reactor->Append(DBNLOOP_EVENT_COMPLETE, raw->id);
                     });
                     return file;
                   });
}

void dbnloop_file_free(dbnloop_file* file) { capi::Free(file); }

uint64_t dbnloop_file_id(const dbnloop_file* file) { return capi::IdOf(file); }

dbnloop_status dbnloop_file_start(dbnloop_file* file, dbnloop_error* error) {
  return With(file, error, [](DbnFileSource& source) { source.Start(); });
}

dbnloop_status dbnloop_file_stop(dbnloop_file* file, dbnloop_error* error) {
  return With(file, error, [](DbnFileSource& source) { source.Stop(); });
}

void dbnloop_file_pause(dbnloop_file* file) {
  With(file, nullptr, [](DbnFileSource& source) { source.Pause(); });
}

void dbnloop_file_resume(dbnloop_file* file) {
  With(file, nullptr, [](DbnFileSource& source) { source.Resume(); });
}

int dbnloop_file_is_paused(const dbnloop_file* file) {
  return Ask(file, 0, [](const DbnFileSource& source) { return source.IsPaused(); });
}

uint64_t dbnloop_file_read_bytes(const dbnloop_file* file) {
  return Ask(file, uint64_t{0},
             [](const DbnFileSource& source) { return source.ReadBytes(); });
}

int64_t dbnloop_file_total_bytes(const dbnloop_file* file) {
  return Ask(file, int64_t{DBNLOOP_UNSET}, [](const DbnFileSource& source) {
    const auto total = source.TotalBytes();
    return total ? static_cast<int64_t>(*total) : int64_t{DBNLOOP_UNSET};
  });
}

}  // extern "C"
