package term

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// NewLogger makes what writes to standard error: lines for people, or JSON.
func NewLogger(w io.Writer, format string, quiet, verbose bool) (*slog.Logger, error) {
	level := cli.LogLevel(quiet, verbose)
	w = Patient(w)
	switch format {
	case "text":
		return slog.New(&lineHandler{w: w, mu: new(sync.Mutex), level: level}), nil
	case "json":
		return slog.New(slog.NewJSONHandler(cli.PlainJSON(w), &slog.HandlerOptions{Level: level})), nil
	}
	return nil, exit.BadUsage("--log-format %q: want text or json", format)
}

// lineHandler writes each message as one line, as command line tools do:
// "dbn-tail: warning: text (key=value)". Texts of the gateway cannot reach the terminal's
// control sequences through it.
type lineHandler struct {
	w     io.Writer
	mu    *sync.Mutex // the signal handler logs from its own goroutine
	level slog.Level
	group string
	attrs []slog.Attr
}

func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("dbn-tail: ")
	if r.Level == slog.LevelWarn {
		b.WriteString("warning: ")
	}
	b.WriteString(r.Message)
	separator := " ("
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&b, "%s%s=%s", separator, a.Key, a.Value)
		separator = ", "
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(func(a slog.Attr) bool { return add(h.grouped(a)) })
	if separator != " (" {
		b.WriteByte(')')
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, cli.Plain(b.String())+"\n")
	return err
}

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clone := *h
	clone.attrs = slices.Clip(h.attrs)
	for _, a := range attrs {
		clone.attrs = append(clone.attrs, h.grouped(a))
	}
	return &clone
}

func (h *lineHandler) grouped(a slog.Attr) slog.Attr {
	a.Key = h.group + a.Key
	return a
}

func (h *lineHandler) WithGroup(name string) slog.Handler {
	clone := *h
	clone.group += name + "."
	return &clone
}

// InFlags is a text of the library, which names its own options, in words of this program.
func InFlags(text string) string { return optionNames.Replace(text) }

var optionNames = strings.NewReplacer(
	"set upgrade_policy to AsIs or UpgradeToV3", "give --upgrade as-is or v3",
	"; raise max_metadata if the stream is really so large", "",
	"raise max_cost, or begin later", "raise --max-cost (or give -y), or begin later",
	"; lower max_metadata to refuse such streams", "",
)

// WithoutOption names the flag where the library names its option.
func WithoutOption(text string) string {
	return strings.Replace(text, "raise max_metadata", "raise --max-metadata", 1)
}
