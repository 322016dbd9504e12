package columnar

import (
	"encoding/json"

	"github.com/dbnloop/dbnloop/dbn"
)

// pandasKey names what pandas reads to restore a frame.
const pandasKey = "pandas"

// pandasColumn describes a column to pandas.
type pandasColumn struct {
	Name     *string           `json:"name"` // nil: that of the columns' own index
	Field    *string           `json:"field_name"`
	Type     string            `json:"pandas_type"`
	Numpy    string            `json:"numpy_type"`
	Metadata map[string]string `json:"metadata"`
}

// pandas is the text by which pandas makes of the file what to_df of Databento's client for Python
// makes of the records: the same index, and the same types. Prices that are integers are of the
// type that can be undefined, because NaN would make them floating-point numbers that are not exact.
func (l *layout) pandas() string {
	description := struct {
		Index        []string          `json:"index_columns"`
		ColumnIndex  []pandasColumn    `json:"column_indexes"`
		Columns      []pandasColumn    `json:"columns"`
		AttributesOf map[string]string `json:"attributes"`
		Creator      map[string]string `json:"creator"`
		Version      string            `json:"pandas_version"`
	}{
		Index:        []string{},
		ColumnIndex:  []pandasColumn{{Type: "unicode", Numpy: "object", Metadata: map[string]string{"encoding": "UTF-8"}}},
		AttributesOf: map[string]string{},
		Creator:      map[string]string{"library": "dbn-tail", "version": "1"},
		Version:      "2.0.0", // the oldest with these types
	}
	if l.index != "" {
		description.Index = append(description.Index, l.index)
	}
	for i := range l.columns {
		c := &l.columns[i]
		p := pandasColumn{Name: &c.name, Field: &c.name, Type: c.arrowType().Name(), Numpy: c.arrowType().Name()}
		switch {
		case c.isText():
			p.Type, p.Numpy = "unicode", "object"
		case c.kind == dbn.ColumnTime:
			p.Type, p.Numpy, p.Metadata = "datetimetz", "datetime64[ns]", map[string]string{"timezone": "UTC"}
		case c.kind == dbn.ColumnPrice && !c.pretty:
			p.Numpy = "Int64"
		}
		description.Columns = append(description.Columns, p)
	}
	text, err := json.Marshal(description)
	if err != nil {
		panic(err) // it has no value that JSON cannot write
	}
	return string(text)
}
