#include "dbn/zstd_stream.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <string>

#include "dbnloop/exception.hpp"

namespace dbnloop::codec {
namespace {

// 128 MiB: what `zstd` itself accepts without being asked. A frame's window is the
// peer's choice and becomes memory here.
constexpr int kMaxWindowLog = 27;

constexpr std::size_t kBlockHeader = 3;
constexpr std::size_t kFrameBegin = 5;  // what zstd asks for first

// What zstd would like next, without the header of the block behind it, which it likes
// to have as well.
std::size_t WithoutNextHeader(std::size_t wish) {
  return wish > kBlockHeader ? wish - kBlockHeader : wish;
}

const char* Advice(std::size_t result) {
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_prefix_unknown:
      return "; no zstd frame begins there: was compression agreed on?";
    case ZSTD_error_frameParameter_windowTooLarge:
      return "; windows of up to 128 MiB are accepted: compress it again without "
             "--ultra and --long above 27";
    default:
      return "; some of it was lost or changed on its way";
  }
}

}  // namespace

struct ZstdStream::Impl {
  Impl() : context{ZSTD_createDCtx()} {
    if (context == nullptr) {
      throw Exception{{ErrorCode::OutOfMemory, "no memory for a zstd decompressor"}};
    }
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  ~Impl() { ZSTD_freeDCtx(context); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // How much of the input one call gets. A call that fails does not tell what it wrote
  // before, so none does two things: it takes a header, a block or a checksum, or it
  // gives what is held back.
  [[nodiscard]] std::size_t Step(std::size_t available) const noexcept {
    return std::min(in_frame ? WithoutNextHeader(wish) : wish, available);
  }

  ZSTD_DCtx* context;
  std::uint64_t offset = 0;  // of compressed input
  bool in_frame = false;
  bool pending = false;
  std::size_t wish = kFrameBegin;  // bytes that zstd would like next
  Error error;
};

ZstdStream::ZstdStream() : impl_{std::make_unique<Impl>()} {}
ZstdStream::~ZstdStream() = default;

ZstdStream::Progress ZstdStream::Decompress(std::span<const std::byte> in,
                                            std::span<std::byte> out) {
  ZSTD_inBuffer input{in.data(), 0, 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  while (!impl_->error && output.pos < output.size &&
         (input.pos < in.size() || impl_->pending)) {
    const bool draining = impl_->pending;
    input.size = input.pos + (draining ? 0 : impl_->Step(in.size() - input.pos));
    const auto consumed = input.pos;
    const auto produced = output.pos;
    const auto left = ZSTD_decompressStream(impl_->context, &output, &input);
    impl_->offset += input.pos - consumed;
    if (ZSTD_isError(left) != 0) {
      impl_->error = {ErrorCode::DecompressionError,
                      "the zstd stream is corrupt near compressed byte " +
                          std::to_string(impl_->offset) + ": " +
                          ZSTD_getErrorName(left) + Advice(left)};
      break;
    }
    // A result of 0 ends a frame; the next byte, if any, begins another one.
    impl_->in_frame = left != 0;
    impl_->wish = left != 0 ? left : kFrameBegin;
    // Output is held back only when there was no room for it.
    impl_->pending = output.pos == output.size && left != 0;
    if (!draining && input.pos == consumed && output.pos == produced) break;
  }
  return {input.pos, output.pos};
}

bool ZstdStream::HasPending() const noexcept { return impl_->pending; }

const Error& ZstdStream::error() const noexcept { return impl_->error; }

Error ZstdStream::Finish() const {
  if (impl_->error) return impl_->error;
  if (!impl_->in_frame) return {};
  return {ErrorCode::Truncated, "the zstd stream ended inside a frame, after " +
                                    std::to_string(impl_->offset) +
                                    " compressed bytes"};
}

void ZstdStream::Reset() {
  ZSTD_DCtx_reset(impl_->context, ZSTD_reset_session_only);
  impl_->offset = 0;
  impl_->in_frame = false;
  impl_->pending = false;
  impl_->wish = kFrameBegin;
  impl_->error = {};
}

}  // namespace dbnloop::codec
