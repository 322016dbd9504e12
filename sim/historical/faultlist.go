package historical

import (
	"slices"
	"sync"

	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/internal/schedule"
)

// faultList chooses the faults of each connection and request.
type faultList struct {
	mu   sync.Mutex
	list []*addedFault
}

// addedFault is a fault and how far it has come.
type addedFault struct {
	Fault
	*sim.FaultHandle

	seen int64 // how many connections or requests it could have concerned
}

// AddFault shows a fault from now on, as if it were the last of Config.Faults; its First and
// Last count from now. The handle says how often it was shown, and removes it.
func (h *Server) AddFault(f Fault) (*sim.FaultHandle, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	if err := h.certify(f.Kind); err != nil {
		return nil, err
	}
	return h.faults.add(f), nil
}

func (l *faultList) add(f Fault) *sim.FaultHandle {
	l.mu.Lock()
	defer l.mu.Unlock()
	added := &addedFault{Fault: f, FaultHandle: new(sim.FaultHandle)}
	l.list = append(l.list, added)
	return added.FaultHandle
}

// ofConnection is the fault of a new connection; nil when it has none.
func (l *faultList) ofConnection() *addedFault {
	due := l.next(func(k faultForm, _ *Fault) bool { return k.ofConn })
	if len(due) == 0 {
		return nil
	}
	return due[0]
}

func (l *faultList) ofRequest(endpoint string) []*addedFault {
	return l.next(func(k faultForm, fault *Fault) bool {
		return !k.ofConn && (fault.Endpoint == "" || fault.Endpoint == endpoint)
	})
}

// next counts one for each fault that it could concern and returns those that are due.
// Those that were removed are forgotten.
func (l *faultList) next(concerns func(faultForm, *Fault) bool) []*addedFault {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(f *addedFault) bool { return f.Removed() })
	var due []*addedFault
	for _, fault := range l.list {
		kind, _ := findFault(fault.Kind)
		if !concerns(kind, &fault.Fault) {
			continue
		}
		if fault.seen++; schedule.Within(fault.seen, fault.First, fault.Last) {
			due = append(due, fault)
		}
	}
	return due
}
