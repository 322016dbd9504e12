package main

import (
	"strings"
	"testing"
)

func TestDraw(t *testing.T) {
	var b strings.Builder
	if err := draw(&b, strings.NewReader("\x1b[1mA <B>\x1b[0m c\n\x1b[32mbid\x1b[0m\n"), "x & y"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<tspan font-weight="bold">A &lt;B&gt;</tspan> c</text>`, `<tspan fill="#7ee787">bid</tspan></text>`, "<title>x &amp; y</title>",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing in\n%s", want, &b)
		}
	}
	for name, in := range map[string]string{"nothing": "", "an unknown code": "\x1b[95mx\x1b[0m"} {
		if err := draw(&b, strings.NewReader(in), "x"); err == nil {
			t.Errorf("%s was drawn", name)
		}
	}
}
