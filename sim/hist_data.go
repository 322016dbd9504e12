package sim

import (
	"iter"
	"maps"
	"slices"

	"github.com/dbnloop/dbnloop/dbn"
)

// histDataset is what a historical server has of one dataset. It does not change once it
// is made, so that all requests share it.
type histDataset struct {
	*timeline
	available timeRange                   // whole UTC days
	schemas   [numSchemas]timeRange       // the same by schema; zero where there is nothing
	days      map[int64]bool              // UTC days with records
	perDay    [numSchemas]map[int64]int64 // records of each schema by UTC day
}

// loadHistorical loads the sources and groups them by dataset.
func loadHistorical(sources []Source, version uint8) (map[string]*histDataset, error) {
	byDataset, err := loadSources(sources)
	if err != nil {
		return nil, err
	}
	datasets := make(map[string]*histDataset)
	for name, list := range byDataset {
		t, err := newTimeline(list, version)
		if err != nil {
			return nil, err
		}
		d := &histDataset{timeline: t, days: make(map[int64]bool)}
		d.surveyDays()
		for _, s := range list {
			d.include(int(s.meta.Schema), metadataRange(&s.meta))
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
	if start == 0 || start == undefTimestamp || end <= start || end-start > maxSpan {
		return timeRange{}
	}
	return timeRange{start / nanosPerDay * nanosPerDay, (end + nanosPerDay - 1) / nanosPerDay * nanosPerDay}
}

// include widens the range of a schema and of the dataset.
func (d *histDataset) include(schema int, r timeRange) {
	if r.end == 0 {
		return
	}
	widen(&d.available, r)
	if schema < numSchemas {
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
func (h *Historical) known(name string) *histDataset {
	d := h.datasets[name]
	if d == nil {
		return nil
	}
	return d.until(uint64(h.cfg.Present()))
}

// until is the dataset while history ends at a time; 0 is without an end.
func (d *histDataset) until(present uint64) *histDataset {
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
func (d *histDataset) surveyDays() {
	var number int64
	for off := 0; off < len(d.data); number++ {
		rec := d.data[off:]
		off += recLen(rec)
		ts := histTs(rec)
		if ts == undefTimestamp {
			continue
		}
		day := int64(ts / nanosPerDay)
		tag := int(d.tag(number))
		if tag >= numSchemas {
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

// histTs is the timestamp that requests filter on: the index timestamp, or the event's
// where that is not set.
func histTs(rec []byte) uint64 {
	if ts := indexTs(rec); ts != undefTimestamp {
		return ts
	}
	return recTsEvent(rec)
}

// schemaNames are the schemas there are, in the order of their numbers.
func (d *histDataset) schemaNames() []string {
	names := []string{}
	for i, offered := range d.offers {
		if offered {
			names = append(names, dbn.Schema(i).String())
		}
	}
	return names
}

// selection is which records of a dataset a request wants.
type selection struct {
	data   *histDataset
	schema dbn.Schema
	period timeRange
	limit  uint64                // 0: none
	ids    map[uint32][]idPeriod // nil: every instrument
}

// idPeriod is when an instrument is wanted, [start, end).
type idPeriod struct{ start, end uint64 }

// wants tells whether the record number i is selected.
func (s *selection) wants(i int64, rec []byte) bool {
	if s.data.tag(i) != uint8(s.schema) {
		return false
	}
	ts := histTs(rec)
	if ts < s.period.start || ts >= s.period.end {
		return false
	}
	if s.ids == nil {
		return true
	}
	for _, p := range s.ids[recInstrument(rec)] {
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
		for off := 0; off < len(s.data.data); number++ {
			size := recLen(s.data.data[off:])
			rec := s.data.data[off : off+size]
			off += size
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
func (d *histDataset) instruments() []uint32 { return slices.Sorted(maps.Keys(d.symbols.raw)) }
