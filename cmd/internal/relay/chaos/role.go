package chaos

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sys/unix"
)

// asRole makes a process of the program that runs the test a part of it.
const asRole = "DBN_RELAY_CHAOS_ROLE"

// Main runs a part of the test and ends the process, if it was started for that. A program that calls Run must call it
// first.
func Main() {
	role, args := os.Getenv(asRole), os.Args[1:]
	roles := map[string]func([]string) error{
		"nats": runNATS, "disk": runDisk, "gateway": runGateway, "position": runPosition, "durable": runDurable,
	}
	if role == "" {
		return
	}
	if err := roles[role](args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// part is a process of this program.
func part(role string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), asRole+"="+role)
	return cmd
}

// runNATS is a server: its name, directory, address, and in a cluster the addresses for the others: its own first.
func runNATS(args []string) error {
	signal.Ignore(unix.SIGXFSZ)
	host, port, err := split(args[2])
	if err != nil {
		return err
	}
	o := &server.Options{
		ServerName: args[0], JetStream: true, StoreDir: args[1], Host: host, Port: port, NoSigs: true, NoLog: true,
		MaxPayload: 1 << 20, DisableJetStreamBanner: true,
	}
	if routes := args[3:]; len(routes) > 0 {
		host, port, err := split(routes[0])
		if err != nil {
			return err
		}
		o.Cluster = server.ClusterOpts{Name: "chaos", Host: host, Port: port}
		for _, route := range routes[1:] {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: route})
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	go s.Start()
	if !s.ReadyForConnections(time.Minute) {
		return errors.New("the NATS server does not start")
	}
	fmt.Println("ready")
	s.WaitForShutdown()
	return nil
}

func split(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(text)
	return host, port, err
}

func clusterURL(addresses []string) string {
	return "nats://" + strings.Join(addresses, ",nats://")
}
