#pragma once

#include <cstddef>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// A record that cannot be viewed as a struct, because this version does not know its
/// rtype or because it is shorter than its struct. It is a Record that has `hd` like
/// the typed records, so that a generic handler such as
/// `[](const auto& r) { Count(r.hd.rtype); }` accepts it too. Valid as long as the
/// record itself.
class RawRecord : public Record {
 public:
  explicit RawRecord(const RecordHeader* record)
      : Record{const_cast<RecordHeader*>(record)}, hd{*record} {}

  const RecordHeader& hd;
};

}  // namespace dbnloop
