package market

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbnloop/dbnloop/dbn"
	"github.com/dbnloop/dbnloop/internal/wire"
)

func TestConversionUpAgreesWithTheUpgrader(t *testing.T) {
	definition := dbn.InstrumentDefMsgV1{
		Hd:     dbn.RecordHeader{Length: 360 / 4, RType: dbn.RTypeInstrumentDef, PublisherID: 1, InstrumentID: 2, TsEvent: 3},
		TsRecv: 4, MinPriceIncrement: 5, StrikePrice: 6, RawInstrumentID: 7, TradingReferencePrice: 8,
		MinLotSize: -9, ContractMultiplierUnit: -1, InstrumentClass: dbn.InstrumentClassCall, TickRule: 11,
	}
	copy(definition.RawSymbol[:], "ESZ6 C6000")
	copy(definition.Asset[:], "ES")
	copy(definition.UnitOfMeasure[:], "IPNT")
	stat := dbn.StatMsgV1{
		Hd:     dbn.RecordHeader{Length: 64 / 4, RType: dbn.RTypeStatistics, InstrumentID: 2},
		TsRecv: 4, Price: 5, Quantity: -6, Sequence: 7, StatType: dbn.StatTypeOpenInterest, ChannelID: 8, StatFlags: 255,
	}
	unset := stat
	unset.Quantity = dbn.UndefStatQuantityV1
	for _, rec := range [][]byte{wire.BytesOf(&definition), wire.BytesOf(&stat), wire.BytesOf(&unset)} {
		for _, policy := range []dbn.UpgradePolicy{dbn.UpgradeToV2, dbn.UpgradeToV3} {
			view, err := dbn.RecordOf(rec)
			if err != nil {
				t.Fatal(err)
			}
			want := dbn.NewUpgrader(1, false, policy).Upgrade(view).Bytes()
			got, err := convertRecords(rec, 1, uint8(policy))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %v\n%s", view.RType(), policy, err, cmp.Diff(want, got))
			}
		}
	}
}

func TestConversionDownAndUpKeepsWhatBothVersionsHave(t *testing.T) {
	definition := dbn.InstrumentDefMsg{
		Hd:     dbn.RecordHeader{Length: 520 / 4, RType: dbn.RTypeInstrumentDef, InstrumentID: 2},
		TsRecv: 4, StrikePrice: 6, RawInstrumentID: 7, LegPrice: dbn.UndefPrice, LegDelta: dbn.UndefPrice, LegSide: dbn.SideNone,
	}
	copy(definition.RawSymbol[:], "CLF7")
	stat := dbn.StatMsg{Hd: dbn.RecordHeader{Length: 80 / 4, RType: dbn.RTypeStatistics}, Quantity: dbn.UndefStatQuantity}
	for _, rec := range [][]byte{wire.BytesOf(&definition), wire.BytesOf(&stat)} {
		for version := uint8(1); version <= 2; version++ {
			down, err := convertRecords(rec, 3, version)
			if err != nil {
				t.Fatal(err)
			}
			up, err := convertRecords(down, version, 3)
			if err != nil || !bytes.Equal(up, rec) {
				t.Errorf("version %d: %v\n%s", version, err, cmp.Diff(rec, up))
			}
		}
	}
}

func TestWhatDoesNotFitIsCutOrUnset(t *testing.T) {
	definition := dbn.InstrumentDefMsg{Hd: dbn.RecordHeader{Length: 520 / 4, RType: dbn.RTypeInstrumentDef}, RawInstrumentID: 1 << 40}
	long := bytes.Repeat([]byte("S"), 70)
	copy(definition.RawSymbol[:], long)
	down, err := convertRecords(wire.BytesOf(&definition), 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	old := As[dbn.InstrumentDefMsgV1](down)
	if old.RawSymbolString() != string(long[:21]) || old.RawInstrumentID != math.MaxUint32 ||
		!old.TradingReferencePrice.IsUndef() || old.TradingReferenceDate != math.MaxUint16 {
		t.Errorf("%+v", old)
	}
	for _, test := range []struct {
		quantity int64
		want     int32
	}{{5, 5}, {-5, -5}, {math.MaxInt64, math.MaxInt32}, {1 << 40, math.MaxInt32}, {-1 << 40, math.MinInt32}} {
		stat := dbn.StatMsg{Hd: dbn.RecordHeader{Length: 80 / 4, RType: dbn.RTypeStatistics}, Quantity: test.quantity}
		down, err := convertRecords(wire.BytesOf(&stat), 3, 2)
		if err != nil {
			t.Fatal(err)
		}
		if got := As[dbn.StatMsgV1](down).Quantity; got != test.want {
			t.Errorf("quantity %d became %d, want %d", test.quantity, got, test.want)
		}
	}
}
