#include "support/source_dir.hpp"

namespace dbnloop::test {

std::filesystem::path SourceDir() { return DBNLOOP_SOURCE_DIR; }

}  // namespace dbnloop::test
