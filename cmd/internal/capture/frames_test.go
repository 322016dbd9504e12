package capture

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/dbnloop/dbnloop/dbn"
)

// A file that was cut inside a frame keeps every record that can be read of it, also of a block that
// is stored as it is, and of which only a part was written.
func TestACutFrameKeepsWhatCanBeRead(t *testing.T) {
	const n = 4000
	random := rand.NewChaCha8([32]byte{15, 4})
	records := make([]byte, n*56)
	random.Read(records)
	for i := 0; i < len(records); i += 56 {
		records[i], records[i+1] = 56/4, byte(dbn.RTypeMbo)
	}
	var file bytes.Buffer
	encoder, err := dbn.NewEncoder(&file, &dbn.Metadata{Version: dbn.Version, Dataset: "GLBX.MDP3", Schema: dbn.SchemaMbo}, dbn.WithZstd(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := encoder.WriteBytes(records); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.dbn.zst")
	kept := 0
	for cut := file.Len(); ; cut -= file.Len() / 23 {
		readable := 0
		decoder, err := dbn.NewDecoder(bytes.NewReader(file.Bytes()[:cut]))
		if err != nil {
			break // not even the header
		}
		for _, err := decoder.Next(); err == nil; _, err = decoder.Next() {
			readable++
		}
		decoder.Close()
		if err := os.WriteFile(path, file.Bytes()[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		resumed, err := Resume(path, Wanted{Dataset: "GLBX.MDP3", Schemas: []dbn.Schema{dbn.SchemaMbo}})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got := int(resumed.Records); got != readable || cut == file.Len() && got != n {
			t.Errorf("cut at %d: %d records remain, and %d can be read", cut, got, readable)
		}
		kept += readable
		if err := resumed.Close(); err != nil {
			t.Error(err)
		}
	}
	if kept < 2*n {
		t.Errorf("all cuts together keep %d records: too few to tell", kept)
	}
}
