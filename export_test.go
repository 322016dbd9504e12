package dbnloop

// Poisoned reports whether batches are overwritten when they end.
const Poisoned = poisoned

// ReadAnswer makes the body of a typed call into its result.
var ReadAnswer = readAnswer
