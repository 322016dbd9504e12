package historical

import "github.com/dbnloop/dbnloop/dbn"

// resolveSymbology answers symbology.resolve.
func (h *Server) resolveSymbology(x *exchange) error {
	p := x.params
	d := h.dataset(p)
	symbols := p.symbols()
	stypeIn := parseParam(p, "stype_in", "raw_symbol", dbn.ParseSType)
	stypeOut := parseParam(p, "stype_out", "instrument_id", dbn.ParseSType)
	p.required("start_date")
	from, _ := p.date("start_date")
	to, hasTo := p.date("end_date")
	if p.err != nil {
		return p.err
	}
	if !hasTo {
		to = from + 1
	}
	if from >= to {
		return invalid("validation_failed", "The `start_date` (%s) must be before the `end_date` (%s).", isoDate(from), isoDate(to))
	}
	if err := checkConversion(stypeIn, stypeOut); err != nil {
		return err
	}
	resolved := d.resolveAll(stypeIn, stypeOut, symbols, from, to)
	return x.reply(resolved.document(stypeIn, stypeOut, from, to))
}

// checkConversion refuses symbologies that there is no way between.
func checkConversion(from, to dbn.SType) error {
	if from != to && to != dbn.STypeInstrumentID && to != dbn.STypeRawSymbol {
		return invalid("symbology_invalid_request", "Symbols cannot be converted from %s to %s.", from, to)
	}
	return nil
}

// symbolInterval is what a symbol stands for during some days.
type symbolInterval struct {
	From   string `json:"d0"`
	To     string `json:"d1"`
	Symbol string `json:"s"`
}

// document is the resolution as symbology.resolve answers it.
func (r *resolution) document(stypeIn, stypeOut dbn.SType, from, to int64) map[string]any {
	result := make(map[string][]symbolInterval)
	for symbol, spans := range r.spans {
		for _, s := range spans {
			result[symbol] = append(result[symbol], symbolInterval{isoDate(s.from), isoDate(s.to), s.name})
		}
	}
	message, status := "OK", 0
	switch {
	case len(r.notFound) > 0:
		message, status = "Not found", 2
	case len(r.partial) > 0:
		message, status = "Partially resolved", 1
	}
	return map[string]any{
		"result": result, "symbols": r.symbols, "stype_in": stypeIn.String(), "stype_out": stypeOut.String(),
		"start_date": isoDate(from), "end_date": isoDate(to),
		"partial": append([]string{}, r.partial...), "not_found": append([]string{}, r.notFound...),
		"message": message, "status": status,
	}
}
