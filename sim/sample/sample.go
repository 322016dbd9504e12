// Package sample holds the project's own sample data, for demos and tests: a short while
// of a made-up trading session of four futures in dataset GLBX.MDP3, written by
// the program in sim/sample/gen. Every schema follows from the same simulated order flow, so
// that they agree with each other.
package sample

import "embed"

//go:generate go run ./gen -o data

// Data holds one file for each schema, data/SCHEMA.dbn.zst.
//
//go:embed data
var Data embed.FS
