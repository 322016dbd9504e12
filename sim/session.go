package sim

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// session is one connection: first the text phase (this file), then the stream.
type session struct {
	g      *Gateway
	conn   *net.TCPConn
	in     *bufio.Reader
	log    *slog.Logger
	ctx    context.Context
	faults Faults       // those of this session
	info   *SessionInfo // of its own: the gateway remembers it when the session is gone

	auth     authRequest
	tl       *market.Timeline
	compose  composer
	wire     *wire
	out      *sink
	play     *player
	metaSent bool
	waiting  []string // subscription lines from before the start

	chunks    map[string]*request // unfinished subscriptions by id
	nextID    uint32              // id of the next subscription that has none
	mapped    map[mappedKey]bool  // symbol mappings that were sent
	streaming bool                // what was asked for before the start is answered
	sent      int64               // data records
	gone      chan struct{}       // closed when the client sends nothing more
	atEnd     bool                // the faults of the data's end were shown
	noted     int                 // bytes of the lines that info holds
	lines     int                 // that asked for something
	lineBytes int                 // of them
}

type mappedKey struct {
	id        uint32
	requested string
}

// authRequest is what the client asked for when it authenticated.
type authRequest struct {
	dataset   string
	tsOut     bool
	zstd      bool
	heartbeat time.Duration
	// slowReader is what the client asked for, or empty: then each schema has its default.
	slowReader string
}

func newSession(g *Gateway, conn *net.TCPConn, number int64) *session {
	s := &session{
		g: g, conn: conn, ctx: g.ctx,
		in:     newLineReader(conn, g.cfg.MaxLine),
		log:    g.cfg.Logger.With("session", number),
		info:   &SessionInfo{ID: number, Remote: conn.RemoteAddr().String()},
		chunks: make(map[string]*request),
		mapped: make(map[mappedKey]bool),
		gone:   make(chan struct{}),
	}
	if limit := g.cfg.Faults.Sessions; limit == 0 || number <= int64(limit) {
		s.faults = g.cfg.Faults
		s.faults.Stream = slices.Clone(s.faults.Stream)
	}
	s.wire = &wire{conn: conn, split: s.faults.SplitBytes, limit: -1}
	return s
}

// run serves the connection to its end and says why it ended.
func (s *session) run() error {
	s.log.Info("connected", "remote", s.info.Remote)
	if s.faults.CloseBeforeGreeting {
		return errSessionOver
	}
	if err := s.authenticate(); err != nil {
		return err
	}
	if err := s.awaitStart(); err != nil {
		return err
	}
	return s.stream()
}

// authenticate greets, checks the reply to the challenge and answers.
func (s *session) authenticate() error {
	if err := s.conn.SetReadDeadline(time.Now().Add(s.g.cfg.AuthTimeout)); err != nil {
		return err
	}
	challenge, err := s.greet()
	if err != nil {
		return err
	}
	line, err := readLine(s.in, s.g.cfg.MaxLine)
	if err != nil {
		return fmt.Errorf("read the authentication: %w", err)
	}
	if err := s.checkAuth(line, challenge); err != nil {
		s.g.count.refused.Add(1)
		s.log.Warn("authentication refused", "error", err)
		return s.refuse(err)
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return s.welcome()
}

func (s *session) greet() (challenge string, err error) {
	if s.faults.EndlessLine {
		filler := []byte(strings.Repeat("x", 64<<10))
		for {
			if _, err := s.wire.Write(filler); err != nil {
				return "", err
			}
		}
	}
	challenge = newChallenge()
	text := cmp.Or(s.faults.Greeting, "lsg_version=0.7.0-sim\n") +
		cmp.Or(s.faults.Challenge, "cram="+challenge+"\n")
	_, err = s.wire.Write([]byte(text))
	return challenge, err
}

// authFailed begins the refusal of a key, as with the service: clients look for it.
const authFailed = "Authentication failed."

// checkAuth checks the authentication line and takes what it asks for.
func (s *session) checkAuth(line, challenge string) error {
	fields, err := parseFields(line)
	if err != nil {
		return fmt.Errorf("authentication request: %w", err)
	}
	reply := fields["auth"]
	delete(fields, "auth") // what follows may be logged and shown
	if s.faults.RefuseAuth != "" {
		return errors.New(s.faults.RefuseAuth)
	}
	if reply == "" {
		return fmt.Errorf("%s The request has no auth field", authFailed)
	}
	if !replyMatches(challenge, reply, s.g.cfg.Keys) {
		return fmt.Errorf("%s The simulator does not accept this key", authFailed)
	}
	s.noteAuth(fields)
	s.auth.dataset = fields["dataset"]
	if s.tl = s.g.timelines[s.auth.dataset]; s.tl == nil {
		return fmt.Errorf("unknown dataset %q, available: %s", s.auth.dataset, strings.Join(s.g.Datasets(), ", "))
	}
	return s.auth.readOptions(fields, s.g.cfg.Heartbeat)
}

// The intervals between heartbeats that a client may ask for, in seconds.
const (
	minHeartbeat = 5
	maxHeartbeat = 1800
)

// readOptions takes the optional fields. Unknown keys are ignored.
func (a *authRequest) readOptions(fields map[string]string, heartbeat time.Duration) error {
	if encoding, ok := fields["encoding"]; ok && encoding != "dbn" {
		return fmt.Errorf("encoding %q is not served, want dbn", encoding)
	}
	var err error
	if a.tsOut, err = readBool("ts_out", cmp.Or(fields["ts_out"], "0")); err != nil {
		return err
	}
	switch compression := cmp.Or(fields["compression"], "none"); compression {
	case "none":
	case "zstd":
		a.zstd = true
	default:
		return fmt.Errorf("compression %q is not served, want none or zstd", compression)
	}
	a.heartbeat = heartbeat
	if text, ok := fields["heartbeat_interval_s"]; ok {
		seconds, err := strconv.ParseUint(text, 10, 16)
		if err != nil || seconds < minHeartbeat || seconds > maxHeartbeat {
			return fmt.Errorf("heartbeat_interval_s is %q, want %d to %d seconds", text, minHeartbeat, maxHeartbeat)
		}
		a.heartbeat = time.Duration(seconds) * time.Second
	}
	if behavior, ok := fields["slow_reader_behavior"]; ok {
		if _, err := dbn.ParseSlowReaderBehavior(behavior); err != nil {
			return fmt.Errorf("slow_reader_behavior %q is unknown, want warn or skip", behavior)
		}
		a.slowReader = behavior
	}
	return nil
}

// refuse tells the client why and closes politely.
func (s *session) refuse(cause error) error {
	text := strings.NewReplacer("|", "/", "\n", " ", "\r", " ").Replace(cause.Error())
	if _, err := s.wire.Write([]byte("success=0|error=" + text + "\n")); err != nil {
		return err
	}
	s.closeWrite()
	// What the client still sends is read away: closing with unread bytes would reset the
	// connection and might take the answer with it. The deadline is still set.
	io.Copy(io.Discard, s.in) //nolint:errcheck // the session is over either way
	return fmt.Errorf("refused: %w", cause)
}

// welcome accepts the client and prepares the stream.
func (s *session) welcome() error {
	s.compose = composer{s.tl.Version}
	cfg := &s.g.cfg
	s.play = &player{
		tl: s.tl, clock: cfg.Clock, pace: cfg.Pace, passes: int64(cfg.Passes),
		shift: cfg.ShiftPasses, tsOut: s.auth.tsOut, liveFrom: uint64(cfg.LiveFrom),
		market: s.g.market, replay: replayer{faults: s.faults.Replay},
		announceReplayed: func(schema dbn.Schema) error {
			return s.control(s.compose.replayed(s.now(), schema))
		},
	}
	if cfg.EndOfInterval {
		s.play.announceInterval = func(schema dbn.Schema, ts uint64) error {
			return s.control(s.compose.endOfInterval(ts, schema))
		}
	}
	var err error
	if s.out, err = newSink(s.wire, s.auth.zstd); err != nil {
		return err
	}
	answer := fmt.Sprintf("success=1|session_id=%d\n", s.info.ID)
	s.log.Info("authenticated", "dataset", s.auth.dataset, "version", s.tl.Version,
		"zstd", s.auth.zstd, "ts_out", s.auth.tsOut, "heartbeat", s.auth.heartbeat)
	if s.faults.CoalesceAuth {
		s.wire.lead = []byte(answer)
		return s.sendMetadata()
	}
	if _, err := s.wire.Write([]byte(answer)); err != nil {
		return err
	}
	return nil
}

// awaitStart gathers subscriptions until the client starts the session.
func (s *session) awaitStart() error {
	for {
		line, err := readLine(s.in, s.g.cfg.MaxLine)
		if err != nil {
			return fmt.Errorf("wait for the start: %w", err)
		}
		if isStart(line) {
			s.log.Info("started")
			s.note(func(info *SessionInfo) { info.Started = true })
			return nil
		}
		if err := s.admit(line); err != nil {
			return err
		}
		s.waiting = append(s.waiting, line)
	}
}

func isStart(line string) bool {
	return line == "start_session" || strings.HasPrefix(line, "start_session=")
}

// now is the time that gateway messages carry.
func (s *session) now() uint64 { return uint64(s.g.cfg.Clock.Now().UnixNano()) }

func (s *session) closeWrite() {
	if err := s.conn.CloseWrite(); err != nil {
		s.log.Debug("shut down", "error", err)
	}
}
