package dbnloop

// Poisoned reports whether batches are overwritten when they end.
const Poisoned = poisoned

// ReadAnswer makes the body of a typed call into its result.
var ReadAnswer = readAnswer

// HasRuns reports whether the batch came with a table of its runs.
func (b Batch) HasRuns() bool { return len(b.runs) != 0 }
