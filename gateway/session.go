package gateway

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dbnloop/dbnloop/dbn"
)

// Session is one connection: first the text phase (this file), then the stream. Its methods
// are for the data and the misbehaviour of the session, and only on its own goroutine.
type Session struct {
	g    *Server
	conn *net.TCPConn
	in   *bufio.Reader
	log  *slog.Logger
	ctx  context.Context
	info *SessionInfo // of its own: the server remembers it when the session is gone
	ill  Misbehaviour // nil: nothing goes wrong

	auth     authRequest
	feed     *Feed
	messages Messages
	wire     *writer
	out      *Sink
	coalesce bool // the metadata goes out with the authentication's reply
	metaSent bool
	waiting  []string // subscription lines from before the start
	posts    posts

	chunks map[string]*request // unfinished subscriptions by id
	nextID uint32              // id of the next subscription that has none
	mapped map[mappedKey]bool  // symbol mappings that were sent
	// subscribed are the schemas of all subscriptions that were accepted.
	subscribed map[dbn.Schema]*subscribedBy
	streaming  bool          // what was asked for before the start is answered
	sent       int64         // data records
	gone       chan struct{} // closed when the client sends nothing more
	atEnd      bool          // the faults of the data's end were shown
	noted      int           // bytes of the lines that info holds
	lines      int           // that asked for something
	lineBytes  int           // of them
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

func newSession(g *Server, conn *net.TCPConn, number int64) *Session {
	s := &Session{
		g: g, conn: conn, ctx: g.ctx,
		in:     newLineReader(conn, g.cfg.MaxLine),
		log:    g.cfg.Logger.With("session", number),
		info:   &SessionInfo{ID: number, Remote: conn.RemoteAddr().String()},
		chunks: make(map[string]*request),
		mapped: make(map[mappedKey]bool), subscribed: make(map[dbn.Schema]*subscribedBy),
		gone: make(chan struct{}),
	}
	s.wire = &writer{conn: conn, limit: -1}
	s.ill = g.cfg.Misbehave(number)
	s.posts.waiting = make(chan struct{}, 1)
	return s
}

// run serves the connection to its end and says why it ended.
func (s *Session) run() error {
	s.log.Info("connected", "remote", s.info.Remote)
	if err := s.authenticate(); err != nil {
		return err
	}
	if err := s.awaitStart(); err != nil {
		return err
	}
	return s.stream()
}

// authenticate greets, checks the reply to the challenge and answers.
func (s *Session) authenticate() error {
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
	if err := s.stage(Answering); err != nil {
		return err
	}
	if err := s.checkAuth(line, challenge); err != nil {
		s.g.count.Refused.Add(1)
		s.log.Warn("authentication refused", "error", err)
		return s.refuse(err)
	}
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if err := s.welcome(); err != nil {
		return err
	}
	return s.stage(Authenticated)
}

func (s *Session) greet() (challenge string, err error) {
	challenge = newChallenge()
	greeting, line := "lsg_version="+s.g.cfg.Version+"\n", "cram="+challenge+"\n"
	if s.ill != nil {
		other, instead, err := s.ill.Greet(s)
		if err != nil {
			return "", err
		}
		greeting, line = cmp.Or(other, greeting), cmp.Or(instead, line)
	}
	if err := s.stage(Connected); err != nil {
		return "", err
	}
	s.wire.lead = []byte(greeting)
	if err := s.stage(Greeted); err != nil {
		return "", err
	}
	if err := s.Write([]byte(line)); err != nil {
		return "", err
	}
	return challenge, s.stage(Challenged)
}

// stage lets the misbehaviour of a stage happen.
func (s *Session) stage(reached Stage) error {
	if s.ill == nil {
		return nil
	}
	return s.ill.Stage(s, reached)
}

// LimitReached begins the refusal of a client that the server has no room for, as with the service.
const LimitReached = "User has reached their open connection limit"

// AuthFailed begins the refusal of a key, as with the service: clients look for it.
const AuthFailed = "Authentication failed."

// checkAuth checks the authentication line and takes what it asks for.
func (s *Session) checkAuth(line, challenge string) error {
	fields, err := parseFields(line)
	if err != nil {
		return fmt.Errorf("authentication request: %w", err)
	}
	reply := fields["auth"]
	delete(fields, "auth") // what follows may be logged and shown
	if s.ill != nil {
		if err := s.ill.Authenticate(); err != nil {
			return err
		}
	}
	if reply == "" {
		return fmt.Errorf("%s The request has no auth field", AuthFailed)
	}
	if !replyMatches(challenge, reply, s.g.cfg.Keys) {
		return fmt.Errorf("%s This key is not accepted here", AuthFailed)
	}
	if most := int64(s.g.cfg.MaxSessions); most > 0 && s.g.count.Active.Load() > most {
		return fmt.Errorf("%s: %d connections are possible here", LimitReached, most)
	}
	s.noteAuth(fields)
	s.auth.dataset = fields["dataset"]
	unknown := fmt.Errorf("unknown dataset %q, available: %s", s.auth.dataset, strings.Join(s.g.cfg.Datasets.Names(), ", "))
	if !slices.Contains(s.g.cfg.Datasets.Names(), s.auth.dataset) {
		return unknown
	}
	if err := s.auth.readOptions(fields, s.g.cfg.Heartbeat); err != nil {
		return err
	}
	if s.feed = s.g.cfg.Datasets.Open(s, s.auth.dataset); s.feed == nil {
		return unknown
	}
	s.messages = Messages{s.feed.Version}
	return nil
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
func (s *Session) refuse(cause error) error {
	text := strings.NewReplacer("|", "/", "\n", " ", "\r", " ").Replace(cause.Error())
	if _, err := s.wire.Write([]byte("success=0|error=" + text + "\n")); err != nil {
		return err
	}
	s.CloseWrite()
	// What the client still sends is read away: closing with unread bytes would reset the
	// connection and might take the answer with it. The deadline is still set.
	io.Copy(io.Discard, s.in) //nolint:errcheck // the session is over either way
	return fmt.Errorf("refused: %w", cause)
}

// welcome accepts the client and prepares the stream.
func (s *Session) welcome() error {
	var err error
	if s.out, err = newSink(s.wire, s.auth.zstd); err != nil {
		return err
	}
	answer := fmt.Sprintf("success=1|session_id=%d\n", s.info.ID)
	s.log.Info("authenticated", "dataset", s.auth.dataset, "version", s.feed.Version,
		"zstd", s.auth.zstd, "ts_out", s.auth.tsOut, "heartbeat", s.auth.heartbeat)
	if s.coalesce {
		s.wire.lead = []byte(answer)
		return s.sendMetadata()
	}
	return s.Write([]byte(answer))
}

// awaitStart gathers subscriptions until the client starts the session.
func (s *Session) awaitStart() error {
	for {
		line, err := readLine(s.in, s.g.cfg.MaxLine)
		if err != nil {
			return fmt.Errorf("wait for the start: %w", err)
		}
		if isStart(line) {
			s.log.Info("started")
			s.note(func(info *SessionInfo) { info.Started = true })
			return s.stage(Started)
		}
		if err := s.admit(line); err != nil {
			return err
		}
		s.waiting = append(s.waiting, line)
		if err := s.stage(Requested); err != nil {
			return err
		}
	}
}

func isStart(line string) bool {
	return line == "start_session" || strings.HasPrefix(line, "start_session=")
}
