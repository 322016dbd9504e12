package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/dbnloop/dbnloop/test/bench/report"
)

// program is an executable that takes part.
type program struct {
	path    string
	peer    bool   // by others
	slow    bool   // gets a twentieth of the records
	version string // of a peer
	reason  string // why it cannot run; empty: it can
}

func (p program) command(args ...string) *exec.Cmd { return exec.Command(p.path, args...) }

// The names of the peers, which are also those of their directories in build/bench/peers.
const (
	peerCPP    = "databento-cpp"
	peerRust   = "databento-rs"
	peerPython = "databento-python"
	peerGo     = "dbn-go"
	peerTool   = "dbn"
)

// own is the path of one of the project's own benchmarks.
func (o options) own(name string) string {
	return filepath.Join(o.build, "release", "test", "bench", name)
}

// programs lists what takes part. Peers were built by scripts/bench-peers.sh, which left, in the
// directory of each, the program and its version, or the reason why it is missing.
func programs(o options) map[string]program {
	all := map[string]program{
		"bare":       {path: o.own("bare")},
		"receive":    {path: o.own("receive")},
		"receive_go": {path: o.own("receive_go")},
		"dbn-tail":   {path: filepath.Join(o.build, "bin", "dbn-tail")},
	}
	for _, name := range []string{peerCPP, peerRust, peerPython, peerGo, peerTool} {
		dir := filepath.Join(o.build, "bench", "peers", name)
		p := program{path: filepath.Join(dir, "peer"), peer: true, slow: name == peerPython}
		p.version = content(filepath.Join(dir, "version"))
		if p.reason = content(filepath.Join(dir, "not_run")); p.reason == "" {
			if _, err := os.Stat(p.path); err != nil {
				p.reason = "it was not built: run scripts/bench-peers.sh"
			}
		}
		all[name] = p
	}
	return all
}

func content(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// missing lists the peers that cannot run at all.
func (b *bench) missing() (all []report.NotRun) {
	for _, name := range []string{peerCPP, peerRust, peerPython, peerGo, peerTool} {
		if reason := b.programs[name].reason; reason != "" {
			all = append(all, report.NotRun{Program: name, Reason: reason})
		}
	}
	return all
}
