package main

import (
	"strings"
	"testing"
)

// The assertions about databento-cpp leave nothing of the schema out but what is listed.
func TestParityCoversTheSchema(t *testing.T) {
	s, err := load("../../schema/dbn.json")
	if err != nil {
		t.Fatal(err)
	}
	source := genCPPParity(s)

	fields := 0
	for _, l := range s.Structs {
		fields += len(l.Fields)
	}
	structs := len(s.Structs)
	for _, r := range s.Records {
		if len(r.Versions) != 3 {
			t.Errorf("%s has %d versions", r.Name, len(r.Versions))
		}
		for _, l := range r.Versions {
			structs++
			fields += len(l.Fields)
		}
	}
	values, words, newer := 0, 0, 0
	for _, d := range parityDifferences {
		enum, value, _ := strings.Cut(d.What, ".")
		e, known := s.Enums[enum]
		if !known {
			e = publisherEnum(s, enum)
		}
		if _, known = e.Values[value]; known && enum != "FlagSet" && d.Theirs == "" {
			newer++
		}
	}
	for name, e := range s.Enums {
		if e.Type == "string" {
			words++
			continue
		}
		if name != "FlagSet" {
			values += len(e.Values)
		}
	}
	values += len(s.Venues) + len(s.Datasets) + len(s.Publishers)
	flags := len(s.Enums["FlagSet"].Values)

	for _, c := range []struct {
		what string
		want int
	}{
		{"static_assert(sizeof(", structs},
		{"static_assert(offsetof(", fields},
		{"static_assert(std::is_same_v<decltype(", fields},
		{"static_assert(static_cast<", values - newer},
		{"    case ", values - newer},
		{"static_assert(FlagSet::k", flags - 1},
		{"EXPECT_EQ(record.IndexTs(), ", 3 * len(s.Records)},
		{"EXPECT_EQ(RTypesOf<", 3 * len(s.Records)},
	} {
		if got := strings.Count(source, c.what); got != c.want || got == 0 {
			t.Errorf("%q occurs %d times, want %d", c.what, got, c.want)
		}
	}

	// The words of the services, the reserved flag, four reserved bytes, and the values that
	// databento-cpp does not have or names otherwise.
	if want := words + 1 + 4 + newer + 2; newer != 12 || len(parityDifferences) != want {
		t.Errorf("%d differences are listed, want %d", len(parityDifferences), want)
	}
	for _, d := range parityDifferences {
		if d.Why == "" || !strings.Contains(source, "//   "+d.What+": ") {
			t.Errorf("%s: no reason is given", d.What)
		}
	}
}
