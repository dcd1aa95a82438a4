package monitor

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// HookEvent says that a queueing discipline or a filter of a device was removed.
type HookEvent struct {
	Index int // 0: events were lost, it may have been any device
}

// sizeofTcMsg is that of struct tcmsg in linux/rtnetlink.h, which has the interface
// index at tcIndex.
const (
	sizeofTcMsg = 20
	tcIndex     = 4
)

// removals are the devices of the RTM_DELQDISC and RTM_DELTFILTER messages in a
// datagram, each once where they come in a row.
func removals(b []byte) []WatchEvent {
	var out []WatchEvent
	last := 0
	for _, m := range messages(b) {
		if m.kind != unix.RTM_DELQDISC && m.kind != unix.RTM_DELTFILTER || len(m.data) < sizeofTcMsg {
			continue
		}
		index := int(int32(binary.NativeEndian.Uint32(m.data[tcIndex:])))
		if index != last {
			out = append(out, WatchEvent{Hook: &HookEvent{Index: index}})
		}
		last = index
	}
	return out
}
