package sysfs

import (
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/bond"
)

// SlaveFiles are the names of a slave's files, sorted.
func SlaveFiles() []string { return strings.Fields(slaveFiles) }

const slaveFiles = `ad_actor_oper_port_state ad_aggregator_id ad_partner_oper_port_state
	link_failure_count mii_status perm_hwaddr queue_id state`

// ReadSlave returns what the file of that name reads, with its newline; ok is
// false if a slave has none of that name.
func ReadSlave(s *bond.SlaveState, name string) (text string, ok bool) {
	switch name {
	case "state":
		text = strings.ToLower(s.State)
	case "mii_status":
		text = strings.ReplaceAll(strings.ToLower(s.MIIStatus), "_", " ")
	case "link_failure_count":
		text = strconv.FormatUint(uint64(s.Failures), 10)
	case "perm_hwaddr":
		text = s.PermMAC
	case "queue_id":
		text = strconv.Itoa(int(s.QueueID))
	case "ad_aggregator_id", "ad_actor_oper_port_state", "ad_partner_oper_port_state":
		text = portFile(s, name)
	default:
		return "", false
	}
	return text + "\n", true
}

// portFile is the files that tell something in 802.3ad alone.
func portFile(s *bond.SlaveState, name string) string {
	switch {
	case s.AD == nil:
		return "N/A"
	case name == "ad_aggregator_id":
		return strconv.Itoa(s.AD.Aggregator)
	case name == "ad_actor_oper_port_state":
		return strconv.Itoa(int(s.AD.Actor.State))
	}
	return strconv.Itoa(int(s.AD.Partner.State))
}
