package dbnloop

import "time"

// What the typed calls of the historical API take and return.

// Date is a day, "2026-11-23", as the API writes it. An empty Date means no bound.
type Date string

// DateOf returns the UTC day of a time.
func DateOf(t time.Time) Date { return Date(t.UTC().Format(time.DateOnly)) }

// PublisherDetail is a venue's feed within a dataset.
type PublisherDetail struct {
	ID          uint16 `json:"publisher_id"`
	Dataset     string `json:"dataset"`
	Venue       string `json:"venue"`
	Description string `json:"description"`
}

// FieldDetail is a column of a schema in an encoding.
type FieldDetail struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// UnitPricesForMode holds prices in US dollars per GB, by schema, for a mode of delivery.
type UnitPricesForMode struct {
	Mode       string             `json:"mode"`
	UnitPrices map[string]float64 `json:"unit_prices"`
}

// DatasetConditionDetail is the condition of a dataset on a day: "available", "degraded",
// "pending" or "missing".
type DatasetConditionDetail struct {
	Date         Date   `json:"date"`
	Condition    string `json:"condition"`
	LastModified *Date  `json:"last_modified_date"`
}

// DateTimeRange is a range of times, ISO 8601 in UTC; End is exclusive.
type DateTimeRange struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// DatasetRange is the range of available data, of the dataset and of each schema.
type DatasetRange struct {
	DateTimeRange
	RangeBySchema map[string]DateTimeRange `json:"schema"`
}

// SymbologyResolution is what symbols resolve to over a range of days.
type SymbologyResolution struct {
	// Mappings holds, by input symbol, what it resolved to, in order.
	Mappings map[string][]SymbolInterval `json:"result"`
	Partial  []string                    `json:"partial"`   // resolved on some days only
	NotFound []string                    `json:"not_found"` // resolved on no day
}

// SymbolInterval is what a symbol resolves to from StartDate to EndDate, which is exclusive.
type SymbolInterval struct {
	StartDate Date   `json:"d0"`
	EndDate   Date   `json:"d1"`
	Symbol    string `json:"s"`
}

// BatchJob is a batch job. For the jobs of a list the service sends only ID, State and Received;
// the other fields are zero unless the server sends them. JobDetails returns all.
type BatchJob struct {
	ID            string     `json:"id"`
	State         string     `json:"state"` // queued, processing, done, expired
	CostUSD       *float64   `json:"cost_usd"`
	Dataset       string     `json:"dataset"`
	Symbols       SymbolList `json:"symbols"`
	StypeIn       string     `json:"stype_in"`
	StypeOut      string     `json:"stype_out"`
	Schema        string     `json:"schema"`
	Start         string     `json:"start"`
	End           string     `json:"end"`
	Limit         *uint64    `json:"limit"`
	Encoding      string     `json:"encoding"`
	Compression   *string    `json:"compression"`
	SplitDuration *string    `json:"split_duration"`
	SplitSize     *uint64    `json:"split_size"`
	SplitSymbols  bool       `json:"split_symbols"`
	Delivery      string     `json:"delivery"`
	RecordCount   *uint64    `json:"record_count"`
	BilledSize    *uint64    `json:"billed_size"`
	ActualSize    *uint64    `json:"actual_size"`
	PackageSize   *uint64    `json:"package_size"`
	Received      string     `json:"ts_received"`
	Queued        *string    `json:"ts_queued"`
	ProcessStart  *string    `json:"ts_process_start"`
	ProcessDone   *string    `json:"ts_process_done"`
	Expiration    *string    `json:"ts_expiration"`
	Progress      *int       `json:"progress"` // per cent
}

// SymbolList is a list that the API writes as one string, or as strings or numbers.
type SymbolList []string

// UnmarshalJSON reads each form. An empty string and null give an empty list.
func (l *SymbolList) UnmarshalJSON(data []byte) error {
	*l = nil
	if string(data) == "null" {
		return nil
	}
	return readAnswer(data, l)
}

// BatchFile is a file of a batch job.
type BatchFile struct {
	Name string            `json:"filename"`
	Size int64             `json:"size"`
	Hash string            `json:"hash"` // "sha256:" and hexadecimal digits; see DownloadResult.Verified
	URLs map[string]string `json:"urls"` // by protocol
}

// BatchRequest is the request of a batch job. Its zero values stand for the API's defaults: DBN,
// zstd, split by day.
type BatchRequest struct {
	Range        HistoricalRequest
	Encoding     string // "dbn", "csv", "json"
	Compression  string // "none", "zstd"
	PrettyPrices bool   // decimal prices; text encodings only
	PrettyTimes  bool   // ISO 8601 times; text encodings only
	// MapSymbols writes the symbol into every record, in any encoding. The text encodings
	// contain it by default, as the service does; OmitSymbols leaves it out.
	MapSymbols    bool
	OmitSymbols   bool
	SplitSymbols  bool   // one file per symbol; not with dbn.AllSymbols
	SplitDuration string // "day", "week", "month", "year", "none"
	SplitSize     uint64 // bytes, 1e9 to 10e9; 0: no split by size
}
