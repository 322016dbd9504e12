package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/exchange"
)

// check compares the files with the market: byte by byte, as verify does, and as DuckDB counts the
// records of Parquet files.
func (c *rotating) check(ctx context.Context, work string) error {
	audit, err := c.audit()
	if err != nil {
		return err
	}
	if audit.Left > 0 { // a session was being resumed at the end
		fmt.Println("soak: a last writer for", audit.Left, "records")
		if err := c.start(ctx, "-l", strconv.Itoa(audit.Left)); err != nil {
			return err
		}
		if err := <-c.ended; err != nil {
			return fmt.Errorf("the last writer: %w: %s", err, &c.messages)
		}
		if audit, err = c.audit(); err != nil {
			return err
		}
	}
	fmt.Println("soak:", c)
	if err := errors.Join(audit.Complete(), c.rotated()); err != nil {
		return err
	}
	fmt.Println("soak:", audit.Records, "records, each of them once, byte by byte")
	for _, more := range [][]string{nil, append(c.history(), "--against-api")} {
		if err := c.verify(ctx, more); err != nil {
			return err
		}
	}
	return c.columns(ctx, work)
}

// rotated checks that there are as many files as periods.
func (c *rotating) rotated() error {
	paths, err := c.files()
	if err != nil {
		return err
	}
	if period, err := time.ParseDuration(c.rotate); err == nil && len(paths) < int(c.duration/period) {
		return fmt.Errorf("%d files, for %v with one each %v", len(paths), c.duration, period)
	}
	return nil
}

// audit compares the files, one after the other, with what happened.
func (c *rotating) audit() (*exchange.Audit, error) {
	paths, err := c.files()
	if err != nil {
		return nil, err
	}
	audit := c.market.Audit()
	for _, path := range paths {
		if err := auditFile(audit, path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return audit, nil
}

func auditFile(audit *exchange.Audit, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	decoder, err := dbn.NewDecoder(file)
	if err != nil {
		return err
	}
	defer decoder.Close()
	for {
		r, err := decoder.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := audit.Add(r); err != nil {
			return err
		}
	}
}

func (c *rotating) verify(ctx context.Context, more []string) error {
	began := time.Now()
	answer, err := output(c.tail(ctx, append([]string{"verify", c.dir}, more...)...))
	if err == nil && !strings.HasSuffix(answer, ": complete\n") {
		err = errors.New("it does not say that they are complete")
	}
	if err != nil {
		return fmt.Errorf("verify %s: %w: %s", strings.Join(more, " "), err, answer)
	}
	what := "verify"
	if len(more) > 0 {
		what = "verify " + more[len(more)-1]
	}
	fmt.Printf("soak: %s, after %.1f s: %s", what, time.Since(began).Seconds(), answer)
	return nil
}

// output is what a command prints; its messages are in the error.
func output(cmd *exec.Cmd) (string, error) {
	var messages bytes.Buffer
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, &messages)
	}
	return string(out), err
}

// columns converts the capture to Parquet in both ways, file by file and all of it by schema, and
// has the records counted.
func (c *rotating) columns(ctx context.Context, work string) error {
	paths, err := c.files()
	if err != nil {
		return err
	}
	single, together := filepath.Join(work, "single"), filepath.Join(work, "together")
	if err := errors.Join(os.Mkdir(single, 0o700), os.Mkdir(together, 0o700)); err != nil {
		return err
	}
	began := time.Now()
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".dbn.zst") + ".parquet"
		if answer, err := output(c.tail(ctx, "-z", "-o", filepath.Join(single, name), path)); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, answer)
		}
	}
	fmt.Printf("soak: %d files converted in %.1f s\n", len(paths), time.Since(began).Seconds())
	began = time.Now()
	args := append([]string{"-z", "-S", "schema", "-O", filepath.Join(together, "{schema}.parquet")}, paths...)
	if answer, err := output(c.tail(ctx, args...)); err != nil {
		return fmt.Errorf("all files, by schema: %w: %s", err, answer)
	}
	fmt.Printf("soak: all files converted by schema in %.1f s\n", time.Since(began).Seconds())
	if c.python == "" {
		return nil
	}
	return errors.Join(c.count(ctx, single), c.count(ctx, together))
}

// counting counts the records of the Parquet files in a directory, by the type of record.
const counting = `
import duckdb, json, sys
glob = sys.argv[1] + "/*.parquet"
counts = duckdb.execute("SELECT rtype, count(*) FROM read_parquet(?, union_by_name = true) GROUP BY rtype", [glob])
print(json.dumps(dict(counts.fetchall())))
`

// count compares the counts of the files in a directory with the market's.
func (c *rotating) count(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil {
		return err
	}
	answer, err := output(exec.CommandContext(ctx, c.python, "-c", counting, dir))
	if err != nil {
		return fmt.Errorf("counting with DuckDB: %w", err)
	}
	counts := map[dbn.RType]int{}
	if err := json.Unmarshal([]byte(answer), &counts); err != nil {
		return fmt.Errorf("DuckDB answered %q: %w", answer, err)
	}
	var equal []string
	for _, s := range c.market.Streams {
		rtype := dbn.RType(s.Records[1])
		if counts[rtype] != s.Count {
			return fmt.Errorf("DuckDB counts %d records of %v in %s, %d happened", counts[rtype], s.Schema, dir, s.Count)
		}
		delete(counts, rtype)
		equal = append(equal, fmt.Sprint(s.Schema, " ", s.Count))
	}
	if len(counts) > 0 {
		return fmt.Errorf("DuckDB counts records in %s that nobody subscribed to: %v", dir, counts)
	}
	fmt.Printf("soak: DuckDB counts in %d files of %s: %s\n", len(files), filepath.Base(dir), strings.Join(equal, ", "))
	return nil
}

// installDuckDB makes a Python that has DuckDB.
func installDuckDB(ctx context.Context, work string) (python string, err error) {
	dir := filepath.Join(work, "venv")
	if out, err := exec.CommandContext(ctx, "python3", "-m", "venv", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("making a virtual environment: %w: %s", err, out)
	}
	install := exec.CommandContext(ctx, filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "duckdb==2.0.1")
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("installing DuckDB: %w: %s", err, out)
	}
	return filepath.Join(dir, "bin", "python"), nil
}
