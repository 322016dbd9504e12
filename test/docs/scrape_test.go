package docs

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dbnloop/dbnloop/sim"
)

// scrape reads the metrics of the Prometheus example until they show all trades.
func scrape(t *testing.T, path string, trades int) {
	t.Helper()
	gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources()})
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	command := exec.Command(path, "-gateway", gateway.Host(), "-port", strconv.Itoa(gateway.Port()), "-listen", "127.0.0.1:0")
	command.Env = append(os.Environ(), "DATABENTO_API_KEY="+sim.TestKey)
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stderr).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "metrics at ")
	if err != nil || !ok {
		t.Fatalf("the first line is %q, %v", line, err)
	}
	want := fmt.Sprintf("md_records_total{rtype=\"mbp-0\"} %d\n", trades)
	for found := false; !found; {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(body), "\nmd_silence_seconds ") {
			t.Fatalf("%v\n%s", err, body)
		}
		found = strings.Contains(string(body), want)
	}
	command.Process.Signal(syscall.SIGTERM) //nolint:errcheck // Wait reports it
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}
