// Package gateway is the server half of the live protocol: it greets clients, checks their
// replies to the challenge, understands their subscriptions and sends them a DBN stream with
// symbol mappings, acknowledgements, errors and heartbeats.
//
// It has no data of its own. What it serves comes over small interfaces: [Symbols] turns
// names into instruments, [Records] says which record is next and when, and [Datasets] makes
// both for a session. [Misbehaviour] lets a simulator break every rule at a chosen place; a
// server of real data has none.
//
// The package needs no cgo. It starts goroutines (one for the listener and two for each
// session); [Server.Close] ends all of them before it returns. It logs only to the logger it
// was given.
package gateway
