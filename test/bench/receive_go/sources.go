package main

import (
	"os"
	"strconv"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func openLive(r *dbnloop.Reactor, target string) (source, error) {
	port, err := strconv.Atoi(target)
	if err != nil {
		return nil, err
	}
	c, err := dbnloop.NewLiveClient(r, key)
	if err != nil {
		return nil, err
	}
	if _, err := c.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaMbo, dbn.AllSymbols)); err != nil {
		return nil, err
	}
	return c, c.Connect("127.0.0.1", port)
}

func openHistorical(r *dbnloop.Reactor, target string) (source, error) {
	c, err := dbnloop.NewHistoricalClient(r, key, dbnloop.WithURL("https://127.0.0.1:"+target),
		dbnloop.WithCAFile(os.Getenv("SSL_CERT_FILE")), dbnloop.WithProxy(""))
	if err != nil {
		return nil, err
	}
	request := dbnloop.NewHistoricalRequest("GLBX.MDP3", dbn.SchemaMbo, 0, 3_600_000_000_000, dbn.AllSymbols)
	return c, c.Request(request)
}
