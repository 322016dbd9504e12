package survey

// Total is the sum of several reports. Its bytes and counts are sums; what concerns the order of
// records is that of each file, and the longest silence is the longest within a file.
type Total struct {
	Files      int `json:"files"`
	Incomplete int `json:"incomplete"`
	Report
}

// Add adds a report.
func (t *Total) Add(r *Report) {
	t.Files++
	if !r.Complete {
		t.Incomplete++
	}
	t.Complete = t.Incomplete == 0
	t.Bytes += r.Bytes
	t.DBNBytes += r.DBNBytes
	t.Records += r.Records
	t.Messages += r.Messages
	t.Errors += r.Errors
	t.Skips += r.Skips
	t.Untimed += r.Untimed
	t.OrderBreaks += r.OrderBreaks
	t.SequenceBreaks += r.SequenceBreaks
	t.Unsorted += r.Unsorted
	t.LargestStep = max(t.LargestStep, r.LargestStep)
	t.SilenceCount += r.SilenceCount
	if r.LongestSilence != nil && (t.LongestSilence == nil || r.LongestSilence.Span > t.LongestSilence.Span) {
		t.LongestSilence = r.LongestSilence
	}
	t.First, t.Last = earlier(t.First, r.First), later(t.Last, r.Last)
	t.Schemas, t.Symbols = merge(t.Schemas, r.Schemas), merge(t.Symbols, r.Symbols)
}

func merge(into, from []Group) []Group {
	all := make(groups, len(into))
	for _, list := range [][]Group{into, from} {
		for i := range list {
			name := groupName{list[i].Name, list[i].ID}
			if all[name] == nil {
				all[name] = &Group{Name: name.name, ID: name.id}
			}
			all[name].merge(&list[i])
		}
	}
	return all.sorted()
}
