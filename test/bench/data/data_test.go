package data

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// read decodes a stream, and returns what it found and the order of the types.
func read(t *testing.T, stream []byte) (c Contents, order []dbn.RType) {
	t.Helper()
	d, err := dbn.NewDecoder(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	for {
		r, err := d.Next()
		if errors.Is(err, io.EOF) {
			return c, order
		}
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, r.RType())
		price := priceOf(t, r)
		c.All.Records++
		c.All.Sum += uint64(price)
		if r.RType() == dbn.RTypeMbo {
			c.Mbo.Records++
			c.Mbo.Sum += uint64(price)
		}
	}
}

func priceOf(t *testing.T, r dbn.Record) dbn.Price {
	t.Helper()
	if m, ok := dbn.As[dbn.MboMsg](r); ok {
		return m.Price
	}
	if m, ok := dbn.As[dbn.TradeMsg](r); ok {
		return m.Price
	}
	if m, ok := dbn.As[dbn.Mbp1Msg](r); ok {
		return m.Price
	}
	if m, ok := dbn.As[dbn.Mbp10Msg](r); ok {
		return m.Price
	}
	if m, ok := dbn.As[dbn.OhlcvMsg](r); ok {
		return m.Close
	}
	if m, ok := dbn.As[dbn.InstrumentDefMsg](r); ok {
		return m.MinPriceIncrement
	}
	t.Fatalf("a record of type %v", r.RType())
	return 0
}

func TestAStreamHoldsWhatItsContentsSay(t *testing.T) {
	for _, kind := range []Kind{Mbo, Mixed, Alternating, Definitions} {
		for _, opts := range [][]dbn.EncoderOption{nil, {dbn.WithZstd(0)}} {
			var plain bytes.Buffer
			want, err := Write(&plain, kind, 20_000, opts...)
			if err != nil {
				t.Fatal(err)
			}
			got, order := read(t, plain.Bytes())
			if got != want || want.All.Records != 20_000 {
				t.Errorf("%s: the stream holds %+v, its contents are %+v", kind, got, want)
			}
			if kind == Alternating && len(slices.Compact(order)) != 20_000 {
				t.Errorf("%s: two records of one type in succession", kind)
			}
		}
	}
}

func TestAMixIsHalfMboAndItsRunsAreShort(t *testing.T) {
	var out bytes.Buffer
	if _, err := Write(&out, Mixed, 50_000); err != nil {
		t.Fatal(err)
	}
	got, order := read(t, out.Bytes())
	if share := float64(got.Mbo.Records) / float64(got.All.Records); share < 0.48 || share > 0.52 {
		t.Errorf("%.3f of the records are mbo, want one half", share)
	}
	runs := len(slices.Compact(slices.Clone(order)))
	if mean := float64(len(order)) / float64(runs); mean < 1.3 || mean > 1.7 {
		t.Errorf("a run has %.2f records on average, want 1.3 to 1.7", mean)
	}
}

func TestTheSameStreamIsMadeEachTime(t *testing.T) {
	var a, b bytes.Buffer
	if _, err := Write(&a, Mixed, 5000); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(&b, Mixed, 5000); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two calls wrote different bytes")
	}
}
