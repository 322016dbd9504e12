package dbnloop

import (
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
)

// symbolList returns the comma-separated list that the C API and the historical API accept.
func symbolList(stype dbn.SType, symbols []string) (string, error) {
	if len(symbols) == 0 {
		return "", newError(CodeInvalidSymbol, "no symbol is given; dbn.AllSymbols alone selects every one")
	}
	for _, symbol := range symbols {
		if strings.Contains(symbol, ",") {
			return "", newError(CodeInvalidSymbol, "symbol %q holds a comma; give the symbols one by one", symbol)
		}
		if stype != dbn.STypeInstrumentID || symbol == dbn.AllSymbols {
			continue
		}
		// Names in place of ids resolve to nothing: no record would ever arrive.
		if _, err := strconv.ParseUint(symbol, 10, 32); err != nil {
			return "", newError(CodeInvalidSymbol, "symbol %q is not a number from 0 to 4294967295, and StypeIn is STypeInstrumentID, its zero value: set StypeIn to dbn.STypeRawSymbol, or what else the symbols are", symbol)
		}
	}
	return strings.Join(symbols, ","), nil
}
