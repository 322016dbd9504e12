package sim_test

import (
	"bufio"
	"fmt"
	"net"

	"github.com/dbnloop/dbnloop/sim"
)

// A gateway with the sample data, for as long as a test runs. Any client connects to Host
// and Port with the key TestKey.
func ExampleNewGateway() {
	gw, err := sim.NewGateway(sim.Config{
		Sources: sim.SampleSources(),
		Pace:    sim.RealTime(10),
		AtEnd:   sim.CloseAtEnd,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer gw.Close()

	conn, err := net.Dial("tcp", gw.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	greeting, err := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(greeting)
	fmt.Println(err, gw.Datasets())
	// Output:
	// lsg_version=0.7.0-sim
	// <nil> [GLBX.MDP3]
}

// A record that is cut in its middle, after two whole ones.
func ExampleFaults_ParseFault() {
	var faults sim.Faults
	if err := faults.ParseFault("cut-record=2"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(faults.Stream[0].Kind == sim.FaultCutRecord, faults.Stream[0].At == sim.AfterRecords(2))
	// Output: true true
}
