package top

// index finds the row of an instrument by its id: an open hash table, whose memory depends on the
// number of instruments and not on how large their ids are.
type index struct {
	slots []slot // a power of two
	used  int
}

type slot struct {
	instrument uint32
	row        uint32 // its number plus one; 0: the slot is free
}

// place is where the search for an instrument begins.
func (x *index) place(instrument uint32) uint32 {
	const golden = 0x9E3779B1 // spreads ids that follow one another
	return instrument * golden >> 7 & uint32(len(x.slots)-1)
}

// find returns the number of an instrument's row; false if it has none.
func (x *index) find(instrument uint32) (row int, known bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	for at := x.place(instrument); ; at = (at + 1) & uint32(len(x.slots)-1) {
		s := &x.slots[at]
		switch {
		case s.row == 0:
			return 0, false
		case s.instrument == instrument:
			return int(s.row - 1), true
		}
	}
}

// add notes the row of an instrument that has none.
func (x *index) add(instrument uint32, row int) {
	if 2*x.used >= len(x.slots) {
		old := x.slots
		x.slots, x.used = make([]slot, max(64, 2*len(old))), 0
		for _, s := range old {
			if s.row != 0 {
				x.put(s)
			}
		}
	}
	x.put(slot{instrument, uint32(row + 1)})
}

func (x *index) put(s slot) {
	at := x.place(s.instrument)
	for x.slots[at].row != 0 {
		at = (at + 1) & uint32(len(x.slots)-1)
	}
	x.slots[at] = s
	x.used++
}
