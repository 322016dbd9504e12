/* An llhttp that a program brings along: another version of the library with the same
 * names, which counts its calls and parses nothing. Whoever takes it for the real one
 * gets no answer parsed. */
#include <stddef.h>

int other_llhttp_calls;

#define OTHER(name)                        \
  int name(void) {                         \
    ++other_llhttp_calls;                  \
    return 4711; /* no code of llhttp's */ \
  }

OTHER(llhttp_init)
OTHER(llhttp_reset)
OTHER(llhttp_settings_init)
OTHER(llhttp_execute)
OTHER(llhttp_finish)
OTHER(llhttp_pause)
OTHER(llhttp_resume)
OTHER(llhttp_resume_after_upgrade)
OTHER(llhttp_get_errno)
OTHER(llhttp_get_status_code)
OTHER(llhttp_get_upgrade)
OTHER(llhttp_should_keep_alive)
OTHER(llhttp_message_needs_eof)
OTHER(llhttp_set_lenient_headers)
OTHER(llhttp_set_lenient_chunked_length)
OTHER(llhttp_set_lenient_keep_alive)
OTHER(llhttp__internal_execute)
OTHER(llhttp__internal_init)
OTHER(llhttp__on_message_complete)
OTHER(llhttp__after_message_complete)

const char* llhttp_get_error_reason(void) {
  ++other_llhttp_calls;
  return "the other llhttp";
}
const char* llhttp_get_error_pos(void) {
  ++other_llhttp_calls;
  return NULL;
}
const char* llhttp_errno_name(int code) {
  (void)code;
  ++other_llhttp_calls;
  return "the other llhttp";
}
