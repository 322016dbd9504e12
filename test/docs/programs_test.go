package docs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
	"github.com/dbnloop/dbnloop/sim/sample"
)

// expected is what the programs should make of the sample data.
type expected struct {
	trades, volume int            // of all symbols
	of             map[string]int // trades by symbol
	bars           string         // of every minute, as CSV, in order
	tops           map[string]dbn.BidAskPair
}

// symbolOf reads the records of a sample file, each with its symbol.
func symbolOf(t *testing.T, schema string, each func(symbol string, r dbn.Record)) {
	t.Helper()
	data, err := sample.Data.ReadFile("data/" + schema + ".dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := dbn.NewDecoder(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	symbols, err := dbn.TsSymbolMapOf(decoder.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	for {
		r, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		symbol, _ := symbols.SymbolOf(r)
		each(symbol, r)
	}
}

func sampleResults(t *testing.T) expected {
	t.Helper()
	e := expected{of: map[string]int{}, tops: map[string]dbn.BidAskPair{}}
	symbolOf(t, "trades", func(symbol string, r dbn.Record) {
		trade, _ := dbn.As[dbn.TradeMsg](r)
		e.trades++
		e.of[symbol]++
		e.volume += int(trade.Size)
	})
	symbolOf(t, "mbp-1", func(symbol string, r dbn.Record) {
		quote, _ := dbn.As[dbn.Mbp1Msg](r)
		e.tops[symbol] = quote.Levels[0]
	})
	var lines []string
	symbolOf(t, "ohlcv-1m", func(symbol string, r dbn.Record) {
		b, _ := dbn.As[dbn.OhlcvMsg](r)
		lines = append(lines, fmt.Sprintf("%v,%s,%v,%v,%v,%v,%d\n", b.Hd.TsEvent, symbol, b.Open, b.High, b.Low, b.Close, b.Volume))
	})
	slices.Sort(lines) // by time, then by symbol
	e.bars = strings.Join(lines, "")
	return e
}

// program is an example, and what its output must be.
type program struct {
	name   string
	args   []string
	faults []string // of the gateway
	exit   int
	want   string // a pattern of its complete output
	check  func(t *testing.T, output string)
	runs   func(t *testing.T, path, language string) // instead of all of that
}

// goExamples builds the Go examples and returns where they are.
func goExamples(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("scripts/go-shipped.sh", "build", "-ldflags=-s", "-o", dir+"/", "./examples/go/...", "./cmd/examples/...")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return dir
}

// sampleBegin is when the sample data begins.
var sampleBegin = time.Date(2026, 11, 15, 22, 59, 55, 0, time.UTC)

// TestPrograms runs every example against the simulator.
func TestPrograms(t *testing.T) {
	needBuild(t)
	e := sampleResults(t)
	files := t.TempDir()
	trades, err := sample.Data.ReadFile("data/trades.dbn.zst")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(files, "trades.dbn.zst")
	if err := os.WriteFile(file, trades, 0o644); err != nil {
		t.Fatal(err)
	}
	server, err := historical.NewServer(historical.Config{Sources: sim.SampleSources()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() }) // after the parallel tests
	ca := filepath.Join(files, "ca.pem")
	if err := server.WriteCA(ca); err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%d trades\n", e.trades)
	broken := []string{"reset=50,on=1", "cut-record=70,on=2", "close=10,on=3"}
	es := fmt.Sprintf("%d trades\n", e.of["ESZ6"])
	historicalES := `USD 0\.\d+\n` + es
	const overload = `(\d+ is \w+\n){4}\d+ trades, \d+ orders, \d+ others\n`
	bars := func(t *testing.T, output string) {
		head, rest, _ := strings.Cut(output, "\n")
		lines := strings.SplitAfter(rest, "\n")
		slices.Sort(lines)
		if have := strings.Join(lines, ""); head != "minute,symbol,open,high,low,close,volume" || have != e.bars {
			t.Errorf("the bars are\n%s\nwant\n%s", output, e.bars)
		}
	}
	tops := func(t *testing.T, output string) {
		lines := strings.Split(strings.TrimSpace(output), "\n")
		for _, line := range lines[max(0, len(lines)-2):] {
			words := strings.Fields(line)
			top, ok := e.tops[words[0]]
			px, err := strconv.ParseFloat(words[3], 64)
			// C++ prints six digits.
			if !ok || err != nil || words[1] != fmt.Sprint(top.BidSz) || math.Abs(px-top.BidPx.Float64()) > 0.05 {
				t.Errorf("the last quotes are\n%s\nwant %v", output, e.tops)
			}
		}
	}
	programs := []program{
		{name: "c/quickstart", exit: 1, want: `((ESZ6|NQZ6) \d+\.\d{9} x \d+\n)+`, check: countLines(e.of["ESZ6"] + e.of["NQZ6"])},
		{name: "c/own_loop", want: all},
		{name: "c/continuous", faults: broken, want: es},
		{name: "c/historical", args: []string{"1", server.URL(), ca}, want: historicalES},
		{name: "c/historical", args: []string{"0", server.URL(), ca}, exit: 2, want: `USD 0\.\d+\n`},
		{name: "cpp/quickstart", want: `(\d+ \d+(\.\d+)? x \d+\n)+`, check: countLines(e.of["ESZ6"] + e.of["NQZ6"])},
		{name: "cpp/overload", want: overload},
		{name: "cpp/top_of_book", check: tops},
		{name: "cpp/bars", args: []string{file}, check: bars},
		{name: "cpp/bounded_queue", want: fmt.Sprintf(`\d+ pauses, volume %d\n`, e.volume)},
		{name: "cpp/two_sources", args: []string{file}, want: fmt.Sprintf(`file: %d records, live: \d+ records, trades of both: %d\n`, e.trades, 2*e.trades)},
		{name: "cpp/reconnect", faults: broken, want: es},
		{name: "cpp/continuous", faults: broken, want: es},
		{name: "cpp/history_into_live", runs: historyIntoLive(e.of["ESZ6"])},
		{name: "cpp/unsubscribe", want: "subscribed to ESZ6\n" + es},
		{name: "cpp/resume", runs: resumes(e.of["ESZ6"])},
		{name: "cpp/historical_cost", args: []string{"1", server.URL(), ca}, want: historicalES},
		{name: "cpp/historical_cost", args: []string{"0", server.URL(), ca}, exit: 2, want: `USD 0\.\d+\n0 trades\n`},
		{name: "cpp/epoll_loop", want: fmt.Sprintf("%d trades, and ticks of the timer\n", e.trades)},
		{name: "cpp/asio_loop", want: all},
		{name: "cpp/libuv_loop", want: all},
		{name: "cpp/io_uring_loop", want: all},
		{name: "go/quickstart", exit: 1, want: `(\d+ \d+\.\d{9} \d+\n)+`, check: countLines(e.of["ESZ6"] + e.of["NQZ6"])},
		{name: "go/top_of_book", exit: 1, check: tops},
		{name: "go/live_bars", exit: 1, want: `(2026-11-15T23:0\d:00Z (ESZ6|NQZ6)( \d+\.\d{9}){4} \d+\n)+`},
		{name: "go/file_bars", args: []string{file}, check: bars},
		{name: "go/bounded_queue", exit: 1, want: fmt.Sprintf("volume %d\n", e.volume)},
		{name: "go/two_sources", args: []string{file}, want: fmt.Sprintf("file: %d live: %d both: %d\n", e.trades, e.trades, 2*e.trades)},
		{name: "go/netpoller", want: all},
		{name: "go/historical_cost", args: []string{"-max-usd", "1", "-url", server.URL(), "-ca", ca}, want: historicalES},
		{name: "go/historical_cost", args: []string{"-max-usd", "0", "-url", server.URL(), "-ca", ca}, exit: 1, want: `USD 0\.\d+\n`},
		{name: "go/reconnect", faults: broken, want: es},
		{name: "go/continuous", faults: broken, want: es},
		{name: "go/history_into_live", runs: historyIntoLive(e.of["ESZ6"])},
		{name: "go/resume", runs: resumes(e.of["ESZ6"])},
		{name: "go/strategy", want: "position 0 after .*\n"},
	}
	dirs := map[string]string{"go": goExamples(t), "c": root + "/build/release/examples/c", "cpp": root + "/build/release/examples/cpp"}
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			language, name, _ := strings.Cut(p.name, "/")
			path := filepath.Join(dirs[language], name)
			if p.runs != nil {
				p.runs(t, path, language)
				return
			}
			run(t, path, language, p)
		})
	}
	everyExampleRuns(t, programs)
	t.Run("prometheus", func(t *testing.T) { scrape(t, filepath.Join(dirs["go"], "prometheus"), e.trades) })
	t.Run("nats", func(t *testing.T) { throughNATS(t, filepath.Join(dirs["go"], "nats"), e.trades) })
}

func run(t *testing.T, path, language string, p program) {
	t.Helper()
	config := sim.Config{Sources: sim.SampleSources(), AtEnd: sim.CloseAtEnd}
	if strings.HasSuffix(p.name, "/continuous") {
		config.Clock = sim.NewManualClock(sampleBegin) // the gateway's messages are as old as its data
	}
	gateway, err := sim.NewGateway(config)
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	var handles []*sim.FaultHandle
	for _, fault := range p.faults {
		handle, err := gateway.AddFault(fault)
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, handle)
	}
	args := p.args
	switch {
	case strings.Contains(p.name, "historical") || p.name == "go/file_bars" || p.name == "cpp/bars": // not live
	case language == "go":
		args = append([]string{"-gateway", gateway.Host(), "-port", strconv.Itoa(gateway.Port())}, args...)
	default:
		args = append(slices.Clone(args), gateway.Host(), strconv.Itoa(gateway.Port()))
	}
	command := exec.Command(path, args...)
	command.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if exit := command.ProcessState; exit == nil {
		t.Fatalf("%v: make test-docs builds it, and scripts/deps.sh examples installs the loops' libraries", err)
	} else if exit.ExitCode() != p.exit {
		if strings.Contains(stderr.String(), "io_uring_queue_init") {
			t.Skipf("this kernel offers no io_uring: %s", &stderr)
		}
		t.Fatalf("exit code %d, want %d: %v\n%s", exit.ExitCode(), p.exit, err, &stderr)
	}
	if p.want != "" && !regexp.MustCompile("^(?:"+p.want+")$").Match(output) {
		t.Errorf("the output is\n%s\nwant\n%s", output, p.want)
	}
	if p.check != nil {
		p.check(t, string(output))
	}
	for i, handle := range handles {
		if handle.Fired() != 1 {
			t.Errorf("the fault %s was shown %d times", p.faults[i], handle.Fired())
		}
	}
}

func countLines(want int) func(*testing.T, string) {
	return func(t *testing.T, output string) {
		if n := strings.Count(output, "\n"); n != want {
			t.Errorf("%d lines, want %d", n, want)
		}
	}
}

// everyExampleRuns checks that no example is left out.
func everyExampleRuns(t *testing.T, programs []program) {
	t.Helper()
	var have, want []string
	for _, p := range programs {
		have = append(have, p.name)
	}
	for _, pattern := range []string{"c/*.c", "cpp/*.cpp", "go/*"} {
		paths, err := filepath.Glob(filepath.Join(root, "examples", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			language := filepath.Base(filepath.Dir(path))
			want = append(want, language+"/"+strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
		}
	}
	slices.SortFunc(have, cmp.Compare[string])
	slices.Sort(want)
	if have = slices.Compact(have); !slices.Equal(have, want) {
		t.Errorf("these examples run: %v\nthese exist: %v", have, want)
	}
}
