package top

import (
	"fmt"
	"slices"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// statistics are how long something took: all that happened, and the times of the last ones.
type statistics struct {
	n       int
	longest time.Duration
	last    [4096]time.Duration
}

func (s *statistics) add(d time.Duration) {
	s.last[s.n%len(s.last)] = d
	s.n++
	s.longest = max(s.longest, d)
}

// String is for people.
func (s *statistics) String() string {
	if s.n == 0 {
		return "none"
	}
	sorted := slices.Clone(s.last[:min(s.n, len(s.last))])
	slices.Sort(sorted)
	at := func(q float64) time.Duration { return term.Rounded(sorted[int(q*float64(len(sorted)-1))]) }
	return fmt.Sprintf("%v (half), %v (99 %%), %v (longest of %s)", at(0.5), at(0.99), term.Rounded(s.longest), term.Grouped(uint64(s.n)))
}
