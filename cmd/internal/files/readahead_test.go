package files

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// unending gives bytes without end, and counts them.
type unending struct{ given int }

func (u *unending) Read(p []byte) (int, error) {
	u.given += len(p)
	return len(p), nil
}

func TestAReadAheadGivesEveryByteBeforeAnError(t *testing.T) {
	want := make([]byte, 3*aheadBlockSize+12_345)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	fault := errors.New("fault")
	for _, end := range []error{io.EOF, fault} {
		run := &fileRun{wake: new(wakeup)}
		a := newReadAhead(&input{run: run}, io.MultiReader(iotest.HalfReader(bytes.NewReader(want)), iotest.ErrReader(end)))
		var got bytes.Buffer
		buf := make([]byte, 10_000)
		var err error
		for n := 0; err == nil; {
			n, err = a.Read(buf)
			got.Write(buf[:n])
		}
		if !errors.Is(err, end) || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d of %d bytes, %v, want %v", got.Len(), len(want), err, end)
		}
		if _, err := a.Read(buf); !errors.Is(err, end) {
			t.Errorf("another read: %v", err)
		}
		a.Close()
	}
}

func TestAReadAheadIsBoundedAndEndsInTheMidst(t *testing.T) {
	run := &fileRun{wake: new(wakeup)}
	source := new(unending)
	a := newReadAhead(&input{run: run}, source)
	if n, err := a.Read(make([]byte, 100)); n != 100 || err != nil {
		t.Fatal(n, err)
	}
	a.Close()
	if source.given > aheadBlocks*aheadBlockSize {
		t.Errorf("%d bytes were read for 100", source.given)
	}
}
