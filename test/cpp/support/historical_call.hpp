#pragma once

#include <utility>
#include <vector>

#include "support/historical_fixture.hpp"

namespace dbnloop::test {

/// Calls, and their results in the order in which they came.
class HistoricalCall : public HistoricalFixture {
 protected:
  auto Note() {
    return [this](HistoricalClient::CallResult result) {
      results_.push_back(std::move(result));
    };
  }
  bool UntilResults(std::size_t n) {
    return Until([=, this] { return results_.size() >= n; });
  }

  std::vector<HistoricalClient::CallResult> results_;
};

}  // namespace dbnloop::test
