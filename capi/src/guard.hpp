#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/throw.hpp"
#include "dbnloop.h"
#include "dbnloop/error.hpp"
#include "dbnloop/exception.hpp"

namespace dbnloop::capi {

/// Copies a message, cut at a UTF-8 boundary.
inline void Fill(dbnloop_error* error, ErrorCode code, std::string_view message,
                 int os_errno) noexcept {
  if (error == nullptr) return;
  error->code = static_cast<std::uint32_t>(code);
  error->os_errno = os_errno;
  std::size_t size = std::min(message.size(), sizeof(error->message) - 1);
  if (size < message.size()) {
    while (size > 0 && (static_cast<unsigned char>(message[size]) & 0xC0) == 0x80)
      --size;
  }
  std::memcpy(error->message, message.data(), size);
  error->message[size] = '\0';
}

/// Runs `f` and turns every exception into a status: nothing unwinds into C.
template <typename F>
dbnloop_status Guard(dbnloop_error* error, F&& f) noexcept {
  ErrorCode code = ErrorCode::System;
  try {
    f();
    Fill(error, ErrorCode::None, "", 0);
    return DBNLOOP_OK;
  } catch (const Exception& e) {
    code = e.error().code;
    Fill(error, code, e.error().message, e.error().os_errno);
  } catch (const std::bad_alloc&) {
    code = ErrorCode::OutOfMemory;
    Fill(error, code, "out of memory", 0);
  } catch (const std::exception& e) {
    Fill(error, code, e.what(), 0);
  } catch (...) {
    Fill(error, code, "an unknown exception", 0);
  }
  return static_cast<dbnloop_status>(code);
}

[[noreturn]] inline void ThrowArgument(std::string message) {
  base::Throw(ErrorCode::InvalidArgument, std::move(message));
}

inline void RequireNonNull(const void* pointer, const char* name) {
  if (pointer == nullptr) ThrowArgument(std::string{name} + " is NULL");
}

/// A string that came as pointer and length. NULL is the empty string, but not with a
/// length.
inline std::string_view View(const char* text, std::size_t size, const char* name) {
  const bool is_terminated = size == DBNLOOP_STRLEN;
  if (text == nullptr) {
    if (size != 0 && !is_terminated) ThrowArgument(std::string{name} + " is NULL");
    return {};
  }
  return is_terminated ? std::string_view{text} : std::string_view{text, size};
}

/// The value of an enum that C gives as a number, a character as its code; nullopt if
/// its type cannot hold that.
template <typename E>
std::optional<E> EnumOf(std::uint32_t value) {
  using Number = std::make_unsigned_t<std::underlying_type_t<E>>;
  if (value > std::numeric_limits<Number>::max()) return std::nullopt;
  return static_cast<E>(static_cast<Number>(value));
}

/// 0 or 1, or an error that names the field.
inline bool Flag(std::int32_t value, const char* name) {
  if (value != 0 && value != 1) {
    ThrowArgument(std::string{name} + " is " + std::to_string(value) +
                  "; it must be 0 or 1");
  }
  return value == 1;
}

/// A flag that says whether `value` is set. A value without its flag would be ignored,
/// which nobody can have meant.
inline bool IsSet(std::int32_t flag, std::uint64_t value, const char* flag_name,
                  const char* value_name) {
  if (Flag(flag, flag_name)) return true;
  if (value != 0) {
    ThrowArgument(std::string{value_name} + " is " + std::to_string(value) + ", but " +
                  flag_name + " is 0: set it to 1, or leave " + value_name + " 0");
  }
  return false;
}

inline std::int32_t InRange(std::int32_t value, std::int32_t least, std::int32_t most,
                            const char* name) {
  if (value < least || value > most) {
    ThrowArgument(std::string{name} + " is " + std::to_string(value) + "; it must be " +
                  std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

/// Reads a caller's struct that begins with struct_size over the defaults in `out`: an
/// older, shorter one leaves the rest at its defaults; of a newer, longer one the part
/// that this library does not know must be zero.
template <typename T>
void ReadSized(const T* in, T& out, const char* name) {
  constexpr std::size_t kMost = 4096;  // no version's struct is that long
  const auto size = in->struct_size;
  // A size between two fields would cut one in the middle.
  if (size < sizeof(in->struct_size) || size > kMost || size % alignof(T) != 0) {
    ThrowArgument(std::string{name} + ".struct_size is " + std::to_string(size) +
                  ": fill the struct with its _init function first");
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(in);
  std::memcpy(static_cast<void*>(&out), bytes, std::min(size, sizeof(T)));
  for (std::size_t i = sizeof(T); i < size; ++i) {
    if (bytes[i] != 0) {
      ThrowArgument(std::string{name} +
                    " has fields that this version of the library does not know");
    }
  }
  out.struct_size = sizeof(T);
}

}  // namespace dbnloop::capi
