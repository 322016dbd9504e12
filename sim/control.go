package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/dbnloop/dbnloop/gateway"
	"github.com/dbnloop/dbnloop/internal/wire"
	"github.com/dbnloop/dbnloop/sim/internal/schedule"
)

// FaultHandle is a fault that was added to a running server: Fired says how often it was
// shown, Remove ends it.
type FaultHandle = schedule.Handle

// addedFaults are faults that were added at once, and from which connection on they count.
type addedFaults struct {
	Faults
	*FaultHandle

	first, last int   // the numbers of the connections, as in NumberedFaults
	base        int64 // how many connections there were before
	until       time.Time
}

// parts are faults that are added now, by the connections that get them.
func parts(f Faults, handle *FaultHandle, base int64, now time.Time) []*addedFaults {
	own := f
	own.Numbered = nil
	list := []*addedFaults{{Faults: own, FaultHandle: handle, last: f.Sessions, base: base}}
	for _, n := range f.Numbered {
		part := &addedFaults{Faults: n.Faults, FaultHandle: handle, first: n.First, last: n.Last, base: base}
		if n.For > 0 {
			part.until = now.Add(n.For)
		}
		list = append(list, part)
	}
	return list
}

// concerns reports whether a connection that comes now gets the faults.
func (f *addedFaults) concerns(connection int64, now time.Time) bool {
	return !f.Removed() && (f.until.IsZero() || now.Before(f.until)) && schedule.Within(connection-f.base, f.first, f.last)
}

// AddFaults shows faults from now on, beside those of Config.Faults and those that were added
// before; where two of them exclude each other, the older one is shown. Connections are
// counted from now on. Faults of the stream reach the sessions that are running as well,
// unless they are limited to some connections: one whose place has been passed is shown at
// once. The handle says how often any of them was shown, and removes them.
func (g *Gateway) AddFaults(f Faults) (*FaultHandle, error) {
	if err := f.validate(); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	handle := new(FaultHandle)
	g.mu.Lock()
	added := parts(f, handle, g.connections, g.cfg.Clock.Now())
	g.faults = append(g.faults, added...)
	g.mu.Unlock()
	if f.Sessions == 0 && len(f.Stream) > 0 {
		g.Do(func(s *gateway.Session) error {
			s.Misbehaviour().(*misbehaviour).join(s, added[0])
			return nil
		})
	}
	return handle, nil
}

// AddFault is AddFaults of a text that [Faults.ParseFault] reads.
func (g *Gateway) AddFault(text string) (*FaultHandle, error) {
	var f Faults
	if err := f.ParseFault(text); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	return g.AddFaults(f)
}

// Push sends records to every session that is open, once it streams and whatever it has
// subscribed to, and returns the number of sessions. The records are back to back, in the layout of the
// sessions' DBN version and without ts_out.
func (g *Gateway) Push(records []byte) (sessions int, err error) {
	for rest := records; len(rest) > 0; rest = rest[wire.Size(rest):] {
		if size := wire.Size(rest); size < wire.HeaderLen || size > len(rest) {
			return 0, fmt.Errorf("sim: a record of %d bytes in the %d that are left", size, len(rest))
		}
	}
	records = slices.Clone(records)
	return g.Do(func(s *gateway.Session) error {
		for rest := records; len(rest) > 0; rest = rest[wire.Size(rest):] {
			if err := s.Push(rest[:wire.Size(rest)]); err != nil {
				return err
			}
		}
		return nil
	}), nil
}
