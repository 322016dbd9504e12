package dbnloop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dbnloop/dbnloop/bindings"
)

// DownloadProgress is the progress of a download.
type DownloadProgress struct {
	Bytes int64 // bytes in the file
	Total int64 // expected bytes; 0: unknown
}

// DownloadRequest is a download into a file: of a batch job's file if URLPath is set (see
// BatchFile.Download), otherwise of Range as zstd-compressed DBN.
type DownloadRequest struct {
	URLPath   string // path on the API's server, "/v0/…"
	Range     HistoricalRequest
	Path      string // of the complete file
	Overwrite bool   // false: an existing file is refused
	Restart   bool   // do not resume from the part of an earlier attempt (URLPath only)
	Size      int64  // expected bytes; 0: unknown
	SHA256    string // expected hash in hexadecimal digits; "": unknown

	// Part is the file's name until it is complete, and after a failure. By default (empty) it
	// is "Path.part"; for a Range it is the first of "Path.part", "Path.part.2",
	// "Path.part.3"… that does not exist. A Range refuses a part that holds data. If it equals
	// Path, and Overwrite is set, the file has its final name from the beginning.
	Part string

	// Progress is called inside the reactor's turns, at most once per turn.
	Progress func(DownloadProgress)
}

// DownloadResult is a complete download.
type DownloadResult struct {
	Path   string
	Bytes  int64
	SHA256 string // of the complete file, in hexadecimal digits

	// Verified reports that the expected SHA-256 was known (DownloadRequest.SHA256); it then equals
	// the one above. False for ranges, and for files of a job whose hash is of another kind.
	Verified bool
}

// StartDownload begins a download without waiting; done runs once, in a later turn. A file with
// the final name is complete and on the disk. If the download fails or is cancelled, the part
// remains. The next attempt resumes the part of a job's file. The part of a Range was paid for:
// it is never overwritten, and the next attempt uses another name. The error message names the
// part that remains, unless Part named it. A file that appears under the final name in the
// meantime is not replaced without Overwrite: the complete data then keeps the name of the
// part, which the message gives. It may be called inside a handler. It returns ErrInvalidState
// when called from a second goroutine while another one is inside the reactor.
func (c *HistoricalClient) StartDownload(d DownloadRequest, done func(DownloadResult, error)) (CallID, error) {
	if done == nil {
		return 0, newError(CodeInvalidArgument, "StartDownload: the function for %s is nil", d.Path)
	}
	in := bindings.Download{
		URLPath: d.URLPath, Path: d.Path, Part: d.Part, SHA256: strings.ToLower(d.SHA256),
		Overwrite: d.Overwrite, Resume: !d.Restart, HasSize: d.Size > 0, Size: uint64(max(d.Size, 0)),
	}
	if d.URLPath != "" && (d.Range.Dataset != "" || len(d.Range.Symbols) > 0) {
		return 0, newError(CodeInvalidArgument, "StartDownload: URLPath and Range are both set; a download is of one")
	}
	if d.URLPath == "" {
		var err error
		if in.Range, err = d.Range.forC(); err != nil {
			return 0, err
		}
	}
	var id uint64
	err := c.call(func() (e *bindings.Error) {
		if id, e = c.hist.Download(in); e != nil {
			return e
		}
		c.await(id, func(event *bindings.Event) {
			if event.Kind == bindings.EventProgress {
				if d.Progress != nil {
					progress := event.Progress()
					d.Progress(DownloadProgress{int64(progress.Bytes), int64(progress.Total)})
				}
				return
			}
			c.forget(id)
			response := event.Response()
			if response.Error.Code != 0 {
				done(DownloadResult{}, errorOf(&response.Error))
				return
			}
			done(DownloadResult{
				Path: d.Path, Bytes: int64(response.FileSize), SHA256: response.SHA256(), Verified: d.SHA256 != "",
			}, nil)
		})
		return nil
	})
	return CallID(id), err
}

// Download downloads a file and waits for the end; see StartDownload. It returns
// ErrInvalidState inside a handler, and when called from a second goroutine while another one
// is inside the reactor.
func (c *HistoricalClient) Download(ctx context.Context, d DownloadRequest) (result DownloadResult, err error) {
	err = c.wait(ctx, func(done func(error)) (CallID, error) {
		return c.StartDownload(d, func(r DownloadResult, err error) {
			result = r
			done(err)
		})
	})
	return result, err
}

// Download returns the request that downloads the file into dir, which must exist, under its own
// name. Only the path of the file's URL is used, on the client's own server. SHA256 is empty,
// and therefore not compared, when the server's hash is not a SHA-256. It returns ErrHTTP when
// the server's name or URL of the file cannot be used. Any goroutine may call it at any time.
func (f BatchFile) Download(dir string) (DownloadRequest, error) {
	u, err := url.Parse(f.URLs["https"])
	if err != nil || !strings.HasPrefix(u.Path, "/") || strings.Contains(u.RawQuery, " ") {
		return DownloadRequest{}, newError(CodeHTTPError, "file %q has no https URL", f.Name)
	}
	// The name comes from the server and must not lead out of dir. A name that cannot be
	// shown unchanged would appear as a different one in every message.
	foreign := func(r rune) bool { return r == '/' || r == utf8.RuneError || !strconv.IsPrint(r) }
	if f.Name == "" || f.Name == "." || f.Name == ".." || strings.ContainsFunc(f.Name, foreign) {
		return DownloadRequest{}, newError(CodeHTTPError, "the server's file name %q is not a plain name", f.Name)
	}
	d := DownloadRequest{URLPath: u.RequestURI(), Path: path.Join(dir, f.Name), Size: f.Size}
	// Another kind of hash cannot be checked: DownloadResult.Verified says so.
	kind, digest, _ := strings.Cut(f.Hash, ":")
	if raw, err := hex.DecodeString(digest); err == nil && len(raw) == sha256.Size && strings.EqualFold(kind, "sha256") {
		d.SHA256 = digest
	}
	return d, nil
}
