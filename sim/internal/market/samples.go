package market

import (
	"bytes"
	"io/fs"
	"slices"
	"sync"

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
	var sources []Source
	for _, name := range names {
		sources = append(sources, sampleSource(name))
	}
	return sources
}

type sampleSource string

// sampleCache holds what was decoded once: tests start many gateways.
var sampleCache sync.Map // of name to *Data

func (name sampleSource) load() (*Data, error) {
	cached, ok := sampleCache.Load(name)
	if !ok {
		packed, err := sample.Data.ReadFile(string(name))
		if err != nil {
			return nil, err
		}
		data, err := loadStream("sample "+string(name), bytes.NewReader(packed), 0, nil)
		if err != nil {
			return nil, err
		}
		cached, _ = sampleCache.LoadOrStore(name, data)
	}
	own := *cached.(*Data) // the records themselves are never changed
	return &own, nil
}

// Shared is what load makes of sources for a version. What it makes of the sample data is made
// once and kept: processes such as tests start many servers, and nothing changes it.
func Shared[T any](kept *sync.Map, sources []Source, version uint8, load func() (T, error)) (T, error) {
	if !slices.Equal(sources, SampleSources()) {
		return load()
	}
	if made, ok := kept.Load(version); ok {
		return made.(T), nil
	}
	made, err := load()
	if err != nil {
		return made, err
	}
	first, _ := kept.LoadOrStore(version, made)
	return first.(T), nil
}
