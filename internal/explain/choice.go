package explain

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/policy"
)

// Choice is how a bond picks the slave of a flow.
type Choice struct {
	Bond  string `json:"bond"`
	Flow  string `json:"flow"`
	Mode  string `json:"mode"`
	Slave string `json:"slave,omitempty"` // empty: none, or not one
	Why   string `json:"why"`
	// Usable are the slaves that the hash chooses among, in order.
	Usable []string `json:"usable"`
	// Hash is the bond's own policy at work; Policies are all of them, as they
	// would choose.
	Hash     *policy.Explanation `json:"hash,omitempty"`
	Policies []Policy            `json:"policies,omitempty"`
}

// Policy is what one policy would make of the flow.
type Policy struct {
	Name  string `json:"policy"`
	Hash  uint32 `json:"hash"`
	Slave string `json:"slave,omitempty"`
	Note  string `json:"note,omitempty"`
}

var allPolicies = []policy.HashPolicy{policy.Layer2, policy.Layer34, policy.Layer23, policy.Encap23, policy.Encap34, policy.VlanSrcMAC}

// Choose explains which slave of a bond a flow takes.
func Choose(st *bond.State, f Flow) (Choice, error) {
	c := Choice{Bond: st.Name, Flow: f.String(), Mode: st.Mode, Usable: []string{}}
	if f.SrcMAC == [6]byte{} {
		mac, err := net.ParseMAC(st.MAC)
		if err != nil || len(mac) != 6 {
			return c, fmt.Errorf("%s: address %q", st.Name, st.MAC)
		}
		f.SrcMAC = [6]byte(mac)
	}
	for _, s := range st.Slaves {
		if s.Carries {
			c.Usable = append(c.Usable, s.Name)
		}
	}
	var frame policy.Frame
	if !frame.Decode(f.Frame()) {
		return c, fmt.Errorf("%s: no frame", c.Flow)
	}
	own, err := policy.ParseHashPolicy(st.Settings["xmit_hash_policy"])
	if err != nil {
		return c, err
	}
	for _, p := range allPolicies {
		w := frame.Explain(p)
		line := Policy{Name: p.String(), Hash: w.Hash, Note: w.Note}
		if n := len(c.Usable); n > 0 {
			line.Slave = c.Usable[w.Hash%uint32(n)]
		}
		c.Policies = append(c.Policies, line)
		if p == own {
			c.Hash = &w
		}
	}
	c.decide(st, &frame, own)
	if c.Hash != nil && f.DstMAC == [6]byte{} && (own == policy.Layer2 || own == policy.Layer23) {
		return c, fmt.Errorf("%s hashes the destination's hardware address, which is not known: give it with dst-mac", own)
	}
	return c, nil
}

// decide says who carries the flow in the bond's mode.
func (c *Choice) decide(st *bond.State, frame *policy.Frame, own policy.HashPolicy) {
	switch {
	case !st.Up:
		c.Why = "the bond is down: nothing is sent"
	case len(c.Usable) == 0:
		c.Why = "no slave is usable: what is sent is dropped"
	case st.Mode == "active-backup":
		c.Slave, c.Why = st.Active, "the active slave carries everything"
	case st.Mode == "balance-rr" && st.Settings["packets_per_slave"] == "0":
		c.Why = "each frame takes a slave at random"
	case st.Mode == "balance-rr":
		c.Why = "each slave in turn, " + st.Settings["packets_per_slave"] + " frames at a time"
	case st.Mode == "broadcast":
		c.Why = "every frame goes out on all usable slaves"
	case st.Balance != nil && c.balance(st, frame, own):
	default:
		n := len(c.Usable)
		c.Slave = c.Usable[c.Hash.Hash%uint32(n)]
		c.Why = fmt.Sprintf("hash %d modulo %d usable slaves is %d", c.Hash.Hash, n, c.Hash.Hash%uint32(n))
	}
	if c.Slave == "" || st.Mode == "active-backup" {
		c.Hash = nil
	}
	if c.Hash == nil {
		c.Policies = nil
	}
}

// balance says who carries the flow in balance-tlb and balance-alb; false:
// it is as in balance-xor.
func (c *Choice) balance(st *bond.State, frame *policy.Frame, own policy.HashPolicy) bool {
	mode, err := policy.ParseMode(st.Mode)
	if err != nil {
		return false
	}
	bucket, ok := frame.Bucket(mode, own)
	switch {
	case !ok:
		c.Slave, c.Why, c.Hash = st.Active, "this kind of frame is not balanced: the active slave carries it", nil
	case int(bucket) < len(st.Balance.Placed):
		c.Slave = st.Balance.Placed[bucket]
		if mode == policy.BalanceALB {
			c.Hash = nil
			c.Why = fmt.Sprintf("the octets of the destination address make bucket %d, which is on %s now", bucket, c.Slave)
			break
		}
		c.Why = fmt.Sprintf("hash %d makes bucket %d, which is on %s now", c.Hash.Hash, bucket, c.Slave)
		c.Policies = nil // what others would choose is not what another setting would
	default:
		return false
	}
	return true
}

// Write prints a Choice for people.
func (c *Choice) Write(w io.Writer) {
	who := c.Slave
	if who == "" {
		who = "no single slave"
	}
	fmt.Fprintf(w, "%s: %s: %s\n  %s, %s\n", c.Bond, c.Flow, who, c.Mode, c.Why)
	if len(c.Usable) > 0 {
		fmt.Fprintf(w, "  usable slaves: %s\n", strings.Join(c.Usable, ", "))
	}
	if c.Hash == nil {
		return
	}
	fmt.Fprintf(w, "\n%s\n", strings.TrimRight(c.Hash.String(), "\n"))
	if len(c.Policies) > 0 {
		fmt.Fprintf(w, "\nwith each policy:\n")
	}
	for _, p := range c.Policies {
		note := ""
		if p.Note != "" {
			note = " (" + p.Note + ")"
		}
		fmt.Fprintf(w, "  %-12s %10d  %s%s\n", p.Name, p.Hash, p.Slave, note)
	}
}
