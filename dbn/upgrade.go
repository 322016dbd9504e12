package dbn

import (
	"bytes"
	"unsafe"
)

// Upgrader rewrites the records that differ between DBN versions, one at a time, into aligned
// memory of its own; all other records pass unchanged. The zero Upgrader changes nothing.
type Upgrader struct {
	from, to uint8
	tsOut    bool
	out      [1024 / 8]uint64 // aligned; holds the largest record with ts_out
}

// NewUpgrader creates an Upgrader for the records of a stream. version and tsOut are those of the
// stream before any upgrade.
func NewUpgrader(version uint8, tsOut bool, policy UpgradePolicy) *Upgrader {
	return &Upgrader{from: version, to: TargetVersion(version, policy), tsOut: tsOut}
}

// plainHeads returns, by rtype, the first two bytes (the length and the rtype, as a number) of the
// records that are as long as their struct and pass unchanged; 0 if no record of that rtype does.
func (u *Upgrader) plainHeads() (heads [256]uint16) {
	tail := 0
	if u.tsOut {
		tail = 8
	}
	for i := range heads {
		rtype := RType(i)
		if size := SizeOf(rtype, u.from); size != 0 && (u.from == u.to || !rewrites(rtype)) {
			heads[i] = uint16(size+tail)/4 | uint16(i)<<8
		}
	}
	return heads
}

// rewrites reports whether records of this type may differ between versions.
func rewrites(rtype RType) bool {
	switch rtype {
	case RTypeInstrumentDef, RTypeStatistics, RTypeError, RTypeSymbolMapping, RTypeSystem:
		return true
	}
	return false
}

// Upgrade returns the record in the target version: r itself, or a view into the Upgrader that is
// valid until the next call. A record that is too short for its own layout stays unchanged.
func (u *Upgrader) Upgrade(r Record) Record {
	if u.from == u.to {
		return r
	}
	rtype := r.RType()
	size := r.Size()
	tail := 0
	if u.tsOut {
		tail = 8
	}
	if size-tail < SizeOf(rtype, u.from) {
		return r
	}
	var newSize int
	switch rtype {
	case RTypeInstrumentDef:
		newSize = u.definition(r)
	case RTypeStatistics:
		if u.to == 3 {
			newSize = u.statistics((*StatMsgV1)(r.Pointer()))
		}
	case RTypeError:
		if u.from == 1 {
			newSize = u.error((*ErrorMsgV1)(r.Pointer()))
		}
	case RTypeSymbolMapping:
		if u.from == 1 {
			newSize = u.mapping((*SymbolMappingMsgV1)(r.Pointer()))
		}
	case RTypeSystem:
		if u.from == 1 {
			newSize = u.system((*SystemMsgV1)(r.Pointer()))
		}
	}
	if newSize == 0 {
		return r
	}
	out := Record{(*RecordHeader)(unsafe.Pointer(&u.out))}
	*out.hd = *r.hd
	if u.tsOut {
		*(*UnixNanos)(unsafe.Add(out.Pointer(), newSize)) = r.TsOut()
	}
	out.hd.Length = uint8((newSize + tail) / 4)
	return out
}

// clear gives the zeroed output as T.
func clearAs[T any](u *Upgrader) *T {
	clear(u.out[:])
	return (*T)(unsafe.Pointer(&u.out))
}

func (u *Upgrader) statistics(in *StatMsgV1) int {
	out := clearAs[StatMsg](u)
	out.TsRecv, out.TsRef, out.Price = in.TsRecv, in.TsRef, in.Price
	out.Quantity = int64(in.Quantity)
	if in.Quantity == UndefStatQuantityV1 {
		out.Quantity = UndefStatQuantity
	}
	out.Sequence, out.TsInDelta, out.StatType = in.Sequence, in.TsInDelta, in.StatType
	out.ChannelID, out.UpdateAction, out.StatFlags = in.ChannelID, in.UpdateAction, in.StatFlags
	return int(unsafe.Sizeof(*out))
}

func (u *Upgrader) mapping(in *SymbolMappingMsgV1) int {
	out := clearAs[SymbolMappingMsg](u)
	out.StypeIn, out.StypeOut = STypeNone, STypeNone
	copy(out.StypeInSymbol[:], in.StypeInSymbol[:])
	copy(out.StypeOutSymbol[:], in.StypeOutSymbol[:])
	out.StartTs, out.EndTs = in.StartTs, in.EndTs
	return int(unsafe.Sizeof(*out))
}

func (u *Upgrader) error(in *ErrorMsgV1) int {
	out := clearAs[ErrorMsg](u)
	copy(out.Err[:], in.Err[:])
	out.Code = errorCodeOf(textOf(in.Err[:]))
	out.IsLast = 255
	return int(unsafe.Sizeof(*out))
}

func (u *Upgrader) system(in *SystemMsgV1) int {
	out := clearAs[SystemMsg](u)
	copy(out.Msg[:], in.Msg[:])
	// A text without its NUL may be cut off: its code is not known.
	out.Code = SystemCodeUnset
	if text := textOf(in.Msg[:]); len(text) < len(in.Msg) {
		out.Code = systemCodeOf(text)
	}
	return int(unsafe.Sizeof(*out))
}

// textOf is CStr without a copy, for texts that live no longer than a record.
func textOf(b []byte) string {
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		n = len(b)
	}
	return unsafe.String(unsafe.SliceData(b), n)
}
