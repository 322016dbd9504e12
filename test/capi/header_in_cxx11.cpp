// The C headers are read by C++ from C++11 on: this only has to compile.
#include <dbnloop.h>

static_assert(DBNLOOP_SCHEMA_TRADES == 4, "a constant of C is one of C++");

// What a C++ program does with an event.
int64_t PriceOf(const dbnloop_event& event) {
  const dbnloop_trade_msg* const trade =
      dbnloop_trade_msg_if(dbnloop_next_record(&event, nullptr));
  if (trade == nullptr || trade->side != DBNLOOP_SIDE_ASK) return DBNLOOP_UNDEF_PRICE;
  return trade->price;
}
