package market

import (
	"errors"
	"fmt"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
)

// Settle fills in what the configurations of both servers have in common and may leave out, and
// refuses what neither can serve. The key is the one that is accepted when none is named.
func Settle(keys *[]string, key string, clock *gateway.Clock, version uint8, sources []Source) error {
	if len(*keys) == 0 {
		*keys = []string{key}
	}
	if *clock == nil {
		*clock = gateway.SystemClock{}
	}
	if version > dbn.Version {
		return fmt.Errorf("DBN version %d does not exist, want 1 to %d", version, dbn.Version)
	}
	if len(sources) == 0 {
		return errors.New("no sources: a server needs data to serve")
	}
	return gateway.CheckKeys(*keys)
}
