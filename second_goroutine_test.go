package dbnloop_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
	"golang.org/x/sys/unix"
)

// What a method answers to a second goroutine while one is inside the reactor. Methods that
// return an error, and iterators, return ErrInvalidState; of the others each stands here.
type answer int

const (
	unclassified answer = iota
	works               // any goroutine may call it at any time
	panics              // with ErrInvalidState
)

var withoutError = map[string]answer{
	"Reactor.Stop":   works,
	"Reactor.Wake":   works,
	"Reactor.Post":   works,
	"Reactor.Fd":     works,
	"Reactor.Cancel": panics,

	"LiveClient.Stats":         works,
	"LiveClient.State":         works,
	"LiveClient.SessionID":     works,
	"LiveClient.SessionIDText": works,
	"LiveClient.Fd":            works,
	"LiveClient.IsPaused":      works,
	"LiveClient.TsOut":         works,
	"LiveClient.Handle":        panics,
	"LiveClient.Pause":         panics,
	"LiveClient.Resume":        panics,

	"HistoricalClient.Stats":    works,
	"HistoricalClient.IsPaused": works,
	"HistoricalClient.TsOut":    works,
	"HistoricalClient.Handle":   panics,
	"HistoricalClient.Pause":    panics,
	"HistoricalClient.Resume":   panics,
	"HistoricalClient.Cancel":   panics,

	"ContinuousClient.Stats":    works,
	"ContinuousClient.State":    works,
	"ContinuousClient.IsPaused": works,
	"ContinuousClient.TsOut":    works,
	"ContinuousClient.Spent":    panics,
	"ContinuousClient.Handle":   panics,
	"ContinuousClient.Pause":    panics,
	"ContinuousClient.Resume":   panics,

	"FileSource.Stats":      works,
	"FileSource.TotalBytes": works,
	"FileSource.IsPaused":   works,
	"FileSource.TsOut":      works,
	"FileSource.Handle":     panics,
	"FileSource.Pause":      panics,
	"FileSource.Resume":     panics,
}

// argument is a value that a method takes without complaint.
func argument(t *testing.T, of reflect.Type) reflect.Value {
	rng := dbnloop.NewHistoricalRequest(dataset, dbn.SchemaTrades, 1, 2, "ESZ6")
	for _, known := range []any{
		time.Hour, dbn.STypeRawSymbol, dbnloop.Date("2026-11-15"), []string{"ESZ6"}, rng,
		dbnloop.NewSubscription(dataset, dbn.SchemaTrades, "ESZ6"),
		dbnloop.NewUnsubscription(dataset, dbn.SchemaTrades, "ESZ6"),
		dbnloop.BatchRequest{Range: rng},
		dbnloop.DownloadRequest{Range: rng, Path: t.TempDir() + "/range.dbn.zst"},
	} {
		if v := reflect.ValueOf(known); v.Type() == of {
			return v
		}
	}
	switch {
	case of == reflect.TypeFor[context.Context]():
		return reflect.ValueOf(t.Context())
	case of.Kind() == reflect.Func:
		return reflect.MakeFunc(of, func([]reflect.Value) []reflect.Value {
			t.Errorf("a function that was given to a refused call ran")
			return nil
		})
	case of.Kind() == reflect.String:
		return reflect.ValueOf(dataset).Convert(of)
	}
	return reflect.Zero(of)
}

// refusal is the error that a call comes back with, as a result, from a loop, or as a panic.
func refusal(t *testing.T, method reflect.Value) (err error, panicked bool) {
	kind := method.Type()
	var args []reflect.Value
	for i := range kind.NumIn() {
		if !kind.IsVariadic() || i < kind.NumIn()-1 {
			args = append(args, argument(t, kind.In(i)))
		}
	}
	defer func() {
		if p := recover(); p != nil {
			err, panicked = p.(error), true
		}
	}()
	for _, out := range method.Call(args) {
		switch out := out.Interface().(type) {
		case error:
			return out, false
		case iter.Seq2[dbn.Record, error]:
			for _, err = range out {
			}
			return err, false
		case iter.Seq2[dbnloop.Batch, error]:
			for _, err = range out {
			}
			return err, false
		}
	}
	return nil, false
}

func returnsError(kind reflect.Type) bool {
	for i := range kind.NumOut() {
		switch kind.Out(i) {
		case reflect.TypeFor[error](), reflect.TypeFor[iter.Seq2[dbn.Record, error]](), reflect.TypeFor[iter.Seq2[dbnloop.Batch, error]]():
			return true
		}
	}
	return false
}

// comments returns the documentation of each method, by its receiver's type and its name.
func comments(t *testing.T) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	docs := map[string]string{}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		file, err := parser.ParseFile(files, source, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			receiver := f.Recv.List[0].Type
			if pointer, ok := receiver.(*ast.StarExpr); ok {
				receiver = pointer.X
			}
			if name, ok := receiver.(*ast.Ident); ok {
				docs[name.Name+"."+f.Name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
	}
	return docs
}

// The comment of a method says what the tests below check.
func TestEveryMethodSaysWhichGoroutineMayCallIt(t *testing.T) {
	docs := comments(t)
	for _, kind := range []reflect.Type{
		reflect.TypeFor[*dbnloop.Reactor](), reflect.TypeFor[*dbnloop.LiveClient](),
		reflect.TypeFor[*dbnloop.HistoricalClient](), reflect.TypeFor[*dbnloop.FileSource](),
		reflect.TypeFor[*dbnloop.ContinuousClient](),
	} {
		for i := range kind.NumMethod() {
			method := kind.Method(i)
			name := kind.Elem().Name() + "." + method.Name
			doc, own := docs[name]
			if !own {
				doc = docs["source."+method.Name] // promoted
			}
			var phrases []string
			switch {
			case withoutError[name] == works:
				phrases = []string{"Any goroutine may call it at any time"}
			case withoutError[name] == panics:
				phrases = []string{"from a second goroutine", "panics with ErrInvalidState"}
			case returnsError(method.Type):
				phrases = []string{"a second goroutine", "ErrInvalidState", "inside a handler"}
			}
			for _, phrase := range phrases {
				if !strings.Contains(doc, phrase) && !strings.Contains(doc, strings.ToUpper(phrase[:1])+phrase[1:]) {
					t.Errorf("the comment of %s does not say %q: %s", name, phrase, doc)
				}
			}
		}
	}
}

// everything is a reactor with a client of each kind.
func everything(t *testing.T) (r *dbnloop.Reactor, objects []any) {
	r = newReactor(t)
	live, err := dbnloop.NewLiveClient(r, sim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := dbnloop.NewContinuousClient(r, sim.TestKey)
	if err != nil {
		t.Fatal(err)
	}
	path, _ := sampleFile(t, dbn.SchemaTrades, 1)
	return r, []any{r, live, newHistorical(t, r), newFileSource(t, r, path), stream}
}

// checkRefused calls every method that must be refused.
func checkRefused(t *testing.T, object any) {
	v := reflect.ValueOf(object)
	for i := range v.NumMethod() {
		name := v.Elem().Type().Name() + "." + v.Type().Method(i).Name
		wantPanic := false
		if !returnsError(v.Method(i).Type()) {
			switch withoutError[name] {
			case unclassified:
				t.Errorf("%s returns no error: say above what a second goroutine gets", name)
				continue
			case works:
				continue
			}
			wantPanic = true
		} else if withoutError[name] != unclassified {
			t.Errorf("%s returns an error and needs no class", name)
		}
		err, panicked := refusal(t, v.Method(i))
		wantMisuse(t, name, err)
		if panicked != wantPanic {
			t.Errorf("%s: it panicked: %v, want %v", name, panicked, wantPanic)
		}
	}
}

// checkWorks calls every method that any goroutine may call.
func checkWorks(t *testing.T, object any) {
	v := reflect.ValueOf(object)
	for i := range v.NumMethod() {
		name := v.Elem().Type().Name() + "." + v.Type().Method(i).Name
		if withoutError[name] != works {
			continue
		}
		if name == "Reactor.Post" {
			object.(*dbnloop.Reactor).Post(func() {})
			continue
		}
		if err, panicked := refusal(t, v.Method(i)); err != nil || panicked {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// pollUndisturbed waits on a thread that takes no signal: one would end the wait of Poll, and
// the runtime preempts by signals.
func pollUndisturbed(r *dbnloop.Reactor) error {
	runtime.LockOSThread() // never unlocked, so the thread ends with its goroutine
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
		return err
	}
	_, err := r.Poll(-1)
	return err
}

func TestASecondGoroutineGetsOneAnswer(t *testing.T) {
	for name, inside := range map[string]func(r *dbnloop.Reactor) error{
		"while Run is parked": func(r *dbnloop.Reactor) error { return r.Run(context.Background()) },
		"while Poll waits":    pollUndisturbed,
	} {
		t.Run(name, func(t *testing.T) {
			r, objects := everything(t)
			ended := make(chan error)
			go func() {
				err := inside(r)
				for errors.Is(err, dbnloop.ErrInvalidState) { // the call below was quicker
					err = inside(r)
				}
				ended <- err
			}()
			// Accepted until the other goroutine is inside. From then on it stays there.
			for {
				if err := r.Modify(-1, 0); errors.Is(err, dbnloop.ErrInvalidState) {
					break
				}
				runtime.Gosched()
			}
			for _, object := range objects {
				checkRefused(t, object)
			}
			for _, object := range objects {
				checkWorks(t, object)
			}
			r.Stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("after Close of the reactor", func(t *testing.T) {
		r, objects := everything(t)
		r.Close()
		for _, object := range objects {
			checkWorks(t, object)
		}
		if fd := r.Fd(); fd != -1 {
			t.Errorf("Fd after Close: %d", fd)
		}
	})
	t.Run("one after the other is fine", func(t *testing.T) {
		r, objects := everything(t)
		c := objects[1].(*dbnloop.LiveClient)
		for range 10 {
			done := make(chan error)
			go func() {
				_, err := r.Poll(0)
				c.Pause()
				c.Resume()
				done <- err
			}()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Getters of other goroutines, while records flow, handlers run, and clients come and go:
// what they say is never older than what was said before, and it disturbs nobody.
func TestGettersOfOtherGoroutinesDisturbNobody(t *testing.T) {
	const n = 50_000
	gw := simtest.Gateway(t, sim.Config{Sources: []sim.Source{numbered(n)}, AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaMbo)
	path, _ := sampleFile(t, dbn.SchemaMbo, 1)
	file := newFileSource(t, r, path)
	var brief atomic.Pointer[dbnloop.LiveClient] // is closed, or about to be
	stop := make(chan struct{})
	var watchers sync.WaitGroup
	for range 4 {
		watchers.Go(func() {
			var last uint64
			for {
				stats := c.Stats()
				if count := stats.Count(dbn.RTypeMbo); count < last {
					t.Errorf("%d records, after %d", count, last)
				} else {
					last = count
				}
				total, known := file.TotalBytes()
				_ = fmt.Sprint(c.State(), c.SessionID(), c.IsPaused(), c.TsOut(), r.Fd(),
					total, known, file.IsPaused(), file.Stats().Reads)
				if brief := brief.Load(); brief != nil {
					_ = fmt.Sprint(brief.State(), brief.SessionIDText(), brief.Stats().Reads)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	next := uint64(0)
	err := runUntilError(t, r, c, dbnloop.Handlers{
		Mbo: func(m *dbn.MboMsg) {
			if m.OrderID != next {
				t.Fatalf("record %d where %d was due", m.OrderID, next)
			}
			if next++; next%1000 == 0 {
				c.Pause()
				if _, err := r.AfterFunc(0, c.Resume); err != nil {
					t.Error(err)
				}
				// Another stream begins and ends meanwhile, and so does a client: inside this
				// handler, or before the next turn.
				another, err := dbnloop.NewLiveClient(r, sim.TestKey)
				if err != nil {
					t.Fatal(err)
				}
				brief.Store(another)
				if next%2000 == 0 {
					r.Post(func() { another.Close() })
				} else {
					another.Close()
				}
				if err := errors.Join(file.Stop(), file.Start()); err != nil {
					t.Error(err)
				}
			}
		},
		State: func(s dbnloop.State) {
			if got := c.State(); got < s && s != dbnloop.Disconnected {
				t.Errorf("State is %s inside the handler of %s", got, s)
			}
		},
	})
	stats := c.Stats()
	if next != n || stats.Count(dbn.RTypeMbo) != n || !errors.Is(err, dbnloop.ErrConnectionClosed) {
		t.Errorf("%d records, %d counted, want %d; then %v", next, stats.Count(dbn.RTypeMbo), n, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	close(stop)
	watchers.Wait()
}

// A handler that blocks does not keep a getter waiting: here it waits for one.
func TestAGetterDoesNotWaitForAHandler(t *testing.T) {
	gw := simtest.Gateway(t, sim.Config{AtEnd: sim.CloseAtEnd})
	r := newReactor(t)
	c := session(t, gw, r, dbn.SchemaTrades)
	asked := false
	runUntilError(t, r, c, dbnloop.Handlers{Trade: func(*dbn.TradeMsg) {
		if asked {
			return
		}
		asked = true
		done := make(chan dbnloop.Stats)
		go func() {
			_ = c.SessionID()
			done <- c.Stats()
		}()
		select {
		case stats := <-done:
			if c.State() != dbnloop.Streaming || stats.BytesRead == 0 {
				t.Errorf("%v, %+v", c.State(), stats)
			}
		case <-time.After(30 * time.Second):
			t.Error("Stats waits for the handler")
		}
	}})
	if !asked {
		t.Fatal("no record came")
	}
}
