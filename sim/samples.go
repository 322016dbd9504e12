package sim

import (
	"bytes"
	"io/fs"
	"slices"

	"github.com/dbnloop/dbnloop/sim/sample"
)

// SampleSources are the project's own sample data: a short while of a made-up session of
// four futures in dataset GLBX.MDP3, in many schemas that all follow from the same order
// flow. See package sample.
func SampleSources() []Source {
	names, err := fs.Glob(sample.Data, "data/*.dbn.zst")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(names)
	var sources []Source
	for _, name := range names {
		data, err := sample.Data.ReadFile(name)
		if err != nil {
			panic(err) // the file is part of the program
		}
		sources = append(sources, ReaderSource("sample "+name, bytes.NewReader(data)))
	}
	return sources
}
