package traffic

import (
	"bytes"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/tapbond/tapbond/internal/labtest"
)

func TestPayloadRoundTrip(t *testing.T) {
	for _, size := range []int{MinPayload, 33, 39, 40, DefaultSize, 1472, 65535} {
		want := Header{Flow: 0xfffe, Seq: 1<<63 + 5, Sent: 1<<62 + 9}
		b := make([]byte, size)
		PutPayload(b, want)
		if got, intact := ParsePayload(b); !intact || got != want {
			t.Errorf("size %d: %+v intact %t: want %+v", size, got, intact, want)
		}
	}
}

// Every octet matters.
func TestPayloadDamage(t *testing.T) {
	b := make([]byte, 61)
	PutPayload(b, Header{Flow: 3, Seq: 4, Sent: 5})
	for i := range b {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(b)
			bad[i] ^= flip
			if _, intact := ParsePayload(bad); intact {
				t.Errorf("octet %d changed by %#x: not noticed", i, flip)
			}
		}
	}
	for n := range len(b) {
		if _, intact := ParsePayload(b[:n]); intact {
			t.Errorf("cut to %d octets: not noticed", n)
		}
	}
	if _, intact := ParsePayload(append(bytes.Clone(b), 0)); intact {
		t.Error("one octet more: not noticed")
	}
}

func FuzzParsePayload(f *testing.F) {
	good := make([]byte, 64)
	PutPayload(good, Header{Flow: 1, Seq: 2, Sent: 3})
	f.Add(good)
	f.Add(good[:MinPayload])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, intact := ParsePayload(b)
		if !intact {
			return
		}
		again := make([]byte, len(b))
		PutPayload(again, h)
		if !bytes.Equal(again, b) {
			t.Errorf("taken for intact: %x", b)
		}
	})
}

// udpFrame is a frame with a numbered payload as the kernel would send it.
func udpFrame(v6 bool, flow uint16, tag ...byte) []byte {
	b := make([]byte, 12, 200)
	b = append(b, tag...)
	if v6 {
		ip := make([]byte, 40)
		ip[0], ip[6] = 0x60, 17
		b = append(append(b, 0x86, 0xdd), ip...)
	} else {
		ip := make([]byte, 20)
		ip[0], ip[9] = 0x45, 17
		b = append(append(b, 0x08, 0x00), ip...)
	}
	b = append(b, make([]byte, 8)...)
	p := make([]byte, 40)
	PutPayload(p, Header{Flow: flow})
	return append(b, p...)
}

func TestMatch(t *testing.T) {
	tcp := udpFrame(false, 7)
	tcp[14+9] = 6
	arp := udpFrame(false, 7)
	arp[13] = 6
	for _, tt := range []struct {
		name  string
		frame []byte
		flow  int
		want  bool
	}{
		{"v4", udpFrame(false, 7), 7, true},
		{"v6", udpFrame(true, 7), 7, true},
		{"v4, any", udpFrame(false, 7), AnyFlow, true},
		{"v6, any", udpFrame(true, 7), AnyFlow, true},
		{"v4, another", udpFrame(false, 7), 8, false},
		{"v6, another", udpFrame(true, 7), 8, false},
		{"tcp", tcp, AnyFlow, false},
		{"arp", arp, AnyFlow, false},
		{"tagged", udpFrame(false, 7, 0x81, 0, 0, 5), AnyFlow, false},
		{"short", udpFrame(false, 7)[:40], AnyFlow, false},
		{"other payload", append(udpFrame(false, 7)[:42], make([]byte, 40)...), AnyFlow, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			vm, err := bpf.NewVM(Match(tt.flow))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := vm.Run(tt.frame); err != nil || (n != 0) != tt.want {
				t.Errorf("verdict %d, %v: want a match %t", n, err, tt.want)
			}
		})
	}
}

func TestPayloadNoAllocs(t *testing.T) {
	b := make([]byte, DefaultSize)
	var a account
	a.seen = make([]uint64, 1<<14)
	var seq uint64
	if n := testing.AllocsPerRun(1000, func() {
		PutPayload(b, Header{Seq: seq, Sent: Now()})
		h, _ := ParsePayload(b)
		a.add(h.Seq, Now())
		seq++
	}); n != 0 && !labtest.RaceEnabled {
		t.Errorf("%g allocations for each frame", n)
	}
}

func BenchmarkPayload(b *testing.B) {
	p := make([]byte, DefaultSize)
	b.SetBytes(DefaultSize)
	for i := 0; b.Loop(); i++ {
		PutPayload(p, Header{Seq: uint64(i)})
		if _, intact := ParsePayload(p); !intact {
			b.Fatal("damaged")
		}
	}
}
