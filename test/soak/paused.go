package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
)

// pausedDownload streams a large range and pauses in its middle: memory must not follow what
// the server would send meanwhile.
func pausedDownload(ctx context.Context, r *dbnloop.Reactor, s *sims, o options) error {
	const pause = 3 * time.Second
	c, err := openHistorical(r, s.bigURL, s.bigCA)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // the process ends
	var began, before, during usage
	var bytes int64
	var reason error
	complete := false
	c.Handle(dbnloop.Handlers{
		MboRun: func(run []dbn.MboMsg) {
			if bytes == 0 {
				began = measure()
			}
			was := bytes
			bytes += int64(len(run)) * int64(run[0].Hd.Length) * 4
			if was < o.download/2 && bytes >= o.download/2 {
				before = measure()
				c.Pause()
				if _, err := r.AfterFunc(pause, func() {
					during = measure()
					c.Resume()
				}); err != nil {
					reason = err
					r.Stop()
				}
			}
		},
		Complete: func() { complete = true; r.Stop() },
		Error:    func(err error) { reason = err; r.Stop() },
	})
	if err := errors.Join(c.Request(wholeRange(uint64(o.records))), c.Start(), r.Run(ctx), reason); err != nil {
		return fmt.Errorf("the paused download: %w", err)
	}
	after := measure()
	fmt.Printf("soak: a download of %d bytes: RSS %d KiB at its start, %d before a pause of %v, %d at its end, %d at the end\n",
		bytes, began.rssKiB, before.rssKiB, pause, during.rssKiB, after.rssKiB)
	if !complete || bytes < o.download {
		return fmt.Errorf("the paused download gave %d bytes of %d", bytes, o.download)
	}
	if during.rssKiB > before.rssKiB+o.moreKiB || after.rssKiB > began.rssKiB+2*o.moreKiB {
		return errors.New("memory grew with the download")
	}
	return nil
}
