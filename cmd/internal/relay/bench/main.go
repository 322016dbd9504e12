// Program bench measures dbn-relay: what it takes in beside a bare publisher, what many consumers cost, how much later
// a record comes through it, and its memory while a large log is replayed. It prints one table.
//
// The simulator, the consumers and the clock are this process; the relay and the bare publisher are processes of their
// own, so their CPU time is theirs alone.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settings are the flags.
type settings struct {
	relay     string // the program
	directory string // for logs
	only      string
	rounds    int
	megabytes int    // of records in a round of the ingest
	seconds   int    // of each live measurement
	rate      int    // records a second of the live measurements
	replay    int    // megabytes of the log that is replayed
	consumers string // of the fan-out: numbers with commas
}

// measurements are what can be measured, in the order of the table.
var measurements = []struct {
	name string
	run  func(*settings) error
}{
	{"ingest", measureIngest},
	{"latency", measureLatency},
	{"fanout", measureFanOut},
	{"replay", measureReplay},
}

func main() {
	if len(os.Args) == 4 && (os.Args[1] == bareRole || os.Args[1] == readingRole) {
		exit(publishBare(os.Args[2], os.Args[3], os.Args[1] == readingRole))
	}
	var s settings
	flag.StringVar(&s.relay, "relay", "build/bin/dbn-relay", "the program to measure")
	flag.StringVar(&s.directory, "dir", os.TempDir(), "write logs to this directory; they are removed")
	flag.StringVar(&s.only, "only", "", "ingest, latency, fanout or replay; several with commas (default: all)")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds of the ingest")
	flag.IntVar(&s.megabytes, "mb", 1024, "megabytes of records in a round of the ingest")
	flag.IntVar(&s.seconds, "seconds", 10, "seconds of each live measurement")
	flag.IntVar(&s.rate, "rate", 100_000, "records a second of the live measurements")
	flag.StringVar(&s.consumers, "consumers", "0,1,10,100", "consumers of the fan-out, one measurement after the other")
	flag.IntVar(&s.replay, "replay-mb", 10_000, "megabytes of the log that is replayed")
	flag.Parse()
	exit(s.run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (s *settings) run() error {
	if _, err := os.Stat(s.relay); err != nil {
		return fmt.Errorf("the relay: %w", err)
	}
	directory, err := os.MkdirTemp(s.directory, "dbn-relay-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory) //nolint:errcheck // nothing else can be done
	s.directory = directory
	for _, m := range measurements {
		if s.only != "" && !strings.Contains(","+s.only+",", ","+m.name+",") {
			continue
		}
		if err := m.run(s); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// log is a new directory for a log, to be removed by the caller.
func (s *settings) log(name string) (string, error) {
	path := filepath.Join(s.directory, name)
	return path, os.MkdirAll(path, 0o700)
}

// row prints one line of the table.
func row(what string, format string, values ...any) {
	fmt.Printf("%-44s "+format+"\n", append([]any{what}, values...)...)
}
