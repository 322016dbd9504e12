package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

const (
	dataset = "GLBX.MDP3"
	symbol  = "ESZ6"
	// epoch is the time of the first record; the others follow, a microsecond apart.
	epoch = dbn.UnixNanos(1_794_700_800_000_000_000)
	step  = 1000
)

// files is the data in its forms.
type files struct{ plain, zstd string }

// writeData writes mbo records whose order ids count from 0.
func writeData(dir string, n int) (f files, err error) {
	meta := dbn.Metadata{
		Version: 3, Dataset: dataset, Schema: dbn.SchemaMbo, Start: epoch, End: epoch + dbn.UnixNanos(n*step),
		StypeIn: dbn.STypeRawSymbol, StypeOut: dbn.STypeInstrumentID, SymbolCstrLen: 71,
		Symbols: []string{symbol},
		Mappings: []dbn.SymbolMapping{{RawSymbol: symbol, Intervals: []dbn.MappingInterval{
			{StartDate: 20200101, EndDate: 20300101, Symbol: "1"},
		}}},
	}
	out, err := meta.Append(nil)
	if err != nil {
		return f, err
	}
	for i := range n {
		m := dbn.MboMsg{
			Hd: dbn.RecordHeader{
				Length: uint8(unsafe.Sizeof(dbn.MboMsg{}) / 4), RType: dbn.RTypeMbo, PublisherID: 1,
				InstrumentID: 1, TsEvent: epoch + dbn.UnixNanos(i*step),
			},
			OrderID: uint64(i), Price: 1e9, Size: 1, Action: dbn.ActionAdd, Side: dbn.SideBid,
			TsRecv: epoch + dbn.UnixNanos(i*step), Sequence: uint32(i),
		}
		out = append(out, unsafe.Slice((*byte)(unsafe.Pointer(&m)), unsafe.Sizeof(m))...)
	}
	f.plain, f.zstd = filepath.Join(dir, "soak.dbn"), filepath.Join(dir, "soak.dbn.zst")
	if err := os.WriteFile(f.plain, out, 0o600); err != nil {
		return f, err
	}
	return f, exec.Command("zstd", "-q", "-f", f.plain, "-o", f.zstd).Run()
}

// sims are the simulators.
type sims struct {
	mu        sync.Mutex
	processes []*exec.Cmd // that run
	gateways  []gateway
	url, ca   string // historical
	bigURL    string // the same data over and over, not compressed
	cutURL    string // breaks off
	cutCA     string
	bigCA     string
}

// rssKiB is the memory of all simulators together.
func (s *sims) rssKiB() (sum int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.processes {
		sum += rssOf(strconv.Itoa(p.Process.Pid))
	}
	return sum
}

func (s *sims) add(cmd *exec.Cmd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, cmd)
}

func (s *sims) remove(cmd *exec.Cmd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = slices.DeleteFunc(s.processes, func(other *exec.Cmd) bool { return other == cmd })
}

// gateway is a simulator's live part, and how its sessions end by themselves.
type gateway struct {
	host string
	port int
	// cutAt is how many records come before the fault; 0: no fault is shown.
	cutAt uint64
	fault string
}

func startSims(program, dir string, data files, o options) (s *sims, err error) {
	s = &sims{}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	cut := uint64(o.records)*3/2 + 17
	for _, fault := range []string{"", "reset", "close", "half-close", "cut-record"} {
		args := []string{"--loop", "forever", data.plain}
		g := gateway{fault: fault}
		if fault != "" {
			g.cutAt = cut
			args = append([]string{"--fault", fault + "=" + strconv.FormatUint(cut, 10)}, args...)
		}
		lines, err := s.start(program, 1, args...)
		if err != nil {
			return nil, err
		}
		address := strings.TrimPrefix(lines[0], "listening on ")
		colon := strings.LastIndexByte(address, ':')
		g.host = address[:colon]
		if g.port, err = strconv.Atoi(address[colon+1:]); err != nil {
			return nil, fmt.Errorf("the simulator said %q", lines[0])
		}
		s.gateways = append(s.gateways, g)
	}
	historical := func(name string, args ...string) (url, ca string, err error) {
		ca = filepath.Join(dir, name+".pem")
		lines, err := s.start(program, 2, append([]string{"--hist-port", "0", "--ca-out", ca, data.plain}, args...)...)
		if err != nil {
			return "", "", err
		}
		return strings.TrimPrefix(lines[1], "historical on "), ca, nil
	}
	if s.url, s.ca, err = historical("plain"); err != nil {
		return nil, err
	}
	if s.cutURL, s.cutCA, err = historical("cut", "--hist-fault", "cut-body=60000,endpoint=timeseries.get_range"); err != nil {
		return nil, err
	}
	if o.download > 0 {
		s.bigURL, s.bigCA, err = historical("big", "--hist-stored", "--hist-repeat-bytes", strconv.FormatInt(o.download, 10))
	}
	return s, err
}

// start runs a simulator until it has said its first lines: that it is ready.
func (s *sims) start(program string, lines int, args ...string) (said []string, err error) {
	cmd := exec.Command(program, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var errors bytes.Buffer
	cmd.Stderr = &errors
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.add(cmd)
	scanner := bufio.NewScanner(out)
	for len(said) < lines {
		if !scanner.Scan() {
			return nil, fmt.Errorf("the simulator ended early: %s", errors.String())
		}
		said = append(said, scanner.Text())
	}
	return said, nil
}

func (s *sims) stop() {
	for _, cmd := range s.processes {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // killed
	}
}
