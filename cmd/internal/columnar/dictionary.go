package columnar

// dictionary numbers the different values of a column, in the order in which they come.
type dictionary struct {
	values []uint64
	slots  []slot
	shift  uint
}

type slot struct {
	value  uint64
	number int32 // plus one: a slot of zeros is free
}

func (d *dictionary) reset() {
	d.values = d.values[:0]
	if d.slots == nil || len(d.slots) > 1<<12 {
		d.slots, d.shift = make([]slot, 1<<9), 64-9
		return
	}
	clear(d.slots)
}

func (d *dictionary) number(value uint64) int32 {
	for at := value * 0x9E3779B97F4A7C15 >> d.shift; ; at = (at + 1) & uint64(len(d.slots)-1) {
		s := &d.slots[at]
		switch {
		case s.number == 0:
			return d.add(value)
		case s.value == value:
			return s.number - 1
		}
	}
}

func (d *dictionary) add(value uint64) int32 {
	d.values = append(d.values, value)
	if 2*len(d.values) > len(d.slots) {
		d.slots, d.shift = make([]slot, 2*len(d.slots)), d.shift-1
		for i, v := range d.values {
			d.place(v, int32(i))
		}
	} else {
		d.place(value, int32(len(d.values)-1))
	}
	return int32(len(d.values) - 1)
}

func (d *dictionary) place(value uint64, number int32) {
	at := value * 0x9E3779B97F4A7C15 >> d.shift
	for d.slots[at].number != 0 {
		at = (at + 1) & uint64(len(d.slots)-1)
	}
	d.slots[at] = slot{value, number + 1}
}
