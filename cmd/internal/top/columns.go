package top

import (
	"cmp"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// column is one of the columns, in the order in which they are shown.
type column int

const (
	symbolColumn column = iota
	lastColumn
	bidSizeColumn
	bidColumn
	askColumn
	askSizeColumn
	spreadColumn
	volumeColumn
	tradesColumn
	messagesColumn
	gatewayColumn
	venueColumn
	minuteColumn
	columnCount
)

// columns say what each column shows.
var columns = [columnCount]struct {
	name        string // in flags and in the help
	key         string // that sorts by it
	title       string
	least, most int // characters
	rank        int // the lower, the longer a column stays when there is little room
	text        func(*Line) string
	value       func(*Line) float64 // what it is sorted by; NaN: not known
}{
	symbolColumn: {"symbol", "S", "symbol", 7, 21, 0, symbolText, nil},
	lastColumn: {
		"last", "L", "last", 7, 20, 1,
		func(l *Line) string { return priceText(l.Last, l.Decimals) }, func(l *Line) float64 { return l.Last.Float64() },
	},
	bidSizeColumn: {
		"bid-size", "b", "bsize", 5, 5, 6,
		func(l *Line) string { return sizeText(l.BidSize, l.Bid.IsUndef()) }, func(l *Line) float64 { return sizeValue(l.BidSize, l.Bid.IsUndef()) },
	},
	bidColumn: {
		"bid", "B", "bid", 7, 20, 2,
		func(l *Line) string { return priceText(l.Bid, l.Decimals) }, func(l *Line) float64 { return l.Bid.Float64() },
	},
	askColumn: {
		"ask", "A", "ask", 7, 20, 3,
		func(l *Line) string { return priceText(l.Ask, l.Decimals) }, func(l *Line) float64 { return l.Ask.Float64() },
	},
	askSizeColumn: {
		"ask-size", "a", "asize", 5, 5, 7,
		func(l *Line) string { return sizeText(l.AskSize, l.Ask.IsUndef()) }, func(l *Line) float64 { return sizeValue(l.AskSize, l.Ask.IsUndef()) },
	},
	spreadColumn: {"spread", "D", "spread", 6, 14, 10, spreadText, (*Line).Spread},
	volumeColumn: {
		"volume", "V", "volume", 6, 6, 5,
		func(l *Line) string { return countText(float64(l.Volume)) }, func(l *Line) float64 { return float64(l.Volume) },
	},
	tradesColumn: {
		"trades", "T", "trd/s", 5, 5, 8,
		func(l *Line) string { return rateText(l.Trades) }, func(l *Line) float64 { return l.Trades },
	},
	messagesColumn: {
		"messages", "M", "msg/s", 5, 5, 4,
		func(l *Line) string { return rateText(l.Messages) }, func(l *Line) float64 { return l.Messages },
	},
	gatewayColumn: {
		"gateway", "G", "gw lag", 6, 6, 11,
		func(l *Line) string { return lagText(l.Gateway) }, func(l *Line) float64 { return l.Gateway },
	},
	venueColumn: {
		"venue", "E", "venue", 6, 6, 12,
		func(l *Line) string { return lagText(l.Venue) }, func(l *Line) float64 { return l.Venue },
	},
	minuteColumn: {"minute", "C", "last min.", minutePoints / 2, minutePoints, 9, nil, func(l *Line) float64 { return l.Change }},
}

// ColumnNames are the names that --sort takes.
func ColumnNames() (names []string) {
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

func symbolText(l *Line) string {
	if l.Symbol == "" {
		return "#" + strconv.FormatUint(uint64(l.Instrument), 10)
	}
	return l.Symbol
}

func sizeText(n uint32, unknown bool) string {
	if unknown {
		return ""
	}
	return countText(float64(n))
}

func sizeValue(n uint32, unknown bool) float64 {
	if unknown {
		return math.NaN()
	}
	return float64(n)
}

// minuteText draws the heights of the last minute, in at most so many characters.
func minuteText(l *Line, width int) string {
	step := 1
	if width < minutePoints {
		step = 2
	}
	var b strings.Builder
	for i := step - 1; i < minutePoints; i += step {
		b.WriteRune([]rune(" ▁▂▃▄▅▆▇█")[min(l.Minute[i], 8)])
	}
	return b.String()
}

// order is how lines are sorted, and which are shown.
type order struct {
	by      column
	reverse bool // against the usual direction: symbols from A on, numbers from the largest on
	filter  string
}

// apply writes the numbers of the lines to show into list, in their order. What is not known comes
// last either way.
func (o *order) apply(list []int32, lines []Line) []int32 {
	list = list[:0]
	matches := matcher(o.filter)
	for i := range lines {
		if matches(symbolText(&lines[i])) {
			list = append(list, int32(i))
		}
	}
	value := columns[o.by].value
	slices.SortFunc(list, func(i, j int32) int {
		a, b := &lines[i], &lines[j]
		result := 0
		if value == nil {
			result = o.turned(bySymbol(a, b))
		} else {
			x, y := value(a), value(b)
			switch {
			case math.IsNaN(x) || math.IsNaN(y):
				result = cmp.Compare(isNaN(x), isNaN(y))
			default:
				result = o.turned(cmp.Compare(y, x))
			}
		}
		return cmp.Or(result, bySymbol(a, b))
	})
	return list
}

func (o *order) turned(result int) int {
	if o.reverse {
		return -result
	}
	return result
}

func bySymbol(a, b *Line) int {
	return cmp.Or(cmp.Compare(symbolText(a), symbolText(b)), cmp.Compare(a.Instrument, b.Instrument))
}

func isNaN(v float64) int {
	if math.IsNaN(v) {
		return 1
	}
	return 0
}

// matcher chooses symbols by a text that they contain or, where it has * ? or [, by a pattern;
// upper and lower case are the same.
func matcher(filter string) func(symbol string) bool {
	filter = strings.ToUpper(strings.TrimSpace(filter))
	if _, err := path.Match(filter, ""); err == nil && strings.ContainsAny(filter, "*?[") {
		return func(symbol string) bool {
			found, _ := path.Match(filter, strings.ToUpper(symbol))
			return found
		}
	}
	return func(symbol string) bool { return strings.Contains(strings.ToUpper(symbol), filter) }
}
