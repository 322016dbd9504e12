#pragma once

#include <cstddef>

namespace dbnloop::test {

/// How often this thread has called operator new. Stays 0 under sanitizers, which have
/// their own (kCountsAllocations).
std::size_t AllocationCount() noexcept;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kCountsAllocations = false;
#else
inline constexpr bool kCountsAllocations = true;
#endif

}  // namespace dbnloop::test
