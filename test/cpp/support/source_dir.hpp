#pragma once

#include <filesystem>

namespace dbnloop::test {

/// The top of the source tree. Defined in a file of its own, so that no other object
/// depends on where the tree lies: a compiler cache then serves every checkout.
std::filesystem::path SourceDir();

}  // namespace dbnloop::test
