package sim

import (
	"fmt"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
)

// What one client may subscribe to in one session.
const (
	maxSubscribed  = 10_000  // subscriptions at a time
	maxInstruments = 4 << 20 // named by all of them together
)

// Fits refuses a subscription that would be one too many.
func (p *player) Fits(sub *gateway.Subscription) error {
	instruments := p.size(sub.Schema, sub.All, len(sub.IDs))
	for _, other := range p.subs {
		instruments += p.size(other.schema, other.all, len(other.ids))
	}
	if len(p.subs) >= maxSubscribed || instruments > maxInstruments {
		return fmt.Errorf("at most %d subscriptions with %d instruments are possible in a session", maxSubscribed, maxInstruments)
	}
	return nil
}

// size is how many instruments a subscription names, or may name one day: one of all of them
// becomes a list when some are taken away.
func (p *player) size(schema dbn.Schema, all bool, named int) int {
	if all {
		return len(p.tl.IDs[schema])
	}
	return named
}
