package main

import (
	"fmt"
	"slices"
	"strings"
)

// genCParity compares every constant and layout of the C headers with the C++ library's.
func genCParity(s *schemaFile, codes []errorCode) string {
	var b strings.Builder
	b.WriteString(cppBanner + `// The constants and layouts of the generated C headers are those of the C++ library, or this
// does not compile.
#include <cstddef>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/error_code.gen.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/record.hpp"
#include "dbnloop_publishers.h"
#include "dbnloop_records.h"
#include "dbnloop_status.h"

namespace dbnloop {
namespace {

static_assert(DBNLOOP_DBN_VERSION == dbn::kDbnVersion);
static_assert(DBNLOOP_FIXED_PRICE_SCALE == kFixedPriceScale);
static_assert(DBNLOOP_UNDEF_PRICE == kUndefPrice);
static_assert(DBNLOOP_UNDEF_TIMESTAMP == kUndefTimestamp);
static_assert(DBNLOOP_UNDEF_ORDER_SIZE == kUndefOrderSize);
static_assert(DBNLOOP_UNDEF_STAT_QUANTITY == dbn::kUndefStatQuantity);
static_assert(DBNLOOP_RECORD_LENGTH_MULTIPLIER == RecordHeader::kLengthMultiplier);
static_assert(DBNLOOP_SYMBOL_CSTR_LEN == sizeof(SymbolMappingMsg::stype_in_symbol));
static_assert(DBNLOOP_ASSET_CSTR_LEN == sizeof(InstrumentDefMsg::asset));
static_assert(DBNLOOP_LIVE_PORT == kLivePort);

`)
	b.WriteString("static_assert(DBNLOOP_OK == static_cast<int>(ErrorCode::None));\n")
	for _, c := range codes {
		fmt.Fprintf(&b, "static_assert(%s == static_cast<int>(ErrorCode::%s));\n", cStatus(c), c.Name)
	}
	for _, e := range stringsEnums(s) {
		if !slices.Contains(cNamedEnums(), e.OwnName) {
			continue
		}
		for _, v := range cValues(e.OwnName, e.Enum) {
			fmt.Fprintf(&b, "static_assert(%s == static_cast<int>(%s));\n", v.Name, e.cppName(v.Value))
		}
	}
	for _, v := range cValues("FlagSet", s.Enums["FlagSet"]) {
		fmt.Fprintf(&b, "static_assert(%s == FlagSet::k%s);\n", v.Name, pascal(strings.ToLower(v.Value.Name)))
	}
	b.WriteString("\n")
	for _, l := range s.Structs {
		cSameLayout(&b, l.Name, l)
	}
	for _, r := range s.Records {
		cSameLayout(&b, r.Name, r.latest())
	}
	b.WriteString("\n}  // namespace\n}  // namespace dbnloop\n")
	return b.String()
}

func cSameLayout(b *strings.Builder, name string, l layout) {
	c := cStruct(name)
	fmt.Fprintf(b, "static_assert(sizeof(%s) == sizeof(%s));\n", c, name)
	for _, f := range l.Fields {
		fmt.Fprintf(b, "static_assert(offsetof(%s, %s) == offsetof(%s, %s) &&\n              sizeof(%s::%s) == sizeof(%s::%s));\n",
			c, f.Name, name, f.Name, c, f.Name, name, f.Name)
	}
}

// genCEnums maps the numbers of dbnloop_enum to C++ types.
func genCEnums(s *schemaFile) string {
	var b strings.Builder
	b.WriteString(cppBanner + `#pragma once

#include <cstdint>
#include <type_traits>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop_records.h"

namespace dbnloop::capi {

/// Calls f(std::type_identity<E>{}) with the enum that a dbnloop_enum names. Returns false,
/// and calls nothing, for another number.
template <typename F>
bool VisitEnum(std::uint32_t which, F&& f) {
  switch (which) {
`)
	for _, e := range stringsEnums(s) {
		if slices.Contains(cNamedEnums(), e.OwnName) {
			fmt.Fprintf(&b, "    case %s:\n      f(std::type_identity<%s>{});\n      return true;\n", cNamedEnum(e.OwnName), e.Name)
		}
	}
	b.WriteString("    default:\n      return false;\n  }\n}\n\n}  // namespace dbnloop::capi\n")
	return b.String()
}
