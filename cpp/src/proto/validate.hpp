#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/live_client.hpp"

namespace dbnloop::proto {

/// Throws Exception: InvalidDataset / InvalidSymbol / InvalidSchema / InvalidArgument.
/// Nothing that would break the line protocol passes ('|', '\n', ',' inside a symbol,
/// control characters).
void ValidateApiKey(std::string_view key);
void ValidateDataset(std::string_view dataset);
void ValidateSubscription(const Subscription& subscription);
void ValidateUnsubscription(const Unsubscription& unsubscription);
/// Whether an unsubscription can use the symbology.
[[nodiscard]] bool CanUnsubscribeBy(SType stype) noexcept;
/// "ES.FUT, NQ.FUT" → two symbols; spaces around commas are not part of a symbol.
std::vector<std::string> SplitSymbols(std::string_view list);
/// GLBX.MDP3 → glbx-mdp3.lsg.databento.com
std::string GatewayHost(std::string_view dataset);

}  // namespace dbnloop::proto
