#include "dbnloop/error.hpp"

namespace dbnloop {

std::string_view ToString(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::None:
      return "None";
    case ErrorCode::ConnectionFailed:
      return "ConnectionFailed";
    case ErrorCode::ConnectionClosed:
      return "ConnectionClosed";
    case ErrorCode::DnsResolutionFailed:
      return "DnsResolutionFailed";
    case ErrorCode::AuthFailed:
      return "AuthFailed";
    case ErrorCode::InvalidApiKey:
      return "InvalidApiKey";
    case ErrorCode::InvalidGreeting:
      return "InvalidGreeting";
    case ErrorCode::InvalidChallenge:
      return "InvalidChallenge";
    case ErrorCode::ParseError:
      return "ParseError";
    case ErrorCode::InvalidDataset:
      return "InvalidDataset";
    case ErrorCode::InvalidSymbol:
      return "InvalidSymbol";
    case ErrorCode::InvalidSchema:
      return "InvalidSchema";
    case ErrorCode::TlsHandshakeFailed:
      return "TlsHandshakeFailed";
    case ErrorCode::CertificateError:
      return "CertificateError";
    case ErrorCode::HttpError:
      return "HttpError";
    case ErrorCode::DecompressionError:
      return "DecompressionError";
    case ErrorCode::Timeout:
      return "Timeout";
    case ErrorCode::HeartbeatTimeout:
      return "HeartbeatTimeout";
    case ErrorCode::GatewayError:
      return "GatewayError";
    case ErrorCode::InvalidArgument:
      return "InvalidArgument";
    case ErrorCode::InvalidState:
      return "InvalidState";
    case ErrorCode::Cancelled:
      return "Cancelled";
    case ErrorCode::LimitExceeded:
      return "LimitExceeded";
    case ErrorCode::System:
      return "System";
    case ErrorCode::OutOfMemory:
      return "OutOfMemory";
    case ErrorCode::HandlerFailed:
      return "HandlerFailed";
    case ErrorCode::Truncated:
      return "Truncated";
    case ErrorCode::ChecksumMismatch:
      return "ChecksumMismatch";
  }
  return "Unknown";
}

}  // namespace dbnloop
