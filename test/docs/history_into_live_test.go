package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// historyIntoLive runs a program whose stream begins in history and ends
// live. Without a budget it ends before anything is bought.
func historyIntoLive(all int) func(t *testing.T, path, language string) {
	return func(t *testing.T, path, language string) {
		gateway, err := sim.NewGateway(sim.Config{
			Sources: sim.SampleSources(), SharedMarket: true, Pace: sim.RealTime(50), LiveFrom: dbn.UnixNanosOf(sampleBegin.Add(time.Minute)),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer gateway.Close()
		server, err := historical.NewServer(historical.Config{Sources: sim.SampleSources(), Present: gateway.Present})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		ca := filepath.Join(t.TempDir(), "ca.pem")
		if err := server.WriteCA(ca); err != nil {
			t.Fatal(err)
		}
		run := func(budget string) (string, error) {
			args := []string{"-gateway", gateway.Host(), "-port", strconv.Itoa(gateway.Port()), "-url", server.URL(), "-ca", ca,
				"-start", sampleBegin.Format(time.RFC3339), "-limit", strconv.Itoa(all), "-max-usd", budget}
			if language == "cpp" {
				args = []string{strconv.FormatInt(sampleBegin.Unix(), 10), strconv.Itoa(all), budget, gateway.Host(), strconv.Itoa(gateway.Port()), server.URL(), ca}
			}
			command := exec.Command(path, args...)
			command.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
			var stderr strings.Builder
			command.Stderr = &stderr
			output, err := command.Output()
			if strings.Contains(stderr.String(), dbnloop.Gap.String()) {
				t.Errorf("a gap with a budget of %s:\n%s", budget, &stderr)
			}
			return string(output), err
		}
		if output, err := run("0"); err == nil || output != "0 trades, USD 0.000000\n" {
			t.Errorf("without a budget: %v, %q", err, output)
		}
		output, err := run("1")
		if want := regexp.MustCompile(`^` + strconv.Itoa(all) + ` trades, USD 0\.0*[1-9]\d*\n$`); err != nil || !want.MatchString(output) {
			t.Errorf("with a budget: %v, %q", err, output)
		}
	}
}
