// Package chaos tests a relay by killing what it consists of: the relay itself, the NATS server, the consumers. It
// cuts the sessions with the gateway and fills the disk, at random, and compares in the end what the log and every
// consumer have with what the market sent. Everything that is killed is a process of its own.
package chaos
