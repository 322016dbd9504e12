package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/ops"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/service"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

const (
	statusTimeout = 10 * time.Second
	maxStatus     = 16 << 20 // bytes of an answer
)

func newStatusCommand() *cobra.Command {
	var admin string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print what a running relay does",
		Long:  "status asks the relay that was started with --admin, and prints its datasets and its consumers.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, raw, err := askStatus(admin)
			if err != nil {
				return err
			}
			if asJSON {
				_, err := cmd.OutOrStdout().Write(raw)
				return err
			}
			return printStatus(cmd.OutOrStdout(), status)
		},
	}
	cmd.Flags().StringVar(&admin, "admin", "127.0.0.1:9138", "the relay's --admin address, `HOST:PORT`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func askStatus(address string) (status service.Status, raw []byte, err error) {
	client := &http.Client{Timeout: statusTimeout}
	response, err := client.Get("http://" + address + ops.StatusPath)
	if err != nil {
		return status, nil, exit.Fail(exit.Failure, "no relay answers at %s (was it started with --admin?): %w", address, err)
	}
	defer response.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(response.Body, maxStatus))
	if err != nil || response.StatusCode != http.StatusOK {
		return status, nil, exit.Fail(exit.Failure, "%s answers %s (%v)", address, response.Status, err)
	}
	if err := json.Unmarshal(raw, &status); err != nil {
		return status, nil, exit.Fail(exit.Failure, "%s is not a relay: %w", address, err)
	}
	return status, raw, nil
}

func printStatus(w io.Writer, status service.Status) error {
	nats := "connected"
	if !status.NATS {
		nats = "NOT connected"
	}
	if _, err := fmt.Fprintf(w, "%s since %s, NATS %s\n\n", status.Address, status.Since.UTC().Format(time.RFC3339), nats); err != nil {
		return err
	}
	datasets := term.Listing{Columns: []string{"DATASET", "STATE", "RECORDS", "PENDING", "GAPS", "RECONNECTS", "INSTRUMENTS", "LOG", "SCHEMAS"}}
	for _, d := range status.Datasets {
		state := "catching up"
		switch {
		case d.Standby:
			state = "standby"
		case d.DiskFull:
			state = "disk full"
		case d.Paused:
			state = "paused"
		case d.Live:
			state = "live"
		}
		datasets.Add(d.Dataset, state, term.Grouped(uint64(d.Records)), term.HumanBytes(float64(d.Pending)), fmt.Sprint(d.Gaps),
			fmt.Sprint(d.Reconnects), fmt.Sprint(d.Symbols), term.HumanBytes(float64(d.LogBytes)), strings.Join(d.Schemas, ","))
	}
	if err := datasets.Print(w, term.ListingForm{}); err != nil {
		return err
	}
	consumers := term.Listing{Columns: []string{"CONSUMER", "ADDRESS", "DATASET", "SUBSCRIPTIONS", "RECORDS"}}
	for _, c := range status.Serving.List {
		consumers.Add(fmt.Sprint(c.ID), c.Remote, c.Dataset, fmt.Sprint(c.Subscriptions), term.Grouped(uint64(c.Records)))
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return consumers.Print(w, term.ListingForm{})
}
