package docs

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// needBuild skips a test that needs the programs, the library and the examples of build/, which a
// plain go test does not make.
func needBuild(t *testing.T) {
	t.Helper()
	if os.Getenv("DBNLOOP_DOCS") == "" {
		t.Skip("needs what make test-docs builds")
	}
}

// The commands of a document run as one script, in order and in an empty directory. Databento's
// servers are simulators: the environment names that of the live gateway, and the wrapper of dbn-tail
// that of the historical API, where a command names none.
func TestShellBlocks(t *testing.T) {
	needBuild(t)
	home := t.TempDir()
	install := exec.Command("cmake", "--install", "build/release", "--prefix", filepath.Join(home, ".local"))
	install.Dir = root
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	bin := wrappers(t)
	outsider := goEnvironment(t)
	ran := 0
	for _, doc := range documents(t) {
		all := blocks(t, doc)
		script, ports := scriptOf(t, all)
		if script == "" {
			continue
		}
		ran++
		t.Run(doc, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			command := exec.Command("bash", "-c", script)
			command.Dir = t.TempDir()
			command.Env = append(append(os.Environ(), environment(t, bin, home)...), outsider...)
			command.Env = append(command.Env, "out="+out)
			output, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			for i, b := range all {
				if b.lang != "text" {
					continue
				}
				have, err := os.ReadFile(filepath.Join(out, fmt.Sprintf("out%d", i-1)))
				if want := ports.Replace(b.text); err != nil || !matches(string(have), want) {
					t.Errorf("%v: the output is\n%s%v\nwant\n%s", b, have, err, want)
				}
			}
		})
	}
	if ran < 8 {
		t.Errorf("%d documents hold commands", ran)
	}
}

// scriptOf joins the shell blocks of a document: the output of the block i goes to $out/outi. A server
// is one command, which runs in the background; the next block begins when it listens. The ports that the text uses
// are replaced by free ones.
func scriptOf(t *testing.T, all []block) (string, *strings.Replacer) {
	ports := strings.NewReplacer("13000", freePort(t), "8443", freePort(t), "9138", freePort(t))
	var b strings.Builder
	for i, block := range all {
		if block.lang != "sh" {
			continue
		}
		text := ports.Replace(block.text)
		if block.arg == "server" {
			fmt.Fprintf(&b, "mkfifo $out/ready%d\nexec %s >$out/ready%d &\nexec 9<$out/ready%d\nread -r _ <&9\n", i, strings.TrimSpace(text), i, i)
			if strings.Contains(text, "--hist-port") {
				b.WriteString("read -r _ <&9\n")
			}
		} else {
			fmt.Fprintf(&b, "{\n%s} >$out/out%d\n", text, i)
		}
	}
	if b.Len() == 0 {
		return "", ports
	}
	return "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + b.String(), ports
}

// freePort returns a port that is reserved for a server of this test for a minute: the commands of a
// document name their port, so the system cannot choose it for them. A connection that the port's side
// has closed waits for late packets that long, and so long the system gives the port to nobody who does
// not name it.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// wrappers makes the programs that a document calls. make only shows what it would do: the tests of
// a target are elsewhere.
func wrappers(t *testing.T) string {
	t.Helper()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"make": "#!/bin/sh\nexec /usr/bin/make -s -n -C '" + top + "' \"$@\"\n",
		"dbn-tail": `#!/bin/bash
case " $* " in
  *" --gateway "* | *" --hist-url "* | *" --demo "* | *" --help "*) ;;
  *" --against-api "* | " hist "* | " batch "* | " cost "* | " datasets "* | " schemas "* | " fields "* | " prices "* | " publishers "* | " range "* | " resolve "* | " condition "*)
    set -- "$@" --hist-url "$SIM_URL" --ca-file "$SIM_CA" ;;
esac
exec '` + top + `/build/bin/dbn-tail' "$@"
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir + ":" + top + "/build/bin"
}

// environment starts the simulators of a document.
func environment(t *testing.T, bin, home string) []string {
	t.Helper()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := sim.NewGateway(sim.Config{Sources: sim.SampleSources()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gateway.Close() })
	server, err := historical.NewServer(historical.Config{Sources: sim.SampleSources()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := server.WriteCA(ca); err != nil {
		t.Fatal(err)
	}
	return []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + home, "DBNLOOP=" + top,
		"DATABENTO_API_KEY=" + sim.TestKey, "DBNLOOP_GATEWAY=" + gateway.Addr(), "SIM_URL=" + server.URL(), "SIM_CA=" + ca,
	}
}

// goEnvironment is that of somebody without a checkout: the library comes from a module proxy, which
// serves this tree as the version that is released next. What go get compiles is linked from this
// tree here, because it takes a minute; make test-goget compiles it.
func goEnvironment(t *testing.T) []string {
	t.Helper()
	work := t.TempDir()
	command := exec.Command("bash", "-euc", `
version=v$(awk '/^project.dbnloop VERSION/ {print $3}' CMakeLists.txt)
. test/consumer/proxy.sh
serve github.com/dbnloop/dbnloop .
cache=$(go env GOCACHE)
as_outsider
echo "GOPROXY=$GOPROXY GOSUMDB=$GOSUMDB GOFLAGS=$GOFLAGS GOWORK=$GOWORK GOMODCACHE=$GOMODCACHE GOCACHE=$cache"
library=$PWD/build/release/libdbnloop.a
echo "CGO_CPPFLAGS=-DDBNLOOP_LINKED CGO_LDFLAGS=-Wl,$library,-L/nonexistent/$(sha256sum "$library" | cut -c1-16)"`)
	command.Dir = root
	command.Env = append(os.Environ(), "work="+work)
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(output))
}

// matches compares an output with its text in a document, in which a line "…" stands for any lines.
func matches(have, want string) bool {
	parts := strings.Split(want, "…\n")
	rest, ok := strings.CutPrefix(have, parts[0])
	if !ok {
		return false
	}
	for i, part := range parts[1:] {
		if i == len(parts)-2 { // the last
			return strings.HasSuffix(rest, part)
		}
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return rest == ""
}
