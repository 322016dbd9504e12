package hist

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
)

// detailsAtOnce bounds the requests for details of jobs that are under way at a time.
const detailsAtOnce = 8

// jobDetails asks for the details of several jobs, which the list of jobs lacks.
type jobDetails struct {
	*Client
	ids  []string
	jobs []*dbnloop.BatchJob // in the order of ids; nil: there was no answer
	next int
	open map[int]dbnloop.CallID
	err  error // the first one
}

// details gives the details of each job. After an error that does not concern one job
// alone the other ones are not asked for.
func (c *Client) details(ids []string) ([]*dbnloop.BatchJob, error) {
	d := &jobDetails{Client: c, ids: ids, jobs: make([]*dbnloop.BatchJob, len(ids)), open: map[int]dbnloop.CallID{}}
	defer context.AfterFunc(c.ctx, func() { c.reactor.Post(func() {}) })()
	d.ask()
	for len(d.open) > 0 && c.ctx.Err() == nil {
		if _, err := c.reactor.Poll(-1); err != nil {
			d.err = cmp.Or(d.err, err)
			break
		}
	}
	for _, id := range d.open {
		c.client.Cancel(id)
	}
	return d.jobs, cmp.Or(context.Cause(c.ctx), d.err)
}

// ask sends as many requests as may be under way.
func (d *jobDetails) ask() {
	for len(d.open) < detailsAtOnce && d.next < len(d.ids) {
		i := d.next
		d.next++
		id, err := d.client.Call(dbnloop.CallGet, jobDetailsEndpoint, url.Values{"job_id": {d.ids[i]}}, func(body []byte, err error) {
			delete(d.open, i)
			d.take(i, body, err)
			d.ask()
		})
		if err != nil {
			d.fail(i, err)
			return
		}
		d.open[i] = id
	}
}

const jobDetailsEndpoint = "batch.get_job_details"

func (d *jobDetails) take(i int, body []byte, err error) {
	job := new(dbnloop.BatchJob)
	switch {
	case err != nil:
		d.fail(i, err)
	case json.Unmarshal(body, job) != nil || job.ID != d.ids[i]:
		d.fail(i, errors.New("the response is not the JSON of the job; is it Databento's API?"))
	default:
		d.jobs[i] = job
	}
}

func (d *jobDetails) fail(i int, err error) {
	explained := d.Explain(err)
	d.err = cmp.Or(d.err, exit.Fail(exit.FromError(explained), "details of job %s: %w", d.ids[i], explained))
	var e *dbnloop.Error
	if errors.As(err, &e) && e.HTTP != nil && e.HTTP.Status == http.StatusNotFound {
		return // the other ones may be there
	}
	d.next = len(d.ids)
}
