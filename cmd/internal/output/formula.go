package output

import (
	"slices"
	"strconv"
)

// isFormula reports whether a spreadsheet would compute a cell instead of showing it.
// Numbers are shown as they are.
func isFormula(cell []byte) bool {
	if len(cell) == 0 {
		return false
	}
	switch cell[0] {
	case '=', '@', '\t', '\r':
		return true
	case '+', '-':
		_, err := strconv.ParseFloat(string(cell), 64)
		return err != nil
	}
	return false
}

// disarm puts an apostrophe before the cell dst[start:] if it is a formula: spreadsheets
// take such a cell for text.
func disarm(dst []byte, start int) []byte {
	if !isFormula(dst[start:]) {
		return dst
	}
	return slices.Insert(dst, start, '\'')
}
