package modparam

import (
	"math"
	"strings"
	"syscall"

	"github.com/tapbond/tapbond/bond/option"
)

const maxIfname = 15 // octets; the rest of a longer name is cut off

// judge is the driver's check of its parameters under way. Its steps come in
// the driver's order, which shows in the log and in which mistake is told.
type judge struct {
	logger
	raw
	v option.Values
}

// modeNames are the driver's long ones.
var modeNames = [...]string{
	option.BalanceRR: "load balancing (round-robin)", option.ActiveBackup: "fault-tolerance (active-backup)",
	option.BalanceXOR: "load balancing (xor)", option.Broadcast: "fault-tolerance (broadcast)",
	option.LACP: "IEEE 802.3ad Dynamic link aggregation", option.BalanceTLB: "transmit load balancing",
	option.BalanceALB: "adaptive load balancing",
}

func (j *judge) mode() string { return modeNames[j.v.Mode] }

// word looks a text up as the option of its name does and stores it; what it
// isn't fails the load with the words of complaint.
func (j *judge) word(id option.ID, into *uint32, complaint string) error {
	o := option.Get(id)
	text := j.text[o.Name]
	if text == nil {
		return nil
	}
	n, ok := o.Parse(*text)
	if !ok {
		return j.fail(syscall.EINVAL, "Error: %s \"%s\"", complaint, *text)
	}
	*into = n
	return nil
}

func (j *judge) words() error {
	if err := j.word(option.Mode, &j.v.Mode, "Invalid bonding mode"); err != nil {
		return err
	}
	if j.text["xmit_hash_policy"] != nil {
		switch j.v.Mode {
		case option.BalanceXOR, option.LACP, option.BalanceTLB, option.BalanceALB:
			if err := j.word(option.XmitHashPolicy, &j.v.XmitHashPolicy, "Invalid xmit_hash_policy"); err != nil {
				return err
			}
		default:
			j.info("xmit_hash_policy param is irrelevant in mode %s", j.mode())
		}
	}
	if j.text["lacp_rate"] != nil {
		if j.v.Mode != option.LACP {
			j.info("lacp_rate param is irrelevant in mode %s", j.mode())
		} else if err := j.word(option.LACPRate, &j.v.LACPRate, "Invalid lacp rate"); err != nil {
			return err
		}
	}
	if err := j.word(option.ADSelect, &j.v.ADSelect, "Invalid ad_select"); err != nil {
		return err
	}
	if j.text["ad_select"] != nil && j.v.Mode != option.LACP {
		j.warn("ad_select param only affects 802.3ad mode")
	}
	return nil
}

func (j *judge) bonds() error {
	n := j.num["max_bonds"]
	if n < 0 {
		j.warn("Warning: max_bonds (%d) not in range %d-%d, so it was reset to BOND_DEFAULT_MAX_BONDS (%d)", n, 0, math.MaxInt32, numbers["max_bonds"])
		j.num["max_bonds"] = numbers["max_bonds"]
	}
	if n > MaxBonds {
		return j.fail(syscall.ENOMEM, "Error: max_bonds (%d): more than %d bonds are not made at once", n, MaxBonds)
	}
	return nil
}

// atLeast0 resets a negative number.
func (j *judge) atLeast0(name string) {
	if n := j.num[name]; n < 0 {
		j.warn("Warning: %s module parameter (%d), not in range %d-%d, so it was reset to 0", name, n, 0, math.MaxInt32)
		j.num[name] = 0
	}
}

// between resets what is out of a range, with the driver's sentence about it.
func (j *judge) between(name string, low, high int64, sentence string) {
	if n := j.num[name]; n < low || n > high {
		j.warn("Warning: "+sentence, n)
		j.num[name] = numbers[name]
	}
}

func (j *judge) links() error {
	for _, name := range []string{"miimon", "updelay", "downdelay"} {
		j.atLeast0(name)
	}
	j.between("use_carrier", 0, 1, "use_carrier module parameter (%d), not of valid value (0/1), so it was set to 1")
	if j.num["use_carrier"] == 0 {
		j.warn(option.ObsoleteUseCarrier)
	}
	j.between("num_grat_arp", 0, 255, "num_grat_arp/num_unsol_na (%d) not in range 0-255 so it was reset to 1")
	j.v.UseCarrier, j.v.NumGratArp = uint32(j.num["use_carrier"]), uint32(j.num["num_grat_arp"])
	return nil
}

// lacpNeedsMII gives the modes that need link speeds their monitor.
func (j *judge) lacpNeedsMII() error {
	switch j.v.Mode {
	case option.LACP, option.BalanceTLB, option.BalanceALB:
		if j.num["miimon"] == 0 {
			j.warn("Warning: miimon must be specified, otherwise bonding will not detect link failure, speed and duplex which are essential for 802.3ad operation")
			j.warn("Forcing miimon to %dmsec", option.DefaultMiimon)
			j.num["miimon"] = option.DefaultMiimon
		}
	}
	return nil
}

func (j *judge) counts() error {
	j.between("tx_queues", 1, 255, "tx_queues (%d) should be between 1 and 255, resetting to 16")
	j.between("all_slaves_active", 0, 1, "all_slaves_active module parameter (%d), not of valid value (0/1), so it was set to 0")
	j.between("resend_igmp", 0, 255, "resend_igmp (%d) should be between 0 and 255, resetting to 1")
	j.between("packets_per_slave", 0, 65535, "packets_per_slave (%d) should be between 0 and 65535 resetting to 1")
	j.v.TxQueues, j.v.AllSlavesActive = uint32(j.num["tx_queues"]), uint32(j.num["all_slaves_active"])
	j.v.ResendIGMP, j.v.PacketsPerSlave = uint32(j.num["resend_igmp"]), uint32(j.num["packets_per_slave"])
	if j.v.Mode == option.BalanceALB {
		j.info("In ALB mode you might experience client disconnections upon reconnection of a link if the bonding module updelay parameter (%d msec) is incompatible with the forwarding delay time of the switch", j.num["updelay"])
	}
	return nil
}

func (j *judge) monitors() error {
	miimon, up, down := j.num["miimon"], j.num["updelay"], j.num["downdelay"]
	if miimon == 0 {
		if up != 0 || down != 0 {
			j.warn("Warning: miimon module parameter not set and updelay (%d) or downdelay (%d) module parameter is set; updelay and downdelay have no effect unless miimon is set", up, down)
		}
		j.atLeast0("arp_interval")
		return nil
	}
	if n := j.num["arp_interval"]; n != 0 {
		j.warn("Warning: miimon (%d) and arp_interval (%d) can't be used simultaneously, disabling ARP monitoring", miimon, n)
		j.num["arp_interval"] = 0
	}
	j.v.Miimon = uint32(miimon)
	j.v.UpdelayTicks, j.v.DowndelayTicks = j.ticks("updelay"), j.ticks("downdelay")
	return nil
}

// ticks is a delay in intervals of miimon.
func (j *judge) ticks(name string) uint32 {
	n, miimon := j.num[name], j.num["miimon"]
	if n%miimon != 0 {
		j.warn("Warning: %s (%d) is not a multiple of miimon (%d), %s rounded to %d ms", name, n, miimon, name, n/miimon*miimon)
	}
	return uint32(n / miimon)
}

func (j *judge) targets() error {
	for _, text := range j.raw.targets {
		var t option.Target
		err := t.UnmarshalText([]byte(text))
		if err != nil || !t.Addr.Is4() || t.Addr.IsUnspecified() || t.Addr.As4() == [4]byte{255, 255, 255, 255} {
			j.warn("Warning: bad arp_ip_target module parameter (%s), ARP monitoring will not be performed", text)
			j.num["arp_interval"] = 0
			continue
		}
		if !j.v.ArpIPTarget.Add(t) {
			j.warn("Warning: duplicate address %s in arp_ip_target, skipping", t.Addr)
		}
	}
	if n := j.num["arp_interval"]; n != 0 && j.v.ArpIPTarget.Len() == 0 {
		j.warn("Warning: arp_interval module parameter (%d) specified without providing an arp_ip_target parameter, arp_interval was reset to 0", n)
		j.num["arp_interval"] = 0
	}
	j.v.ArpInterval = uint32(j.num["arp_interval"])
	return nil
}

func (j *judge) validate() error {
	if j.text["arp_validate"] != nil && j.v.ArpInterval == 0 {
		return j.fail(syscall.EINVAL, "arp_validate requires arp_interval")
	}
	if err := j.word(option.ArpValidate, &j.v.ArpValidate, "invalid arp_validate"); err != nil {
		return err
	}
	// The one word that the driver complains of and goes on without.
	_ = j.word(option.ArpAllTargets, &j.v.ArpAllTargets, "invalid arp_all_targets_value")
	return nil
}

func (j *judge) tellMonitor() error {
	switch {
	case j.v.Miimon != 0:
		j.info("MII link monitoring set to %d ms", j.v.Miimon)
	case j.v.ArpInterval != 0:
		var targets []string
		for _, t := range j.v.ArpIPTarget.List() {
			targets = append(targets, t.String())
		}
		j.info("ARP monitoring set to %d ms, validate %s, with %d target(s): %s", j.v.ArpInterval, j.v.Word(option.ArpValidate, &option.Runtime{}), len(targets), strings.Join(targets, " "))
	}
	return nil
}

func (j *judge) primary() error {
	name := j.text["primary"]
	if name == nil {
		return nil // and primary_reselect isn't looked at
	}
	if !option.UsesPrimary(j.v.Mode) {
		j.warn("Warning: %s primary device specified but has no effect in %s mode", *name, j.mode())
		return nil
	}
	j.v.Primary = (*name)[:min(len(*name), maxIfname)]
	return j.word(option.PrimaryReselect, &j.v.PrimaryReselect, "Invalid primary_reselect")
}

func (j *judge) failOverMAC() error {
	if err := j.word(option.FailOverMAC, &j.v.FailOverMAC, "invalid fail_over_mac"); err != nil {
		return err
	}
	if j.text["fail_over_mac"] != nil && j.v.Mode != option.ActiveBackup {
		j.warn("Warning: fail_over_mac only affects active-backup mode")
	}
	return nil
}

// rest are two numbers that the driver takes out of its own range too.
func (j *judge) rest() error {
	if n := j.num["lp_interval"]; n < 1 || n > math.MaxInt32 {
		j.warn("Warning: ip_interval must be between 1 and %d, so it was reset to 1", math.MaxInt32)
		j.num["lp_interval"] = 1
	}
	j.atLeast0("min_links")
	j.v.LPInterval, j.v.MinLinks = uint32(j.num["lp_interval"]), uint32(j.num["min_links"])
	return nil
}
