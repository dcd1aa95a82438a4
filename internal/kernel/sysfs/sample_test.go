package sysfs

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/kernel/sample"
)

// Every recorded file of a slave reads as it did. They were read after /proc and
// before ip, in situations that passed.
func TestSamples(t *testing.T) {
	dirs, err := os.ReadDir(sample.Dir())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, d := range dirs {
		byProc, err := sample.Load(d.Name(), true)
		if err != nil {
			t.Error(err)
			continue
		}
		byIP, err := sample.Load(d.Name(), false)
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := byIP.Text("slaves.txt")
		if errors.Is(err, fs.ErrNotExist) {
			continue // a bond without slaves, or they changed while they were read
		}
		if err != nil {
			t.Error(err)
			continue
		}
		seen++
		if diff := cmp.Diff(want, files(&byIP.State)); diff != "" && want != files(&byProc.State) {
			t.Errorf("%s: %s", d.Name(), diff)
		}
	}
	if seen < 50 {
		t.Errorf("only %d situations with slaves", seen)
	}
}

// files is all files of all slaves, as the recordings have them.
func files(st *bond.State) string {
	all := ""
	for i := range st.Slaves {
		for _, name := range SlaveFiles() {
			text, _ := ReadSlave(&st.Slaves[i], name)
			all += st.Slaves[i].Name + " bonding_slave/" + name + ": " + text
		}
	}
	return all
}

func TestNoSuchFile(t *testing.T) {
	if _, ok := ReadSlave(&bond.SlaveState{}, "speed"); ok {
		t.Error("a slave has no file speed")
	}
}
