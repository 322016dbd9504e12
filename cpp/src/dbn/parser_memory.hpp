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

/// Keeps the records that a parser has consumed, in the buffers in which they arrived:
/// nothing is copied, and nothing is done per record.
class DbnParser::Keeper {
 public:
  using Bytes = AlignedBytes;

  /// Another buffer of `size` bytes.
  [[nodiscard]] virtual Bytes Prepare(std::size_t size) = 0;
  /// Receives a buffer whose bytes from `begin` to `end` are complete source records,
  /// all consumed. `parser` still describes them (version, ts_out).
  virtual void Keep(Bytes buffer, std::size_t begin, std::size_t end,
                    const DbnParser& parser) noexcept = 0;

 protected:
  ~Keeper() = default;
  [[nodiscard]] static Bytes Allocate(std::size_t size) {
    return AllocateAligned(size);
  }
};

}  // namespace dbnloop
