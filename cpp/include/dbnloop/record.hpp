#pragma once

#include "dbnloop/detail/require_cxx23.hpp"

#if DBNLOOP_HAS_DATABENTO_CPP
#include <databento/constants.hpp>
#include <databento/datetime.hpp>
#include <databento/enums.hpp>
#include <databento/flag_set.hpp>
#include <databento/record.hpp>
#include <databento/v1.hpp>
#include <databento/v2.hpp>
#include <databento/with_ts_out.hpp>
#else
#include "dbnloop/dbn_types.gen.hpp"
#endif

namespace dbnloop {

/// The source of the record types: databento-cpp if the build uses it, so that user
/// code can mix both libraries freely, otherwise dbnloop's own types of the same layout
/// and names.
#if DBNLOOP_HAS_DATABENTO_CPP
namespace dbn = ::databento;
#endif

using dbn::Action;
using dbn::Bbo1MMsg;
using dbn::Bbo1SMsg;
using dbn::BboMsg;
using dbn::BidAskPair;
using dbn::Cbbo1MMsg;
using dbn::Cbbo1SMsg;
using dbn::CbboMsg;
using dbn::Cmbp1Msg;
using dbn::Compression;
using dbn::ConsolidatedBidAskPair;
using dbn::Encoding;
using dbn::ErrorMsg;
using dbn::FlagSet;
using dbn::ImbalanceMsg;
using dbn::InstrumentClass;
using dbn::InstrumentDefMsg;
using dbn::MatchAlgorithm;
using dbn::MboMsg;
using dbn::Mbp10Msg;
using dbn::Mbp1Msg;
using dbn::OhlcvMsg;
using dbn::Record;
using dbn::RecordHeader;
using dbn::RType;
using dbn::Schema;
using dbn::SecurityUpdateAction;
using dbn::Side;
using dbn::SlowReaderBehavior;
using dbn::StatMsg;
using dbn::StatType;
using dbn::StatUpdateAction;
using dbn::StatusAction;
using dbn::StatusMsg;
using dbn::StatusReason;
using dbn::SType;
using dbn::SymbolMappingMsg;
using dbn::SystemCode;
using dbn::SystemMsg;
using dbn::TbboMsg;
using dbn::TcbboMsg;
using dbn::TimeDeltaNanos;
using dbn::TradeMsg;
using dbn::TradingEvent;
using dbn::TriState;
using dbn::UnixNanos;
using dbn::UserDefinedInstrument;
using dbn::VersionUpgradePolicy;
using dbn::WithTsOut;
/// The code of an error record; dbnloop::ErrorCode is the library's own.
using GatewayErrorCode = dbn::ErrorCode;
/// A point in time: nanoseconds since the UNIX epoch, UTC.
using Timestamp = UnixNanos;

using dbn::kAssetCstrLen;
using dbn::kDbnVersion;
using dbn::kFixedPriceScale;
using dbn::kSymbolCstrLen;
using dbn::kUndefOrderSize;
using dbn::kUndefPrice;
using dbn::kUndefStatQuantity;
using dbn::kUndefTimestamp;
using dbn::ToString;

/// Layouts of older DBN versions, for VersionUpgradePolicy::AsIs.
namespace v1 = dbn::v1;
namespace v2 = dbn::v2;

}  // namespace dbnloop
