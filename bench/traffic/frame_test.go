package traffic

import (
	"encoding/hex"
	"net"
	"strings"
	"testing"
)

var macX, macY = net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}

func TestFrameAppend(t *testing.T) {
	const macs = "020000000002020000000001"
	for _, tt := range []struct {
		name string
		spec FrameSpec
		want string // what stands before the payload
	}{
		{"plain", FrameSpec{EtherType: 0x88b5}, macs + "88b5"},
		{"tag", FrameSpec{EtherType: 0x0800, Tags: []Tag{{PCP: 5, DEI: true, VID: 100}}}, macs + "8100b064" + "0800"},
		{"QinQ", FrameSpec{EtherType: 0x0800, Tags: []Tag{{TPID: 0x88a8, VID: 4095}, {VID: 1}}}, macs + "88a80fff" + "81000001" + "0800"},
		{"priority", FrameSpec{EtherType: 0x0800, Tags: []Tag{{PCP: 7}}}, macs + "8100e000" + "0800"},
		{"802.3", FrameSpec{}, macs + "0030" + "aaaa03020000" + "0d9f"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Dst, tt.spec.Src, tt.spec.Payload = macY, macX, 40
			b, err := tt.spec.Append(nil, Header{Flow: 1, Seq: 2, Sent: 3})
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(b[:len(b)-40]); got != tt.want {
				t.Errorf("headers %s: want %s", got, tt.want)
			}
			if h, intact := ParsePayload(b[len(b)-40:]); !intact || h != (Header{1, 2, 3}) {
				t.Errorf("payload %+v, intact %t", h, intact)
			}
			if h, ok := FindPayload(b); !ok || h != (Header{1, 2, 3}) {
				t.Errorf("found %+v, %t", h, ok)
			}
		})
	}
}

func TestFrameAppendRefuses(t *testing.T) {
	good := FrameSpec{Dst: macY, Src: macX, Payload: 40}
	for name, change := range map[string]func(*FrameSpec){
		"no source":     func(f *FrameSpec) { f.Src = nil },
		"long address":  func(f *FrameSpec) { f.Dst = make(net.HardwareAddr, 8) },
		"small payload": func(f *FrameSpec) { f.Payload = MinPayload - 1 },
		"large payload": func(f *FrameSpec) { f.Payload = 1 << 16 },
		"vid":           func(f *FrameSpec) { f.Tags = []Tag{{VID: 4096}} },
		"pcp":           func(f *FrameSpec) { f.Tags = []Tag{{PCP: 8}} },
	} {
		f := good
		change(&f)
		if _, err := f.Append(nil, Header{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzFindPayload(f *testing.F) {
	b, _ := FrameSpec{Dst: macY, Src: macX, Payload: 40}.Append(nil, Header{})
	f.Add(b)
	f.Add(b[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := FindPayload(b); ok && len(b) < 12+HeaderLen {
			t.Errorf("found in %x", b)
		}
	})
}

func TestFrameResultString(t *testing.T) {
	sent := []byte("abcdefgh")
	for _, tt := range []struct {
		r    FrameResult
		want string
	}{
		{FrameResult{Sent: sent}, "lost"},
		{FrameResult{Sent: sent, Err: net.ErrClosed}, "refused"},
		{FrameResult{Sent: sent, Got: [][]byte{sent}}, "intact"},
		{FrameResult{Sent: sent, Got: [][]byte{sent, sent}}, "2 copies"},
		{FrameResult{Sent: sent, Got: [][]byte{[]byte("abcXefgh")}}, "differs from 3"},
		{FrameResult{Sent: sent, Got: [][]byte{[]byte("abc")}}, "differs from 3"},
	} {
		if got := tt.r.String(); !strings.Contains(got, tt.want) {
			t.Errorf("%q: want %q in it", got, tt.want)
		}
		if intact := tt.want == "intact"; tt.r.Intact() != intact {
			t.Errorf("%s: intact %t", tt.r, !intact)
		}
	}
}
