package gateway

import (
	"fmt"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

// Messages makes the records that a gateway sends of itself, in the layouts of one DBN
// version. Texts that are too long are cut.
type Messages struct{ version uint8 }

func (c Messages) system(ts uint64, code dbn.SystemCode, text string) []byte {
	if c.version == 1 {
		m := &dbn.SystemMsgV1{Hd: header(dbn.RTypeSystem, 0, ts)}
		wire.SetText(m.Msg[:], text)
		return wire.Sealed(m)
	}
	m := &dbn.SystemMsg{Hd: header(dbn.RTypeSystem, 0, ts), Code: code}
	wire.SetText(m.Msg[:], text)
	return wire.Sealed(m)
}

// Failure is an error record; last means that no other follows that belongs to it.
func (c Messages) Failure(ts uint64, code dbn.ErrorCode, last bool, text string) []byte {
	if c.version == 1 {
		m := &dbn.ErrorMsgV1{Hd: header(dbn.RTypeError, 0, ts)}
		wire.SetText(m.Err[:], text)
		return wire.Sealed(m)
	}
	m := &dbn.ErrorMsg{Hd: header(dbn.RTypeError, 0, ts), Code: code}
	if last {
		m.IsLast = 1
	}
	wire.SetText(m.Err[:], text)
	return wire.Sealed(m)
}

// mapping reports that a requested symbol stands for an instrument with a raw symbol.
func (c Messages) mapping(ts uint64, t *Instrument, stypeIn dbn.SType, requested string) []byte {
	if c.version == 1 {
		m := &dbn.SymbolMappingMsgV1{
			Hd:      header(dbn.RTypeSymbolMapping, t.ID, ts),
			StartTs: t.Start, EndTs: t.End,
		}
		wire.SetText(m.StypeInSymbol[:], requested)
		wire.SetText(m.StypeOutSymbol[:], t.RawSymbol)
		return wire.Sealed(m)
	}
	m := &dbn.SymbolMappingMsg{
		Hd:      header(dbn.RTypeSymbolMapping, t.ID, ts),
		StypeIn: stypeIn, StypeOut: dbn.STypeRawSymbol,
		StartTs: t.Start, EndTs: t.End,
	}
	wire.SetText(m.StypeInSymbol[:], requested)
	wire.SetText(m.StypeOutSymbol[:], t.RawSymbol)
	return wire.Sealed(m)
}

// Heartbeat is the message of a session in which nothing happens.
func (c Messages) Heartbeat(ts uint64) []byte {
	return c.system(ts, dbn.SystemCodeHeartbeat, "Heartbeat")
}

func (c Messages) ack(ts uint64, id uint32, schema dbn.Schema) []byte {
	return c.system(ts, dbn.SystemCodeSubscriptionAck,
		fmt.Sprintf("Subscription request %d for %s data succeeded", id, schema))
}

func (c Messages) unsubscribed(ts uint64, schema dbn.Schema) []byte {
	return c.system(ts, dbn.SystemCodeUnsubscribeAck, fmt.Sprintf("Unsubscribe request for %s data succeeded", schema))
}

// Replayed says that the replay of a schema is complete.
func (c Messages) Replayed(ts uint64, schema dbn.Schema) []byte {
	return c.system(ts, dbn.SystemCodeReplayCompleted, fmt.Sprintf("Finished %s replay", schema))
}

// EndOfInterval says that an interval of a schema is complete.
func (c Messages) EndOfInterval(ts uint64, schema dbn.Schema) []byte {
	return c.system(ts, dbn.SystemCodeEndOfInterval, fmt.Sprintf("End of interval for %s", schema))
}

// SlowWarning is the warning for clients that read too slowly.
func (c Messages) SlowWarning(ts uint64) []byte {
	return c.system(ts, dbn.SystemCodeSlowReaderWarning, "Warning: slow reading")
}

// Skipped says that records of some schemas were left out.
func (c Messages) Skipped(ts uint64, schemas int) []byte {
	plural := ""
	if schemas != 1 {
		plural = "s"
	}
	return c.Failure(ts, dbn.ErrorCodeSkippedRecordsAfterSlowReading, true,
		fmt.Sprintf("Slow client detected for %d schema%s, records were skipped", schemas, plural))
}

func header(rtype dbn.RType, id uint32, ts uint64) dbn.RecordHeader {
	return dbn.RecordHeader{RType: rtype, InstrumentID: id, TsEvent: dbn.UnixNanos(ts)}
}
