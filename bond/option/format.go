package option

import (
	"strconv"
	"strings"
)

// ADInfo describes the active aggregator of a bond in 802.3ad mode.
type ADInfo struct {
	Aggregator, NumPorts uint16
	ActorKey, PartnerKey uint16
	PartnerMAC           MAC
}

// Runtime is what the read forms need beyond Values.
type Runtime struct {
	Slaves       []Slave
	Active       string  // the active slave; shown in modes 1, 5 and 6 only
	Carrier      bool    // the bond's
	AD           *ADInfo // nil without an active aggregator
	Unprivileged bool    // the reader lacks CAP_NET_ADMIN: LACP secrets are left out
}

// File is one file of /sys/class/net/BOND/bonding.
type File struct {
	Name     string
	Writable bool
	// Private files read empty without CAP_NET_ADMIN (Runtime.Unprivileged).
	Private bool
}

// Files returns the files of the bonding folder, sorted by name.
func Files() []File {
	files := make([]File, 0, 40)
	for _, n := range strings.Fields(fileNames) {
		name := strings.TrimSuffix(n, "!")
		files = append(files, File{name, name == n, private(name)})
	}
	return files
}

// fileNames marks those that can only be read with '!'.
const fileNames = `active_slave ad_actor_key! ad_actor_sys_prio ad_actor_system ad_aggregator! ad_num_ports!
	ad_partner_key! ad_partner_mac! ad_select ad_user_port_key all_slaves_active arp_all_targets arp_interval
	arp_ip_target arp_missed_max arp_validate downdelay fail_over_mac lacp_active lacp_rate lp_interval
	mii_status! miimon min_links mode num_grat_arp num_unsol_na packets_per_slave peer_notif_delay primary
	primary_reselect queue_id resend_igmp slaves tlb_dynamic_lb updelay use_carrier xmit_hash_policy`

// ReadFile returns the content of one file of the bonding folder, with its
// newline. A file with nothing to say is empty, without one. ok is false if
// there is no such file.
func (v *Values) ReadFile(name string, rt *Runtime) (content string, ok bool) {
	if s, ok := v.statusFile(name, rt); ok {
		return line(s), true
	}
	o, logged := lookup(name)
	if o == nil || !o.Sysfs || logged != name {
		return "", false
	}
	if o.field != nil {
		// The LACP identity is shown to the privileged, in mode 4.
		if secret(o.ID) && !v.showsAD(rt) {
			return "", true
		}
		s := v.Word(o.ID, rt)
		if o.Read == ReadNamed {
			s += " " + strconv.FormatUint(uint64(*o.field(v)), 10)
		}
		return line(s), true
	}
	s := v.Word(o.ID, rt)
	if o.ID == ArpIPTarget {
		s = strings.ReplaceAll(s, ",", " ")
	}
	return line(s), true
}

func line(s string) string {
	if s == "" {
		return ""
	}
	return s + "\n"
}

// private: the file is part of the LACP identity.
func private(name string) bool {
	switch name {
	case "ad_actor_key", "ad_partner_key", "ad_partner_mac":
		return true
	}
	o := ByName(name)
	return o != nil && secret(o.ID)
}

func secret(id ID) bool { return id == ADActorSysPrio || id == ADUserPortKey || id == ADActorSystem }

func (v *Values) showsAD(rt *Runtime) bool { return v.Mode == LACP && !rt.Unprivileged }

// statusFile returns the text of the files that only tell.
func (v *Values) statusFile(name string, rt *Runtime) (text string, ok bool) {
	ad := rt.AD
	if ad == nil {
		ad = &ADInfo{}
	}
	open := v.Mode == LACP
	number := func(n uint16, show bool) (string, bool) {
		if !show {
			return "", true
		}
		return strconv.Itoa(int(n)), true
	}
	switch name {
	case "mii_status":
		if rt.Carrier {
			return "up", true
		}
		return "down", true
	case "ad_aggregator":
		return number(ad.Aggregator, open)
	case "ad_num_ports":
		return number(ad.NumPorts, open)
	case "ad_actor_key":
		return number(ad.ActorKey, v.showsAD(rt))
	case "ad_partner_key":
		return number(ad.PartnerKey, v.showsAD(rt))
	case "ad_partner_mac":
		if rt.AD == nil || !v.showsAD(rt) {
			return "", true
		}
		return ad.PartnerMAC.String(), true
	}
	return "", false
}

// Word returns the value of a bond option as ip prints it: a name, a number,
// or a list with commas. What is unset is empty.
func (v *Values) Word(id ID, rt *Runtime) string {
	o := Get(id)
	if o.field != nil {
		n := *o.field(v)
		if o.Read == ReadNamed {
			if s, ok := o.nameOf(n); ok {
				return s
			}
		}
		return strconv.FormatUint(uint64(n), 10)
	}
	switch id {
	case Updelay:
		return strconv.FormatUint(v.Updelay(), 10)
	case Downdelay:
		return strconv.FormatUint(v.Downdelay(), 10)
	case PeerNotifDelay:
		return strconv.FormatUint(v.PeerNotifDelay(), 10)
	case ArpIPTarget:
		return v.ArpIPTarget.join()
	case NSIP6Target:
		return v.NSIP6Target.join()
	case ADActorSystem:
		if !v.showsAD(rt) {
			return ""
		}
		return v.ADActorSystem.String()
	case ActiveSlave:
		if UsesPrimary(v.Mode) {
			return rt.Active
		}
	case Primary:
		for _, s := range rt.Slaves {
			if s.Name == v.Primary {
				return v.Primary
			}
		}
	case Slaves:
		return rt.join(func(s Slave) string { return s.Name })
	case QueueID:
		return rt.join(func(s Slave) string { return s.Name + ":" + strconv.Itoa(int(s.QueueID)) })
	}
	return ""
}

func (rt *Runtime) join(form func(Slave) string) string {
	words := make([]string, len(rt.Slaves))
	for i, s := range rt.Slaves {
		words[i] = form(s)
	}
	return strings.Join(words, " ")
}
