//go:build !dbnloop_poison

package dbnloop

// poisoner does nothing; the build tag dbnloop_poison makes kept pointers show.
type poisoner struct{}

func (*poisoner) batch(b Batch) Batch { return b }
func (*poisoner) poison()             {}
