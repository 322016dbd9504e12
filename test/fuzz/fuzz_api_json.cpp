// The first byte chooses the result; the rest is a server's answer to a typed call.
// What is refused is refused with words that can be shown.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "proto/api_json.hpp"

template <typename T>
static void Check(std::string_view json) {
  const auto answer = dbnloop::proto::ReadAnswer<T>("metadata.x", json);
  if (answer) return;
  const auto& error = answer.error();
  if (error.code != dbnloop::ErrorCode::ParseError) abort();
  const bool printable = std::ranges::none_of(error.message, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (!printable || error.message.size() > 2'000) abort();
}

static void CheckFiles(std::string_view json) {
  const auto files =
      dbnloop::proto::ReadAnswer<std::vector<dbnloop::BatchFile>>("batch.x", json);
  if (!files) return;
  for (const auto& file : *files) {
    if (file.filename.empty() || file.filename == ".." ||
        file.filename.find('/') != std::string::npos) {
      abort();
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dbnloop;
  if (size < 1) return 0;
  const std::string_view json{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] % 10) {
    case 0:
      Check<std::uint64_t>(json);
      break;
    case 1:
      Check<double>(json);
      break;
    case 2:
      Check<std::vector<std::string>>(json);
      break;
    case 3:
      Check<std::vector<PublisherDetail>>(json);
      break;
    case 4:
      Check<std::vector<UnitPricesForMode>>(json);
      break;
    case 5:
      Check<std::vector<DatasetConditionDetail>>(json);
      break;
    case 6:
      Check<DatasetRange>(json);
      break;
    case 7:
      Check<SymbologyResolution>(json);
      break;
    case 8:
      Check<std::vector<BatchJob>>(json);
      break;
    default:
      CheckFiles(json);
      break;
  }
  return 0;
}
