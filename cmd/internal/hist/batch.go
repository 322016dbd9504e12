package hist

import (
	"fmt"
	"strconv"
	"time"

	"github.com/dbnloop/dbnloop"
	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/term"
)

// Submit orders a job whose files are as the request says, once it is agreed that the query may
// cost what it does. A dry run lists the cost and orders nothing.
func (c *Client) Submit(q Query, request dbnloop.BatchRequest, dryRun bool) (l term.Listing, err error) {
	if dryRun {
		p, err := c.jobPrice(&q)
		if err != nil {
			return l, err
		}
		return p.listing(), q.allows(p.CostUSD)
	}
	made, err := c.order(q, request)
	if err != nil {
		return l, err
	}
	return jobListing(&made), nil
}

// jobPrice is what a job costs.
func (c *Client) jobPrice(q *Query) (p price, err error) {
	if err = c.settle(q); err != nil {
		return p, err
	}
	return c.price(&q.HistoricalRequest)
}

// order orders a job.
func (c *Client) order(q Query, request dbnloop.BatchRequest) (made dbnloop.BatchJob, err error) {
	p, err := c.jobPrice(&q)
	if err != nil {
		return made, err
	}
	if err = q.allows(p.CostUSD); err != nil {
		return made, err
	}
	if err = c.confirmJob(&q, p); err != nil {
		return made, err
	}
	request.Range = q.HistoricalRequest
	return c.client.SubmitJob(c.ctx, request)
}

// confirmJob shows the cost and asks.
func (c *Client) confirmJob(q *Query, p price) error {
	order := q.order(p)
	if q.Yes {
		c.log.Info("ordering " + order)
		return nil
	}
	if !term.IsTerminal(c.Stdin) {
		return exit.BadUsage("a job costs money (%s): confirm with -y", order)
	}
	return term.Confirm(c.ctx, "Order "+order+"?", c.Stdin, c.Stderr)
}

// Jobs lists the jobs that were received since a time and are in one of the states; a zero time
// and no state stand for all. The details of each job take a request, unless short is set.
func (c *Client) Jobs(since time.Time, states []string, short bool) (l term.Listing, err error) {
	jobs, err := c.client.ListJobs(c.ctx, since, states...)
	if err != nil {
		return l, err
	}
	if short {
		l.Columns = []string{"job", "state", "received"}
		for _, j := range jobs {
			l.Add(j.ID, j.State, j.Received)
			l.Items = append(l.Items, shortJob{j.ID, j.State, j.Received})
		}
		return l, nil
	}
	ids := make([]string, len(jobs))
	for i := range jobs {
		ids[i] = jobs[i].ID
	}
	details, err := c.details(ids)
	l.Columns = []string{"job", "state", "dataset", "schema", "symbols", "start", "end", "records", "cost", "received"}
	for i, j := range details {
		if j == nil {
			l.Add(jobs[i].ID, jobs[i].State, "", "", "", "", "", "", "", jobs[i].Received)
			l.Items = append(l.Items, shortJob{jobs[i].ID, jobs[i].State, jobs[i].Received})
			continue
		}
		l.Add(j.ID, j.State, j.Dataset, j.Schema, shortened(j.Symbols), j.Start, j.End,
			countOf(j.RecordCount), costOf(j.CostUSD), j.Received)
		l.Items = append(l.Items, *j)
	}
	return l, err
}

// shortJob is what the list of jobs says of one.
type shortJob struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Received string `json:"ts_received"`
}

// Job lists all that is known of a job.
func (c *Client) Job(id string) (l term.Listing, err error) {
	job, err := c.client.JobDetails(c.ctx, id)
	if err != nil {
		return l, err
	}
	return jobListing(&job), nil
}

// jobListing is one job with all that is known of it.
func jobListing(j *dbnloop.BatchJob) term.Listing {
	l := term.Listing{Items: []any{*j}}
	state := j.State
	if j.Progress != nil && state != "done" {
		state += fmt.Sprintf(" (%d %%)", *j.Progress)
	}
	for _, row := range [][2]string{
		{"job", j.ID}, {"state", state}, {"cost", costOf(j.CostUSD)}, {"dataset", j.Dataset}, {"schema", j.Schema},
		{"symbols", shortened(j.Symbols)}, {"stype_in", j.StypeIn}, {"stype_out", j.StypeOut},
		{"start", j.Start}, {"end", j.End}, {"limit", countOf(j.Limit)}, {"encoding", j.Encoding},
		{"compression", textOf(j.Compression)}, {"split by", textOf(j.SplitDuration)}, {"split size", sizeOf(j.SplitSize)},
		{"split symbols", strconv.FormatBool(j.SplitSymbols)}, {"records", countOf(j.RecordCount)},
		{"billed", sizeOf(j.BilledSize)}, {"size", sizeOf(j.ActualSize)}, {"package", sizeOf(j.PackageSize)},
		{"received", j.Received}, {"queued", textOf(j.Queued)}, {"begun", textOf(j.ProcessStart)},
		{"done", textOf(j.ProcessDone)}, {"expires", textOf(j.Expiration)},
	} {
		if row[1] != "" {
			l.Add(row[0], row[1])
		}
	}
	return l
}

func countOf(n *uint64) string { return ifThere(n, term.Grouped) }

func sizeOf(n *uint64) string { return ifThere(n, term.Quantity) }

func costOf(usd *float64) string { return ifThere(usd, dollars) }

func textOf(s *string) string { return ifThere(s, func(s string) string { return s }) }

// ifThere is the text of a value; empty for nil.
func ifThere[T any](value *T, text func(T) string) string {
	if value == nil {
		return ""
	}
	return text(*value)
}
