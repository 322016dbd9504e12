package output

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// appendRecord appends a record as text. It remembers what it wrote before, so each goroutine has
// one of its own.
type appendRecord func(dst []byte, r dbn.Record, symbol string, known bool) []byte

// pipeline writes records as text with several goroutines. The one that has the records copies
// them into batches; any goroutine makes a batch into text, also that one when it is ahead, so that
// no processor waits for another. The texts are written in the order of the batches, by whichever
// goroutine has finished the oldest one. Memory is bounded: there is a fixed number of batches.
type pipeline struct {
	filling *batch
	own     appendRecord // of the goroutine that has the records
	write   func(text []byte) error
	ended   sync.WaitGroup // the workers

	mu       sync.Mutex
	handedOn sync.Cond // batches are to be made into text, or the workers are to end
	written  sync.Cond // batches are free
	free     []*batch
	queue    []*batch // that were handed on and are not written, oldest first
	begun    int      // of the queue, how many are or were made into text
	writing  bool     // a goroutine writes what comes before the queue
	ending   bool
	failure  error // of the first write that failed: nothing is written after it
}

// batch holds copies of records, and then their text.
type batch struct {
	words []uint64 // the records, each at an address that records need
	used  int      // of words
	runs  []symbolRun
	text  []byte
	ready bool // the text is
	_     [cacheLine]byte
}

// cacheLine keeps what goroutines write for each record out of each other's cache lines.
const cacheLine = 64

// symbolRun is the symbol of the records up to a place in the batch.
type symbolRun struct {
	symbol string
	known  bool
	end    int // in words
}

const (
	// batchSize is how many bytes of records are made into text, and written, at once.
	batchSize = 128 << 10
	// maxWorkers bounds the memory. The goroutine that fills the batches keeps no more of them busy.
	maxWorkers = 8
)

// batchesFor is the number of batches. There are more than can be in work at once, so that one is
// filled again only after it has left the cache of the processor that read it: a write to what
// another processor's cache holds takes as long as the text of a record.
func batchesFor(workers int) int { return 4*workers + 12 }

// newPipeline starts the workers. Write is called by one goroutine at a time.
func newPipeline(workers int, format func() appendRecord, write func(text []byte) error) *pipeline {
	p := &pipeline{own: format(), write: write}
	p.handedOn.L, p.written.L = &p.mu, &p.mu
	for range batchesFor(workers) {
		p.free = append(p.free, &batch{words: make([]uint64, batchSize/8)})
	}
	for range workers {
		p.ended.Go(func() { p.work(format()) })
	}
	return p
}

// work makes batches into text until the end.
func (p *pipeline) work(record appendRecord) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.ending {
		if !p.help(record) {
			p.handedOn.Wait()
		}
	}
}

// help makes one batch into text, if one waits for that, and writes what can be written then. The
// lock is held before and after.
func (p *pipeline) help(record appendRecord) bool {
	if p.begun == len(p.queue) {
		return false
	}
	b := p.queue[p.begun]
	p.begun++
	p.mu.Unlock()
	b.format(record)
	p.mu.Lock()
	b.ready = true
	if p.writing {
		return true
	}
	p.writing = true
	for len(p.queue) > 0 && p.queue[0].ready {
		p.writeOldest()
	}
	p.writing = false
	return true
}

func (p *pipeline) writeOldest() {
	b := p.queue[0]
	p.queue = slices.Delete(p.queue, 0, 1)
	p.begun--
	if p.failure == nil {
		p.mu.Unlock()
		err := p.write(b.text)
		p.mu.Lock()
		p.failure = err
	}
	b.clear()
	p.free = append(p.free, b)
	p.written.Signal()
}

// run takes records. The error is that of a write, of any record before.
func (p *pipeline) run(r dbn.Run, symbol string, known bool) error {
	for {
		if p.filling == nil {
			if err := p.next(); err != nil {
				return err
			}
		}
		n, full := p.filling.add(r, symbol, known)
		if full {
			p.handOn()
		}
		if n == r.Count {
			return nil
		}
		r = r.Slice(n, r.Count)
	}
}

// next finds a batch to fill.
func (p *pipeline) next() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.free) == 0 {
		if !p.help(p.own) {
			p.written.Wait()
		}
	}
	if p.failure != nil {
		return p.failure
	}
	p.filling = p.free[0] // the one that has left the caches of the others, if any has
	p.free = slices.Delete(p.free, 0, 1)
	return nil
}

// handOn has the batch made into text and written.
func (p *pipeline) handOn() {
	p.mu.Lock()
	p.queue = append(p.queue, p.filling)
	p.mu.Unlock()
	p.handedOn.Signal()
	p.filling = nil
}

// drain returns when all that was taken is written.
func (p *pipeline) drain() error {
	if p.filling != nil {
		p.handOn()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 || p.writing {
		if !p.help(p.own) {
			p.written.Wait()
		}
	}
	return p.failure
}

// close ends the workers, after drain.
func (p *pipeline) close() {
	p.mu.Lock()
	p.ending = true
	p.mu.Unlock()
	p.handedOn.Broadcast()
	p.ended.Wait()
}

func (b *batch) clear() { b.used, b.runs, b.ready = 0, b.runs[:0], false }

// add copies as many records as there is room for, at least one, and reports whether there may not be
// room for another one. Records whose size is not a multiple of 8 come one by one.
func (b *batch) add(r dbn.Run, symbol string, known bool) (n int, full bool) {
	size := r.First.Size()
	n = min(r.Count, max(1, (len(b.words)-b.used)*8/size))
	records := r.Bytes()[:n*size]
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&b.words[b.used])), len(records)), records)
	b.used += (len(records) + 7) / 8
	if n := len(b.runs); n > 0 && b.runs[n-1].is(symbol, known) {
		b.runs[n-1].end = b.used
	} else {
		b.runs = append(b.runs, symbolRun{symbol, known, b.used})
	}
	return n, len(b.words)-b.used < maxRecord/8
}

// maxRecord is the size of the largest record, in words of 8 bytes.
const maxRecord = 256 * 4

// is reports whether a symbol is that of the run: the same text, at the same place.
func (run *symbolRun) is(symbol string, known bool) bool {
	return run.known == known && len(run.symbol) == len(symbol) && unsafe.StringData(run.symbol) == unsafe.StringData(symbol)
}

// format makes the records into text.
func (b *batch) format(record appendRecord) {
	text, at := b.text[:0], 0
	for _, run := range b.runs {
		for at < run.end {
			r := dbn.RecordAt(unsafe.Pointer(&b.words[at]))
			text = record(text, r, run.symbol, run.known)
			at += (r.Size() + 7) / 8
		}
	}
	b.text = text
}
