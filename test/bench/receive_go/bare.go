package main

import (
	"errors"
	"io"
	"os"
	"unsafe"

	"github.com/dbnloop/dbnloop/dbn"
)

// walk reads a file as a loop without any library would at the least: large reads, and a call of a
// table by the type of each record, in a stream that is trusted.
func walk(path string) error {
	const chunk = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, t := start(), totals{}
	table := [256]func(unsafe.Pointer){}
	for i := range table {
		table[i] = func(unsafe.Pointer) {}
	}
	table[dbn.RTypeMbo] = func(p unsafe.Pointer) { t.add((*dbn.MboMsg)(p).Price) }
	table[dbn.RTypeMbp0] = func(p unsafe.Pointer) { t.add((*dbn.TradeMsg)(p).Price) }
	table[dbn.RTypeMbp1] = func(p unsafe.Pointer) { t.add((*dbn.Mbp1Msg)(p).Price) }
	table[dbn.RTypeMbp10] = func(p unsafe.Pointer) { t.add((*dbn.Mbp10Msg)(p).Price) }
	table[dbn.RTypeOhlcv1S] = func(p unsafe.Pointer) { t.add((*dbn.OhlcvMsg)(p).Close) }
	buffer := make([]byte, 2*chunk)
	held, begun := 0, false
	for {
		n, err := f.Read(buffer[held : held+chunk])
		if errors.Is(err, io.EOF) {
			w.print(t)
			return nil
		}
		if err != nil {
			return err
		}
		end, at := held+n, 0
		if !begun {
			at, begun = 8+int(*(*uint32)(unsafe.Pointer(&buffer[4]))), true
		}
		for end-at >= dbn.HeaderLen {
			p := unsafe.Pointer(&buffer[at])
			size := int(*(*uint8)(p)) * 4
			if size > end-at {
				break
			}
			table[*(*uint8)(unsafe.Add(p, 1))](p)
			at += size
		}
		held = copy(buffer, buffer[at:end])
	}
}
