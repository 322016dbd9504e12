// A range of the historical API, its records' bytes on standard output.
// Usage: range URL CA_FILE DATASET SCHEMA SYMBOLS START_NS END_NS
#include <cstdio>
#include <cstdlib>
#include <string>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/historical_client.hpp"
#include "dbnloop/reactor.hpp"

namespace {

dbnloop::UnixNanos Time(const char* text) {
  return dbnloop::UnixNanos{std::chrono::nanoseconds{std::stoull(text)}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  dbnloop::Reactor reactor;
  dbnloop::HistoricalOptions options;
  options.url = argv[1];
  options.ca_file = argv[2];
  dbnloop::HistoricalClient client{&reactor, std::getenv("DATABENTO_API_KEY"), options};
  client.OnRecord([](const dbnloop::Record& record) {
    std::fwrite(&record.Header(), 1, record.Size(), stdout);
  });
  int code = 1;
  client.OnComplete([&] {
    code = 0;
    reactor.Stop();
  });
  client.OnError([&](const dbnloop::Error& error) {
    std::fprintf(stderr, "range: %s\n", error.message.c_str());
    reactor.Stop();
  });
  client.Request(argv[3], argv[5], *dbnloop::FromString<dbnloop::Schema>(argv[4]),
                 Time(argv[6]), Time(argv[7]));
  client.Start();
  reactor.Run();
  return code;
}
