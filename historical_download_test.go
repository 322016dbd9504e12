package dbnloop_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/dbn"
	simhist "github.com/dbnloop/dbnloop/sim/historical"
)

func TestHistoricalDownload(t *testing.T) {
	r := newReactor(t)
	_, opts := historical(t, simhist.Config{})
	c := newHistorical(t, r, opts...)
	rng := sampleRange(t, c, dbn.SchemaMbo)
	path := filepath.Join(t.TempDir(), "mbo.dbn.zst")
	var last dbnloop.DownloadProgress
	got, err := c.Download(t.Context(), dbnloop.DownloadRequest{
		Range: rng, Path: path, Progress: func(p dbnloop.DownloadProgress) { last = p },
	})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	want := dbnloop.DownloadResult{Path: path, Bytes: int64(len(content)), SHA256: hex.EncodeToString(digest[:])}
	if got != want || last.Bytes != want.Bytes {
		t.Errorf("%+v with last progress %+v, want %+v", got, last, want)
	}
	if _, err := c.Download(t.Context(), dbnloop.DownloadRequest{Range: rng, Path: path}); !errors.Is(err, dbnloop.ErrInvalidArgument) {
		t.Errorf("over an existing file: %v", err)
	}
}
