// Program run executes the benchmarks: for each workload every program in turn, several rounds
// of that, so that a noisy machine disturbs all alike. It serves what they receive, checks what
// they found, and writes a file of results and a table.
//
// Every program is called as
//
//	PROGRAM live|file|historical FORM PORT|PATH RECORDS
//
// and prints one line: {"records":N,"sum":S,"seconds":WALL,"cpu":CPU}, measured from the
// beginning of the stream to its end. Programs that convert a file to text are measured from
// outside, as complete processes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/dbnloop/dbnloop/test/bench/report"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	var o options
	flag.StringVar(&o.build, "build", "build", "the build `directory`, which holds the programs")
	flag.IntVar(&o.rounds, "rounds", 5, "how many rounds")
	flag.IntVar(&o.records, "records", 4_000_000, "how many records a stream has")
	flag.StringVar(&o.out, "o", "build/bench.json", "the `file` of results")
	only := flag.String("only", "", "run only the workloads whose names match this `expression`")
	flag.BoolVar(&o.peers, "peers", false, "run the programs of others as well")
	flag.Parse()
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		log.Fatal(err)
	}
	if o.rounds < 1 || o.records < 1000 {
		log.Fatal("-rounds must be at least 1, -records at least 1000")
	}
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}

type options struct {
	build, out      string
	rounds, records int
	only            *regexp.Regexp
	peers           bool
}

func run(o options) error {
	machine, err := thisMachine()
	if err != nil {
		return err
	}
	r := report.Report{Machine: machine, Commit: commit(), Rounds: o.rounds, NotRun: []report.NotRun{}}
	b := bench{options: o, data: store{dir: filepath.Join(o.build, "bench", "data")}, programs: programs(o)}
	if o.peers {
		r.NotRun = append(r.NotRun, b.missing()...)
	}
	var failed []error // what worked is kept all the same
	for _, w := range workloads() {
		if !o.only.MatchString(w.name) {
			continue
		}
		log.Print(w.name)
		rows, notRun, err := b.measure(w)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", w.name, err))
		}
		r.Rows, r.NotRun = append(r.Rows, rows...), append(r.NotRun, notRun...)
	}
	for _, l := range []struct {
		workload, program string
		rounds            int
		args              []string
		lines             *[]report.Line
	}{
		{"many clients", "live_many", o.rounds, []string{"1,10,100,1000,5000", "256", "Go=" + o.own("live_many_go")}, &r.Many},
		// It has rounds of its own, whose latencies become one distribution.
		{"latency", "live_latency", 1, []string{strconv.Itoa(o.rounds), "1", "10000,100000,1000000", "Go=" + o.own("live_latency_go")}, &r.Latency},
	} {
		if !o.only.MatchString(l.workload) {
			continue
		}
		log.Print(l.workload)
		if *l.lines, err = lines(l.rounds, o.own(l.program), l.args...); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", l.workload, err))
		}
	}
	if len(r.Rows)+len(r.Many)+len(r.Latency) == 0 {
		return errors.Join(append(failed, errors.New("there are no results"))...)
	}
	r.Date = time.Now().UTC().Format(time.RFC3339)
	fmt.Print(r.Table())
	if err := r.Save(o.out); err != nil {
		return err
	}
	log.Print("wrote ", o.out)
	return errors.Join(failed...)
}
