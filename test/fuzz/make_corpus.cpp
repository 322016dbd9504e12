// Writes the seeds of the fuzz targets: fuzz_corpus FOLDER (test/fuzz/corpus). Run it
// when a format gains something that the seeds should reach, and commit what it wrote.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/rtype.hpp"

namespace {

using dbnloop::RType;
namespace fs = std::filesystem;

fs::path root;

void Write(const std::string& target, const std::string& name,
           const std::string& data) {
  fs::create_directories(root / target);
  std::ofstream{root / target / name, std::ios::binary} << data;
}

template <typename Bytes>
std::string Text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

dbnloop::Metadata Header(int version, bool ts_out, bool symbols) {
  dbnloop::Metadata m;
  m.version = static_cast<std::uint8_t>(version);
  m.dataset = "GLBX.MDP3";
  m.ts_out = ts_out;
  if (symbols) {
    m.symbols = {"ESZ6", "NQZ6"};
    m.partial = {"NQZ6"};
    m.not_found = {"XX"};
    m.mappings = {{"ESZ6", {{20261115, 20261116, "1"}, {20261116, 20261117, "2"}}}};
  }
  return m;
}

std::string Record(RType rtype, std::size_t size) {
  std::string out(size, 'a');
  out[0] = static_cast<char>(size / 4);
  out[1] = static_cast<char>(rtype);
  return out;
}

// Every kind of record of a version, an unknown one and one of odd size.
std::string Records(int version, bool ts_out) {
  std::string out;
  for (const auto rtype : {RType::SymbolMapping, RType::System, RType::InstrumentDef,
                           RType::Statistics, RType::Mbo, RType::Mbo, RType::Error}) {
    const auto size = dbnloop::MinRecordSize(rtype, static_cast<std::uint8_t>(version));
    out += Record(rtype, size + (ts_out ? 8 : 0));
  }
  return out + Record(static_cast<RType>(0xEE), 20) + Record(RType::Mbo, 56);
}

// The first byte of fuzz_dbn_parser's input; version 0: no fragment.
std::string ParserConfig(int policy, int version, bool ts_out) {
  for (int c = 0; c < 256; ++c) {
    if (c % 3 + 1 == policy && c / 4 % 4 == version && (c >= 128) == ts_out) {
      return {static_cast<char>(c)};
    }
  }
  return {};
}

void ParserSeeds() {
  for (int i = 0; i < 18; ++i) {
    const int version = i % 3 + 1;
    const int policy = i / 3 % 3 + 1;
    const bool ts_out = i >= 9;
    const auto name = "v" + std::to_string(version) + "-policy" +
                      std::to_string(policy) + (ts_out ? "-ts_out" : "");
    const auto header = Text(*EncodeMetadata(Header(version, ts_out, version == 1)));
    const auto records = Records(version, ts_out);
    Write("dbn_parser", name,
          ParserConfig(policy, 0, false) + '\x40' + header + records);
    Write("dbn_parser", name + "-fragment",
          ParserConfig(policy, version, ts_out) + '\x13' + records);
  }
  // Enough short runs for the parser to do without them, then some that are not plain.
  std::string mixed;
  for (int i = 0; i < 24; ++i) {
    mixed += Record(i % 2 == 0 ? RType::Mbo : RType::Mbp0, i % 2 == 0 ? 56 : 48);
  }
  mixed += Records(3, false);
  Write("dbn_parser", "mixed", ParserConfig(3, 3, false) + '\xFF' + mixed + mixed);
  const auto v3 = ParserConfig(3, 3, false) + '\x07';
  const auto stream = ParserConfig(3, 0, false) + '\x07';
  Write("dbn_parser", "zero-length",
        v3 + Record(RType::Mbo, 56) + std::string(16, '\0'));
  Write("dbn_parser", "cut", v3 + Record(RType::Mbo, 56).substr(0, 30));
  Write("dbn_parser", "text", stream + "HTTP/1.1 400 Bad Request\r\n");
  Write("dbn_parser", "large-metadata",
        stream + "DBN\x03" + std::string("\0\0\x08\0", 4) + std::string(200, '\0'));
}

void MetadataSeeds() {
  for (int version = 1; version <= 3; ++version) {
    for (const bool symbols : {false, true}) {
      Write("metadata", "v" + std::to_string(version) + (symbols ? "-symbols" : ""),
            Text(*EncodeMetadata(Header(version, true, symbols))));
    }
  }
}

void GatewaySeeds() {
  const std::string hello = "\x05lsg_version=0.6.4\ncram=abcdef0123456789\n";
  Write("gateway_session", "accepted", hello + "success=1|session_id=5|\nDBN\x03");
  Write("gateway_session", "refused",
        hello + "success=0|error=Authentication failed\n");
  Write("gateway_session", "crlf", "\x01lsg\r\ncram=a\r\nsuccess=1\r\n");
  Write("gateway_session", "no-challenge", "\x01SSH-2.0\nhello\n");
}

void ZstdSeeds() {
  dbnloop::EncoderOptions options;
  options.compression = dbnloop::Compression::Zstd;
  dbnloop::DbnEncoder encoder{Header(3, false, true), options};
  encoder.Flush();
  const auto records = Records(3, false);
  encoder.Write(std::as_bytes(std::span{records}));
  encoder.Flush();
  const auto frames = Text(encoder.Output());
  const std::string skippable{"\x50\x2A\x4D\x18\x03\0\0\0xyz", 11};
  Write("zstd_stream", "two-frames", "\x10\x20" + frames);
  Write("zstd_stream", "skippable", "\x02\x02" + skippable + frames + skippable);
  Write("zstd_stream", "cut", "\x40\x01" + frames.substr(0, frames.size() - 9));
  Write("zstd_stream", "plain", "\x10\x10" + records.substr(0, 64));
}

void UpgradeSeeds() {
  for (int version = 1; version <= 2; ++version) {
    for (const bool ts_out : {false, true}) {
      const char config = static_cast<char>((ts_out ? 128 : 0) + version - 1);
      Write("upgrade", "v" + std::to_string(version) + (ts_out ? "-ts_out" : ""),
            config + Records(version, ts_out));
    }
  }
}

void HttpResponseSeeds() {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string plain{"\0\7", 2};
  const std::string tunnel{"\1\7", 2};
  const std::string ends{"\2\7", 2};
  Write("http_response", "length",
        plain + ok + "Content-Length: 3\r\nX-A: b\r\n\r\nabcHTTP/1.1 200");
  Write("http_response", "chunked",
        plain + ok +
            "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n");
  Write("http_response", "until-close", ends + ok + "Connection: close\r\n\r\nDBN\x03");
  Write("http_response", "cut", ends + ok + "Content-Length: 9\r\n\r\nabc");
  Write("http_response", "informational",
        plain + "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" +
            "HTTP/1.1 204 No Content\r\n\r\n");
  Write("http_response", "upgrade",
        plain + "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n" +
            "Connection: upgrade\r\n\r\n");
  Write("http_response", "tunnel", tunnel + ok + "\r\n\x16\x03\x01");
  Write("http_response", "tunnel-refused",
        tunnel + "HTTP/1.0 407 Auth\r\nContent-Length: 2\r\n\r\nno");
  Write("http_response", "text", plain + "SSH-2.0-OpenSSH_9.2\r\n");
}

void HttpFailureSeeds() {
  const auto seed = [](const std::string& name, int status, const std::string& text) {
    Write("http_failure", name, static_cast<char>(status - 300) + text);
  };
  seed("detail", 401, "\n\n\n{\"detail\": \"Authentication failed.\"}");
  seed("envelope", 422,
       "[\"deprecated\", \"slow\"]\n30\nreq-1\n{\"detail\": {\"case\": "
       "\"data_start_before_available_start\", \"message\": \"too \\u00e9arly\", "
       "\"status_code\": 422, \"docs\": \"https://databento.com/docs\"}}");
  seed("too-many", 429, "not JSON\nWed, 21 Oct 2026 07:28:00 GMT\n\n<html>busy");
  seed("redirect", 307, "[1]\n4294967295\nhttps://elsewhere/\n");
}

void UrlSeeds() {
  const std::vector<std::string> urls = {
      "https://hist.databento.com",
      "http://user:pass%40word@proxy.local:8080/",
      "https://[2001:db8::1%25eth0]:443/v0/timeseries?a=b&c=%20+d",
      "HTTP://127.0.0.1:80#x",
      "a.com, .b.org:443,*",
      "https",
  };
  for (std::size_t i = 0; i < urls.size(); ++i) {
    Write("url", "text" + std::to_string(i), urls[i]);
  }
}

void SymbolsSeeds() {
  const std::string key = "db-UVWXYZ0123456789abcdefghijklm";
  const std::string mbo{"\0\1\0", 3};
  Write("symbols", "two", mbo + "GLBX.MDP3\n" + key + "\nESZ6, NQZ6");
  Write("symbols", "all", std::string{"\1\0\2", 3} + "XNAS.ITCH\n\nALL_SYMBOLS");
  Write("symbols", "snapshot", std::string{"\0\4\1", 3} + "\n\nES.FUT");
  Write("symbols", "mixed", mbo + "A B\nshort\nALL_SYMBOLS,X");
  Write("symbols", "broken", mbo + "OPRA.PILLAR\n\nSPX  261218C05000000,a|id=9,,\x7f");
  Write("symbols", "some", std::string{"\0\1\x05", 3} + "GLBX.MDP3\n\nA,B,A,C,B,D");
  std::string many = "A";
  for (int i = 0; i < 1000; ++i) many += ",A";
  Write("symbols", "chunks", mbo + "GLBX.MDP3\n\n" + many);
}

void FormatSeeds() {
  const auto seed = [](const std::string& name, std::uint64_t number,
                       const std::string& text) {
    std::string bytes(sizeof(number), '\0');
    std::memcpy(bytes.data(), &number, sizeof(number));
    Write("format", name, bytes + text);
  };
  seed("now", 1'795'444'200'000'000'001, "mbp-1");
  seed("leap-day", 951'782'400'000'000'000, "LAST | MBP (144)");
  seed("undefined", UINT64_MAX, "raw_symbol");
  seed("lowest", UINT64_C(1) << 63, "TOB | BAD_TS_RECV");
  seed("zero", 0, "nasdaq");
}

void EncoderSeeds() {
  for (int version = 1; version <= 3; ++version) {
    for (const bool ts_out : {false, true}) {
      const auto header = Text(*EncodeMetadata(Header(version, ts_out, true)));
      Write("encoder", "v" + std::to_string(version) + (ts_out ? "-ts_out" : ""),
            "\x28" + header + Records(version, ts_out));
    }
  }
}

void SymbolMapSeeds() {
  auto header = Header(3, false, true);
  Write("symbol_map", "header", std::string{"\0\7", 2} + Text(*EncodeMetadata(header)));
  header.mappings.push_back(
      {"NQZ6", {{20261101, 20261201, "1"}, {20261116, 20261116, "3"}}});
  header.mappings.push_back({"CLF7", {{20261114, 20261118, "2"}, {0, 20270101, ""}}});
  Write("symbol_map", "overlaps",
        std::string{"\1\1", 2} + Text(*EncodeMetadata(header)));
  header.mappings = {{"5", {{20261101, 20261201, "ESZ6"}}}};
  header.stype_in = dbnloop::SType::InstrumentId;
  header.stype_out = dbnloop::SType::RawSymbol;
  Write("symbol_map", "inverse",
        std::string{"\0\0", 2} + Text(*EncodeMetadata(header)));
  for (int version = 1; version <= 3; ++version) {
    const auto size = dbnloop::MinRecordSize(RType::SymbolMapping,
                                             static_cast<std::uint8_t>(version));
    Write("symbol_map", "record-v" + std::to_string(version),
          std::string{'\0', static_cast<char>(version - 1)} +
              Record(RType::SymbolMapping, size) + Record(RType::SymbolMapping, 64));
  }
}

// A message with a text, and a code in the bytes where each type has one.
std::string Message(RType rtype, std::size_t size, std::string_view text, char code) {
  std::string out(size, '\0');
  out[0] = static_cast<char>(size / 4);
  out[1] = static_cast<char>(rtype);
  text.copy(out.data() + 16, size - 16);
  if (size == sizeof(dbnloop::SystemMsg)) {
    out[rtype == RType::System ? size - 1 : size - 2] = code;
  }
  return out;
}

void SessionEventSeeds() {
  struct Case {
    const char* name;
    RType rtype;
    const char* text;
    char code;
  };
  for (const auto& c :
       {Case{"ack", RType::System, "Subscription request 3 for mbp-1 data succeeded",
             1},
        Case{"unsubscribed", RType::System,
             "Unsubscribe request for mbp-1 data succeeded", 5},
        Case{"slow", RType::System, "Warning: slow reading", 2},
        Case{"replay", RType::System, "Finished mbo replay", 3},
        Case{"interval", RType::System, "End of interval for ohlcv-1s", 4},
        Case{"heartbeat", RType::System, "Heartbeat", 0},
        Case{"symbol", RType::Error, "Failed to resolve symbol XYZ", 4},
        Case{"key", RType::Error, "User or API key deactivated", 2},
        Case{"skipped", RType::Error, "skipped 5 records\x1b[2J", 7}}) {
    const std::string name = c.name;
    for (const char version : {0, 2}) {
      const auto size = version == 0 ? 80U : sizeof(dbnloop::SystemMsg);
      Write("session_events", name + (version == 0 ? "-v1" : "-v3"),
            version + Message(c.rtype, size, c.text, c.code));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: fuzz_corpus FOLDER\n", stderr);
    return 2;
  }
  root = argv[1];
  ParserSeeds();
  MetadataSeeds();
  GatewaySeeds();
  ZstdSeeds();
  UpgradeSeeds();
  HttpResponseSeeds();
  HttpFailureSeeds();
  UrlSeeds();
  SymbolsSeeds();
  FormatSeeds();
  EncoderSeeds();
  SymbolMapSeeds();
  SessionEventSeeds();
}
