#pragma once

#include <cstddef>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// A record without a struct to view it by: of an rtype that this version does not
/// know, or shorter than its struct. It is a Record that has `hd` as the typed records
/// do, so that a generic handler such as `[](const auto& r) { Count(r.hd.rtype); }`
/// takes it too. Valid as long as the record itself.
class RawRecord : public Record {
 public:
  explicit RawRecord(const RecordHeader* record)
      : Record{const_cast<RecordHeader*>(record)}, hd{*record} {}

  const RecordHeader& hd;
};

}  // namespace dbnloop
