// Package recent keeps the latest of something within bounds of number and memory.
package recent

import "slices"

// List keeps the latest of something, bounded in number and in bytes: what clients
// send must not fill the memory. It is not safe for use from several goroutines.
type List[T any] struct {
	most, mostBytes int
	list            []*T
	sizes           []int
	bytes           int
}

// How much is remembered of anything, and of requests and sessions.
const (
	MaxKept  = 1000
	MaxBytes = 8 << 20
)

// New remembers the latest 1000, of at most this many bytes.
func New[T any](mostBytes int) *List[T] {
	return &List[T]{most: MaxKept, mostBytes: mostBytes}
}

// All are those that are remembered, oldest first. The list is a copy.
func (r *List[T]) All() []*T { return slices.Clone(r.list) }

// Add remembers a value that takes this many bytes. The oldest ones make room; the newest
// stays in any case.
func (r *List[T]) Add(value *T, size int) {
	r.list, r.sizes = append(r.list, value), append(r.sizes, size)
	r.bytes += size
	r.trim()
}

// Grow notes that a value takes more bytes than before, or fewer. One that was forgotten
// stays so.
func (r *List[T]) Grow(value *T, by int) {
	i := slices.Index(r.list, value)
	if i < 0 {
		return
	}
	r.sizes[i] += by
	r.bytes += by
	r.trim()
}

func (r *List[T]) trim() {
	drop := 0
	for len(r.list)-drop > 1 && (len(r.list)-drop > r.most || r.bytes > r.mostBytes) {
		r.bytes -= r.sizes[drop]
		drop++
	}
	r.list, r.sizes = slices.Delete(r.list, 0, drop), slices.Delete(r.sizes, 0, drop)
}

// About how much memory a key and a text take beside their characters.
const (
	KeyOverhead  = 128
	TextOverhead = 32
)

// SizeOf is about how much memory headers or parameters take.
func SizeOf[M ~map[string][]string](m M) int {
	size := 0
	for key, values := range m {
		size += len(key) + KeyOverhead
		for _, value := range values {
			size += len(value) + TextOverhead
		}
	}
	return size
}
