package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop/cmd/internal/relay/embed"
	"github.com/dbnloop/dbnloop/cmd/internal/relay/log"
	"github.com/dbnloop/dbnloop/internal/simtest"
	"github.com/dbnloop/dbnloop/sim"
)

// Two relays share a log on a NATS server: one writes, the other stands by and serves. The one that writes is killed
// while the market moves, and the other takes over; its consumer gets every record once and in order.
func TestAStandbyTakesOver(t *testing.T) {
	meta, records := simtest.SampleFile(t, "mbo")
	market := simtest.Gateway(t, sim.Config{
		Sources: []sim.Source{sim.RecordsSource(meta, records)}, SharedMarket: true, Retention: sim.KeepAll,
	})
	cluster, err := log.Open(t.Context(), log.Options{Server: &embed.Server{Directory: t.TempDir(), Listen: "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	dir := t.TempDir()
	keys, settings := filepath.Join(dir, "keys"), filepath.Join(dir, "relay.toml")
	if err := os.WriteFile(keys, []byte(demoKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, []byte(`
[upstream]
gateway = "`+market.Addr()+`"
replay_limit = "36500d"
[log]
url = "nats://`+cluster.Address()+`"
[serve]
keys_file = "`+keys+`"
listen = "127.0.0.1:0"
[[dataset]]
name = "GLBX.MDP3"
start = "all"
[[dataset.subscription]]
schema = "mbo"
`), 0o600); err != nil {
		t.Fatal(err)
	}
	active := startRelay(t, "--config", settings)
	if _, err := market.Advance(100); err != nil {
		t.Fatal(err)
	}
	consume(t, active, records, 100*56) // it holds the lease
	standby := startRelay(t, "--config", settings)
	defer func() {
		standby.cmd.Process.Kill() //nolint:errcheck // Wait says what became of it
		standby.cmd.Wait()         //nolint:errcheck // it was killed
	}()
	consume(t, standby, records, 100*56)
	if _, err := market.Advance(100); err != nil {
		t.Fatal(err)
	}
	active.cmd.Process.Kill() //nolint:errcheck // Wait says what became of it
	active.cmd.Wait()         //nolint:errcheck // it was killed
	if _, err := market.Advance(1 << 30); err != nil {
		t.Fatal(err)
	}
	if got := consume(t, standby, records, len(records)); !bytes.Equal(got, records) {
		t.Errorf("%d bytes came, and differ from the %d that were sent", len(got), len(records))
	}
}
