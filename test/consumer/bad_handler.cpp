// Must not compile: see headers.sh.
#include "dbnloop/dbn_file_source.hpp"

void Use(dbnloop::DbnFileSource& source) {
  source.OnRecord([](int) {});
}
