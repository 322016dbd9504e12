package sim

import (
	"slices"
)

// remembered keeps the latest of something, bounded in number and in bytes: what clients
// send must not fill the memory. It is not safe for use from several goroutines.
type remembered[T any] struct {
	most, mostBytes int
	list            []*T
	sizes           []int
	bytes           int
}

// What is remembered of requests and of sessions.
const (
	maxRemembered      = 1000
	maxRememberedBytes = 8 << 20
)

func newRemembered[T any]() *remembered[T] {
	return &remembered[T]{most: maxRemembered, mostBytes: maxRememberedBytes}
}

// add remembers a value that takes so many bytes. The oldest ones make room; the newest
// stays in any case.
func (r *remembered[T]) add(value *T, size int) {
	r.list, r.sizes = append(r.list, value), append(r.sizes, size)
	r.bytes += size
	r.trim()
}

// grow notes that a value takes more bytes than before, or fewer. One that was forgotten
// stays so.
func (r *remembered[T]) grow(value *T, by int) {
	i := slices.Index(r.list, value)
	if i < 0 {
		return
	}
	r.sizes[i] += by
	r.bytes += by
	r.trim()
}

func (r *remembered[T]) trim() {
	drop := 0
	for len(r.list)-drop > 1 && (len(r.list)-drop > r.most || r.bytes > r.mostBytes) {
		r.bytes -= r.sizes[drop]
		drop++
	}
	r.list, r.sizes = slices.Delete(r.list, 0, drop), slices.Delete(r.sizes, 0, drop)
}

// About how much memory a key and a text take beside their characters.
const (
	keyOverhead  = 128
	textOverhead = 32
)

// sizeOf is about how much memory headers or parameters take.
func sizeOf[M ~map[string][]string](m M) int {
	size := 0
	for key, values := range m {
		size += len(key) + keyOverhead
		for _, value := range values {
			size += len(value) + textOverhead
		}
	}
	return size
}
