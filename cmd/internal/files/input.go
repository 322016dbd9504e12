package files

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// input is one file, or standard input.
type input struct {
	run       *fileRun
	name      string
	reader    io.Reader
	file      *os.File // nil when standard input is not a file, and when pooled is set
	pooled    *pooledFile
	regular   bool  // a file on a disk: it can be read at any place, and never blocks
	begins    int64 // where in a regular file it does: another process may have read of standard input
	following *following
	decoder   *dbn.Decoder
	metadata  *dbn.Metadata // of the file, upgraded; nil for a fragment
	got       atomic.Int64  // bytes that were read of the file, since its beginning was
	shown     int64         // of them, how many the progress shows
	read      bool          // the file was
	ahead     bool          // it is read by a readAhead, from here on
}

func (run *fileRun) openInput(name string, stdin io.Reader, follow, byName bool) (*input, error) {
	in := &input{run: run, name: name, reader: stdin}
	if name == "-" {
		in.name = "standard input"
		in.file, _ = stdin.(*os.File)
	} else {
		var err error
		if in.file, err = run.openFile(name, byName); err != nil {
			return nil, err
		}
		in.reader = in.file
	}
	if in.file == nil {
		return in, nil
	}
	info, err := in.file.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory")
	}
	if err == nil && info.Mode().IsRegular() {
		in.regular = true
		in.begins, err = in.file.Seek(0, io.SeekCurrent)
	}
	if err != nil {
		in.close()
		return nil, openError(in.name, err)
	}
	if follow && in.regular {
		in.following = newFollowing(in, byName)
	}
	if run.pool != nil && in.regular && name != "-" {
		in.pooled, in.file = run.pool.add(name, info, in.file), nil
		in.reader = in.pooled
	}
	return in, nil
}

// openFile opens a file; one that is followed by its name is waited for.
func (run *fileRun) openFile(name string, wait bool) (*os.File, error) {
	open := os.Open
	if run.pool != nil {
		open = run.pool.openFile
	}
	file, err := open(name)
	if err == nil || !wait || !errors.Is(err, os.ErrNotExist) {
		if err != nil {
			return nil, openError(name, err)
		}
		return file, nil
	}
	run.log.Warn(name + " is not there yet: waiting for it")
	watch := newFileWatch(name, true)
	defer watch.close()
	for {
		if file, err = os.Open(name); err == nil {
			return file, nil
		}
		if _, err := run.wake.wait(watch.fd, watch.patience()); err != nil {
			return nil, err
		}
		watch.drain()
	}
}

func (in *input) close() {
	if in.decoder != nil {
		in.decoder.Close()
	}
	if in.following != nil {
		in.following.watch.close()
	}
	if in.pooled != nil {
		in.pooled.close()
	}
	if in.file != nil && in.reader == io.Reader(in.file) && in.name != "standard input" {
		in.file.Close() //nolint:errcheck // it was only read
	}
}

// is reports whether the path is that of the input.
func (in *input) is(path string) bool {
	there, err := os.Stat(path)
	if err != nil || in.file == nil {
		return false
	}
	here, err := in.file.Stat()
	return err == nil && os.SameFile(here, there)
}

func (in *input) size() int64 {
	if in.pooled != nil {
		return in.pooled.info.Size()
	}
	info, err := in.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// decode reads the metadata: that of the file's successor, if it is replaced before all of
// it has come.
func (in *input) decode() error {
	for {
		in.got.Store(0)
		in.shown = 0
		options := in.run.options.Decode
		options = append(options[:len(options):len(options)], dbn.WithNextHeader(func(m *dbn.Metadata) { in.run.nextHeader(in, m) }))
		if in.regular && in.following == nil && in.pooled == nil && runtime.GOMAXPROCS(0) > 1 {
			options = append(options, dbn.WithDecompressed(func(r io.Reader) io.ReadCloser {
				in.ahead = true
				return newReadAhead(in, r)
			}))
		}
		decoder, err := dbn.NewDecoder(in, options...)
		if err == nil {
			in.decoder, in.metadata = decoder, decoder.Metadata()
			return nil
		}
		if !in.goesOn(err) {
			return err
		}
	}
}

// goesOn reports whether a file that ended with err has a successor to be read now.
func (in *input) goesOn(err error) bool {
	cut := errors.Is(err, io.ErrUnexpectedEOF)
	if in.following == nil || !in.following.moved || !cut && err != io.EOF { //nolint:errorlint // a clean end is io.EOF itself
		return false
	}
	in.following.moved = false
	in.run.partial = in.run.partial || cut && in.got.Load() > 0
	return true
}

// next gives the next records. A followed file that was replaced continues with the new one.
func (in *input) next() (dbn.Run, error) {
	for {
		r, err := in.decoder.NextRun()
		if err == nil {
			return r, nil
		}
		if !in.goesOn(err) {
			return r, err
		}
		before := in.metadata
		in.decoder.Close()
		if err := in.decode(); err != nil {
			return r, err
		}
		if err := in.sameKind(before); err != nil {
			return r, err
		}
	}
}

// sameKind refuses a new file whose records do not fit after those of the old one.
func (in *input) sameKind(before *dbn.Metadata) error {
	now := in.metadata
	if now.Version != before.Version || now.TsOut != before.TsOut {
		return exit.Fail(exit.Failure, "%s was replaced by a file of another kind: DBN version %d (ts_out: %v) after version %d (%v)",
			in.name, now.Version, now.TsOut, before.Version, before.TsOut)
	}
	if symbols, err := dbn.TsSymbolMapOf(now); err == nil && symbols.Len() > 0 {
		in.run.stream.SetSymbols(symbols)
	}
	return nil
}

// Read is what the decoder reads with; for a readAhead, that is its goroutine.
func (in *input) Read(p []byte) (int, error) {
	if in.ahead {
		n, err := in.reader.Read(p)
		in.got.Add(int64(n))
		return n, err
	}
	for {
		if err := in.run.interrupted(); err != nil {
			return 0, err
		}
		if in.following != nil && in.following.moved {
			return 0, io.EOF // until the decoder of the old file has had its end
		}
		if in.file != nil && !in.regular {
			if ready, err := in.await(); err != nil {
				return 0, err
			} else if !ready {
				continue
			}
		}
		in.read = true
		n, err := in.reader.Read(p)
		in.got.Add(int64(n))
		in.showProgress()
		if n > 0 || in.following == nil || !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := in.following.atEnd(); err != nil {
			return 0, err
		}
	}
}

// showProgress shows what was read up to now.
func (in *input) showProgress() {
	got := in.got.Load()
	in.run.progress.Add(int(got - in.shown))
	in.shown = got
}

// await waits until a pipe or terminal can be read. What was gathered goes out before.
func (in *input) await() (ready bool, err error) {
	fd := int(in.file.Fd())
	if ready, err = in.run.wake.wait(fd, 0); ready || err != nil {
		return ready, err
	}
	if in.run.stream != nil {
		in.run.stream.EndTurn()
	}
	return in.run.wake.wait(fd, -1)
}
