package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

func write(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

const dataset = `
[[dataset]]
name = "GLBX.MDP3"
start = "2026-11-20T14:30Z"
[[dataset.subscription]]
schema = "trades"
symbols = ["ES.FUT"]
stype = "parent"
[[dataset.subscription]]
schema = "definition"
`

func TestAConfigurationIsRead(t *testing.T) {
	c, err := Load(write(t, "relay.toml", `
[upstream]
gateway = "127.0.0.1:13000"
max_cost = 1.5
[log]
directory = "/var/lib/dbn-relay"
max_age = "7d12h"
max_bytes = "1.5GiB"
[serve]
listen = "0.0.0.0:13000"
heartbeat = "10s"
`+dataset, 0o644))
	if err == nil {
		err = c.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	if time.Duration(c.Log.MaxAge) != 180*time.Hour || c.Log.MaxBytes != 3<<29 || time.Duration(c.Serve.Heartbeat) != 10*time.Second {
		t.Errorf("%+v", c)
	}
	requests, err := c.Datasets[0].Requests()
	if err != nil || len(requests) != 2 || requests[0].StypeIn != dbn.STypeParent || !requests[0].HasStart ||
		requests[1].Symbols[0] != dbn.AllSymbols || requests[1].Schema != dbn.SchemaDefinition {
		t.Errorf("%+v, %v", requests, err)
	}
}

func TestMistakesInAConfigurationAreNamed(t *testing.T) {
	for _, test := range []struct{ content, want string }{
		{"", "there is no dataset"},
		{dataset + "[upstream]\nkey = \"x\"", `unknown key "upstream.key"`},
		{dataset + "[log]\nmax_age = \"week\"", `duration "week": want one such as 90s, 12h or 7d`},
		{dataset + "[log]\nmax_bytes = \"much\"", `size "much": want one such as 512MiB or 100GB`},
		{dataset + "[upstream]\ngateway = \"host\"", `gateway "host": want HOST:PORT`},
		{dataset + "[admin]\nlisten = \"0.0.0.0:9138\"", "admin.listen is 0.0.0.0:9138"},
		{dataset + "[log]\nlisten = \"10.1.2.3:4222\"", "log.listen is 10.1.2.3:4222"},
		{dataset + dataset, "dataset GLBX.MDP3 occurs twice"},
		{strings.Replace(dataset, "trades", "trade", 1), `unknown schema "trade"`},
		{strings.Replace(dataset, "parent", "child", 1), `unknown stype "child"`},
		{strings.Replace(dataset, "2026-11-20T14:30Z", "noon", 1), `start "noon"`},
		{strings.Replace(dataset, "GLBX.MDP3", "GLBX/MDP3", 1), `dataset "GLBX/MDP3"`},
		{"[[dataset]]\nname = \"GLBX.MDP3\"", "has no subscription"},
	} {
		c, err := Load(write(t, "relay.toml", test.content, 0o644))
		if err == nil {
			err = c.Check()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.content, err, test.want)
		}
	}
}

func TestKeysAreReadAndNeverShown(t *testing.T) {
	const key, short = "db-0123456789012345678901234567x", "db-tooshort"
	keys, err := ReadKeys(write(t, "keys", "# one consumer\n\n"+key+"\r\n", 0o600))
	if err != nil || len(keys) != 1 || keys[0] != key {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	for _, test := range []struct {
		content string
		mode    os.FileMode
		want    string
	}{
		{key, 0o644, "chmod 600"},
		{"# none\n", 0o600, "has none"},
		{key + "\n" + short, 0o600, "line 2"},
		{strings.Replace(key, "0", "|", 1), 0o600, "line 1"},
	} {
		_, err := ReadKeys(write(t, "keys", test.content, test.mode))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), short) || strings.Contains(err.Error(), key) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

func TestOnlyThisMachineIsLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.8.8:1": true, "[::1]:1": true, "localhost:1": true,
		"0.0.0.0:1": false, ":1": false, "[::]:1": false, "10.0.0.1:1": false, "example.com:1": false, "127.0.0.1": false,
	} {
		if IsLoopback(address) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}
