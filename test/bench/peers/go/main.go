// Program go measures dbn-go as ../../receive.cpp measures ours. Its live client connects only
// to Databento's hosts: for the live rows its scanner reads from a socket, through a buffer as
// large as that client's, after a handshake by hand.
//
//	peer live|file FORM PORT|PATH RECORDS
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"syscall"
	"time"

	dbn "github.com/NimbleMarkets/dbn-go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: peer live|file FORM PORT|PATH RECORDS")
	}
	var err error
	switch transport, target := os.Args[1], os.Args[3]; transport {
	case "live":
		err = live(target)
	case "file":
		err = file(target)
	default:
		err = fmt.Errorf("its %s client connects only to Databento's hosts", transport)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func live(port string) error {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 24*1024)
	if _, err := io.WriteString(c, "auth=peer\nstart_session\n"); err != nil {
		return err
	}
	for range 3 {
		if _, err := in.ReadString('\n'); err != nil {
			return err
		}
	}
	return measure(in)
}

func file(path string) error {
	f, closer, err := dbn.MakeCompressedReader(path, false)
	if err != nil {
		return err
	}
	defer closer.Close()
	return measure(f)
}

func measure(r io.Reader) error {
	began, cpu := time.Now(), cpuSeconds()
	scanner := dbn.NewDbnScanner(r)
	v := visitor{}
	for scanner.Next() {
		if err := scanner.Visit(&v); err != nil {
			return err
		}
	}
	if err := scanner.Error(); err != nil && err != io.EOF {
		return err
	}
	fmt.Printf(`{"records":%d,"sum":%d,"seconds":%.9f,"cpu":%.6f}`+"\n", v.records, v.sum, time.Since(began).Seconds(), cpuSeconds()-cpu)
	return nil
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// visitor sums prices.
type visitor struct {
	dbn.NullVisitor
	records, sum uint64
}

func (v *visitor) add(price int64) error {
	v.records++
	v.sum += uint64(price)
	return nil
}

func (v *visitor) OnMbo(m *dbn.MboMsg) error     { return v.add(m.Price) }
func (v *visitor) OnMbp0(m *dbn.Mbp0Msg) error   { return v.add(m.Price) }
func (v *visitor) OnMbp1(m *dbn.Mbp1Msg) error   { return v.add(m.Price) }
func (v *visitor) OnMbp10(m *dbn.Mbp10Msg) error { return v.add(m.Price) }
func (v *visitor) OnOhlcv(m *dbn.OhlcvMsg) error { return v.add(m.Close) }
func (v *visitor) OnInstrumentDefMsg(m *dbn.InstrumentDefMsg) error {
	return v.add(m.MinPriceIncrement)
}
