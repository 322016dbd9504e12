package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// venue is a simulator with a market that continues while nobody is connected. It moves and
// misbehaves when it is asked to. One goroutine at a time may use it.
type venue struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	host   string
	port   int
	url    string // of the historical API, if there is one
	faults []int  // numbers of those that may still be shown
	fired  int    // how often those that were removed were shown
}

// openVenue starts a simulator with files, and more flags, which counts as one of s until it is
// closed.
func (s *sims) openVenue(program string, files []string, flags ...string) (v *venue, err error) {
	args := append([]string{"--control", "--shared-market", "--retention", "-1s", "--quiet"}, flags...)
	v = &venue{cmd: exec.Command(program, append(args, files...)...)}
	v.cmd.Stderr = os.Stderr
	if v.in, err = v.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	s.add(v.cmd)
	v.out = bufio.NewScanner(out)
	if !v.out.Scan() {
		v.close(s)
		return nil, fmt.Errorf("the simulator ended early: %w", v.out.Err())
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(v.out.Text(), "listening on "))
	if err == nil {
		v.port, err = strconv.Atoi(port)
	}
	if err != nil {
		v.close(s)
		return nil, fmt.Errorf("the simulator said %q", v.out.Text())
	}
	v.host = host
	return v, nil
}

// openHistory takes the line that follows when the simulator was started with a historical API.
func (v *venue) openHistory() error {
	if !v.out.Scan() {
		return fmt.Errorf("the simulator ended early: %w", v.out.Err())
	}
	url, ok := strings.CutPrefix(v.out.Text(), "historical on ")
	if !ok {
		return fmt.Errorf("the simulator said %q", v.out.Text())
	}
	v.url = url
	return nil
}

func (v *venue) close(s *sims) {
	v.in.Close()         //nolint:errcheck // it is killed
	v.cmd.Process.Kill() //nolint:errcheck // it may have ended
	v.cmd.Wait()         //nolint:errcheck // killed
	s.remove(v.cmd)
}

// ask gives a command, and returns the number that answers it; 0 without one.
func (v *venue) ask(command string) (n int, err error) {
	if _, err := fmt.Fprintln(v.in, command); err != nil {
		return 0, fmt.Errorf("%s: %w", command, err)
	}
	if !v.out.Scan() {
		return 0, fmt.Errorf("%s: the simulator has ended: %w", command, v.out.Err())
	}
	number, ok := strings.CutPrefix(v.out.Text(), "ok")
	if number = strings.TrimSpace(number); ok && number != "" {
		n, err = strconv.Atoi(number)
	}
	if !ok || err != nil {
		return 0, fmt.Errorf("%s: the simulator answered %q", command, v.out.Text())
	}
	return n, nil
}

// advance lets at most n records happen. It reports whether there are more.
func (v *venue) advance(n int) (more bool, err error) {
	happened, err := v.ask(fmt.Sprint("advance ", n))
	return happened == n, err
}

// keep is how many faults may wait to be shown.
const keep = 4

// misbehave adds a fault, and removes the oldest one if there are many.
func (v *venue) misbehave(fault string) error {
	number, err := v.ask("fault " + fault)
	if err != nil {
		return err
	}
	v.faults = append(v.faults, number)
	return v.behave(keep)
}

// behave removes all but the latest faults.
func (v *venue) behave(latest int) error {
	for len(v.faults) > latest {
		fired, err := v.ask(fmt.Sprint("fired ", v.faults[0]))
		if err != nil {
			return err
		}
		v.fired += fired
		if _, err := v.ask(fmt.Sprint("remove ", v.faults[0])); err != nil {
			return err
		}
		v.faults = v.faults[1:]
	}
	return nil
}
