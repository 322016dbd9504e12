#pragma once

#include <cstddef>

namespace dbnloop::test {

/// How often this thread has called operator new. Stays 0 under sanitizers, which have
/// their own (kCountsAllocations).
std::size_t AllocationCount() noexcept;

/// The bytes of operator new that this thread holds at most while it lives, beyond
/// those that it held before. Stays 0 under sanitizers.
class PeakMemory {
 public:
  PeakMemory() noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  std::size_t before_;
};

/// Counts the calls of operator new in what it runs; the nth of all (1: the first)
/// throws bad_alloc. Without effect under sanitizers.
class FailingAllocation {
 public:
  explicit FailingAllocation(std::size_t nth) noexcept : left_{nth} {}
  template <typename F>
  decltype(auto) In(F&& f) {
    const Scope scope{&left_};
    return f();
  }
  [[nodiscard]] bool Happened() const noexcept { return left_ == 0; }

 private:
  struct Scope {
    explicit Scope(std::size_t* nth) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };
  std::size_t left_;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kCountsAllocations = false;
#else
inline constexpr bool kCountsAllocations = true;
#endif

}  // namespace dbnloop::test
