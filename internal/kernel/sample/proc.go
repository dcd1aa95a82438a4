package sample

import (
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/lacp"
)

// readProc adds what only the text in /proc/net/bonding tells; with all, it
// takes everything from there.
func readProc(text string, st *bond.State, all bool) {
	for _, block := range strings.Split(text, "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		name, isSlave := strings.CutPrefix(lines[0], "Slave Interface: ")
		if !isSlave {
			for _, l := range lines {
				readHeader(l, st, all)
			}
			continue
		}
		for i := range st.Slaves {
			if st.Slaves[i].Name == name {
				readSlave(lines, &st.Slaves[i], all)
			}
		}
	}
}

func readHeader(line string, st *bond.State, all bool) {
	key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
	switch key {
	case "MII Status":
		st.Carrier = value == "up"
	case "System priority":
		st.AD.System.Priority = number(value)
	case "System MAC address":
		st.AD.System.MAC = address(value)
	}
	if !all {
		return
	}
	switch key {
	case "Currently Active Slave":
		st.Active = strings.TrimPrefix(value, "None")
	case "Number of ports":
		st.AD.Aggregators[0].NumPorts = int(number(value))
	}
}

func readSlave(lines []string, s *bond.SlaveState, all bool) {
	port := s.AD
	var info *lacp.Info
	for _, l := range lines {
		key, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
		switch key {
		case "Speed":
			mbps, _ := strconv.Atoi(strings.TrimSuffix(value, " Mbps"))
			s.Speed = uint32(mbps)
		case "Duplex":
			s.Duplex = value
		}
		if all {
			switch key {
			case "MII Status":
				s.MIIStatus = strings.ReplaceAll(strings.ToUpper(value), " ", "_")
			case "Link Failure Count":
				s.Failures = uint32(number(value))
			case "Aggregator ID":
				port.Aggregator = int(number(value))
			}
		}
		if port == nil {
			continue
		}
		switch key {
		case "Actor Churn State":
			port.ActorChurn = value
		case "Partner Churn State":
			port.PartnerChurn = value
		case "Actor Churned Count":
			port.Counters.ActorChurnCount = uint64(number(value))
		case "Partner Churned Count":
			port.Counters.PartnerChurnCount = uint64(number(value))
		case "details actor lacp pdu:":
			info = &port.Actor
		case "details partner lacp pdu:":
			info = &port.Partner
		case "system priority":
			info.SystemPriority = number(value)
		case "system mac address":
			info.System = address(value)
		case "port key", "oper key":
			info.Key = number(value)
		case "port priority":
			info.PortPriority = number(value)
		case "port number":
			info.Port = number(value)
		case "port state":
			if all {
				info.State = lacp.Bits(number(value))
			}
		}
	}
}

func number(text string) uint16 {
	n, _ := strconv.ParseUint(text, 10, 16)
	return uint16(n)
}

func address(text string) (m lacp.MAC) {
	_ = m.UnmarshalText([]byte(text))
	return m
}
