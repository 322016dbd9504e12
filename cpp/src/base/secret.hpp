#pragma once

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <string>
#include <string_view>

namespace dbnloop::base {

/// Memory for what must not get out: pages of their own that core dumps leave out
/// (MADV_DONTDUMP), wiped when they are given back. For few and long-lived things.
template <typename T>
struct SecretAllocator {
  using value_type = T;

  SecretAllocator() = default;
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor): allocators convert
  SecretAllocator(const SecretAllocator<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t n) {
    void* const pages = ::mmap(nullptr, n * sizeof(T), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc{};
    ::madvise(pages, n * sizeof(T), MADV_DONTDUMP);
    return static_cast<T*>(pages);
  }
  void deallocate(T* p, std::size_t n) noexcept {
    OPENSSL_cleanse(p, n * sizeof(T));
    ::munmap(p, n * sizeof(T));
  }
  template <typename U>
  bool operator==(const SecretAllocator<U>& /*other*/) const noexcept {
    return true;
  }
};

/// A key, or what holds one. Texts of up to 15 bytes lie in the object itself, as those
/// of std::string do; keys are longer.
using SecretString =
    std::basic_string<char, std::char_traits<char>, SecretAllocator<char>>;

inline void Wipe(std::string& text) noexcept {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

/// Takes a text over and wipes where it was.
[[nodiscard]] inline SecretString Conceal(std::string text) {
  SecretString secret{std::string_view{text}};
  Wipe(text);
  return secret;
}

}  // namespace dbnloop::base
