#pragma once

#include <functional>
#include <memory>
#include <utility>

namespace dbnloop::client {

/// A handler of the user's. While it runs it may be replaced, and it may destroy the
/// object that holds it: its captures live until it returns.
template <typename... Args>
class SharedHandler {
 public:
  using Function = std::move_only_function<void(Args...)>;

  /// An empty function removes the handler.
  void Set(Function h) {
    handler_ = h ? std::make_shared<Function>(std::move(h)) : nullptr;
  }
  [[nodiscard]] explicit operator bool() const noexcept { return handler_ != nullptr; }
  /// Calls the handler, if there is one. Nothing of this is touched after the call.
  void operator()(Args... args) const {
    if (const auto handler = handler_) (*handler)(std::forward<Args>(args)...);
  }

 private:
  std::shared_ptr<Function> handler_;
};

}  // namespace dbnloop::client
