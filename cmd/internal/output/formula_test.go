package output

import "testing"

func TestCellsThatAreFormulasBecomeText(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-x": "'-x", "\tx": "'\tx",
		"-5": "-5", "+1.5": "+1.5", "-1e3": "-1e3", "ESZ6": "ESZ6", "": "", "-": "'-",
	} {
		if got := string(disarm([]byte("a,"+cell), 2)); got != "a,"+want {
			t.Errorf("%q: %q, want %q", cell, got, "a,"+want)
		}
	}
}
