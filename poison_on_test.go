//go:build dbnloop_poison

package dbnloop_test

const poisoned = true
