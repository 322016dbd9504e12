package hist

import "github.com/dbnloop/dbnloop"

// RecordCount asks how many records a range has; that is free.
func (c *Client) RecordCount(r dbnloop.HistoricalRequest) (uint64, error) {
	n, err := c.client.RecordCount(c.ctx, r)
	return n, c.Explain(err)
}
