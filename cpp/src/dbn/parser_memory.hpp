#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "dbnloop/dbn_parser.hpp"

namespace dbnloop {

/// Memory that parsers of one thread lend each other: one that holds no more than a
/// part of a record gives its buffers back (DbnParser::Rest). The last ones given back
/// are the first ones taken, because they are in the processor's cache. Thousands of
/// sources that take turns thus receive into the same few buffers, and a source that
/// waits has none.
class DbnParser::Pool {
 public:
  Pool() { free_.reserve(kKept); }

  /// Memory with a buffer of `size` bytes.
  Memory Take(std::size_t size) {
    for (auto entry = free_.rbegin(); entry != free_.rend(); ++entry) {
      if (entry->size != size) continue;
      auto memory = std::move(*entry);
      free_.erase(std::next(entry).base());
      return memory;
    }
    return Memory::Allocate(size);
  }

  void Give(Memory memory) noexcept {
    if (free_.size() < kKept) free_.push_back(std::move(memory));
  }

 private:
  static constexpr std::size_t kKept = 64;  // more are freed

  std::vector<Memory> free_;
};

}  // namespace dbnloop
