package main

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/bond"
)

func TestShowBalance(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	st := bond.State{Balance: &bond.BalanceState{
		Buckets:    []bond.BucketState{{Bucket: 3, Slave: "eth0", Octets: 1500, Rate: 300}, {Bucket: 77, Slave: "", Octets: 60}},
		Unbalanced: 4200, Moves: 5, Next: now.Add(3500 * time.Millisecond),
		Clients: []bond.ClientState{
			{
				Client: netip.MustParseAddr("10.1.0.1"), Address: netip.MustParseAddr("10.1.0.9"), MAC: "02:00:00:00:02:00", Slave: "eth1",
				Seen: now.Add(-time.Second), Told: now.Add(-500 * time.Millisecond), Updates: 4, Why: "new client",
			},
			{Client: netip.MustParseAddr("10.1.0.2"), Address: netip.MustParseAddr("10.1.0.9"), VLAN: 7, Slave: "eth0", Seen: now, Pending: true},
		},
		Stats: &alb.Stats{Taught: 2, Conflict: 1},
	}}
	for _, c := range []struct {
		verbose bool
		want    string
	}{
		{false, `
  balance       2 of 256 buckets used, next in 3.5 s, 5 moves, 4.2KB beside them
  SLAVE  BUCKETS  SENT   BEFORE
  eth0   1        1.5KB  300B/s
  none   1        60B    0B/s

  receive       2 clients, updated twice, 1 claim to an address of ours
  CLIENT    VLAN  HWADDR             SLAVE  SEEN    TOLD
  10.1.0.1  -     02:00:00:00:02:00  eth1   1.0 s   500 ms
  10.1.0.2  7     unknown            eth0   0.0 ms  never (due)
`},
		{true, `
  balance       2 of 256 buckets used, next in 3.5 s, 5 moves, 4.2KB beside them
  BUCKET  SLAVE  SENT   BEFORE
  3       eth0   1.5KB  300B/s
  77      none   60B    0B/s

  receive       2 clients, updated twice, 1 claim to an address of ours
  CLIENT    VLAN  HWADDR             SLAVE  SEEN    TOLD         ADDRESS   UPDATES  WHY
  10.1.0.1  -     02:00:00:00:02:00  eth1   1.0 s   500 ms       10.1.0.9  4        new client
  10.1.0.2  7     unknown            eth0   0.0 ms  never (due)  10.1.0.9  0        
`},
	} {
		var out bytes.Buffer
		(&screen{w: &out, st: &st, now: now, verbose: c.verbose}).balance()
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}
