#pragma once

#include "dbnloop/detail/require_cxx23.hpp"

namespace dbnloop {

/// Joins lambdas into one overload set, for DataSource::OnRecord:
/// `OnRecord(Overload{[](const MboMsg& m) {…}, [](const auto&) {}})`.
template <typename... Fs>
struct Overload : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overload(Fs...) -> Overload<Fs...>;

}  // namespace dbnloop
