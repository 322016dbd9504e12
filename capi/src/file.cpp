#include <string>
#include <utility>

#include "guard.hpp"
#include "handles.hpp"

using dbnloop::DbnFileSource;
using dbnloop::capi::Flag;
using dbnloop::capi::Guard;
using dbnloop::capi::InRange;
using dbnloop::capi::ReadSized;
using dbnloop::capi::RequireNonNull;

namespace {

dbnloop::FileOptions Convert(const dbnloop_file_options& in) {
  dbnloop::FileOptions out;
  out.upgrade_policy = static_cast<dbnloop::VersionUpgradePolicy>(
      InRange(in.upgrade_policy, 1, 3, "options.upgrade_policy"));
  const bool ts_out = Flag(in.fragment_ts_out, "options.fragment_ts_out");
  const auto version = InRange(in.fragment_version, 0, 3, "options.fragment_version");
  if (version == 0 && ts_out) {
    dbnloop::capi::ThrowArgument(
        "options.fragment_ts_out is 1, but options.fragment_version is 0: set the "
        "fragment's version; a file with a header says itself whether it has a ts_out");
  }
  if (version != 0) out.fragment.emplace(static_cast<std::uint8_t>(version), ts_out);
  out.use_mmap = Flag(in.use_mmap, "options.use_mmap");
  out.buffer_size = in.buffer_size;
  out.max_metadata = in.max_metadata;
  return out;
}

DbnFileSource& File(dbnloop_file* handle) {
  RequireNonNull(handle, "file");
  if (!handle->file) {
    throw dbnloop::Exception{
        {dbnloop::ErrorCode::InvalidState, "the file's reactor was freed"}};
  }
  return *handle->file;
}

}  // namespace

extern "C" {

void dbnloop_file_options_init(dbnloop_file_options* options) {
  if (options == nullptr) return;
  const dbnloop::FileOptions defaults;
  *options = {};
  options->struct_size = sizeof(*options);
  options->upgrade_policy = static_cast<int32_t>(defaults.upgrade_policy);
  options->buffer_size = defaults.buffer_size;
  options->max_metadata = defaults.max_metadata;
}

dbnloop_status dbnloop_file_new(dbnloop_reactor* reactor, const char* path,
                                size_t path_len, const dbnloop_file_options* options,
                                dbnloop_file** out, dbnloop_error* error) {
  return Guard(error, [&] {
    RequireNonNull(reactor, "reactor");
    RequireNonNull(path, "path");
    RequireNonNull(out, "out");
    dbnloop_file_options read;
    dbnloop_file_options_init(&read);
    if (options != nullptr) ReadSized(options, read, "options");
    auto handle = std::make_unique<dbnloop_file>();
    handle->file = std::make_unique<DbnFileSource>(
        &reactor->loop, std::string{path, path_len}, Convert(read));
    handle->file->OnComplete([raw = handle.get()] {
      raw->reactor->Append(DBNLOOP_EVENT_COMPLETE, raw->id);
    });
    handle->Attach(reactor);
    *out = handle.release();
  });
}

void dbnloop_file_free(dbnloop_file* file) {
  if (file == nullptr) return;
  file->Detach();
  delete file;
}

uint64_t dbnloop_file_id(const dbnloop_file* file) {
  return file == nullptr ? 0 : file->id;
}

dbnloop_status dbnloop_file_start(dbnloop_file* file, dbnloop_error* error) {
  return Guard(error, [&] { File(file).Start(); });
}

dbnloop_status dbnloop_file_stop(dbnloop_file* file, dbnloop_error* error) {
  return Guard(error, [&] { File(file).Stop(); });
}

void dbnloop_file_pause(dbnloop_file* file) {
  Guard(nullptr, [&] { File(file).Pause(); });
}

void dbnloop_file_resume(dbnloop_file* file) {
  Guard(nullptr, [&] { File(file).Resume(); });
}

int dbnloop_file_is_paused(const dbnloop_file* file) {
  return file != nullptr && file->file && file->file->IsPaused() ? 1 : 0;
}

uint64_t dbnloop_file_read_bytes(const dbnloop_file* file) {
  return file == nullptr || !file->file ? 0 : file->file->ReadBytes();
}

int64_t dbnloop_file_total_bytes(const dbnloop_file* file) {
  if (file == nullptr || !file->file || !file->file->TotalBytes()) return DBNLOOP_UNSET;
  return static_cast<int64_t>(*file->file->TotalBytes());
}

}  // extern "C"
