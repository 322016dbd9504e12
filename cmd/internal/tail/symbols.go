package tail

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/dbn"
)

// gatherSymbols takes the symbols from the arguments and the file, each once; all asks for every
// symbol of the dataset in their place.
func gatherSymbols(args []string, file string, all bool, stdin io.Reader) ([]string, error) {
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
	if file != "" {
		if err := readSymbols(file, stdin, add); err != nil {
			return nil, err
		}
	}
	switch {
	case seen[dbn.AllSymbols] && len(symbols) > 1, all && len(symbols) > 0 && !seen[dbn.AllSymbols]:
		return nil, exit.BadUsage("every symbol was asked for, and also symbols by name: give one or the other")
	case all:
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
// after # is a comment. "-" is standard input.
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
