package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/dbnloop/dbnloop/sim"
)

// intoFiles are the ways that a range takes into a file: the name, and more flags.
var intoFiles = []string{
	"a.csv", "a.tsv", "a.json", "a.dbn", "a.csv.zst", "a.dbn.zst", "a.dbn.zst --upgrade v3", "a.csv --tee t.dbn.zst",
}

// books asks for the order books of the sample data: enough to fill a disk with.
func books(flags []string, more ...string) []string {
	args := append([]string{"hist", "-y", "-d", "GLBX.MDP3", "-s", "mbp-10", "--start", "2026-11-15", "--all-symbols"}, flags...)
	return append(args, more...)
}

// intoFile are the arguments for one of intoFiles.
func intoFile(into string) []string { return append([]string{"-o"}, strings.Fields(into)...) }

// complete runs hist to its end and gives the file that it makes.
func complete(t *testing.T, args []string, into string) []byte {
	t.Helper()
	p := start(t, args...)
	if code := p.wait(); code != 0 {
		t.Fatalf("exit code %d; stderr: %s", code, p.stderr)
	}
	name, _, _ := strings.Cut(into, " ")
	return content(t, filepath.Join(p.cmd.Dir, name))
}

// content is what a file holds, decompressed up to where it ends.
func content(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(filepath.Base(path), ".zst") {
		return data
	}
	r, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	io.Copy(&b, r) //nolint:errcheck // it may end anywhere
	return b.Bytes()
}

// ownNamespaces let a process mount a file system for itself.
func ownNamespaces() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
}

// onSmallDisk runs dbn-tail after what makes its directory small. It gives a directory with
// the files that it left.
func onSmallDisk(t *testing.T, before string, namespace bool, args ...string) (dir string, code int, stderr string) {
	t.Helper()
	dir = t.TempDir()
	script := before + ` && "$@"; code=$?; ulimit -S -f unlimited; cp -a . "$SAVE" && exit $code`
	cmd := exec.Command("sh", append([]string{"-c", script, "sh", filepath.Join(programs, "dbn-tail")}, args...)...)
	cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey, "SAVE="+dir)
	cmd.Dir = t.TempDir()
	if namespace {
		cmd.SysProcAttr = ownNamespaces()
	}
	var text bytes.Buffer
	cmd.Stderr = &text
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return dir, cmd.ProcessState.ExitCode(), text.String()
}

// smallDisks make the current directory one of little room, each in its own way.
var smallDisks = []struct {
	name, before string
	namespace    bool
	reason       string
}{
	{"file size limit", "ulimit -S -f 180", false, "ile too large"}, // blocks of 512 bytes
	{"tmpfs", `mount -t tmpfs -o size=88k none "$PWD" && cd "$PWD"`, true, "o space left on device"},
}

// mountable reports whether a file system can be mounted in a namespace.
func mountable() bool {
	cmd := exec.Command("mount", "-t", "tmpfs", "none", os.TempDir())
	cmd.SysProcAttr = ownNamespaces()
	return cmd.Run() == nil
}

func TestADiskThatFillsKeepsWhatWasPaidFor(t *testing.T) {
	flags := historical(t, "--hist-stored")
	for _, disk := range smallDisks {
		if disk.namespace && !mountable() {
			t.Run(disk.name, func(t *testing.T) { t.Skip("no file system can be mounted here") })
			continue
		}
		for _, into := range intoFiles {
			t.Run(disk.name+" "+into, func(t *testing.T) {
				args := books(flags, intoFile(into)...)
				dir, code, stderr := onSmallDisk(t, disk.before, disk.namespace, args...)
				name, _, _ := strings.Cut(into, " ")
				if code != 3 || !strings.Contains(stderr, disk.reason) || strings.Count(stderr, "\n") != 1 {
					t.Fatalf("exit code %d; stderr: %s", code, stderr)
				}
				if !regexp.MustCompile(`; [\d,]+ records came before, (of which what could be written is )?kept in ` + name + `\.part\b`).MatchString(stderr) {
					t.Errorf("stderr: %s", stderr)
				}
				got, want := content(t, filepath.Join(dir, name+".part")), complete(t, args, into)
				if len(got) == 0 || len(got) >= len(want) || !bytes.HasPrefix(want, got) {
					t.Errorf("%d bytes that are not the first of %d", len(got), len(want))
				}
				plain := !strings.Contains(name, ".zst") && !strings.Contains(name, ".dbn")
				if plain && got[len(got)-1] != '\n' {
					t.Errorf("the last line is cut: %q", got[max(len(got)-40, 0):])
				}
			})
		}
	}
}

// A shell's file is kept by nobody but the shell: the message names it.
func TestAFullStandardOutputIsNamed(t *testing.T) {
	flags := historical(t, "--hist-stored")
	for _, form := range []string{"-C", "-T", "-J", "-D", "-C -z", "-D -z"} {
		t.Run(form, func(t *testing.T) {
			script := `ulimit -f 180 && exec "$0" "$@" >out`
			cmd := exec.Command("sh", append([]string{"-c", script, filepath.Join(programs, "dbn-tail")}, books(flags, strings.Fields(form)...)...)...)
			cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
			cmd.Dir = t.TempDir()
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) {
				t.Fatal(err)
			}
			name := filepath.Join(cmd.Dir, "out")
			text := stderr.String()
			if exit.ExitCode() != 1 || strings.Count(text, "\n") != 1 ||
				!strings.Contains(text, "cannot write to standard output ("+name+"): file too large; ") ||
				!strings.Contains(text, " records came before\n") {
				t.Errorf("exit code %d; stderr: %s", exit.ExitCode(), text)
			}
			if info, err := os.Stat(name); err != nil || info.Size() == 0 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}

// When the program is killed, what came is in a file that can be seen, and the next run
// names it and leaves it alone.
func TestAKillLeavesAVisiblePart(t *testing.T) {
	stalling := historical(t, "--hist-stored", "--hist-fault", "stall-body=70000")
	sound := historical(t, "--hist-stored")
	for _, into := range intoFiles {
		t.Run(into, func(t *testing.T) {
			name, _, _ := strings.Cut(into, " ")
			out := intoFile(into)
			want := complete(t, day(sound, out...), into)
			cut := historical(t, "--hist-stored", "--hist-fault", "cut-body=70000")
			p := start(t, day(cut, out...)...)
			p.wait()
			came := content(t, filepath.Join(p.cmd.Dir, name+".part")) // of 70,000 bytes

			p = start(t, day(stalling, append(out, "-v")...)...)
			if !p.stderr.await("using the historical API") { // signals are watched from then on
				t.Fatalf("stderr: %s", p.stderr)
			}
			part := filepath.Join(p.cmd.Dir, name+".part")
			for i := 1; ; i++ {
				p.signal(syscall.SIGUSR1)
				if !p.stderr.await(fmt.Sprintf("(?s)((waiting for the server|no records yet|downloading for|[0-9,]+ records?, ).*){%d}", min(i, 1000))) {
					t.Fatalf("stderr: %s", p.stderr)
				}
				if _, err := os.Stat(part); err == nil && len(content(t, part)) >= len(came) {
					break
				}
			}
			p.signal(syscall.SIGKILL)
			p.wait()
			if got := content(t, part); !bytes.HasPrefix(want, got) || len(got) < len(came) {
				t.Errorf("%d bytes, %d came: they are not the first of %d", len(got), len(came), len(want))
			}
			before, err := os.ReadFile(part)
			if err != nil {
				t.Fatal(err)
			}
			again := startIn(t, p.cmd.Dir, day(sound, out...)...)
			if code := again.wait(); code != 0 || !strings.Contains(again.stderr.String(), name+".part exists, from an earlier run") {
				t.Errorf("exit code %d; stderr: %s", code, again.stderr)
			}
			if after, err := os.ReadFile(part); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the part was changed: %v", err)
			}
			if got := content(t, filepath.Join(p.cmd.Dir, name)); !bytes.Equal(got, want) {
				t.Errorf("%d bytes, want %d", len(got), len(want))
			}
		})
	}
}

func TestHistoricalDataIsBoughtOnlyWhenConfirmed(t *testing.T) {
	flags := historical(t)
	for answer, want := range map[string]int{"y": 0, "yes": 0, "no": 2, "": 2, "Y": 0, "maybe": 2} {
		t.Run("answer "+answer, func(t *testing.T) {
			master, terminal := openTerminal(t, 80)
			defer terminal.Close()
			if _, err := master.WriteString(answer + "\n"); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"hist", "-d", "GLBX.MDP3", "-s", "mbo", "--start", "2026-11-15", "-J", "ESZ6"}, flags...)
			cmd := exec.Command(filepath.Join(programs, "dbn-tail"), args...)
			cmd.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
			cmd.Stdin = terminal
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != want || (stdout.Len() > 0) != (want == 0) {
				t.Errorf("exit code %d, want %d; stdout %.80q", got, want, stdout.String())
			}
			question := regexp.MustCompile(`Request mbo of GLBX\.MDP3, \$0\.\d+: [\d,]+ records, [\d.]+ kB \([\d,]+ bytes\) \(ESZ6 from 2026-11-15T00:00:00\.000000000Z to 2026-11-16T00:00:00\.000000000Z\)\? \[y/N\] `)
			if !question.MatchString(stderr.String()) {
				t.Errorf("stderr: %q", stderr.String())
			}
		})
	}
}
