package monitor

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// MovedEvent says that a link was moved to another network namespace.
type MovedEvent struct {
	Index int
	NetNS int // the number by which this namespace knows the other one
	Then  int // its index there
}

// departures are the links in a datagram that were moved away. The subscription to
// links reports them as deleted.
func departures(b []byte) []WatchEvent {
	var out []WatchEvent
	for _, m := range messages(b) {
		if m.kind != unix.RTM_DELLINK || len(m.data) < unix.SizeofIfInfomsg {
			continue
		}
		index := int(int32(binary.NativeEndian.Uint32(m.data[4:])))
		attrs, err := nl.ParseRouteAttrAsMap(m.data[unix.SizeofIfInfomsg:])
		if err != nil {
			continue
		}
		ns, ok := attrs[unix.IFLA_NEW_NETNSID]
		if !ok || len(ns.Value) != 4 {
			continue
		}
		ev := &MovedEvent{Index: index, NetNS: int(int32(binary.NativeEndian.Uint32(ns.Value))), Then: index}
		if then := attrs[unix.IFLA_NEW_IFINDEX]; len(then.Value) == 4 {
			ev.Then = int(int32(binary.NativeEndian.Uint32(then.Value)))
		}
		out = append(out, WatchEvent{Moved: ev})
	}
	return out
}
