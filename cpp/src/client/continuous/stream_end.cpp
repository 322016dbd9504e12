#include "dbnloop/stream_end.hpp"

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "client/continuous/position.hpp"
#include "client/continuous/trail.hpp"

namespace dbnloop {

class StreamEnd::Impl {
 public:
  explicit Impl(std::size_t memory) : trail{memory} { parser.SetKeeper(&trail); }

  client::Trail trail;
  DbnParser parser{ParserOptions{.upgrade_policy = VersionUpgradePolicy::AsIs,
                                 .fragment = std::nullopt}};
  std::uint64_t records = 0;
};

StreamEnd::StreamEnd(std::size_t memory) {
  client::CheckTrailMemory(memory);
  impl_ = std::make_unique<Impl>(memory);
}

StreamEnd::~StreamEnd() = default;

void StreamEnd::Push(std::span<const std::byte> bytes) {
  auto& [trail, parser, records] = *impl_;
  do {
    bytes = bytes.subspan(parser.Push(bytes));
    for (auto batch = parser.Peek(); !batch.empty(); batch = parser.Peek()) {
      for (const auto& run : batch.runs) {
        trail.Count(run.rtype, run.count);
        records += run.count;
      }
      parser.Consume(batch.size);
    }
    if (parser.error()) base::Throw(parser.error());
  } while (!bytes.empty());
}

std::uint64_t StreamEnd::Complete() const noexcept { return impl_->parser.offset(); }
std::uint64_t StreamEnd::Records() const noexcept { return impl_->records; }
const Metadata* StreamEnd::Header() const noexcept { return impl_->parser.metadata(); }

std::vector<std::byte> StreamEnd::Position() const {
  const auto* const header = Header();
  if (header == nullptr) {
    base::Throw(ErrorCode::InvalidState,
                "StreamEnd: the DBN metadata is not complete yet, so there is no "
                "position");
  }
  return client::EncodePosition(header->dataset, impl_->trail.Collect(impl_->parser));
}

}  // namespace dbnloop
