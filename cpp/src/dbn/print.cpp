#include "dbn/print.hpp"

#include <type_traits>

#include "dbnloop/rtype.hpp"

#if !DBNLOOP_HAS_DATABENTO_CPP
namespace dbnloop::dbn {

std::ostream& operator<<(std::ostream& out, FlagSet flags) {
  FlagsText room;
  return out << FormatFlags(flags, room);
}

std::ostream& operator<<(std::ostream& out, const Record& record) {
  const RecordHeader& header = record.Header();
  return VisitRType(header.rtype,
                    [&]<typename T>(std::type_identity<T>) -> std::ostream& {
                      if constexpr (!std::is_same_v<T, Record>) {
                        if (header.Size() >= sizeof(T)) {
                          return out << *reinterpret_cast<const T*>(&header);
                        }
                      }
                      return out << header;
                    });
}

namespace detail {

std::ostream& PrintTsOut(std::ostream& out, UnixNanos ts_out) {
  TimeText room;
  const auto text = FormatTime(ts_out, room);
  return out << " ts_out = " << (text.empty() ? print::kUndefinedText : text);
}

}  // namespace detail
}  // namespace dbnloop::dbn
#endif
