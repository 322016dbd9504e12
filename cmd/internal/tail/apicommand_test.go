package tail

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/samples"
	"github.com/dbnloop/dbnloop/dbn"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

func TestAPICommands(t *testing.T) {
	h := newHistServer(t, simhist.Config{Conditions: map[string]string{"2026-11-15": "degraded"}})
	for _, test := range []struct {
		args string
		want []string // lines that must be there, with their spaces made one
		all  bool     // and no other
	}{
		{"datasets", []string{"dataset", "GLBX.MDP3"}, true},
		{"datasets -J", []string{`"GLBX.MDP3"`}, true},
		{"datasets --omit-header --start 2026-11-15 --end 2026-11-16", []string{"GLBX.MDP3"}, true},
		{"datasets -J --start 2027-01-01", nil, true},
		{"schemas GLBX.MDP3", []string{"schema", "mbo", "trades", "definition"}, false},
		{"schemas -d GLBX.MDP3 -J", []string{`"mbo"`, `"trades"`}, false},
		{"fields trades", []string{"name type", "publisher_id uint16_t", "price int64_t"}, false},
		{"fields trades --encoding json -J", []string{`{"name":"price","type":"int64_t"}`}, false},
		{"publishers", []string{"id dataset venue description", "1 GLBX.MDP3 GLBX Venue GLBX of dataset GLBX.MDP3"}, false},
		{"publishers -d GLBX.MDP3 -J", []string{
			`{"publisher_id":1,"dataset":"GLBX.MDP3","venue":"GLBX","description":"Venue GLBX of dataset GLBX.MDP3"}`,
		}, true},
		{"prices GLBX.MDP3", []string{"schema historical historical-streaming live", "mbo $1.80 $2.16 $2.52"}, false},
		{"condition GLBX.MDP3", []string{"date condition modified", "2026-11-15 degraded 2026-11-16"}, true},
		{"condition GLBX.MDP3 -J --start 2026-11-15 --end 2026-11-15", []string{
			`{"date":"2026-11-15","condition":"degraded","last_modified_date":"2026-11-16"}`,
		}, true},
		{"range GLBX.MDP3", []string{
			"schema start end",
			"all 2026-11-15T00:00:00.000000000Z 2026-11-16T00:00:00.000000000Z",
		}, false},
		{"range GLBX.MDP3 -J", nil, false},
		{"prices GLBX.MDP3 -J", nil, false},
		{"resolve -d GLBX.MDP3 --start 2026-11-15 ESZ6", []string{"symbol from to is"}, false},
		{"resolve -d GLBX.MDP3 --start 2026-11-15 ESZ6 -J", []string{
			`{"symbol":"ESZ6","start_date":"2026-11-15","end_date":"2026-11-16","resolved":"4916"}`,
		}, true},
		{"cost -d GLBX.MDP3 -s trades --start 2026-11-15 ESZ6 -J", nil, false},
		{"resolve -d GLBX.MDP3 --start 2026-11-15 -i continuous --stype-out raw_symbol ES.c.0", nil, false},
		{"cost -d GLBX.MDP3 -s trades --start 2026-11-15 ESZ6", []string{
			"dataset GLBX.MDP3", "schema trades", "start 2026-11-15T00:00:00.000000000Z", "end 2026-11-16T00:00:00.000000000Z",
		}, false},
	} {
		t.Run(test.args, func(t *testing.T) {
			var warnings []string
			if strings.HasPrefix(test.args, "cost") {
				warnings = []string{"warning: server: Warning: the data is of reduced quality on 2026-11-15 (degraded)\n"}
			}
			got := h.run(t, strings.Fields(test.args)...).want(t, exit.OK, warnings...)
			if n := strings.Count(got.stderr, "\n"); n != len(warnings) {
				t.Errorf("%d lines of standard error: %s", n, got.stderr)
			}
			var lines []string
			for line := range strings.Lines(got.stdout) {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
			if strings.Contains(test.args, "-J") {
				lines = strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
				if got.stdout == "" {
					lines = nil
				}
				for _, line := range lines {
					if !json.Valid([]byte(line)) {
						t.Errorf("no JSON: %s", line)
					}
				}
			}
			if test.all {
				if diff := cmp.Diff(test.want, lines); diff != "" {
					t.Error(diff)
				}
				return
			}
			for _, line := range test.want {
				if !slices.Contains(lines, line) {
					t.Errorf("no line %q in\n%s", line, got.stdout)
				}
			}
			if len(lines) < 2 && !strings.Contains(test.args, "-J") {
				t.Errorf("there is little: %q", got.stdout)
			}
		})
	}
}

func TestFieldsOfADataset(t *testing.T) {
	s := newStub(t, map[string]http.HandlerFunc{"metadata.list_fields": func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode([]map[string]string{{"name": "of " + r.FormValue("dataset"), "type": r.FormValue("schema")}}) //nolint:errcheck // the client sees it
	}})
	for _, args := range []string{"fields trades -d XNAS.ITCH", "fields --dataset XNAS.ITCH trades"} {
		if got := s.run(t, strings.Fields(args)...).want(t, exit.OK).stdout; !strings.Contains(got, "of XNAS.ITCH  trades\n") {
			t.Errorf("%s: %s", args, got)
		}
	}
}

// A refusal says what there is instead.
func TestRefusalsSayWhereTheDataIs(t *testing.T) {
	const refusal = `{"detail":{"case":"data_start_before_available_start","message":"no data","status_code":422,` +
		`"payload":{"available_start":"2026-11-15T00:00:00Z","available_end":"2026-11-16T00:00:00Z"}}}`
	refuse := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		w.Write([]byte(refusal)) //nolint:errcheck // the client sees it
	}
	s := newStub(t, map[string]http.HandlerFunc{"metadata.get_cost": refuse, "timeseries.get_range": refuse})
	for _, args := range [][]string{{"hist"}, {"hist", "--dry-run"}, {"cost"}, {"batch", "submit"}} {
		query := histQuery(dbn.SchemaMbo)
		if args[0] == "cost" {
			query = query[1:] // it asks for nothing that costs
		}
		got := s.run(t, append(args, query...)...).want(t, exit.Failure, "the data begins at 2026-11-15T00:00:00Z", "2026-11-16T00:00:00Z")
		if strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%v: %s", args, got.stderr)
		}
	}
}

func TestResolve(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	metadata, _ := samples.Records(t, dbn.SchemaTrades)
	for _, m := range metadata.Mappings {
		args := []string{"resolve", "-d", "GLBX.MDP3", "--start", "2026-11-15", "--omit-header", m.RawSymbol}
		got := strings.Fields(h.run(t, args...).want(t, exit.OK).stdout)
		want := []string{m.RawSymbol, "2026-11-15", "2026-11-16", m.Intervals[0].Symbol}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	h.run(t, "resolve", "-d", "GLBX.MDP3", "--start", "2026-11-15", "ESZ6", "NONE").want(t, exit.Failure, "not resolved: NONE")
}

func TestAPIUsage(t *testing.T) {
	h := newHistServer(t, simhist.Config{})
	for args, want := range map[string]string{
		"datasets x":                      "takes no argument",
		"datasets --start yesterday":      "want a day",
		"schemas":                         "name one dataset",
		"schemas A -d B":                  "name one dataset",
		"fields":                          "name one schema",
		"fields nothing":                  "is unknown",
		"fields trades --encoding xml":    "--encoding",
		"resolve ESZ6 --start 2026-11-15": "no dataset",
		"resolve -d GLBX.MDP3 ESZ6":       "no start",
		"resolve -d GLBX.MDP3 --start 2026-11-15 --stype-out x ESZ6": "--stype-out",
		"cost -d GLBX.MDP3 -s trades ESZ6":                           "no start",
		"batch x":                                                    "unknown subcommand \"x\": want download, files, list, show or submit",
		"batch":                                                      "missing subcommand",
		"batch show":                                                 "name one job",
		"batch download":                                             "name a job",
		"batch download ../x":                                        "cannot be the name of a job",
		"batch submit -d GLBX.MDP3 -s trades --start 2026-11-15 ESZ6":                       "confirm with -y",
		"batch submit -d GLBX.MDP3 -s trades --start 2026-11-15 -y --encoding x Z":          "--encoding",
		"batch submit -d GLBX.MDP3 -s trades --start 2026-11-15 -y --pretty-px Z":           "are for csv and json",
		"batch submit -d GLBX.MDP3 -s trades --start 2026-11-15 -y --max-cost 0 ESZ6":       "more than --max-cost allows",
		"batch submit -d GLBX.MDP3 -s trades --start 2026-11-15 -y --split-duration hour Z": "--split-duration",
	} {
		t.Run(args, func(t *testing.T) {
			fields := strings.Fields(args)
			if args == "batch x" || args == "batch" {
				runProgram(t, fields...).want(t, exit.Usage, want)
				return
			}
			h.run(t, fields...).want(t, exit.Usage, want)
		})
	}
	h.run(t, "schemas", "NONE").want(t, exit.Failure, "dataset_not_found", "request ", "see https://")
	if slices.Contains(h.endpoints(), "batch.submit_job") {
		t.Error("a job was ordered")
	}
}

func TestCompletionKnowsNames(t *testing.T) {
	for args, want := range map[string]string{
		"schemas |":                       "XNAS.ITCH",
		"fields |":                        "mbp-10",
		"hist -d |":                       "GLBX.MDP3",
		"hist -s |":                       "trades",
		"cost -i |":                       "continuous",
		"batch submit -s |":               "mbo",
		"batch submit --split-duration |": "week",
		"batch |":                         "download",
		"fields --encoding |":             "json",
		"|":                               "hist",
	} {
		fields := strings.Fields(strings.TrimSuffix(args, "|"))
		got := runProgram(t, slices.Concat([]string{"__complete"}, fields, []string{""})...)
		if !strings.Contains("\n"+got.stdout, "\n"+want) {
			t.Errorf("%s: no %s in %s", args, want, got.stdout)
		}
	}
}
