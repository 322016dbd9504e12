package main

import "github.com/dbnloop/dbnloop/dbn"

// position is where an instrument's stream is: its latest ts_event, and how many records had it.
type position struct {
	last, seam     dbn.UnixNanos // seam: where the session before this one broke
	count, repeats int           // repeats: records of that time that this session repeats
}

// advance reports whether a record is new.
func (p *position) advance(ts dbn.UnixNanos) bool {
	if ts < p.seam {
		return false
	}
	if ts == p.seam && p.repeats > 0 {
		p.repeats--
		return false
	}
	if ts > p.last {
		p.last, p.seam, p.count = ts, 0, 0 // the replay has caught up
	}
	if ts == p.last {
		p.count++
	}
	return true
}
