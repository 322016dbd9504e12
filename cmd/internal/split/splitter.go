package split

import (
	"cmp"
	"fmt"
	"time"
	"unsafe"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/output"
	"github.com/dbnloop/dbnloop/cmd/internal/stream"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// Options say into which files records go.
type Options struct {
	By       By
	Pattern  *Pattern
	MaxSize  int64         // of a file on disk, in bytes, with Size and Rotate; 0: any
	Every    time.Duration // with Rotate, the period of a file, from midnight UTC on; 0: any
	Finished Finished      // nil: nobody wants to know
	Happened Happened      // likewise
	// Continued is the file that an interrupted capture left, which is continued first; nil: none.
	Continued *Continued
	// After is the time in the name of the newest file, or its part; later names sort after it.
	After time.Time
	Part  int
}

// Splitter is the sink of an output that consists of several files.
type Splitter struct {
	Options
	output  *output.Output
	schemas []dbn.Schema
	header  *header
	pool    *pool
	outputs []*member
	find    finder
	symbols *bySymbol // the finder, if it is this one; else nil
	carried mappings
	notes   []Event   // for the next file
	since   time.Time // of the last flush
	now     func() time.Time
}

// New makes a splitter.
func New(o Options) *Splitter { return &Splitter{Options: o, now: time.Now} }

// finder finds the file that a record belongs to. A file that there is not yet is made.
type finder interface {
	of(r dbn.Record, symbol string, known bool) (*member, error)
	// message finds the file of a message that is not a symbol mapping; nil: none.
	message(r dbn.Record) (*member, error)
}

// member is one of the files.
type member struct {
	*file
	sink   output.Sink
	tally  *tally // nil: nobody wants to know
	has    map[uint32]uint64
	recent [16]recentMapping
	events []Event
	at     time.Time // in its name, with Rotate
	raw    bool      // the sink does no more than take the bytes of records
	done   bool
}

// Sink is output.Settings.Many.
func (s *Splitter) Sink(o *output.Output, schemas []dbn.Schema) output.Sink {
	s.output, s.schemas = o, schemas
	return s
}

// Begin is called once, with the metadata of the input.
func (s *Splitter) Begin(m *dbn.Metadata) (err error) {
	s.header = newHeader(m)
	s.since = s.now()
	if s.pool, err = newPool(s.output.Zstd && !s.output.Format.Columnar(), s.MaxSize); err != nil {
		return err
	}
	switch s.By {
	case Symbol:
		s.symbols = &bySymbol{s: s, files: make(map[string]*member)}
		s.find = s.symbols
	case Schema:
		s.find = &bySchema{s: s}
	case Size:
		s.find = &bySize{s: s}
	case Rotate:
		by := &rotation{s: s, part: s.Part, after: s.After}
		s.find = by
		if s.Continued != nil {
			return by.resume(s.Continued)
		}
	default:
		s.find = &byPeriod{s: s, files: make(map[dbn.UnixNanos]*member)}
	}
	return nil
}

// Symbol changes nothing here: no file is a table.
func (s *Splitter) Symbol(string) {}

// Record writes a record to its file.
func (s *Splitter) Record(r dbn.Record, symbol string, known bool) error {
	m := s.symbols.had(r.Header().InstrumentID, symbol)
	if m == nil {
		var err error
		if m, err = s.find.of(r, symbol, known); err != nil || m == nil {
			return err
		}
	}
	if len(s.carried.latest) > 0 {
		if err := m.need(&s.carried, r.Header().InstrumentID); err != nil {
			return err
		}
	}
	if m.tally != nil {
		m.tally.record(r, symbol)
	}
	if m.raw {
		return m.take(r.Bytes())
	}
	return m.sink.Record(r, symbol, known)
}

// Message writes a message. A symbol mapping is kept for all files that have, or get, records of
// its instrument; text has none.
func (s *Splitter) Message(r dbn.Record, symbol string, known bool) error {
	if s.output.Format != output.DBN {
		return nil
	}
	if r.RType() == dbn.RTypeSymbolMapping {
		s.carried.add(r)
		return nil
	}
	m, err := s.find.message(r)
	if err != nil || m == nil {
		return err
	}
	return m.message(r)
}

func (m *member) message(r dbn.Record) error {
	if m.tally != nil {
		m.tally.file.Messages++
	}
	return m.sink.Message(r, "", false)
}

// EndTurn writes what was gathered, from time to time.
func (s *Splitter) EndTurn() error {
	most := output.MaxLag
	if s.output.Paid {
		most = output.MaxPaidLag
	}
	now := s.now()
	if s.pool == nil || now.Sub(s.since) < most {
		return nil
	}
	s.since = now
	for _, m := range s.outputs {
		if m.done {
			continue
		}
		if err := m.sink.EndTurn(); err != nil {
			return err
		}
	}
	err := s.pool.flush()
	if s.By == Rotate {
		for f := range s.pool.all {
			f.hurry()
		}
	}
	return err
}

// open makes a file and begins it.
func (s *Splitter) open(n name, meta *dbn.Metadata, schemas []dbn.Schema) (*member, error) {
	path := s.Pattern.path(n)
	f, err := s.pool.create(path, s.Pattern.Directory(), s.By == Rotate, s.output.Force, s.Finished != nil)
	if err != nil {
		return nil, err
	}
	m := s.member(f)
	m.sink = s.sinkOf(m, schemas, false)
	if err := m.sink.Begin(meta); err != nil {
		return nil, err
	}
	return m, nil
}

// member adds a file to those of the output.
func (s *Splitter) member(f *file) *member {
	m := &member{file: f, has: make(map[uint32]uint64)}
	if s.Finished != nil {
		m.tally = newTally()
	}
	s.outputs = append(s.outputs, m)
	return m
}

// sinkOf makes what writes one file: the sink of the format, in front of the file. It knows nothing
// of the others.
func (s *Splitter) sinkOf(m *member, schemas []dbn.Schema, begun bool) output.Sink {
	one := &output.Output{Settings: s.output.Settings}
	one.Many, one.Path, one.Tee, one.Paid, one.Whole = nil, "", "", false, false
	one.Zstd = one.Zstd && one.Format.Columnar() // other forms are compressed by the file
	one.To, one.Append = m.file, begun
	if one.Format == output.DBN {
		m.raw = true
		return &records{file: m.file, bare: begun || one.Bare}
	}
	one.Gather = textGathered // the file gathers more
	return output.NewSink(one, schemas, m.file)
}

// textGathered is how much text is made before the file takes it.
const textGathered = 4 << 10

// records is the sink of a file of DBN.
type records struct {
	*file
	bare bool // without a header: the file has one, or nobody wants it
}

func (f *records) Begin(m *dbn.Metadata) error {
	if f.bare {
		return nil
	}
	header, err := m.Append(nil)
	if err == nil {
		_, err = f.Write(header)
	}
	return err
}

func (f *records) Record(r dbn.Record, _ string, _ bool) error {
	return f.take(r.Bytes())
}

func (f *records) Message(r dbn.Record, symbol string, known bool) error {
	return f.Record(r, symbol, known)
}

func (f *records) EndTurn() error { return nil } // the file is flushed
func (f *records) Close() error   { return nil } // likewise
func (f *records) Symbol(string)  {}

// Close completes all files. What was cut stays parts.
func (s *Splitter) Close() error {
	if s.pool == nil {
		return nil
	}
	cut, empty := s.output.WasCut()
	var err error
	kept := 0
	for _, m := range s.outputs {
		if m.done {
			continue
		}
		m.done = true
		ended := cmp.Or(m.sink.Close(), m.end(s.durable()))
		keep := s.durable()
		switch {
		case cut && empty, ended != nil && !keep:
			m.remove()
		case cut, ended != nil, err != nil && keep:
			if ended != nil && s.By == Rotate {
				ended = s.kept(m, ended)
			}
			kept++
			if kept == 1 {
				s.output.NoteKept(m.part)
			}
		default:
			ended = s.publish(m)
		}
		err = cmp.Or(err, ended)
	}
	if kept > 1 {
		s.output.NoteKept(fmt.Sprintf("%s like it", term.Plural(uint64(kept-1), "part")))
	}
	return err
}

// durable reports whether files cannot be made again: they are kept whatever happens, and brought to
// the disk.
func (s *Splitter) durable() bool { return s.output.Paid || s.By == Rotate }

// publish gives a complete file its name, and says so.
func (s *Splitter) publish(m *member) error {
	if err := m.file.publish(s.output.Force); err != nil {
		return err
	}
	if s.durable() {
		output.SyncDirectory(m.path)
	}
	if s.Finished == nil {
		return nil
	}
	file := m.tally.result()
	file.Path, file.Bytes, file.Events = m.path, m.size, m.events
	m.sum.Sum(file.SHA256[:0])
	return s.Finished(file)
}

// complete ends one file before the others.
func (s *Splitter) complete(m *member) error {
	m.done = true
	s.outputs = s.outputs[:len(s.outputs)-1] // it is the last one, and the only one
	if err := cmp.Or(m.sink.Close(), m.end(s.durable())); err != nil {
		s.output.NoteKept(m.part)
		if s.By == Rotate {
			err = s.kept(m, err)
		}
		return err
	}
	return s.publish(m)
}

// mappings are the symbol mappings that came as records. A file gets those of the instruments
// whose records it has, each before the first one.
type mappings struct {
	latest map[uint32]numbered
	count  uint64
}

type numbered struct {
	words  []uint64
	number uint64
}

// recentMapping says that a file has the mapping of an instrument, as of a number of mappings.
type recentMapping struct {
	instrument uint32
	count      uint64
}

func (c *mappings) add(r dbn.Record) {
	if c.latest == nil {
		c.latest = make(map[uint32]numbered)
	}
	c.count++
	id := r.Header().InstrumentID
	c.latest[id] = numbered{stream.CopyRecord(nil, r), c.count}
}

// need writes the mapping of an instrument to a file, if the file lacks it.
func (m *member) need(c *mappings, instrument uint32) error {
	recent := &m.recent[instrument%uint32(len(m.recent))]
	if recent.instrument == instrument && recent.count == c.count {
		return nil
	}
	*recent = recentMapping{instrument, c.count}
	latest, ok := c.latest[instrument]
	if !ok || m.has[instrument] == latest.number {
		return nil
	}
	m.has[instrument] = latest.number
	return m.message(stream.RecordIn(latest.words))
}

// bySymbol has a file for each symbol.
type bySymbol struct {
	s      *Splitter
	files  map[string]*member
	recent [256]recentFile // of the instruments that came last, by their ids
}

type recentFile struct {
	instrument uint32
	symbol     string
	file       *member // nil: none yet
}

func (by *bySymbol) of(r dbn.Record, symbol string, known bool) (m *member, err error) {
	instrument := r.Header().InstrumentID
	if !known || symbol == "" { // an empty name would be another directory's in {symbol}/x.csv
		return nil, exit.Fail(exit.Failure, "no symbol is known of instrument %d at %s: split by something else, or leave its records out", instrument, r.IndexTs())
	}
	if m = by.files[symbol]; m == nil {
		if m, err = by.s.open(name{symbol: symbol}, by.s.header.ofSymbol(symbol), by.s.schemas); err != nil {
			return nil, err
		}
		by.files[symbol] = m
	}
	by.recent[instrument%uint32(len(by.recent))] = recentFile{instrument, symbol, m}
	return m, nil
}

// had is the file of an instrument whose records came shortly before; nil: it is to be found.
func (by *bySymbol) had(instrument uint32, symbol string) *member {
	if by == nil {
		return nil
	}
	recent := &by.recent[instrument%uint32(len(by.recent))]
	if recent.instrument == instrument && same(recent.symbol, symbol) {
		return recent.file
	}
	return nil
}

// same reports whether two symbols are one text at one place, so without reading it.
func same(a, b string) bool {
	return len(a) == len(b) && unsafe.StringData(a) == unsafe.StringData(b)
}

// message leaves messages out, as the official tool does: they are about no symbol.
func (by *bySymbol) message(dbn.Record) (*member, error) { return nil, nil }

// bySchema has a file for each type of records.
type bySchema struct {
	s     *Splitter
	files [256]*member
}

func (by *bySchema) of(r dbn.Record, _ string, _ bool) (m *member, err error) {
	rtype := r.RType()
	if m = by.files[rtype]; m != nil {
		return m, nil
	}
	schema := output.SchemaOf(rtype)
	if schema == dbn.SchemaNone {
		return nil, nil // as the official tool does
	}
	s := by.s
	carries := s.output.Format == output.DBN && s.header.whole.Schema == dbn.SchemaNone
	m, err = s.open(name{schema: schema.String()}, s.header.ofSchema(schema, carries), []dbn.Schema{schema})
	by.files[rtype] = m
	return m, err
}

func (by *bySchema) message(dbn.Record) (*member, error) { return nil, nil }

// byPeriod has a file for each day, week, month or year.
type byPeriod struct {
	s      *Splitter
	files  map[dbn.UnixNanos]*member // by the beginning of their periods
	period period                    // of recent
	recent *member
}

func (by *byPeriod) of(r dbn.Record, _ string, _ bool) (m *member, err error) {
	ts := r.IndexTs()
	if by.recent != nil && by.period.holds(ts) {
		return by.recent, nil
	}
	if ts.IsUndef() {
		return nil, exit.Fail(exit.Failure, "a record of type %s and instrument %d has no time, so it belongs to no period", r.RType(), r.Header().InstrumentID)
	}
	s := by.s
	p := s.By.periodOf(ts)
	if m = by.files[p.start]; m == nil {
		at := timeOf(p.start)
		if p.start == 0 && s.By == Week {
			at = timeOf(0).AddDate(0, 0, -int(timeOf(0).Weekday())) // it begins before times do
		}
		if m, err = s.open(name{at: at}, s.header.ofPeriod(p), s.schemas); err != nil {
			return nil, err
		}
		by.files[p.start] = m
	}
	by.period, by.recent = p, m
	return m, nil
}

func (by *byPeriod) message(r dbn.Record) (*member, error) {
	if r.IndexTs().IsUndef() {
		return nil, nil
	}
	return by.of(r, "", false)
}

// bySize begins a file when the one before it is large enough.
type bySize struct {
	s       *Splitter
	current *member
	part    int
}

func (by *bySize) of(dbn.Record, string, bool) (*member, error) {
	s := by.s
	if by.current != nil && by.current.size < s.MaxSize {
		return by.current, nil
	}
	if by.current != nil {
		if err := s.complete(by.current); err != nil {
			return nil, err
		}
	}
	by.part++
	var err error
	by.current, err = s.open(name{part: by.part}, s.header.base(), s.schemas)
	return by.current, err
}

func (by *bySize) message(r dbn.Record) (*member, error) { return by.of(r, "", false) }
