package partner

import (
	"bytes"
	"testing"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	us := Info{65535, [6]byte{2, 0, 0, 0, 0, 1}, 15, 255, 1, Activity | Aggregate | Sync}
	them := Info{32768, [6]byte{2, 0, 0, 0, 0, 0xaa}, 17, 10, 2, Timeout}
	f := LACPDU([6]byte{2, 0, 0, 0, 1, 1}, us, them)
	if len(f) != FrameLen || !f.IsLACP() || f.IsMarker() || f.Actor() != us || f.Partner() != them {
		t.Errorf("%x: %s -> %s", []byte(f), f.Actor(), f.Partner())
	}
	if !bytes.Equal(f[:18], []byte{1, 0x80, 0xc2, 0, 0, 2, 2, 0, 0, 0, 1, 1, 0x88, 9, 1, 1, 1, 20}) || f[36] != 2 || f[56] != 3 || f[57] != 16 {
		t.Errorf("%x", []byte(f))
	}
	if g := f.Tagged(7); len(g) != FrameLen+4 || g.IsLACP() || !bytes.Equal(g[12:18], []byte{0x81, 0, 0, 7, 0x88, 9}) {
		t.Errorf("tagged: %x", []byte(g))
	}
	if g := f.With(OffVersion, 9); g[OffVersion] != 9 || f[OffVersion] != 1 {
		t.Error("With changes its receiver")
	}
	m := Marker([6]byte{2, 0, 0, 0, 1, 1}, 1, 7, them.System, 0xdeadbeef)
	if !m.IsMarker() || m.IsLACP() || !bytes.Equal(m[14:30], []byte{2, 1, 1, 16, 0, 7, 2, 0, 0, 0, 0, 0xaa, 0xde, 0xad, 0xbe, 0xef}) {
		t.Errorf("%x", []byte(m))
	}
	if s := us.String(); s != "65535/020000000001 key 15 port 255/1 A-GS----" {
		t.Error(s)
	}
}
