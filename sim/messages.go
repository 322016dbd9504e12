package sim

import (
	"fmt"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/sim/internal/market"
)

// composer makes the records that a gateway sends of itself, in the layouts of one DBN
// version. Texts that are too long are cut.
type composer struct{ version uint8 }

func (c composer) system(ts uint64, code dbn.SystemCode, text string) []byte {
	if c.version == 1 {
		m := &dbn.SystemMsgV1{Hd: header(dbn.RTypeSystem, 0, ts)}
		market.SetText(m.Msg[:], text)
		return sealed(m)
	}
	m := &dbn.SystemMsg{Hd: header(dbn.RTypeSystem, 0, ts), Code: code}
	market.SetText(m.Msg[:], text)
	return sealed(m)
}

func (c composer) failure(ts uint64, code dbn.ErrorCode, last bool, text string) []byte {
	if c.version == 1 {
		m := &dbn.ErrorMsgV1{Hd: header(dbn.RTypeError, 0, ts)}
		market.SetText(m.Err[:], text)
		return sealed(m)
	}
	m := &dbn.ErrorMsg{Hd: header(dbn.RTypeError, 0, ts), Code: code}
	if last {
		m.IsLast = 1
	}
	market.SetText(m.Err[:], text)
	return sealed(m)
}

// mapping tells that a requested symbol stands for an instrument with a raw symbol.
func (c composer) mapping(ts uint64, t market.Target, stypeIn dbn.SType, requested, raw string) []byte {
	if c.version == 1 {
		m := &dbn.SymbolMappingMsgV1{
			Hd:      header(dbn.RTypeSymbolMapping, t.ID, ts),
			StartTs: dbn.UnixNanos(t.Start), EndTs: dbn.UnixNanos(t.End),
		}
		market.SetText(m.StypeInSymbol[:], requested)
		market.SetText(m.StypeOutSymbol[:], raw)
		return sealed(m)
	}
	m := &dbn.SymbolMappingMsg{
		Hd:      header(dbn.RTypeSymbolMapping, t.ID, ts),
		StypeIn: stypeIn, StypeOut: dbn.STypeRawSymbol,
		StartTs: dbn.UnixNanos(t.Start), EndTs: dbn.UnixNanos(t.End),
	}
	market.SetText(m.StypeInSymbol[:], requested)
	market.SetText(m.StypeOutSymbol[:], raw)
	return sealed(m)
}

func (c composer) heartbeat(ts uint64) []byte {
	return c.system(ts, dbn.SystemCodeHeartbeat, "Heartbeat")
}

func (c composer) ack(ts uint64, id uint32, schema dbn.Schema) []byte {
	return c.system(ts, dbn.SystemCodeSubscriptionAck,
		fmt.Sprintf("Subscription request %d for %s data succeeded", id, schema))
}

func (c composer) unsubscribed(ts uint64, schema dbn.Schema) []byte {
	return c.system(ts, dbn.SystemCodeUnsubscribeAck, fmt.Sprintf("Unsubscribe request for %s data succeeded", schema))
}

func (c composer) replayed(ts uint64, schema dbn.Schema) []byte {
	return c.system(ts, dbn.SystemCodeReplayCompleted, fmt.Sprintf("Finished %s replay", schema))
}

func (c composer) endOfInterval(ts uint64, schema dbn.Schema) []byte {
	return c.system(ts, dbn.SystemCodeEndOfInterval, fmt.Sprintf("End of interval for %s", schema))
}

func (c composer) slowWarning(ts uint64) []byte {
	return c.system(ts, dbn.SystemCodeSlowReaderWarning, "Warning: slow reading")
}

func (c composer) skipped(ts uint64, schemas int) []byte {
	plural := ""
	if schemas != 1 {
		plural = "s"
	}
	return c.failure(ts, dbn.ErrorCodeSkippedRecordsAfterSlowReading, true,
		fmt.Sprintf("Slow client detected for %d schema%s, records were skipped", schemas, plural))
}

func header(rtype dbn.RType, id uint32, ts uint64) dbn.RecordHeader {
	return dbn.RecordHeader{RType: rtype, InstrumentID: id, TsEvent: dbn.UnixNanos(ts)}
}

// sealed is the record's bytes with its length set.
func sealed[T any](m *T) []byte {
	rec := market.BytesOf(m)
	market.SetSize(rec, len(rec))
	return rec
}
