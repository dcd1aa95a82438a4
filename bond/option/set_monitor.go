package option

import (
	"fmt"
	"syscall"
)

// setMiimon starts or stops the MII monitor. The two monitors exclude each
// other and the last one set wins; arp_validate goes only if the ARP monitor
// was on. The delays keep their ticks.
func setMiimon(t *txn, c *change) *failure {
	t.v.Miimon = c.n
	t.miimon = c.n
	if c.n != 0 && t.v.ArpInterval != 0 {
		t.v.ArpInterval = 0
		t.v.ArpValidate = 0
	}
	t.effect(MonitorChanged{Restart: true})
	return nil
}

// setArpInterval starts or stops the ARP monitor. A request that turns both
// monitors on contradicts itself.
func setArpInterval(t *txn, c *change) *failure {
	if c.n != 0 && t.miimon != 0 {
		return contradiction("ARP monitoring cannot be used with MII monitoring")
	}
	t.v.ArpInterval = c.n
	if c.n != 0 {
		t.v.Miimon = 0
	}
	t.effect(MonitorChanged{Restart: true})
	return nil
}

func setArpValidate(t *txn, c *change) *failure {
	if c.n != 0 && t.miimon != 0 {
		return contradiction("ARP validating cannot be used with MII monitoring")
	}
	return setMonitor(t, c)
}

// contradiction is EINVAL for what is wrong between two options: no value is
// to blame, so nothing is logged.
func contradiction(ext string) *failure {
	return &failure{errno: syscall.EINVAL, ext: ext, quiet: true}
}

func setMonitor(t *txn, c *change) *failure {
	*c.opt.field(&t.v) = c.n
	t.effect(MonitorChanged{})
	return nil
}

func setUpdelay(t *txn, c *change) *failure {
	return t.setDelay(c, "up delay", &t.v.UpdelayTicks)
}

func setDowndelay(t *txn, c *change) *failure {
	return t.setDelay(c, "down delay", &t.v.DowndelayTicks)
}

func setPeerNotifDelay(t *txn, c *change) *failure {
	return t.setDelay(c, "peer notification delay", &t.v.PeerNotifDelayTicks)
}

// ObsoleteUseCarrier is what the driver says of use_carrier 0 since Linux 6.18. It
// refuses the value; here it is taken, so that old configurations go on working, and
// has no effect.
const ObsoleteUseCarrier = "option obsolete, use_carrier cannot be disabled"

func setUseCarrier(t *txn, c *change) *failure {
	if c.n == 0 && t.v.UseCarrier != 0 {
		t.log(LevelWarn, ObsoleteUseCarrier)
	}
	t.v.UseCarrier = c.n
	return nil
}

// setDelay stores a delay in ticks of miimon, rounded down. Without the MII
// monitor there are no ticks, and not even 0 is taken.
func (t *txn) setDelay(c *change, what string, ticks *uint32) *failure {
	if t.v.Miimon == 0 {
		return refuse(syscall.EPERM, "Unable to set "+what+" as MII monitoring is disabled")
	}
	*ticks = c.n / t.v.Miimon
	if c.n%t.v.Miimon != 0 {
		t.log(LevelWarn, fmt.Sprintf("%s (%d) is not a multiple of miimon (%d), value rounded to %d ms",
			what, c.n, t.v.Miimon, *ticks*t.v.Miimon))
	}
	t.effect(MonitorChanged{})
	return nil
}
