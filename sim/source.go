package sim

import (
	"io"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// Source is something a server replays: a DBN file or records in memory. Sources of one
// dataset are merged by index timestamp. Make one with [FileSource], [FragmentSource],
// [ReaderSource], [RecordsSource] or [SampleSources].
type Source = market.Source

// FileSource replays a DBN file, plain or zstd, of any version. The server reads the file
// into memory when it starts, unless it has 256 MiB or more and its records can go out as
// they are: plain, in the version that is served, without ts_out, and the only source of its
// dataset. Then it is read once when the server starts and stays on disk; it must not change
// while the server runs.
func FileSource(path string) Source { return market.FileSource(path) }

// FragmentSource replays a file of records without metadata, plain or zstd. The metadata
// given in its place must have Version and Dataset; its Schema may be SchemaNone.
func FragmentSource(path string, meta dbn.Metadata) Source {
	return market.FragmentSource(path, meta)
}

// ReaderSource replays a DBN stream, plain or zstd. The server reads it to its end when it
// starts, so a source of this kind serves one server; name is for messages.
func ReaderSource(name string, r io.Reader) Source { return market.ReaderSource(name, r) }

// RecordsSource replays records in memory, back to back in the layout of meta.Version, with
// ts_out when meta.TsOut says so. The server copies the bytes when it starts.
func RecordsSource(meta dbn.Metadata, records []byte) Source {
	return market.RecordsSource(meta, records)
}

// SampleSources are the project's own sample data: a short while of a made-up session of
// four futures in dataset GLBX.MDP3, in many schemas that all follow from the same order
// flow. See package sample.
func SampleSources() []Source { return market.SampleSources() }
