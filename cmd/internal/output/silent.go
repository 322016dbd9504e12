package output

import "github.com/dbnloop/dbnloop/dbn"

// silent is the sink of a stream whose records are not written.
type silent struct{}

func (silent) Begin(*dbn.Metadata) error              { return nil }
func (silent) Symbol(string)                          {}
func (silent) Record(dbn.Record, string, bool) error  { return nil }
func (silent) Message(dbn.Record, string, bool) error { return nil }
func (silent) EndTurn() error                         { return nil }
func (silent) Close() error                           { return nil }
