#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "dbnloop/raw_record.hpp"
#include "dbnloop/record.hpp"
#include "dbnloop/rtype.hpp"

/// Determines at compile time what a record handler accepts.
///
/// A generic lambda is callable with anything, and merely testing this would compile
/// its body for that argument. A handler is therefore tested with a braced argument,
/// `h({pointer, count})`: no template parameter is deduced from braces, so only
/// parameters that name their type remain.
namespace dbnloop::detail {

template <typename H, typename T>
concept NamesRun = requires(H& h, const T* data, std::size_t count) {
  h({data, count});  // std::span<const T>
};
template <typename H, typename T>
concept NamesTsOut = requires(H& h, const T& record, UnixNanos ts_out) {
  h({record, ts_out});  // const WithTsOut<T>&
};
template <typename H, typename T>
concept NamesOne = requires(H& h, const T& record) { h({record}); };

// Templates over spans only, std::bind_front and the like name no type, but refuse a
// plain record, so they can be tested directly.
template <typename H, typename T, typename Arg>
concept TakesOnly = !std::is_invocable_v<H&, const T&> && std::is_invocable_v<H&, Arg>;

template <typename H, typename T>
inline constexpr bool kTakesOne = std::is_invocable_v<H&, const T&>;
template <typename H, typename T>
inline constexpr bool kTakesRun = NamesRun<H, T> || TakesOnly<H, T, std::span<const T>>;
template <typename H, typename T>
inline constexpr bool kTakesTsOut =
    NamesTsOut<H, T> || TakesOnly<H, T, const WithTsOut<T>&>;
template <typename H, typename T>
inline constexpr bool kTakesTsOutRun =
    NamesRun<H, WithTsOut<T>> || TakesOnly<H, T, std::span<const WithTsOut<T>>>;
/// Accepts any record, including those of unknown type: names Record or is generic.
template <typename H>
concept NamesRecord = NamesOne<H, Record> && std::is_invocable_v<H&, const Record&>;

template <typename H>
constexpr bool TakesRaw() {
  if constexpr (NamesRecord<H>) {
    return true;
  } else {
    return std::is_invocable_v<H&, const RawRecord&>;
  }
}

/// How the records of a run reach the handler.
enum class Form {
  Skip,      ///< nothing accepts them
  TsOutRun,  ///< std::span<const WithTsOut<T>>
  TsOut,     ///< const WithTsOut<T>&
  Run,       ///< std::span<const T>
  One,       ///< const T&
  Any        ///< const Record&
};

/// The form for records of struct T in a stream with or without ts_out. Named
/// parameters take precedence over generic ones.
template <typename H, typename T>
constexpr Form FormOf(bool ts_out) {
  if constexpr (kTakesTsOutRun<H, T>) {
    if (ts_out) return Form::TsOutRun;
  }
  if constexpr (kTakesTsOut<H, T>) {
    if (ts_out) return Form::TsOut;
  }
  if constexpr (kTakesRun<H, T>) {
    return Form::Run;
  } else if constexpr (NamesOne<H, T> && kTakesOne<H, T>) {
    return Form::One;
  } else if constexpr (NamesRecord<H>) {
    return Form::Any;
  } else {
    return kTakesOne<H, T> ? Form::One : Form::Skip;
  }
}

template <typename H, typename... Ts>
constexpr bool TakesAnyOf() {
  return ((FormOf<H, Ts>(false) != Form::Skip || FormOf<H, Ts>(true) != Form::Skip) ||
          ...);
}

/// Whether H accepts any record at all.
template <typename H>
inline constexpr bool kTakesAnything =
    TakesAnyOf<H, MboMsg, TradeMsg, Mbp1Msg, Mbp10Msg, BboMsg, Cmbp1Msg, CbboMsg,
               OhlcvMsg, StatusMsg, InstrumentDefMsg, ImbalanceMsg, StatMsg, ErrorMsg,
               SymbolMappingMsg, SystemMsg>() ||
    TakesRaw<H>();

}  // namespace dbnloop::detail
