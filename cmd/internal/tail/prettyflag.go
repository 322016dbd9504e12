package tail

import (
	"fmt"
	"strconv"
)

// prettyFlag is --pretty: prices and times as text, and JSON with or without indentation.
type prettyFlag int

const (
	prettyIndent prettyFlag = iota + 1
	prettyValues
)

// String is the value as it is typed.
func (f *prettyFlag) String() string {
	return [...]string{"", "indent", "values"}[*f]
}

// Set reads the value. true and false are for scripts: the flag had no others.
func (f *prettyFlag) Set(text string) error {
	switch text {
	case "indent":
		*f = prettyIndent
		return nil
	case "values":
		*f = prettyValues
		return nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("want indent or values")
	}
	*f = 0
	if on {
		*f = prettyIndent
	}
	return nil
}

// Type names the value in the help text.
func (*prettyFlag) Type() string { return "FORM" }
