package modparam

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tapbond/tapbond/bond/option"
)

// numbers are the parameters that are numbers, with the driver's defaults.
// num_unsol_na is another name of num_grat_arp.
var numbers = map[string]int64{
	"max_bonds": 1, "tx_queues": option.DefaultTxQueues, "num_grat_arp": 1, "num_unsol_na": 1,
	"miimon": 0, "updelay": 0, "downdelay": 0, "use_carrier": 1, "min_links": 0, "arp_interval": 0,
	"all_slaves_active": 0, "resend_igmp": 1, "packets_per_slave": 1, "lp_interval": 1,
}

// texts are those that are looked up by the driver itself.
var texts = []string{
	"mode", "primary", "primary_reselect", "lacp_rate", "ad_select", "xmit_hash_policy",
	"arp_validate", "arp_all_targets", "fail_over_mac",
}

// raw is what the kernel makes of the parameters before the driver sees them.
type raw struct {
	num     map[string]int64
	text    map[string]*string // nil: not given
	targets []string
}

func read(params []Param, log *logger) (raw, error) {
	r := raw{num: make(map[string]int64), text: make(map[string]*string)}
	for name, n := range numbers {
		r.num[name] = n
	}
	for _, p := range params {
		name := strings.ReplaceAll(p.Name, "-", "_")
		_, number := numbers[name]
		text := slices.Contains(texts, name)
		switch {
		case name != "arp_ip_target" && !number && !text:
			log.warn("bonding: unknown parameter '%s' ignored", p.Name)
		case p.Bare:
			return r, invalid(log, syscall.EINVAL, p)
		case name == "arp_ip_target":
			r.targets = strings.Split(p.Value, ",")
			if len(r.targets) > option.MaxTargets {
				log.say(option.LevelErr, "arp_ip_target: can only take %d arguments", option.MaxTargets)
				return r, invalid(log, syscall.EINVAL, Param{Name: p.Name, Value: r.targets[0]})
			}
		case text:
			r.text[name] = &p.Value
		default:
			n, errno := parseNumber(name, p.Value)
			if errno != 0 {
				return r, invalid(log, errno, p)
			}
			if name == "num_unsol_na" {
				name = "num_grat_arp"
			}
			r.num[name] = n
		}
	}
	return r, nil
}

func invalid(log *logger, errno syscall.Errno, p Param) error {
	return log.fail(errno, "bonding: `%s' invalid for parameter `%s'", p.Value, p.Name)
}

// parseNumber reads a C int, or the one parameter that is unsigned: decimal,
// 0x… or octal with a leading 0.
func parseNumber(name, text string) (int64, syscall.Errno) {
	text = strings.TrimSuffix(text, "\n")
	if strings.ContainsAny(text, "_bBoO") && !strings.HasPrefix(strings.TrimLeft(text, "+-"), "0x") || strings.Contains(text, "_") {
		return 0, syscall.EINVAL // Go's own forms of numbers
	}
	var n int64
	var err error
	if name == "lp_interval" {
		var u uint64
		u, err = strconv.ParseUint(strings.TrimPrefix(text, "+"), 0, 32)
		n = int64(u)
	} else {
		n, err = strconv.ParseInt(text, 0, 32)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, syscall.ERANGE
	case err != nil:
		return 0, syscall.EINVAL
	}
	return n, 0
}
