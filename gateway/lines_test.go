package gateway

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFields(t *testing.T) {
	for _, test := range []struct {
		line string
		want map[string]string
		ok   bool
	}{
		{"a=1|b=2", map[string]string{"a": "1", "b": "2"}, true},
		{"a=1|b=2|", map[string]string{"a": "1", "b": "2"}, true},
		{"a=x=y|flag|c=", map[string]string{"a": "x=y", "flag": "", "c": ""}, true},
		{"", map[string]string{}, true},
		{"||", map[string]string{}, true},
		{"a=1|a=2", nil, false},
		{"=1", nil, false},
	} {
		got, err := parseFields(test.line)
		if diff := cmp.Diff(test.want, got); diff != "" || (err == nil) != test.ok {
			t.Errorf("%q: %v %s", test.line, err, diff)
		}
	}
}

func TestTheReplyOfTheProtocolsExample(t *testing.T) {
	got := challengeReply("0123456789abcdefghijklmnopqrstuv", "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ012")
	if want := "f0f36e23543121486f20e6964311a4cd2415814fa391fb78aef90c13d8085bf9-YZ012"; got != want {
		t.Errorf("reply %s, want %s", got, want)
	}
}
