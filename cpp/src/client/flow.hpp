#pragma once

namespace dbnloop::client {

/// What a step leaves to its caller. The steps of a stream, of a delivery and of an
/// HTTP exchange all answer with this.
enum class Flow {
  Go,      ///< the step is complete: take the next one
  Wait,    ///< nothing more can be done now; whatever changes that continues later
  Failed,  ///< the stream is corrupt: end it with Delivery::error
  Gone,    ///< the stream ended or its owner was destroyed: return at once
};

}  // namespace dbnloop::client
