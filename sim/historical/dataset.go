package historical

import (
	"iter"
	"sync"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// dataset is what a historical server has of one dataset. It does not change once it
// is made, so that all requests share it.
type dataset struct {
	*market.Timeline
	available timeRange                          // whole UTC days
	schemas   [market.NumSchemas]timeRange       // the same by schema; zero where there is nothing
	days      map[int64]bool                     // UTC days with records
	perDay    [market.NumSchemas]map[int64]int64 // records of each schema by UTC day
}

var sampleDatasets sync.Map // of version to map[string]*dataset

// loadDatasets loads the sources and groups them by dataset.
func loadDatasets(sources []market.Source, version uint8) (map[string]*dataset, error) {
	return market.Shared(&sampleDatasets, sources, version, func() (map[string]*dataset, error) {
		return makeDatasets(sources, version)
	})
}

func makeDatasets(sources []market.Source, version uint8) (map[string]*dataset, error) {
	byDataset, err := market.Load(sources)
	if err != nil {
		return nil, err
	}
	datasets := make(map[string]*dataset)
	for name, list := range byDataset {
		t, err := market.NewTimeline(list, version)
		if err != nil {
			return nil, err
		}
		d := &dataset{Timeline: t, days: make(map[int64]bool)}
		d.surveyDays()
		for _, s := range list {
			d.include(int(s.Meta.Schema), metadataRange(&s.Meta))
		}
		datasets[name] = d
	}
	return datasets, nil
}

// maxSpan is the longest time range of a file that is believed.
const maxSpan = 100 * 366 * nanosPerDay

// metadataRange is the time that a file says it is about, in whole days; zero when it
// does not say.
func metadataRange(m *dbn.Metadata) timeRange {
	start, end := uint64(m.Start), uint64(m.End)
	if start == 0 || start == market.UndefTimestamp || end <= start || end-start > maxSpan {
		return timeRange{}
	}
	return timeRange{start / nanosPerDay * nanosPerDay, (end + nanosPerDay - 1) / nanosPerDay * nanosPerDay}
}

// include widens the range of a schema and of the dataset.
func (d *dataset) include(schema int, r timeRange) {
	if r.end == 0 {
		return
	}
	widen(&d.available, r)
	if schema < market.NumSchemas {
		widen(&d.schemas[schema], r)
	}
}

func widen(r *timeRange, by timeRange) {
	if r.end == 0 {
		*r = by
		return
	}
	r.start, r.end = min(r.start, by.start), max(r.end, by.end)
}

// known is a dataset as it is now; nil when there is no such dataset.
func (h *Server) known(name string) *dataset {
	d := h.datasets[name]
	if d == nil {
		return nil
	}
	return d.until(uint64(h.cfg.Present()))
}

// until is the dataset while history ends at a time; 0 is without an end.
func (d *dataset) until(present uint64) *dataset {
	if present == 0 || present >= d.available.end {
		return d
	}
	clipped := *d
	clipped.available = d.available.until(present)
	for i := range clipped.schemas {
		clipped.schemas[i] = d.schemas[i].until(present)
	}
	return &clipped
}

// until is the part of the range before a time, which may be empty.
func (r timeRange) until(end uint64) timeRange {
	return timeRange{r.start, min(r.end, max(end, r.start))}
}

// surveyDays notes on which days there are records of which schema.
func (d *dataset) surveyDays() {
	var number int64
	reader := d.Reader()
	for off := 0; off < d.Len(); number++ {
		rec := reader.Record(off)
		if rec == nil {
			return // a request for these records gets the error
		}
		off += len(rec)
		ts := timestamp(rec)
		if ts == market.UndefTimestamp {
			continue
		}
		day := int64(ts / nanosPerDay)
		tag := int(d.Tag(number, rec))
		if tag >= market.NumSchemas {
			continue
		}
		d.days[day] = true
		if d.perDay[tag] == nil {
			d.perDay[tag] = make(map[int64]int64)
		}
		if d.perDay[tag][day]++; d.perDay[tag][day] == 1 {
			d.include(tag, timeRange{uint64(day) * nanosPerDay, uint64(day+1) * nanosPerDay})
		}
	}
}

// timestamp is the timestamp that requests filter on: the index timestamp, or the event's
// where that is not set.
func timestamp(rec []byte) uint64 {
	if ts := market.IndexTs(rec); ts != market.UndefTimestamp {
		return ts
	}
	return market.TsEvent(rec)
}

// schemaNames are the schemas there are, in the order of their numbers.
func (d *dataset) schemaNames() []string {
	names := []string{}
	for i, offered := range d.Offers {
		if offered {
			names = append(names, dbn.Schema(i).String())
		}
	}
	return names
}

// selection is which records of a dataset a request wants.
type selection struct {
	data   *dataset
	schema dbn.Schema
	period timeRange
	limit  uint64                // 0: none
	ids    map[uint32][]idPeriod // nil: every instrument
	failed error                 // why records ended early
}

// idPeriod is when an instrument is wanted, [start, end).
type idPeriod struct{ start, end uint64 }

// wants tells whether the record number i is selected.
func (s *selection) wants(i int64, rec []byte) bool {
	if s.data.Tag(i, rec) != uint8(s.schema) {
		return false
	}
	ts := timestamp(rec)
	if ts < s.period.start || ts >= s.period.end {
		return false
	}
	if s.ids == nil {
		return true
	}
	for _, p := range s.ids[market.Instrument(rec)] {
		if ts >= p.start && ts < p.end {
			return true
		}
	}
	return false
}

// records goes through the selected records in order, the limit respected.
func (s *selection) records() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var number int64
		var found uint64
		reader := s.data.Reader()
		for off := 0; off < s.data.Len(); number++ {
			rec := reader.Record(off)
			if rec == nil {
				s.failed = reader.Err()
				return
			}
			off += len(rec)
			if !s.wants(number, rec) {
				continue
			}
			if found++; !yield(rec) || found == s.limit {
				return
			}
		}
	}
}

// measure counts the selected records and their bytes.
func (s *selection) measure() (records, bytes uint64) {
	for rec := range s.records() {
		records++
		bytes += uint64(len(rec))
	}
	return records, bytes
}

// instruments are the instruments with a known symbol, in order.
func (d *dataset) instruments() []uint32 { return d.Symbols.Instruments() }
