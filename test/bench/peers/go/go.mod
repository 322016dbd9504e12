// A module of its own, outside the workspace, so that no module of the project depends on the
// library that this program measures. scripts/bench-peers.sh adds what it requires.
module github.com/dbnloop/dbnloop/test/bench/peers/go

go 1.26.0
