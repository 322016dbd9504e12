package gateway_test

import (
	"bufio"
	"fmt"
	"net"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/gateway"
)

// oneTrade is a dataset of one instrument, which trades once in each session.
type oneTrade struct{ subscribed, sent bool }

func (*oneTrade) Names() []string { return []string{"TEST.DATA"} }
func (*oneTrade) Open(*gateway.Session, string) *gateway.Feed {
	feed := &oneTrade{} // a session has a feed of its own
	return &gateway.Feed{Version: dbn.Version, Symbols: feed, Records: feed}
}

func (*oneTrade) Offers(schema dbn.Schema) bool { return schema == dbn.SchemaTrades }
func (o *oneTrade) All() []gateway.Instrument   { return o.Resolve(dbn.STypeRawSymbol, "FOO") }
func (*oneTrade) Resolve(_ dbn.SType, symbol string) []gateway.Instrument {
	if symbol != "FOO" {
		return nil
	}
	return []gateway.Instrument{{ID: 42, RawSymbol: "FOO", End: dbn.UndefTimestamp}}
}

func (*oneTrade) Begin()             {}
func (*oneTrade) Now() dbn.UnixNanos { return dbn.UnixNanosOf(time.Now()) }
func (*oneTrade) Replay(_ dbn.Schema, start dbn.UnixNanos) (dbn.UnixNanos, error) {
	return start, nil
}
func (*oneTrade) Fits(*gateway.Subscription) error          { return nil }
func (o *oneTrade) Subscribe(*gateway.Subscription) []byte  { o.subscribed = true; return nil }
func (*oneTrade) Unsubscribe(dbn.Schema, func(uint32) bool) {}
func (o *oneTrade) Ended() bool                             { return o.subscribed && o.sent }
func (o *oneTrade) Step(out *gateway.Sink, _ int64) (int64, time.Time, error) {
	if o.sent {
		return 0, time.Time{}, nil
	}
	o.sent = true
	trade := dbn.TradeMsg{Hd: dbn.RecordHeader{Length: 12, RType: dbn.RTypeMbp0, InstrumentID: 42}, Size: 3}
	return 1, time.Time{}, out.Add(dbn.Ref(&trade.Hd).Bytes())
}

// A server of data of one's own: it says what there is and what is next, and the package speaks the
// protocol.
func ExampleNewServer() {
	server, err := gateway.NewServer(gateway.Config{
		Keys: []string{"db-simSIMsimSIMsimSIMsimSIMsim00"}, Datasets: &oneTrade{}, CloseAtEnd: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	greeting, err := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(greeting)
	fmt.Println(err)
	// Output:
	// lsg_version=0.7.0
	// <nil>
}
