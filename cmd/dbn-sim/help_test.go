package main

import "testing"

func TestHelpFitsTheTerminalAndGroupsEveryFlag(t *testing.T) {
	for _, fault := range help.Faults(newCommand()) {
		t.Error(fault)
	}
}
