package statefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/labtest"
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

// A record of the version before or after is read, what it has beside what is known
// left out; any other file is not touched.
func TestVersions(t *testing.T) {
	good, err := encode(format, sample())
	if err != nil {
		t.Fatal(err)
	}
	var e envelope
	if err := json.Unmarshal(good, &e); err != nil {
		t.Fatal(err)
	}
	e.State = bytes.Replace(e.State, []byte(`"mtu":9000`), []byte(`"mtu":9000,"more":{"a":[1]}`), 1)
	sum := sha256.Sum256(e.State)
	e.SHA256 = hex.EncodeToString(sum[:])
	for v := version - 3; v <= version+3; v++ {
		for _, of := range []string{names[0], names[1], moduleName} {
			dir := t.TempDir()
			if e.Version, e.Format = v, format; of == moduleName {
				e.Format = moduleFormat
			}
			data, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, of)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			records, err := Open(dir).Load()
			var foreign *VersionError
			reads := v >= version-1 && v <= version+1
			if errors.As(err, &foreign) == reads || reads && of != moduleName && same(sample(), records) != "" {
				t.Errorf("version %d of %s: %v, %s", v, of, err, same(sample(), records))
			}
			if _, err := Open(dir).Module(); errors.As(err, &foreign) == reads {
				t.Errorf("version %d of %s: %v", v, of, err)
			}
			if now, err := os.ReadFile(path); !reads && (err != nil || !bytes.Equal(now, data)) {
				t.Errorf("version %d of %s was touched: %v", v, of, err)
			}
			if err := Open(dir).GiveUp(); !reads && (err == nil || Exists(dir)) {
				t.Errorf("version %d of %s given up: %v", v, of, err)
			}
		}
	}
}

// A full disk: what was saved stays, nothing half written does, and the next saving
// is a real one.
func TestFullDisk(t *testing.T) {
	labtest.NeedRoot(t)
	labtest.InNetns(t, func() {
		dir := t.TempDir()
		if err := errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k")); err != nil {
			t.Fatal(err)
		}
		s := Open(dir)
		few := sample()[1:]
		if err := s.Save(few); err != nil {
			t.Fatal(err)
		}
		fill := filepath.Join(dir, "fill")
		_ = os.WriteFile(fill, make([]byte, 1<<17), 0o600)
		many := sample()
		for range 4 {
			many = append(many, many...)
		}
		for range 2 {
			if err := s.Save(many); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("on a full disk: %v", err)
			}
		}
		if got, err := Open(dir).Load(); err != nil || same(few, got) != "" {
			t.Errorf("%v, %s", err, same(few, got))
		}
		if left, _ := filepath.Glob(dir + "/*.new"); len(left) > 0 {
			t.Errorf("half written: %v", left)
		}
		if err := errors.Join(os.Remove(fill), s.Save(few)); err != nil {
			t.Error(err)
		}
	})
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
