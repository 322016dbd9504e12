#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/detail/handler_form.hpp"
#include "dbnloop/raw_record.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop::detail {

/// What a handler may change while it runs. It outlives the handler, even one that
/// destroys the source.
struct DeliveryControl {
  bool stop = false;         ///< no further record after the current handler returns
  std::uint64_t stream = 0;  ///< counts streams; a handler may begin another one
};

/// Delivers batches to a handler: one static dispatch per run, with a typed loop
/// inside.
///
/// A record counts as consumed before its handler is called, so that no record is lost
/// or duplicated, whatever the handler does (pause, close, destroy, throw).
template <typename H>
class Dispatcher {
 public:
  explicit Dispatcher(H handler) : handler_{std::move(handler)} {}

  void operator()(const RecordBatch& batch, DbnParser& parser,
                  const DeliveryControl& control) {
    const bool ts_out = parser.ts_out();
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
