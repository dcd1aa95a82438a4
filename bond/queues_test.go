package bond

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/vnet"
)

// transmitOn has the host send a frame on one queue and returns who sent it on.
func (r *rig) transmitOn(queue int, frame []byte) string {
	r.t.Helper()
	synctest.Wait()
	count := func(n string) int { return r.port(r.sys.index(n)).written() }
	before := []int{count("eth0"), count("eth1")}
	q := r.tap.q
	if queue > 0 {
		q = r.tap.more[queue-1]
	}
	q.in <- []vnet.Packet{{Buf: slices.Concat(make([]byte, vnet.HdrLen), frame)}}
	synctest.Wait()
	var out []string
	for i, n := range two {
		if count(n) > before[i] {
			out = append(out, n)
		}
	}
	return strings.Join(out, " ")
}

func (r *rig) queueID(slave, id string) error {
	return r.b.Set(r.t.Context(), option.ViaNetlink, []option.Assign{{Option: "queue_id", Value: id, Slave: slave}})
}

func TestQueueIDs(t *testing.T) {
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		r.must(r.queueID("eth1", "2"))
		expect(t, "queues", r.state().Queues, 3)
		expect(t, "steered", len(r.tap.steered), 1)
		expect(t, "of no queue", r.transmitOn(0, toPeer), "eth0")
		expect(t, "of queue 2", r.transmitOn(2, toPeer), "eth1")
		expect(t, "of queue 1, which is nobody's", r.transmitOn(1, toPeer), "eth0")
		expect(t, "counted", r.state().Slaves[1].QueueFrames, 1)
		r.sys.plug("eth1", false)
		expect(t, "of queue 2 while its slave is down", r.transmitOn(2, toPeer), "eth0")
		r.sys.plug("eth1", true)
		r.must(r.b.Set(r.t.Context(), option.ViaSysfs, []option.Assign{{Option: "queue_id", Value: "eth0:1"}}))
		expect(t, "of queue 1", r.transmitOn(1, toPeer), "eth0")
		expect(t, "steered", len(r.tap.steered), 2)
		for _, bad := range []string{"eth0:2", "eth0:17", "eth9:1", "bad"} {
			if err := r.b.Set(r.t.Context(), option.ViaSysfs, []option.Assign{{Option: "queue_id", Value: bad}}); err == nil {
				t.Errorf("queue_id %s is taken", bad)
			}
		}
		r.must(r.b.Release(r.t.Context(), "eth1"))
		expect(t, "of queue 2, its slave gone", r.transmitOn(2, toPeer), "eth0")
		expect(t, "steered", len(r.tap.steered), 1)
		r.must(r.queueID("eth0", "0"))
		expect(t, "steered", len(r.tap.steered), 0)
		r.must(r.b.Enslave(r.t.Context(), "eth1"))
		expect(t, "of queue 2 after all", r.transmitOn(2, toPeer), "eth0")
	})
	run(t, "mode balance-rr miimon 100", two, func(r *rig) {
		r.must(r.queueID("eth1", "1"))
		for range 3 {
			expect(t, "of queue 1", r.transmitOn(1, toPeer), "eth1")
		}
	})
	run(t, "mode balance-xor miimon 100", two, func(r *rig) {
		r.must(r.queueID("eth1", "1"))
		expect(t, "in a mode that has no use for them", r.state().QueueIDs, "the mode has no use for them")
		expect(t, "queues", r.state().Queues, 1)
	})
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		r.failing("steer", unix.EPERM)
		r.must(r.queueID("eth1", "1"))
		expect(t, "without the right", r.state().QueueIDs, "operation not permitted")
		expect(t, "queues", r.state().Queues, 1)
		expect(t, "and the option", r.state().Slaves[1].QueueID, 1)
	})
}
