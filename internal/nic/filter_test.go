package nic

import (
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
)

// Of addresses, only those that speak of one of them.
func TestFilterOfAddresses(t *testing.T) {
	var of []netip.Addr
	for i := range 16 {
		of = append(of, netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), netip.MustParseAddr("fd00::1:0").Next())
	}
	of = append(of, netip.MustParseAddr("fd00::12:3456"))
	f := Filter{Neighbours: true, Of: of, EtherTypes: []uint16{0x8809}}
	vm, err := bpf.NewVM(f.program())
	if err != nil {
		t.Fatal(err)
	}
	arp := func(from, to byte, tag ...byte) []byte {
		b := slices.Concat(make([]byte, 12), tag, []byte{8, 6}, make([]byte, 28))
		copy(b[len(tag)+28:], []byte{10, 1, 0, from})
		copy(b[len(tag)+38:], []byte{10, 1, 0, to})
		return b
	}
	nd := func(from, to string, tag ...byte) []byte {
		b := slices.Concat(make([]byte, 12), tag, []byte{0x86, 0xdd}, make([]byte, 80))
		b[len(tag)+20], b[len(tag)+54] = 58, 135
		copy(b[len(tag)+22:], netip.MustParseAddr(from).AsSlice())
		copy(b[len(tag)+38:], netip.MustParseAddr(to).AsSlice())
		return b
	}
	for i, c := range []struct {
		b    []byte
		want bool
	}{
		{arp(3, 99), true}, {arp(99, 15), true}, {arp(15, 0), true}, {arp(98, 99), false},
		{arp(98, 3, 0x81, 0, 0, 10), true}, {arp(98, 99, 0x81, 0, 0, 10), false},
		{nd("fd00::12:3456", "ff02::1"), true}, {nd("fd00::9", "ff02::1:ff12:3456"), true}, {nd("fd00::9", "ff02::1"), false},
		{nd("fd00::9", "ff02::1:ff12:3457"), false}, {nd("fd00::9", "ff02::1:ff12:3456", 0x88, 0xa8, 0, 1), true},
		{arp(3, 99)[:30], false},
		{slices.Concat(make([]byte, 12), []byte{0x88, 0x09}), true},
		{slices.Concat(make([]byte, 12), []byte{8, 0}, make([]byte, 60)), false},
	} {
		if n, err := vm.Run(c.b); err == nil && (n > 0) != c.want {
			t.Errorf("%d: % x: %d", i, c.b, n)
		}
	}
	if _, err := bpf.Assemble(f.program()); err != nil {
		t.Error(err)
	}
}

func TestFilter(t *testing.T) {
	frame := func(typ ...byte) []byte { return slices.Concat(make([]byte, 12), typ, make([]byte, 80)) }
	nd := func(next, msg byte, tag ...byte) []byte {
		b := slices.Concat(make([]byte, 12), tag, []byte{0x86, 0xdd}, make([]byte, 80))
		b[len(tag)+20], b[len(tag)+54] = next, msg
		return b
	}
	frames := []struct {
		name string
		b    []byte
	}{
		{"slow", frame(0x88, 0x09)},
		{"slow behind a tag", frame(0x81, 0, 0, 0, 0x88, 0x09)},
		{"slow behind two tags", frame(0x88, 0xa8, 0, 7, 0x81, 0, 0, 0, 0x88, 0x09)},
		{"slow behind three tags", frame(0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x88, 0x09)},
		{"lldp", frame(0x88, 0xcc)},
		{"ipv4", frame(8, 0)},
		{"arp", frame(8, 6)},
		{"arp behind a tag", frame(0x81, 0, 0, 10, 8, 6)},
		{"arp behind an S-tag", frame(0x88, 0xa8, 0, 10, 8, 6)},
		{"ipv4 behind a tag", frame(0x81, 0, 0, 10, 8, 0)},
		{"NS", nd(58, 135)},
		{"NA", nd(58, 136)},
		{"NA behind a tag", nd(58, 136, 0x81, 0, 0, 10)},
		{"echo", nd(58, 128)},
		{"echo behind a tag", nd(58, 128, 0x81, 0, 0, 10)},
		{"TCP like NS", nd(6, 135)},
		{"short", []byte{0}},
	}
	near := []string{"arp", "arp behind a tag", "arp behind an S-tag", "NS", "NA", "NA behind a tag"}
	for _, c := range []struct {
		f    Filter
		want []string
	}{
		{Filter{}, nil},
		{Filter{EtherTypes: []uint16{0x8809}}, []string{"slow"}},
		{Filter{EtherTypes: []uint16{0x8809}, Tags: true}, []string{"slow", "slow behind a tag", "slow behind two tags"}},
		{Filter{EtherTypes: []uint16{0x8809, 0x88cc}, Tags: true}, []string{"slow", "slow behind a tag", "slow behind two tags", "lldp"}},
		{Filter{EtherTypes: []uint16{0x8809, 0x88cc, 0x0800}}, []string{"slow", "lldp", "ipv4"}},
		{Filter{Neighbours: true}, near},
		{Filter{Neighbours: true, EtherTypes: []uint16{0x8809, 0x88cc}}, append([]string{"slow", "lldp"}, near...)},
	} {
		vm, err := bpf.NewVM(c.f.program())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range frames {
			if n, err := vm.Run(f.b); err == nil && n > 0 {
				got = append(got, f.name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v lets through %v, want %v", c.f, got, c.want)
		}
		if _, err := bpf.Assemble(c.f.program()); err != nil {
			t.Error(err)
		}
	}
}

// The data socket of a port that speaks LACP leaves LACPDUs to the control socket,
// which hears Markers, too: their place among the data is the data socket's.
func TestDataFilter(t *testing.T) {
	frame := func(typ ...byte) []byte { return slices.Concat(make([]byte, 12), typ, make([]byte, 80)) }
	frames := map[string][]byte{
		"lacpdu": frame(0x88, 9, 1), "marker": frame(0x88, 9, 2), "oam": frame(0x88, 9, 3), "subtype 0": frame(0x88, 9, 0),
		"ip": frame(8, 0, 0x45), "arp": frame(8, 6), "ip6": frame(0x86, 0xdd), "lldp": frame(0x88, 0xcc),
		"inner tag": frame(0x81, 0, 0, 5, 8, 0), "provider's tag": frame(0x88, 0xa8, 0, 5, 8, 6), "lacpdu, tagged": frame(0x81, 0, 0, 0, 0x88, 9, 1),
		"marker, tagged": frame(0x88, 0xa8, 0, 0, 0x88, 9, 2), "short tag": frame(0x81, 0, 0)[:15], "header": frame()[:14], "slow header": append(frame()[:12], 0x88, 9),
	}
	for _, c := range []struct {
		o      Options
		leaves []string
	}{
		{Options{LeaveLACP: true}, []string{"lacpdu", "oam", "subtype 0", "slow header", "lacpdu, tagged", "short tag"}},
		{Options{LeaveIP: true}, []string{"ip", "arp", "ip6"}},
		{Options{LeaveIP: true, LeaveLACP: true}, []string{"lacpdu", "oam", "subtype 0", "slow header", "lacpdu, tagged", "short tag", "ip", "arp", "ip6"}},
	} {
		vm, err := bpf.NewVM(c.o.program())
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range frames {
			n, err := vm.Run(f)
			if left := err != nil || n == 0; left != slices.Contains(c.leaves, name) {
				t.Errorf("%+v: %s is left: %v, %v", c.o, name, left, err)
			}
		}
		if _, err := bpf.Assemble(c.o.program()); err != nil {
			t.Error(err)
		}
	}
	if (Options{}).program() != nil {
		t.Error("a filter for nothing")
	}
}
