package main

import "github.com/dbnloop/dbnloop/cmd/internal/cli"

// help is what the program's help and its manual page have beside the texts of the command.
var help = &cli.Help{
	Groups: []cli.FlagGroup{
		{Title: "What is received", Names: []string{
			"config", "demo", "dataset", "schema", "symbols", "stype", "start", "key-file", "gateway",
		}},
		{Title: "The log", Names: []string{
			"log", "log-listen", "nats", "nats-creds", "nats-ca", "max-age", "max-bytes",
		}},
		{Title: "Consumers", Names: []string{"listen", "keys"}},
		{Title: "Operation and messages", Names: []string{"admin", "json", "verbose", "quiet", "log-format"}},
	},
	Exit: []cli.Entry{
		{Name: "0", Text: "ended by SIGINT or SIGTERM, after consumers had time for what was left"},
		{Name: "1", Text: "failure, such as an address that is taken or a stream that has ended"},
		{Name: "2", Text: "usage error, or a mistake in the configuration"},
		{Name: "4", Text: "a file of keys that cannot be used, or no API key"},
	},
	Environment: []cli.Entry{
		{Name: "DATABENTO_API_KEY", Text: "the API key, unless --key-file or the configuration names a file"},
	},
}
