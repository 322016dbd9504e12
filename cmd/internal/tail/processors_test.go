package tail

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// With several processors a file is decompressed, made into text and written by different
// goroutines. Nobody may notice: not in what is written before a fault, nor in how that is
// reported, nor in what a limit leaves.
func TestFilesAreTheSameOnAnyNumberOfProcessors(t *testing.T) {
	file := newTestFile(dbn.SchemaMbo)
	for i := range 12_000 {
		file.mbo(i, 1)
	}
	plain, compressed := file.bytes(t), file.compressed(t, &file.metadata)
	spoiled := bytes.Clone(compressed)
	spoiled[len(spoiled)/2] ^= 0x55
	inputs := map[string][]byte{
		"plain": plain, "cut": plain[:len(plain)-100_001], "zstd": compressed, "two streams": append(bytes.Clone(compressed), compressed...),
		"cut zstd": compressed[:len(compressed)*2/3], "cut in the metadata": compressed[:20], "spoiled zstd": spoiled,
		"half zstd": append(bytes.Clone(compressed), plain...), "empty": {},
	}
	for name, data := range inputs {
		path := writeFile(t, filepath.Join(t.TempDir(), "x"), data)
		for _, args := range [][]string{{"-C"}, {"-J", "-p"}, {"-C", "-l", "9000"}, {"-C", "-n", "10"}, {"-C", "-m"}} {
			t.Run(fmt.Sprint(name, args), func(t *testing.T) {
				run := func(processors int) string {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
					stdout, stderr, code := runFiles(nil, append(args, path)...)
					return fmt.Sprintf("%s\n%s\nexit code %d", stdout, stderr, code)
				}
				one := run(1)
				for _, processors := range []int{2, 4} {
					if got := run(processors); got != one {
						t.Errorf("%d processors: %d bytes, one: %d, which end with\n%s\nand\n%s",
							processors, len(got), len(one), got[max(0, len(got)-300):], one[max(0, len(one)-300):])
					}
				}
			})
		}
	}
}
