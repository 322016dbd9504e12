package dbnloop

// ReadAnswer makes the body of a typed call into its result.
var ReadAnswer = readAnswer
