#include "support/allocations.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {
thread_local std::size_t count = 0;
thread_local std::size_t* left = nullptr;  // until one fails
// What other threads free of this one's makes it wrong: those tests have one thread.
thread_local std::size_t held = 0;
thread_local std::size_t peak = 0;

void* Note(void* p) {
  held += ::malloc_usable_size(p);
  peak = std::max(peak, held);
  return p;
}
void Free(void* p) {
  held -= ::malloc_usable_size(p);
  std::free(p);
}

bool Fails() {
  ++count;
  return left != nullptr && *left != 0 && --*left == 0;
}
}  // namespace

namespace dbnloop::test {
std::size_t AllocationCount() noexcept { return count; }

PeakMemory::PeakMemory() noexcept : before_{held} { peak = held; }
std::size_t PeakMemory::bytes() const noexcept { return peak - before_; }

FailingAllocation::Scope::Scope(std::size_t* nth) noexcept { left = nth; }
FailingAllocation::Scope::~Scope() { left = nullptr; }
}  // namespace dbnloop::test

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// The array and nothrow forms of the standard library call these.
void* operator new(std::size_t size) {
  if (Fails()) throw std::bad_alloc{};
  if (void* const p = std::malloc(size == 0 ? 1 : size)) return Note(p);
  throw std::bad_alloc{};
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  if (Fails()) throw std::bad_alloc{};
  const auto align = static_cast<std::size_t>(alignment);
  if (void* const p = std::aligned_alloc(align, (size + align - 1) / align * align)) {
    return Note(p);
  }
  throw std::bad_alloc{};
}
void operator delete(void* p) noexcept { Free(p); }
void operator delete(void* p, std::size_t) noexcept { Free(p); }
void operator delete(void* p, std::align_val_t) noexcept { Free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { Free(p); }

#endif
