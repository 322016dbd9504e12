package batch

import (
	"fmt"
	"strings"

	"github.com/dbnloop/dbnloop/dbn"
)

// Mappings is what stands for a schema in the subject of symbol mappings.
const Mappings = "symbol-mapping"

const prefix = "dbn."

// maxDataset is the length that a dataset has in DBN metadata.
const maxDataset = 16

// CheckDataset refuses a name that cannot be a dataset, or part of a subject.
func CheckDataset(dataset string) error {
	ok := len(dataset) <= maxDataset
	for token := range strings.SplitSeq(dataset, ".") {
		ok = ok && token != ""
		for _, c := range token {
			ok = ok && (c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
		}
	}
	if !ok {
		return fmt.Errorf("dataset %q: want at most %d letters, digits and hyphens, with single dots between them, such as GLBX.MDP3", dataset, maxDataset)
	}
	return nil
}

// Subject is that of the batches of a schema.
func Subject(dataset, schema string) string { return prefix + dataset + "." + schema }

// Subjects is the pattern of all subjects of a dataset.
func Subjects(dataset string) string { return prefix + dataset + ".*" }

// SplitSubject is the reverse of Subject.
func SplitSubject(subject string) (dataset, schema string, err error) {
	rest, ours := strings.CutPrefix(subject, prefix)
	dot := strings.LastIndexByte(rest, '.')
	if !ours || dot <= 0 || dot == len(rest)-1 {
		return "", "", fmt.Errorf("subject %q: want dbn.DATASET.SCHEMA", subject)
	}
	return rest[:dot], rest[dot+1:], nil
}

// StreamName is the name of the stream of a dataset.
func StreamName(dataset string) string { return "DBN_" + strings.ReplaceAll(dataset, ".", "_") }

// SchemaOf is the schema of the records of an rtype, "" for those that are not market data.
// Records of mbp-1 and tbbo have the same rtype, which is taken for mbp-1.
func SchemaOf(rtype dbn.RType) string {
	switch rtype {
	case dbn.RTypeSymbolMapping:
		return Mappings
	case dbn.RTypeMbo:
		return dbn.SchemaMbo.String()
	case dbn.RTypeMbp0:
		return dbn.SchemaTrades.String()
	case dbn.RTypeMbp1:
		return dbn.SchemaMbp1.String()
	case dbn.RTypeMbp10:
		return dbn.SchemaMbp10.String()
	case dbn.RTypeOhlcv1S:
		return dbn.SchemaOhlcv1S.String()
	case dbn.RTypeOhlcv1M:
		return dbn.SchemaOhlcv1M.String()
	case dbn.RTypeOhlcv1H:
		return dbn.SchemaOhlcv1H.String()
	case dbn.RTypeOhlcv1D:
		return dbn.SchemaOhlcv1D.String()
	case dbn.RTypeOhlcvEod:
		return dbn.SchemaOhlcvEod.String()
	case dbn.RTypeInstrumentDef:
		return dbn.SchemaDefinition.String()
	case dbn.RTypeStatistics:
		return dbn.SchemaStatistics.String()
	case dbn.RTypeStatus:
		return dbn.SchemaStatus.String()
	case dbn.RTypeImbalance:
		return dbn.SchemaImbalance.String()
	case dbn.RTypeCmbp1:
		return dbn.SchemaCmbp1.String()
	case dbn.RTypeCbbo1S:
		return dbn.SchemaCbbo1S.String()
	case dbn.RTypeCbbo1M:
		return dbn.SchemaCbbo1M.String()
	case dbn.RTypeTcbbo:
		return dbn.SchemaTcbbo.String()
	case dbn.RTypeBbo1S:
		return dbn.SchemaBbo1S.String()
	case dbn.RTypeBbo1M:
		return dbn.SchemaBbo1M.String()
	}
	return ""
}
