// Package dbn implements the Databento Binary Encoding in pure Go: records of DBN versions 1 to
// 3, their enums, the metadata header, decoding, encoding, version upgrades and text output. It
// needs no cgo.
//
// A Record is a view into bytes; nothing is copied or allocated per record. Types, enums and
// sizes are generated from schema/dbn.json.
package dbn

//go:generate go run ../internal/gen -root ..
