package term

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/dbnloop/dbnloop/cmd/internal/cli"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// Confirm asks a question; an error is the answer no, or why ctx is over.
func Confirm(ctx context.Context, question string, stdin io.Reader, stderr io.Writer) error {
	fmt.Fprintf(stderr, "%s [y/N] ", cli.Plain(question))
	answer := make(chan string, 1)
	go func() { // a read of a terminal cannot be called off
		line, _ := bufio.NewReader(stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case line := <-answer:
		if line == "y" || line == "yes" {
			return nil
		}
	}
	return exit.BadUsage("aborted: nothing was requested")
}

// ConfirmAll asks before every symbol of a dataset is requested. The verb says what would be
// done with them, and the schemas are those of the request.
func ConfirmAll(ctx context.Context, verb, dataset, schemas string, stdin io.Reader, stderr io.Writer) error {
	if !IsTerminal(stdin) {
		return exit.BadUsage("every symbol of %s can be a lot of data: confirm with -y", dataset)
	}
	return Confirm(ctx, fmt.Sprintf("%s every symbol of %s (%s)? This can be a lot of data.", verb, dataset, schemas), stdin, stderr)
}
