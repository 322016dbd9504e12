package historical_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"

	"github.com/dbnloop/dbnloop/sim"
	"github.com/dbnloop/dbnloop/sim/historical"
)

// The historical API with the sample data. Any client takes URL as the base URL, TestKey as
// the key and CAPEM as the CA to trust; here it is Go's own.
func ExampleNewServer() {
	h, err := historical.NewServer(historical.Config{Sources: sim.SampleSources()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()

	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.CertPool()}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest(http.MethodGet, h.URL()+"/v0/metadata.list_datasets", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.SetBasicAuth(sim.TestKey, "")
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, string(body), err)
	// Output: 200 ["GLBX.MDP3"] <nil>
}

// Faults are added to a running server, for example: the next download breaks after 100 bytes.
func ExampleServer_AddFault() {
	h, err := historical.NewServer(historical.Config{Sources: sim.SampleSources()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	fault, err := historical.ParseFault("cut-body=100,on=1,endpoint=timeseries.get_range")
	if err != nil {
		fmt.Println(err)
		return
	}
	handle, err := h.AddFault(fault)
	fmt.Println(handle.Fired(), err)
	// Output: 0 <nil>
}
