package top

import "github.com/dbnloop/dbnloop/dbn"

// Mark is what the trading status of an instrument means for whoever reads its prices.
type Mark uint8

// The marks.
const (
	Trading Mark = iota // or not known
	PreOpen
	Auction
	Halted
	Paused
	Suspended
	Closed
)

// marks are the letters of the marks, and what the help says of them.
var marks = [...]struct {
	letter byte
	text   string
}{
	Trading: {' ', "trading"}, PreOpen: {'P', "before the opening"}, Auction: {'A', "auction"}, Halted: {'H', "halted"},
	Paused: {'Z', "paused"}, Suspended: {'S', "suspended"}, Closed: {'C', "closed"},
}

// markOf is the mark of a status; before is the one that it replaces, which a status that says
// nothing about trading leaves.
func markOf(action dbn.StatusAction, before Mark) Mark {
	switch action {
	case dbn.StatusActionTrading:
		return Trading
	case dbn.StatusActionPreOpen, dbn.StatusActionQuoting, dbn.StatusActionNewPriceIndication:
		return PreOpen
	case dbn.StatusActionPreCross, dbn.StatusActionCross, dbn.StatusActionRotation:
		return Auction
	case dbn.StatusActionHalt:
		return Halted
	case dbn.StatusActionPause:
		return Paused
	case dbn.StatusActionSuspend:
		return Suspended
	case dbn.StatusActionPreClose, dbn.StatusActionClose, dbn.StatusActionPostClose, dbn.StatusActionNotAvailableForTrading:
		return Closed
	}
	return before
}
