package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dbnloop/dbnloop/test/bench/report"
)

// thisMachine describes where the programs run, and with what they were built.
func thisMachine() (report.Machine, error) {
	m := report.Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: "unknown", System: "unknown"}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, fmt.Errorf("uname: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	if model := field("/proc/cpuinfo", `(?m)^model name\s*: (.*)$`); model != "" {
		m.CPU = model
	}
	if system := field("/etc/os-release", `(?m)^PRETTY_NAME="(.*)"$`); system != "" {
		m.System = system
	}
	out, err := exec.Command("g++", "--version").Output()
	if err != nil {
		return m, fmt.Errorf("g++ --version: %w", err)
	}
	m.Compiler, _, _ = strings.Cut(string(out), "\n")
	return m, nil
}

func field(path, pattern string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}

// commit is the checkout's, with a mark when files differ from it.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude", "*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
