//go:build !race

package labtest

// RaceEnabled tells allocation tests that the race detector is on: it
// allocates where the code does not.
const RaceEnabled = false
