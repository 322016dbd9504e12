package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
)

// controlHelp describes the lines that --control reads.
const controlHelp = `With --control, a test in any language changes the simulator while it runs. Each line on
standard input is a command, and each is answered by one line on standard output, "ok",
"ok VALUE" or "error TEXT". The end of the input ends the program.
  advance N           let the next N records happen: their number
  advance-to TIME     let all records before a time happen
  present             where the market is, in nanoseconds since 1970
  keep-from TIME      let replays begin at a time at the earliest
  fault TEXT          add a fault (see above): its number
  fired NUMBER        how often that fault was shown
  remove NUMBER       remove it
  reset               reset every connection: their number
  await-subscribed N  wait until N subscriptions were accepted in all
  await-ended N       wait until N connections have ended in all
`

// controller changes a gateway as its input says.
type controller struct {
	gateway *sim.Gateway
	shared  bool // there is a market to move
	faults  []*sim.FaultHandle
}

// run answers every line of the input, until its end.
func (c *controller) run(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		answer, err := c.do(ctx, text)
		if err != nil {
			answer = "error " + cli.Plain(strings.TrimPrefix(err.Error(), "sim: "))
		}
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// do answers one command.
func (c *controller) do(ctx context.Context, text string) (string, error) {
	name, value, _ := strings.Cut(text, " ")
	value = strings.TrimSpace(value)
	commands := map[string]func() (string, error){
		"advance":          func() (string, error) { return counted(value, c.gateway.Advance) },
		"advance-to":       func() (string, error) { return timed(value, c.gateway.AdvanceTo) },
		"present":          func() (string, error) { return fmt.Sprintf("ok %d", uint64(c.gateway.Present())), nil },
		"keep-from":        func() (string, error) { return timed(value, c.keepFrom) },
		"fault":            func() (string, error) { return c.addFault(value) },
		"fired":            func() (string, error) { return counted(value, c.fired) },
		"remove":           func() (string, error) { return c.remove(value) },
		"reset":            func() (string, error) { return fmt.Sprintf("ok %d", c.gateway.Reset()), nil },
		"await-subscribed": func() (string, error) { return awaited(ctx, value, c.gateway.AwaitSubscribed) },
		"await-ended":      func() (string, error) { return awaited(ctx, value, c.gateway.AwaitEnded) },
	}
	command := commands[name]
	if strings.HasPrefix(name, "advance") && !c.shared {
		return "", errors.New("there is no market to move, start dbn-sim with --shared-market")
	}
	if command == nil {
		return "", fmt.Errorf("there is no command %q, dbn-sim --help lists them", name)
	}
	return command()
}

func (c *controller) keepFrom(at dbn.UnixNanos) error {
	c.gateway.KeepFrom(at)
	return nil
}

// addFault answers with the number of the fault, from 1 on.
func (c *controller) addFault(text string) (string, error) {
	handle, err := c.gateway.AddFault(text)
	if err != nil {
		return "", err
	}
	c.faults = append(c.faults, handle)
	return fmt.Sprintf("ok %d", len(c.faults)), nil
}

func (c *controller) fault(number int) (*sim.FaultHandle, error) {
	if number < 1 || number > len(c.faults) {
		return nil, fmt.Errorf("there is no fault %d: %d were added", number, len(c.faults))
	}
	return c.faults[number-1], nil
}

func (c *controller) fired(number int) (int, error) {
	handle, err := c.fault(number)
	if err != nil {
		return 0, err
	}
	return int(handle.Fired()), nil
}

func (c *controller) remove(text string) (string, error) {
	number, err := parseCount(text)
	if err != nil {
		return "", err
	}
	handle, err := c.fault(number)
	if err != nil {
		return "", err
	}
	handle.Remove()
	return "ok", nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q: want a number, 0 or more", text)
	}
	return n, nil
}

// counted calls do with a number and answers with another one.
func counted(text string, do func(int) (int, error)) (string, error) {
	n, err := parseCount(text)
	if err != nil {
		return "", err
	}
	if n, err = do(n); err != nil {
		return "", err
	}
	return fmt.Sprintf("ok %d", n), nil
}

// timed calls do with a time.
func timed(text string, do func(dbn.UnixNanos) error) (string, error) {
	at, err := dbn.ParseTime(text)
	if err != nil {
		return "", errors.New(strings.TrimPrefix(err.Error(), "dbn: "))
	}
	return "ok", do(at)
}

// awaited waits for a number.
func awaited(ctx context.Context, text string, await func(context.Context, int64) error) (string, error) {
	n, err := parseCount(text)
	if err != nil {
		return "", err
	}
	return "ok", await(ctx, int64(n))
}
