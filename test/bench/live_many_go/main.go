// Program live_many_go is the Go twin of test/bench/live_many, which calls it with a port, the
// number of clients and the MiB of each phase. It prints a line of key=value; see there.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	runtime.LockOSThread() // its time is measured
	if len(os.Args) != 4 {
		return fmt.Errorf("usage: live_many_go PORT CLIENTS MIB")
	}
	var args [3]int
	for i := range args {
		n, err := strconv.Atoi(os.Args[i+1])
		if err != nil {
			return err
		}
		args[i] = n
	}
	raiseFileLimit()
	c, err := gather(args[0], args[1])
	if err != nil {
		return err
	}
	return c.measure(uint64(args[2]) << 20 / recordSize)
}

const recordSize = 56 // of mbo

// crowd is many clients on one reactor.
type crowd struct {
	reactor *dbnloop.Reactor
	control net.Conn
	clients []*dbnloop.LiveClient
	records []uint64 // of each client
	total   uint64
	sum     uint64
	started int
	ended   int
	err     error

	emptyKiB, idleKiB float64
	turns             []time.Duration
	turnCPUMax        time.Duration
	timerMax          time.Duration
}

func gather(port, size int) (*crowd, error) {
	control, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return nil, err
	}
	reactor, err := dbnloop.NewReactor()
	if err != nil {
		return nil, err
	}
	c := &crowd{reactor: reactor, control: control, records: make([]uint64, size), emptyKiB: rssKiB()}
	for i := range size {
		client, err := dbnloop.NewLiveClient(reactor, "db-benchbenchbenchbenchbench0000")
		if err != nil {
			return nil, err
		}
		client.Handle(dbnloop.Handlers{
			MboRun: func(run []dbn.MboMsg) {
				c.records[i] += uint64(len(run))
				c.total += uint64(len(run))
				for j := range run {
					c.sum += uint64(run[j].Price)
				}
			},
			Metadata: func(*dbn.Metadata) { c.started++ },
			Error:    func(error) { c.ended++ },
		})
		if err := client.Connect("127.0.0.1", port); err != nil {
			return nil, err
		}
		if _, err := client.Subscribe(dbnloop.NewSubscription("GLBX.MDP3", dbn.SchemaMbo, dbn.AllSymbols)); err != nil {
			return nil, err
		}
		if err := client.Start(); err != nil {
			return nil, err
		}
		c.clients = append(c.clients, client)
	}
	for c.started != size && c.err == nil {
		c.poll(-1)
	}
	c.idleKiB = (rssKiB() - c.emptyKiB) / float64(size)
	return c, c.err
}

func (c *crowd) measure(records uint64) error {
	c.order('g')
	c.receive(records) // every buffer has been used
	before := slices.Clone(c.records)
	reads := c.reads()
	user, system := cpuTimes()
	began := time.Now()
	got := float64(c.receive(records))
	wall := time.Since(began).Seconds()
	user2, system2 := cpuTimes()
	user, system = user2-user, system2-system
	readKiB := got * recordSize / 1024 / float64(c.reads()-reads)
	time.Sleep(time.Second) // every socket is full: nobody reads while the sender sends on
	c.measureTurns(records)
	jain := c.jain(before)
	busyKiB := (rssKiB() - c.emptyKiB) / float64(len(c.clients))
	c.settle()
	broken := c.measureBreak()
	slices.Sort(c.turns)
	p999 := c.turns[len(c.turns)-1-len(c.turns)/1000]
	fmt.Printf("clients=%d cpu_ns=%.2f user_ns=%.2f read_kib=%.1f rate_m=%.1f idle_kib=%.1f busy_kib=%.1f jain=%.4f turn_p999_ms=%.2f turn_max_ms=%.2f turn_cpu_max_ms=%.2f timer_max_ms=%.2f broken_ms=%.1f\n",
		len(c.clients), (user+system)*1e9/got, user*1e9/got, readKiB, got/wall/1e6, c.idleKiB, busyKiB, jain,
		ms(p999), ms(c.turns[len(c.turns)-1]), ms(c.turnCPUMax), ms(c.timerMax), ms(broken))
	return c.err
}

func (c *crowd) poll(timeout time.Duration) int {
	n, err := c.reactor.Poll(timeout)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n
}

func (c *crowd) order(order byte) {
	if _, err := c.control.Write([]byte{order}); err != nil && c.err == nil {
		c.err = err
	}
}

func (c *crowd) receive(records uint64) uint64 {
	from := c.total
	for c.total-from < records && c.err == nil {
		c.poll(-1)
	}
	return c.total - from
}

func (c *crowd) reads() (n uint64) {
	for _, client := range c.clients {
		n += client.Stats().Reads
	}
	return n
}

// threadTime is the processor time of the thread: a turn that another process interrupts is no
// longer by it.
func threadTime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		log.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// measureTurns measures no turn that waited: the reactor is asked without waiting first.
func (c *crowd) measureTurns(records uint64) {
	from, last := c.total, time.Now()
	timer, err := c.reactor.Every(time.Millisecond, func() {
		now := time.Now()
		c.timerMax = max(c.timerMax, now.Sub(last))
		last = now
	})
	if err != nil {
		c.err = err
	}
	for c.total-from < records && c.err == nil {
		began, cpu := time.Now(), threadTime()
		if c.poll(0) != 0 {
			c.turns = append(c.turns, time.Since(began))
			c.turnCPUMax = max(c.turnCPUMax, threadTime()-cpu)
		} else {
			c.poll(-1)
		}
	}
	c.reactor.Cancel(timer)
}

// settle stops the sender and receives what is on its way.
func (c *crowd) settle() {
	c.order('s')
	stopped := make(chan error, 1)
	go func() {
		_, err := c.control.Read(make([]byte, 1))
		stopped <- err
		c.reactor.Wake()
	}()
	for len(stopped) == 0 {
		c.poll(-1)
	}
	for c.poll(200*time.Millisecond) != 0 {
	}
}

func (c *crowd) measureBreak() time.Duration {
	began := time.Now()
	c.order('k')
	for c.ended != len(c.clients) && c.err == nil {
		c.poll(-1)
	}
	return time.Since(began)
}

func (c *crowd) jain(before []uint64) float64 {
	sum, squares := 0.0, 0.0
	for i, n := range c.records {
		share := float64(n - before[i])
		sum += share
		squares += share * share
	}
	return sum * sum / (float64(len(c.records)) * squares)
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

func rssKiB() float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		log.Fatal(err)
	}
	var size, pages float64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		log.Fatal(err)
	}
	return pages * 4
}

func cpuTimes() (user, system float64) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano()).Seconds(), time.Duration(usage.Stime.Nano()).Seconds()
}

func raiseFileLimit() {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		log.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		log.Fatal(err)
	}
}
