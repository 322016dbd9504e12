package main

import "github.com/dbnloop/dbnloop/cmd/internal/cli"

// help is what the program's help and its manual page have beside the texts of the command.
var help = &cli.Help{
	Groups: []cli.FlagGroup{
		{Title: "Data", Names: []string{"file", "dataset", "input-dbn-version", "dbn-version", "hist-repeat-bytes"}},
		{Title: "Addresses and keys", Names: []string{
			"listen", "port-file", "key", "hist-port", "hist-listen", "hist-port-file", "ca-out", "hist-plain",
		}},
		{Title: "Time", Names: []string{
			"pace", "loop", "shift", "live-from", "shared-market", "retention", "end-of-interval", "heartbeat",
		}},
		{Title: "Behavior and its end", Names: []string{
			"fault", "hist-fault", "control", "close-at-end", "exit-after-sessions",
			"hist-stored", "hist-job-delay", "hist-long-jobs", "hist-warning", "hist-condition",
		}},
		{Title: "Messages", Names: []string{"verbose", "quiet", "log-format"}},
	},
	Exit: []cli.Entry{
		{Name: "0", Text: "ended by SIGINT or SIGTERM, or after --exit-after-sessions"},
		{Name: "1", Text: "failure, such as an address that is taken"},
		{Name: "2", Text: "usage error"},
	},
}
