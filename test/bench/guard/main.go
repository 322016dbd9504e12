// Program guard counts the instructions that a record costs, on the paths that every record
// takes, and fails where they grew by more than 5 % over the figures that were accepted. An
// instruction count does not depend on what else the machine does, so one run is enough.
//
// Each program runs under valgrind with N and with 2 N records; the difference, divided by N, is
// what one record costs, without the start of the program. The figures belong to the compilers
// and the valgrind that they were counted with: with others, guard reports and does not judge.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("guard: ")
	build := flag.String("build", "build", "the build `directory`, which holds the programs")
	path := flag.String("figures", "test/bench/guard/figures.json", "the `file` of accepted figures")
	accept := flag.Bool("accept", false, "accept the figures as they are now")
	flag.Parse()
	ok, err := run(*build, *path, *accept)
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(build, path string, accept bool) (ok bool, err error) {
	tools, err := theseTools()
	if err != nil {
		return false, err
	}
	counted, err := countAll(filepath.Join(build, "release", "test", "bench"), filepath.Join(build, "bench", "data"))
	if err != nil {
		return false, err
	}
	now := figures{Tools: tools, PerRecord: counted}
	if accept {
		fmt.Println(now.list())
		return true, now.save(path)
	}
	accepted, err := load(path)
	if err != nil {
		return false, fmt.Errorf("%w; make guard-accept writes it", err)
	}
	text, ok := compare(accepted, now)
	fmt.Print(text)
	return ok, nil
}
