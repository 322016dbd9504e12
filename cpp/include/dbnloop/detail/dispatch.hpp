#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/detail/handler_form.hpp"
#include "dbnloop/detail/mixed.hpp"
#include "dbnloop/raw_record.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop::detail {

/// What a handler may change while it runs. It outlives the handler, even one that
/// destroys the source.
struct DeliveryControl {
  bool stop = false;         ///< no further record after the current handler returns
  std::uint64_t stream = 0;  ///< counts streams; a handler may begin another one
  MixedTally mixed;          ///< of the last mixed batch that was delivered
};

/// Delivers batches to a handler: one static dispatch per run, with a typed loop
/// inside, or, where records of many types mix, one loop with a static dispatch per
/// record.
///
/// A record counts as consumed before its handler is called, so that no record is lost
/// or duplicated, whatever the handler does (pause, close, destroy, throw).
template <typename H>
class Dispatcher {
 public:
  explicit Dispatcher(H handler) : handler_{std::move(handler)} {}

  void operator()(const RecordBatch& batch, DbnParser& parser,
                  DeliveryControl& control) {
    const bool ts_out = parser.ts_out();
    if (batch.mixed()) {
      return ts_out ? Mixed<true>(batch, parser, control)
                    : Mixed<false>(batch, parser, control);
    }
    const std::byte* p = batch.data;
    for (const RecordRun& run : batch.runs) {
      Consumed consumed{parser, control, run.record_size};
      if (run.typed != 0) {
        VisitRType(run.rtype, [&]<typename T>(std::type_identity<T>) {
          Typed<T>(p, run, ts_out, consumed);
        });
      } else {
        Raw(p, run, consumed);
      }
      if (control.stop) return;
      p += std::size_t{run.count} * run.record_size;
    }
  }

 private:
  // Counts the consumed records of a run and reports them to the parser once, however
  // the loop over them is left. The parser outlives the loop (its delivery does), but a
  // handler may have begun another stream.
  class Consumed {
   public:
    Consumed(DbnParser& parser, const DeliveryControl& control, std::size_t size)
        : parser_{parser}, control_{control}, stream_{control.stream}, size_{size} {}
    ~Consumed() {
      if (control_.stream == stream_) parser_.Consume(count * size_);
    }
    Consumed(const Consumed&) = delete;
    Consumed& operator=(const Consumed&) = delete;

    [[nodiscard]] bool Stopped() const { return control_.stop; }

    std::size_t count = 0;

   private:
    DbnParser& parser_;
    const DeliveryControl& control_;
    std::uint64_t stream_;
    std::size_t size_;
  };

  // Reports what was taken of a mixed batch once, however the loop over it is left.
  class MixedConsumed {
   public:
    MixedConsumed(const RecordBatch& batch, DbnParser& parser, DeliveryControl& control)
        : batch_{batch}, parser_{parser}, control_{control}, stream_{control.stream} {}
    ~MixedConsumed() {
      if (control_.stream != stream_) return;
      control_.mixed.last = last;
      control_.mixed.size = static_cast<std::size_t>(next - batch_.data);
      parser_.Consume(control_.mixed.size);
    }
    MixedConsumed(const MixedConsumed&) = delete;
    MixedConsumed& operator=(const MixedConsumed&) = delete;

    const std::byte* last = nullptr;
    const std::byte* next = nullptr;

   private:
    const RecordBatch& batch_;
    DbnParser& parser_;
    DeliveryControl& control_;
    std::uint64_t stream_;
  };

  template <bool ts_out>
  void Mixed(const RecordBatch& batch, DbnParser& parser, DeliveryControl& control) {
    MixedConsumed consumed{batch, parser, control};
    PlainRecords records{batch.data, batch.data + batch.size, parser.plain_heads()};
    const struct StoreOnExit {
      const PlainRecords& from;
      MixedConsumed& to;
      ~StoreOnExit() {
        to.last = from.last();
        to.next = from.next();
      }
    } store{records, consumed};
    while (const std::byte* const at = records.Take()) {
      control.mixed.Count(at);
      VisitRType(static_cast<RType>(at[1]), [&]<typename T>(std::type_identity<T>) {
        if constexpr (std::is_same_v<T, Record>) {
          std::unreachable();  // a type that is not known is not plain
        } else {
          Plain<T, FormOf<H, T>(ts_out)>(at, records, control);
        }
      });
      if (control.stop) return;
    }
  }

  // Delivers a plain record, to a handler of runs also those like it that follow.
  template <typename T, Form form>
  void Plain(const std::byte* at, PlainRecords& records, DeliveryControl& control) {
    if constexpr (form == Form::Run || form == Form::TsOutRun) {
      using Element = std::conditional_t<form == Form::Run, T, WithTsOut<T>>;
      // A ts_out after each record leaves no span of more than one.
      std::size_t count = 1;
      if (SizeOfHead(HeadAt(at)) == sizeof(Element)) {
        const auto more = records.TakeSame();
        control.mixed.Count(at, more);
        count += more;
      }
      handler_(std::span<const Element>{reinterpret_cast<const Element*>(at), count});
    } else if constexpr (form == Form::TsOut) {
      handler_(*reinterpret_cast<const WithTsOut<T>*>(at));
    } else if constexpr (form == Form::One) {
      handler_(*reinterpret_cast<const T*>(at));
    } else if constexpr (form == Form::Any) {
      const Record record = RawRecord{reinterpret_cast<const RecordHeader*>(at)};
      handler_(record);
    }
  }

  template <typename T>
  void Typed(const std::byte* p, const RecordRun& run, bool ts_out,
             Consumed& consumed) {
    if constexpr (std::is_same_v<T, Record>) {
      Raw(p, run, consumed);
    } else if (ts_out) {
      TypedAs<T, FormOf<H, T>(true)>(p, run, consumed);
    } else {
      TypedAs<T, FormOf<H, T>(false)>(p, run, consumed);
    }
  }

  template <typename T, Form form>
  void TypedAs(const std::byte* p, const RecordRun& run, Consumed& consumed) {
    if constexpr (form == Form::TsOutRun) {
      SpansOf<WithTsOut<T>>(p, run, consumed);
    } else if constexpr (form == Form::TsOut) {
      if (run.record_size == sizeof(WithTsOut<T>)) {
        Each(p, run, consumed, [this](const std::byte* at) {
          handler_(*reinterpret_cast<const WithTsOut<T>*>(at));
        });
      } else {
        Each(p, run, consumed, [this, &run](const std::byte* at) {
          const auto copy = CopyWithTsOut<T>(at, run);
          handler_(copy);
        });
      }
    } else if constexpr (form == Form::Run) {
      SpansOf<T>(p, run, consumed);
    } else if constexpr (form == Form::One) {
      Each(p, run, consumed,
           [this](const std::byte* at) { handler_(*reinterpret_cast<const T*>(at)); });
    } else if constexpr (form == Form::Any) {
      Raw(p, run, consumed);
    } else {
      consumed.count = run.count;
    }
  }

  void Raw(const std::byte* p, const RecordRun& run, Consumed& consumed) {
    if constexpr (NamesRecord<H>) {
      Each(p, run, consumed, [this](const std::byte* at) {
        const Record record = RawRecord{reinterpret_cast<const RecordHeader*>(at)};
        handler_(record);
      });
    } else if constexpr (TakesRaw<H>()) {
      Each(p, run, consumed, [this](const std::byte* at) {
        const RawRecord record{reinterpret_cast<const RecordHeader*>(at)};
        handler_(record);
      });
    } else {
      consumed.count = run.count;
    }
  }

  // The complete run as one span, or spans of one record each where the records are
  // longer than the struct (a ts_out follows it, or fields of a newer version).
  template <typename T>
  void SpansOf(const std::byte* p, const RecordRun& run, Consumed& consumed) {
    if (run.record_size == sizeof(T)) {
      consumed.count = run.count;
      handler_(std::span<const T>{reinterpret_cast<const T*>(p), run.count});
    } else if constexpr (requires(T record) { record.ts_out; }) {
      Each(p, run, consumed, [this, &run](const std::byte* at) {
        const T copy = CopyWithTsOut<decltype(T::rec)>(at, run);
        handler_(std::span<const T>{&copy, 1});
      });
    } else {
      Each(p, run, consumed, [this](const std::byte* at) {
        handler_(std::span<const T>{reinterpret_cast<const T*>(at), 1});
      });
    }
  }

  // The count stays in a register; `consumed` is written when the loop is left.
  template <typename F>
  static void Each(const std::byte* p, const RecordRun& run, Consumed& consumed,
                   F call) {
    const std::size_t size = run.record_size;
    const std::size_t count = run.count;
    std::size_t done = 0;
    struct StoreOnExit {
      std::size_t& from;
      std::size_t& to;
      ~StoreOnExit() { to = from; }
    } const store{done, consumed.count};
    do {
      const std::byte* const at = p;
      p += size;
      ++done;
      call(at);
    } while (done != count && !consumed.Stopped());
  }

  // For a record that is longer than known here: ts_out is at its very end.
  template <typename T>
  static WithTsOut<T> CopyWithTsOut(const std::byte* at, const RecordRun& run) {
    UnixNanos ts_out;
    std::memcpy(&ts_out, at + run.record_size - sizeof(ts_out), sizeof(ts_out));
    return {*reinterpret_cast<const T*>(at), ts_out};
  }

  H handler_;
};

}  // namespace dbnloop::detail
