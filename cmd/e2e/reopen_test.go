package e2e

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
	"github.com/dbnloop/dbnloop/internal/simtest"
)

// wantSymbols checks that a file of DBN resolves the symbol of each of its records by itself.
func wantSymbols(t *testing.T, path string) {
	t.Helper()
	symbols, records := dbn.NewPitSymbolMap(), 0
	compressed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, all := simtest.Decode(t, compressed) // which wants complete frames
	simtest.Pick(all, func(r dbn.Record) bool {
		if symbols.OnRecord(r); r.RType().IsMessage() {
			return false
		}
		records++
		if _, known := symbols.Symbol(r.Header().InstrumentID); !known {
			t.Fatalf("%s: no symbol is known of instrument %d", path, r.Header().InstrumentID)
		}
		return false
	})
	if records == 0 {
		t.Errorf("%s holds no record", path)
	}
}

// plainText is the text of a file of complete zstd frames.
func plainText(t *testing.T, path string) string {
	t.Helper()
	compressed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	text, err := decoder.DecodeAll(compressed, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(text)
}

// SIGHUP opens the file that is appended to again, as logrotate expects: the file that was moved away
// and the one that follows it hold every record once.
func TestAHangupOpensTheFileAgain(t *testing.T) {
	market := exchange.New(rand.New(rand.NewPCG(51, 52)), 12_000)
	files, err := market.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, into := range []string{"--append -o x.dbn", "--append -o x.dbn.zst", "--resume x.dbn.zst", "--append -o x.csv.zst", "--append -o x.json.zst"} {
		t.Run(into, func(t *testing.T) {
			t.Parallel()
			name := into[strings.LastIndexByte(into, ' ')+1:]
			separated, isText := strings.Contains(name, ".csv"), !strings.Contains(name, ".dbn")
			v, dir := openVenue(t, files), t.TempDir()
			args := []string{"-d", exchange.Dataset, "--all-symbols", "-y", "--gateway", v.gateway, "--start", strconv.FormatUint(uint64(exchange.Start), 10)}
			schemas, limit := market.Schemas(), market.Audit().Left
			if isText {
				schemas, limit = "trades", market.Only(dbn.SchemaTrades).Audit().Left
			}
			args = append(args, "-s", schemas, "-l", strconv.Itoa(limit))
			p := startIn(t, dir, append(append(args, "-v"), strings.Fields(into)...)...)
			if !p.stderr.await(`stream: live`) {
				t.Fatalf("stderr: %s", p.stderr)
			}
			path := filepath.Join(dir, name)
			states := 0
			// received waits until more records came than before.
			received := func(before int) int {
				for {
					p.signal(syscall.SIGUSR1)
					states++
					if !p.stderr.await(`(?s)(live ` + exchange.Dataset + `:.*){` + strconv.Itoa(states) + `}`) {
						t.Fatalf("stderr: %s", p.stderr)
					}
					all := regexp.MustCompile(`live `+exchange.Dataset+`: ([\d,]+) record`).FindAllStringSubmatch(p.stderr.String(), -1)
					n, err := strconv.Atoi(strings.ReplaceAll(all[len(all)-1][1], ",", ""))
					if err != nil {
						t.Fatal(err)
					}
					if n > before {
						return n
					}
				}
			}
			came := 0
			for cut, moves := range []bool{true, false, true} {
				v.advance(3000)
				came = received(came)
				if moves {
					if err := os.Rename(path, filepath.Join(dir, strconv.Itoa(cut)+name)); err != nil {
						t.Fatal(err)
					}
				}
				if cut == 0 { // what takes the name cannot be written to: the file that was open stays
					if err := os.Mkdir(path, 0o755); err != nil {
						t.Fatal(err)
					}
					p.signal(syscall.SIGHUP)
					if !p.stderr.await(`is a directory; records continue to go to the file that was open`) {
						t.Fatalf("stderr: %s", p.stderr)
					}
					v.advance(500)
					came = received(came)
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
				p.signal(syscall.SIGHUP)
				if !p.stderr.await(`(?s)(opened again.*){` + strconv.Itoa(cut+1) + `}`) {
					t.Fatalf("stderr: %s", p.stderr)
				}
			}
			for v.advance(10_000) {
			}
			if code := p.wait(); code != 0 {
				t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
			}
			all := []string{filepath.Join(dir, "0"+name), filepath.Join(dir, "2"+name), path}
			if !isText {
				if err := auditFiles(t, market, dir).Complete(); err != nil {
					t.Error(err)
				}
				for _, path := range all {
					wantSymbols(t, path)
				}
				return
			}
			var rows bytes.Buffer
			header := ""
			for _, path := range all {
				if !separated {
					rows.WriteString(plainText(t, path))
					continue
				}
				first, rest, _ := strings.Cut(plainText(t, path), "\n")
				if header == "" {
					header = first
				}
				if first != header || !strings.HasPrefix(first, "ts_recv,") || strings.Contains(rest, header) {
					t.Errorf("%s does not have the header once, in its first row: %s", path, first)
				}
				rows.WriteString(rest)
			}
			whole := "whole" + strings.TrimSuffix(strings.TrimPrefix(name, "x"), ".zst")
			p = startIn(t, dir, append(args, "-o", whole)...)
			if code := p.wait(); code != 0 {
				t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
			}
			want := string(content(t, filepath.Join(dir, whole)))
			if separated {
				_, want, _ = strings.Cut(want, "\n")
			}
			if rows.String() != want {
				t.Errorf("the files together have %d rows, want the same %d", strings.Count(rows.String(), "\n"), strings.Count(want, "\n"))
			}
		})
	}
}
