package report

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestARowHasTheMedianAndTheRatiosToTheFirst(t *testing.T) {
	first := NewRow("file", "bare", 1000, []Sample{{3, 1}, {1, 0.5}, {2, 0.75}}, nil)
	if first.MedianSeconds != 2 || first.MinSeconds != 1 || first.MedianCPUSeconds != 0.75 || first.MinCPUSeconds != 0.5 {
		t.Errorf("%+v", first)
	}
	if first.RecordsPerSecond != 500 || first.CPUPerRecord != 750_000 || first.Speed != 1 || first.CPU != 1 {
		t.Errorf("%+v", first)
	}
	// A peer that gets fewer records is compared by record.
	row := NewRow("file", "peer", 100, []Sample{{1, 0.3}, {3, 0.3}}, &first)
	if row.MedianSeconds != 2 || row.Speed != 0.1 || row.CPU != 4 {
		t.Errorf("%+v", row)
	}
}

func someReport() *Report {
	bare := NewRow("file, mbo", "bare loop", 4_000_000, []Sample{{0.02, 0.02}}, nil)
	peer := NewRow("file, mbo", "peer", 4_000_000, []Sample{{0.05, 0.04}}, &bare)
	peer.Version = "0.65"
	other := NewRow("live, mbo", "bare loop", 1000, []Sample{{1, 1}}, nil)
	many := []Line{
		{Program: "bare", Values: map[string]float64{"clients": 1000, "cpu_ns": 8.25}},
		{Program: "Go", Values: map[string]float64{"clients": 1000, "cpu_ns": 95123.4, "jain": 0.98765}},
	}
	return &Report{Rounds: 1, Rows: []Row{bare, peer, other}, Many: many, NotRun: []NotRun{{Program: "dbn-go", Reason: "no sources"}}}
}

func TestTheTableHasEachWorkloadAndWhatDidNotRun(t *testing.T) {
	table := someReport().Table()
	for _, want := range []string{
		"### file, mbo\n", "| 4,000,000 records |", "| peer 0.65 | 80.0 | 0.40 | 10.0 | 2.00 | 0.050 / 0.050 | 0.040 / 0.040 |\n",
		"### many clients on one reactor\n\n| | clients | CPU ns/record | fairness (Jain) |\n",
		"| bare | 1,000 | 8.25 | – |\n| Go | 1,000 | 95,123 | 0.9877 |\n",
		"### live, mbo\n", "NOT RUN:\n\n- dbn-go (every workload): no sources\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is missing in\n%s", want, table)
		}
	}
}

func TestAReportIsReadAsItWasSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "bench.json")
	want := someReport()
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, saved %+v", got, want)
	}
}
