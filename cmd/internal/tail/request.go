package tail

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
	"github.com/dbnloop/dbnloop/dbn"
)

// request is what the gateway is asked for.
type request struct {
	dataset  string
	schemas  []dbn.Schema // one subscription each
	stypeIn  dbn.SType
	symbols  []string
	start    dbn.UnixNanos
	hasStart bool
	tsOut    bool // the records carry the gateway's send time
	snapshot bool
}

// all reports whether every symbol of the dataset is wanted.
func (r *request) all() bool { return len(r.symbols) == 1 && r.symbols[0] == dbn.AllSymbols }

// request checks the flags that say what is wanted.
func (f *flags) request(args []string, stdin io.Reader, now time.Time) (request, error) {
	r := request{dataset: f.dataset, snapshot: f.snapshot, tsOut: f.tsOut}
	if r.dataset == "" {
		return r, exit.BadUsage("no dataset: give one with --dataset, for instance -d GLBX.MDP3, or name a DBN file, or try --demo")
	}
	var err error
	if r.schemas, err = parseSchemas(f.schemas); err != nil {
		return r, err
	}
	if r.stypeIn, err = dbn.ParseSType(f.stypeIn); err != nil {
		return r, exit.BadUsage("--stype-in %q: want one of %s", f.stypeIn, term.JoinNames(dbn.AllSTypes()))
	}
	if err = f.parseStart(&r, now); err != nil {
		return r, err
	}
	if r.snapshot && !slices.Equal(r.schemas, []dbn.Schema{dbn.SchemaMbo}) {
		return r, exit.BadUsage("--snapshot works with --schema mbo alone")
	}
	if r.snapshot && r.hasStart {
		return r, exit.BadUsage("--snapshot and --start or --since exclude each other")
	}
	r.symbols, err = f.gatherSymbols(args, stdin)
	return r, err
}

func parseSchemas(names []string) ([]dbn.Schema, error) {
	var schemas []dbn.Schema
	for _, name := range names {
		schema, err := dbn.ParseSchema(strings.TrimSpace(name))
		if err != nil {
			return nil, exit.BadUsage("--schema %q is unknown: want one of %s", name, term.JoinNames(dbn.AllSchemas()))
		}
		if !slices.Contains(schemas, schema) {
			schemas = append(schemas, schema)
		}
	}
	if len(schemas) == 0 {
		return nil, exit.BadUsage("no schema: give one with --schema, for instance -s trades; one of %s", term.JoinNames(dbn.AllSchemas()))
	}
	return schemas, nil
}

// names are the texts of values.
func names[T fmt.Stringer](values []T) (list []string) {
	for _, v := range values {
		list = append(list, v.String())
	}
	return list
}

// gatherSymbols takes the symbols from the arguments and the file, each once.
func (f *flags) gatherSymbols(args []string, stdin io.Reader) ([]string, error) {
	var symbols []string
	seen := make(map[string]bool)
	add := func(list, where string) error {
		for symbol := range strings.SplitSeq(list, ",") {
			symbol = strings.TrimSpace(symbol)
			if err := checkSymbol(symbol); err != nil {
				return exit.BadUsage("%s: %w", where, err)
			}
			if !seen[symbol] {
				seen[symbol] = true
				symbols = append(symbols, symbol)
			}
		}
		return nil
	}
	for _, arg := range args {
		if err := add(arg, "argument "+strconv.Quote(arg)); err != nil {
			return nil, err
		}
	}
	if f.symbolsFile != "" {
		if err := readSymbols(f.symbolsFile, stdin, add); err != nil {
			return nil, err
		}
	}
	switch {
	case seen[dbn.AllSymbols] && len(symbols) > 1, f.allSymbols && len(symbols) > 0 && !seen[dbn.AllSymbols]:
		return nil, exit.BadUsage("every symbol was asked for, and symbols by name besides: give one or the other")
	case f.allSymbols:
		return []string{dbn.AllSymbols}, nil
	case len(symbols) == 0:
		return nil, exit.BadUsage("no symbols: name some, or give --symbols-file FILE or --all-symbols")
	}
	return symbols, nil
}

// checkSymbol refuses what the gateway's line protocol cannot carry.
func checkSymbol(symbol string) error {
	if symbol == "" {
		return fmt.Errorf("empty symbol")
	}
	for _, c := range []byte(symbol) {
		if c <= ' ' && c != ' ' || c >= 0x7F || c == '|' {
			return fmt.Errorf("symbol %q holds a character that symbols cannot have", symbol)
		}
	}
	return nil
}

// readSymbols reads a file of symbols: one or more a line, separated by commas; text
// behind # is a comment. "-" is standard input.
func readSymbols(path string, stdin io.Reader, add func(list, where string) error) error {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return exit.BadUsage("--symbols-file: %w", err)
		}
		defer file.Close()
		in = file
	}
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil && err != io.EOF { //nolint:errorlint // a clean end is io.EOF itself
			return exit.BadUsage("--symbols-file %s: %w", path, err)
		}
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff") // Windows' editors begin with it
		}
		text, _, _ := strings.Cut(line, "#")
		if text = strings.Trim(text, " \t\r\n,"); text != "" {
			if err := add(text, fmt.Sprintf("--symbols-file %s, line %d", path, n)); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// confirmAll asks before a whole dataset is asked for.
// The verb is what is done with it.
func (f *flags) confirmAll(verb string, r *request, stdin io.Reader, stderr io.Writer) error {
	if !r.all() || f.yes || f.demo {
		return nil
	}
	if !term.IsTerminal(stdin) {
		return exit.BadUsage("every symbol of %s can be a lot of data: confirm with -y", r.dataset)
	}
	return confirm(context.Background(), fmt.Sprintf("%s every symbol of %s (%s)? This can be a lot of data.",
		verb, r.dataset, term.JoinNames(r.schemas)), stdin, stderr)
}

// confirm asks a question; an error is the answer no, or why ctx is over.
func confirm(ctx context.Context, question string, stdin io.Reader, stderr io.Writer) error {
	fmt.Fprintf(stderr, "%s [y/N] ", cli.Plain(question))
	answer := make(chan string, 1)
	go func() { // a read of a terminal cannot be called off
		line, _ := bufio.NewReader(stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case line := <-answer:
		if line == "y" || line == "yes" {
			return nil
		}
	}
	return exit.BadUsage("not confirmed: nothing was asked for")
}

// gateway is where to connect; an empty host means the dataset's own.
func (f *flags) gatewayAddress() (host string, port int, err error) {
	if f.gateway == "" {
		return "", 0, nil
	}
	host, text, err := net.SplitHostPort(f.gateway)
	if err != nil {
		// Without a port, the gateway's usual one.
		host, text = strings.Trim(f.gateway, "[]"), strconv.Itoa(dbn.LivePort)
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", 0, exit.BadUsage("--gateway %q: want HOST:PORT", f.gateway)
		}
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 || host == "" {
		return "", 0, exit.BadUsage("--gateway %q: want HOST:PORT, with a port of 1 to 65535", f.gateway)
	}
	return host, port, nil
}

func (f *flags) parseStart(r *request, now time.Time) (err error) {
	switch {
	case f.start != "" && f.since != "":
		return exit.BadUsage("--start and --since exclude each other")
	case f.start != "":
		r.hasStart = true
		if r.start, err = parseTime(f.start); err != nil {
			return exit.BadUsage("--start: %w", err)
		}
	case f.since != "":
		r.hasStart = true
		if r.start, err = parseSince(f.since, now); err != nil {
			return exit.BadUsage("--since: %w", err)
		}
	}
	return nil
}
