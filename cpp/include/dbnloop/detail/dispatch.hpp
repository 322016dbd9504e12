#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <type_traits>
#include <utility>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/record.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop::detail {

/// Shared between a source and the call in progress, which may destroy the source.
struct DeliveryControl {
  bool stop = false;       ///< no further record after the current handler returns
  bool destroyed = false;  ///< touch nothing of the source any more
  bool pumping = false;    ///< delivery is on the stack: never recursive
};

// What a handler takes. A generic lambda is callable with anything, so it must not be
// mistaken for a handler of spans; an overload set is asked member by member.
struct Probe {};

template <typename F>
inline constexpr bool kIsGeneric = std::is_invocable_v<F&, const Probe&>;

template <typename F, typename Arg>
struct Takes : std::bool_constant<!kIsGeneric<F> && std::is_invocable_v<F&, Arg>> {};
template <typename... Fs, typename Arg>
struct Takes<Overload<Fs...>, Arg>
    : std::bool_constant<(Takes<Fs, Arg>::value || ...)> {};

template <typename F>
struct HasGeneric : std::bool_constant<kIsGeneric<F>> {};
template <typename... Fs>
struct HasGeneric<Overload<Fs...>> : std::bool_constant<(kIsGeneric<Fs> || ...)> {};

template <typename H, typename Arg>
inline constexpr bool kTakes = Takes<H, Arg>::value;
template <typename H>
inline constexpr bool kHasGeneric = HasGeneric<H>::value;

/// Whether a handler takes T in any form.
template <typename H, typename T>
inline constexpr bool kTakesRecord =
    kTakes<H, std::span<const T>> || kTakes<H, std::span<const WithTsOut<T>>> ||
    kTakes<H, const WithTsOut<T>&> || kTakes<H, const T&>;

template <typename H>
inline constexpr bool kTakesAnything =
    kHasGeneric<H> || kTakes<H, const Record&> || kTakesRecord<H, MboMsg> ||
    kTakesRecord<H, TradeMsg> || kTakesRecord<H, Mbp1Msg> ||
    kTakesRecord<H, Mbp10Msg> || kTakesRecord<H, BboMsg> || kTakesRecord<H, Cmbp1Msg> ||
    kTakesRecord<H, CbboMsg> || kTakesRecord<H, OhlcvMsg> ||
    kTakesRecord<H, StatusMsg> || kTakesRecord<H, InstrumentDefMsg> ||
    kTakesRecord<H, ImbalanceMsg> || kTakesRecord<H, StatMsg> ||
    kTakesRecord<H, ErrorMsg> || kTakesRecord<H, SymbolMappingMsg> ||
    kTakesRecord<H, SystemMsg>;

/// Hands a batch to a handler: one static dispatch per run, a typed loop inside. The
/// parser's position advances before each call, so that whatever the handler does
/// (pause, close, destroy, throw) no record comes twice and none is lost.
template <typename H>
class Dispatcher {
 public:
  explicit Dispatcher(H handler) : handler_{std::move(handler)} {}

  void operator()(const RecordBatch& batch, DbnParser& parser,
                  const DeliveryControl& control) {
    const bool ts_out = parser.ts_out();
    const std::byte* p = batch.data;
    for (const RecordRun& run : batch.runs) {
      if (run.typed != 0) {
        VisitRType(run.rtype, [&]<typename T>(std::type_identity<T>) {
          Typed<T>(p, run, ts_out, parser, control);
        });
      } else {
        Typed<Record>(p, run, ts_out, parser, control);
      }
      if (control.stop) return;
      p += std::size_t{run.count} * run.record_size;
    }
  }

 private:
  template <typename T>
  void Typed(const std::byte* p, const RecordRun& run, bool ts_out, DbnParser& parser,
             const DeliveryControl& control) {
    if constexpr (std::is_same_v<T, Record>) {
      Views(p, run, parser, control);
    } else {
      // ts_out lies right behind the struct unless the record is longer than we know.
      const bool with_ts_out = ts_out && run.record_size == sizeof(WithTsOut<T>);
      if constexpr (kTakes<H, std::span<const WithTsOut<T>>>) {
        if (with_ts_out) return Span<WithTsOut<T>>(p, run, parser);
      }
      if constexpr (kTakes<H, const WithTsOut<T>&>) {
        if (with_ts_out) return Each<WithTsOut<T>>(p, run, parser, control);
      }
      if constexpr (kTakes<H, std::span<const T>>) {
        if (run.record_size == sizeof(T)) return Span<T>(p, run, parser);
        return Singles<T>(p, run, parser, control);
      } else if constexpr (kTakes<H, const T&>) {
        Each<T>(p, run, parser, control);
      } else if constexpr (kTakes<H, const Record&>) {
        Views(p, run, parser, control);
      } else if constexpr (kHasGeneric<H>) {
        Each<T>(p, run, parser, control);
      } else {
        parser.Consume(std::size_t{run.count} * run.record_size);
      }
    }
  }

  template <typename T>
  void Span(const std::byte* p, const RecordRun& run, DbnParser& parser) {
    parser.Consume(std::size_t{run.count} * run.record_size);
    handler_(std::span<const T>{reinterpret_cast<const T*>(p), run.count});
  }

  // Records that are longer than their struct cannot lie in one span.
  template <typename T>
  void Singles(const std::byte* p, const RecordRun& run, DbnParser& parser,
               const DeliveryControl& control) {
    for (std::uint32_t i = 0; i < run.count && !control.stop; ++i) {
      parser.Consume(run.record_size);
      handler_(std::span<const T>{reinterpret_cast<const T*>(p), 1});
      p += run.record_size;
    }
  }

  template <typename T>
  void Each(const std::byte* p, const RecordRun& run, DbnParser& parser,
            const DeliveryControl& control) {
    const std::size_t size = run.record_size;
    const std::byte* const end = p + run.count * size;
    do {
      parser.Consume(size);
      handler_(*reinterpret_cast<const T*>(p));
      p += size;
    } while (p != end && !control.stop);
  }

  void Views(const std::byte* p, const RecordRun& run, DbnParser& parser,
             const DeliveryControl& control) {
    if constexpr (kTakes<H, const Record&> || kHasGeneric<H>) {
      for (std::uint32_t i = 0; i < run.count && !control.stop; ++i) {
        parser.Consume(run.record_size);
        const Record record{reinterpret_cast<RecordHeader*>(const_cast<std::byte*>(p))};
        handler_(record);
        p += run.record_size;
      }
    } else {
      parser.Consume(std::size_t{run.count} * run.record_size);
    }
  }

  H handler_;
};

}  // namespace dbnloop::detail
