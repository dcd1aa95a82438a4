package option

import (
	"strings"
	"syscall"
)

// setMode changes the mode. Modes 4, 5 and 6 live by the MII monitor: they end
// the ARP monitor and start the MII monitor if it is off (only here: miimon 0
// set afterwards stays). arp_validate and broadcast_neighbor don't outlive the
// mode they were set in, and balance-alb always starts with dynamic load
// balancing.
func setMode(t *txn, c *change) *failure {
	from := t.v.Mode
	if !arpModes.Has(c.n) {
		t.v.ArpInterval = 0
		if t.v.Miimon == 0 {
			t.v.Miimon = DefaultMiimon
		}
	}
	if c.n == BalanceALB {
		t.v.TLBDynamicLB = 1
	}
	t.v.ArpValidate = 0
	t.v.BroadcastNeighbor = 0
	t.v.Mode = c.n
	t.effect(ModeChanged{From: from, To: c.n})
	return nil
}

func setDatapath(t *txn, c *change) *failure {
	*c.opt.field(&t.v) = c.n
	t.effect(DatapathChanged{})
	return nil
}

func setCarrier(t *txn, c *change) *failure {
	*c.opt.field(&t.v) = c.n
	t.effect(RecheckCarrier{})
	return nil
}

func setDevice(t *txn, c *change) *failure {
	if *c.opt.field(&t.v) != c.n {
		*c.opt.field(&t.v) = c.n
		t.effect(DeviceChanged{c.opt.ID})
	}
	return nil
}

func setLACP(t *txn, c *change) *failure {
	*c.opt.field(&t.v) = c.n
	t.effect(LACPChanged{c.opt.ID})
	return nil
}

// setADActorSystem takes any unicast address; zero stands for the bond's own.
func setADActorSystem(t *txn, c *change) *failure {
	m, ok := parseMAC(c.text)
	if !ok || m[0]&1 != 0 {
		return refuse(syscall.EINVAL, "Invalid ad_actor_system MAC address.")
	}
	t.v.ADActorSystem = m
	t.effect(LACPChanged{ADActorSystem})
	return nil
}

// unknown is the text for an option that doesn't exist.
func unknown(name string) string {
	if near := nearest(strings.ReplaceAll(name, "-", "_")); near != "" {
		return "unknown option, did you mean " + near + "?"
	}
	return "unknown option"
}
