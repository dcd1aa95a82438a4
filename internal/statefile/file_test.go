package statefile

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/monitor"
)

// sample is a record with something in every field.
func sample() []bond.Record {
	v := option.Defaults()
	v.Mode, v.Miimon, v.Primary = 1, 100, "eth1"
	v.ArpIPTarget[0] = option.Target{Addr: netip.MustParseAddr("10.1.0.1"), VLANs: option.VLANs{10, 20}}
	v.NSIP6Target[0] = option.Target{Addr: netip.MustParseAddr("fe80::1")}
	v.ADActorSystem = option.MAC{2, 0xaa, 0, 0, 0, 1}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	return []bond.Record{{
		Name: "bond0", Index: 7, Values: v, MAC: [6]byte{2, 0, 0, 0, 0, 1}, OwnMAC: true,
		Active: "eth1", ActiveAt: at, ActiveWhy: "link came up", Failovers: 3,
		Slaves: []bond.SlaveRecord{{
			Name: "eth1", Index: 3, Phase: bond.Going, Saved: link.Saved{MAC: [6]byte{2, 0, 0, 0, 0, 9}, MTU: 9000, IPv6: "0"},
			PermMAC: [6]byte{2, 0, 0, 0, 0, 9}, Link: monitor.LinkBack, Since: at, Why: "carrier", Failures: 2, Prio: -5, QueueID: 4,
		}},
	}, {Name: "bond1", Phase: bond.Coming}}
}

func same(a, b []bond.Record) string {
	return cmp.Diff(a, b, cmpopts.EquateComparable(netip.Addr{}))
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	dir := t.TempDir()
	want := sample()
	if err := Open(dir).Save(want); err != nil {
		t.Fatal(err)
	}
	if !Exists(dir) {
		t.Error("the state is there, Exists says no")
	}
	got, err := Open(dir).Load()
	if err != nil {
		t.Fatal(err)
	}
	if d := same(want, got); d != "" {
		t.Error(d)
	}
}

func TestNoBondsNoFile(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir)
	for _, records := range [][]bond.Record{sample(), nil} {
		if err := s.Save(records); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 || Exists(dir) {
		t.Errorf("left behind: %v", left)
	}
	if records, err := s.Load(); err != nil || len(records) > 0 {
		t.Errorf("load of nothing: %v, %v", records, err)
	}
}

// breakages are what may befall a file.
func breakages(data []byte) map[string][]byte {
	return map[string][]byte{
		"empty":         {},
		"truncated":     data[:len(data)/2],
		"one octet off": bytes.Replace(data, []byte(`"mtu":9000`), []byte(`"mtu":9001`), 1),
		"garbage":       bytes.Repeat([]byte{0xff, 0}, 100),
		"not ours":      []byte(`{"hello":"world"}`),
		"other version": bytes.Replace(data, []byte(`"version":1`), []byte(`"version":2`), 1),
		"earlier boot":  bytes.Replace(data, []byte(bootID()), []byte("11111111-1111-1111-1111-111111111111"), 1),
		"huge":          bytes.Repeat([]byte(" "), maxSize+1),
	}
}

func TestABrokenCopyLosesNothing(t *testing.T) {
	good, err := encode(format, sample())
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range breakages(good) {
		for _, broken := range [][]string{names[:1], names[1:], names} {
			t.Run(what+" "+strings.Join(broken, "+"), func(t *testing.T) {
				dir := t.TempDir()
				if err := Open(dir).Save(sample()); err != nil {
					t.Fatal(err)
				}
				for _, n := range broken {
					if err := os.WriteFile(filepath.Join(dir, n), bad, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				s := Open(dir)
				got, err := s.Load()
				if err == nil || strings.Count(err.Error(), "kept as") != len(broken) {
					t.Errorf("reported: %v", err)
				}
				want := sample()
				if len(broken) == len(names) {
					want = nil
				}
				if d := same(want, got); d != "" {
					t.Error(d)
				}
				// Whatever is saved next, the broken file is still there as it was.
				if err := s.Save(sample()[:1]); err != nil {
					t.Fatal(err)
				}
				for _, n := range broken {
					if kept, err := os.ReadFile(filepath.Join(dir, n+".broken.0")); err != nil || !bytes.Equal(kept, bad) {
						t.Errorf("%s: %v, %d octets are kept of %d", n, err, len(kept), len(bad))
					}
				}
			})
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, err := encode(format, sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, bad := range breakages(good) {
		if len(bad) < maxSize {
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := decode(data)
		if err != nil {
			return
		}
		again, err := encode(format, records)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := decode(again); err != nil || same(records, second) != "" {
			t.Errorf("changes on its way: %v %s", err, same(records, second))
		}
	})
}
