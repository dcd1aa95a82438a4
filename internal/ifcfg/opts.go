package ifcfg

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tapbond/tapbond/bond/option"
)

// Opt is one option=value with the place where it stands.
type Opt struct {
	Name, Value string
	// Module: it stands in modprobe's configuration, so what the driver would
	// ignore at its loading is ignored.
	Module bool
	// Shown is what it reads once it is set, if that isn't Value: delays are
	// rounded, addresses have one form. Judged options have it.
	Shown string
	Pos
}

// Options are a bond's, judged: names are the driver's, values its words.
type Options struct {
	Create []Opt // in the order they are applied, for a new bond
	Queues []QueueID
	Active Opt // active_slave; no name for none
}

// QueueID is `queue_id=SLAVE:N`.
type QueueID struct {
	Slave string
	ID    uint16
	Pos
}

// moduleOnly are parameters of the module that are no options of a bond.
var moduleOnly = []string{"max_bonds", "tx_queues", "debug"}

// commaOption is an option behind a comma, as nmcli takes them.
var commaOption = regexp.MustCompile(`,([a-z0-9_]+)=`)

// splitOpts takes the value of BONDING_OPTS apart.
func (r *remarks) splitOpts(s Setting) []Opt {
	var out []Opt
	value := s.Value
	for _, m := range commaOption.FindAllStringSubmatch(value, -1) {
		if option.ByName(m[1]) != nil {
			value = strings.ReplaceAll(value, m[0], " "+m[1]+"=")
		}
	}
	if value != s.Value {
		r.warn(s.Pos, "%s: options are separated by blanks, not commas; taken as %s", s.Key, value)
	}
	for _, word := range strings.Fields(value) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			r.wrong(s.Pos, "%s: %q is no option=value", s.Key, word)
			continue
		}
		out = append(out, Opt{Name: name, Value: value, Pos: s.Pos})
	}
	return out
}

// judge works out what the options of a bond come to: module's, which are
// defaults, and the file's own, which count. Each that is wrong is told.
func (r *remarks) judge(bond string, list []Opt) Options {
	var out Options
	list = r.known(list, &out)
	list = r.oneMonitor(collapse(list))
	rank := func(o Opt) int {
		return slices.IndexFunc(option.All(), func(p *option.Option) bool { return p.Name == o.Name })
	}
	slices.SortStableFunc(list, func(a, b Opt) int { return rank(a) - rank(b) })
	v := option.Defaults()
	env := option.Env{Bond: bond, AllowUnsupported: true}
	modeKnown := true
	for _, o := range list {
		d := option.ByName(o.Name)
		if d.ID == option.ActiveSlave {
			if r.usesActive(&v, o, modeKnown) {
				out.Active = o
			}
			continue
		}
		res, err := v.Apply(env, []option.Assign{{Option: o.Name, Value: o.Value}})
		if err != nil {
			modeKnown = modeKnown && d.ID != option.Mode
			r.refused(d, o, err, modeKnown)
			continue
		}
		v = res.Values
		o.Value = word(d, o.Value)
		out.Create = append(out.Create, o)
	}
	for i := range out.Create {
		o := &out.Create[i]
		o.Shown = v.Word(option.ByName(o.Name).ID, &option.Runtime{})
	}
	return out
}

// known sorts out what is no option of a bond.
func (r *remarks) known(list []Opt, out *Options) []Opt {
	var opts []Opt
	for _, o := range list {
		d := option.ByName(o.Name)
		switch {
		case slices.Contains(moduleOnly, o.Name):
			if !o.Module {
				r.say(Minor, o.Pos, "%s: is the module's, without effect on a bond", o.Name)
			}
		case d == nil && o.Module:
			r.warn(o.Pos, "%s: unknown option, without effect", o.Name)
		case o.Name == "":
			r.wrong(o.Pos, "=%s: the option's name is missing", o.Value)
		case d == nil && mayMean(o.Name, "mode"): // without it the bond would come up in another mode
			r.wrong(o.Pos, "%s: %s", o.Name, unknown(o.Name))
		case d == nil:
			r.warn(o.Pos, "%s: without effect: %s", o.Name, unknown(o.Name))
		case d.ID == option.QueueID:
			r.queueIDs(o, out)
		case d.ID == option.Slaves || d.Scope == option.ScopeSlave:
			r.warn(o.Pos, "%s: belongs to a slave, not to the bond's options; without effect", o.Name)
		default:
			o.Name = d.Name
			o.Value = strings.Trim(o.Value, `"'`)
			opts = append(opts, o)
		}
	}
	return opts
}

// mayMean reports whether a name is a slip of an option's.
func mayMean(name, option string) bool {
	return slip(strings.ToLower(name), option) || strings.HasPrefix(strings.ToLower(name), option)
}

// unknown is what the table of options says about a name that it lacks.
func unknown(name string) string {
	_, _, err := option.ParseWords([]string{name, ""})
	if err == nil {
		return "unknown option"
	}
	return strings.TrimPrefix(err.Error(), "option "+name+": ")
}

// queueIDs reads "eth0:2", and several of them with commas.
func (r *remarks) queueIDs(o Opt, out *Options) {
	for _, part := range strings.Split(o.Value, ",") {
		slave, number, ok := strings.Cut(part, ":")
		n, err := strconv.ParseUint(number, 10, 16)
		if !ok || err != nil || slave == "" || n > option.DefaultTxQueues {
			r.wrong(o.Pos, "queue_id=%s: accepted is SLAVE:N, N from 0 to %d", o.Value, option.DefaultTxQueues)
			return
		}
		out.Queues = append(out.Queues, QueueID{slave, uint16(n), o.Pos})
	}
}

// collapse leaves one of each name: the last, and of targets all together.
// Each of them may have the "+" that its file in sysfs wants.
func collapse(list []Opt) []Opt {
	last := map[string]int{} // where each name stands last
	targets := map[string][]string{}
	seen := map[string]bool{}
	for i, o := range list {
		last[o.Name] = i
		if o.Name != "arp_ip_target" && o.Name != "ns_ip6_target" {
			continue
		}
		for _, a := range strings.Split(o.Value, ",") {
			a = strings.TrimPrefix(strings.TrimSpace(a), "+")
			if key := o.Name + " " + a; !seen[key] {
				seen[key] = true
				targets[o.Name] = append(targets[o.Name], a)
			}
		}
	}
	var out []Opt
	for i, o := range list {
		if last[o.Name] != i {
			continue
		}
		if all, ok := targets[o.Name]; ok {
			o.Value = strings.Join(all, ",")
		}
		out = append(out, o)
	}
	return out
}

// oneMonitor keeps one of the two link monitors, which exclude each other: as
// the old script writes one option after the other, the later one. At its
// loading the driver prefers miimon.
func (r *remarks) oneMonitor(list []Opt) []Opt {
	find := func(name string) int {
		return slices.IndexFunc(list, func(o Opt) bool { return o.Name == name && strings.Trim(o.Value, "0") != "" })
	}
	mii, arp := find("miimon"), find("arp_interval")
	if mii < 0 || arp < 0 {
		return list
	}
	loser, winner := list[mii], list[arp]
	if arp < mii || list[mii].Module && list[arp].Module {
		loser, winner = winner, loser
	}
	r.note(loser.Pos, "%s=%s: without effect, there is %s=%s", loser.Name, loser.Value, winner.Name, winner.Value)
	needs := map[string][]string{
		"miimon":       {"miimon", "updelay", "downdelay", "peer_notif_delay"},
		"arp_interval": {"arp_interval", "arp_validate"},
	}[loser.Name]
	return slices.DeleteFunc(list, func(o Opt) bool { return slices.Contains(needs, o.Name) })
}

// usesActive judges active_slave, which can be set only once there are slaves.
func (r *remarks) usesActive(v *option.Values, o Opt, modeKnown bool) bool {
	switch {
	case !modeKnown:
		return false
	case option.UsesPrimary(v.Mode):
		return o.Value != ""
	case o.Module:
		r.say(Minor, o.Pos, "active_slave: without effect in mode %s", option.ModeName(v.Mode))
	default:
		r.warn(o.Pos, "active_slave: without effect: %s", notInMode(option.ByName(o.Name), v.Mode))
	}
	return false
}

// refused says what is wrong with an option and what would be right.
func (r *remarks) refused(d *option.Option, o Opt, err error, modeKnown bool) {
	var e *option.Error
	if !errors.As(err, &e) {
		r.wrong(o.Pos, "%s=%s: %v", o.Name, o.Value, err)
		return
	}
	switch e.Errno {
	case syscall.EINVAL:
		if text := accepted(d); text != "" {
			r.wrong(o.Pos, "%s=%s: invalid value; accepted: %s", o.Name, o.Value, text)
			return
		}
	case syscall.EACCES:
		if !modeKnown {
			if _, ok := d.Parse(o.Value); !ok && !d.Raw {
				r.wrong(o.Pos, "%s=%s: invalid value; accepted: %s", o.Name, o.Value, accepted(d))
			}
			return
		}
		mode := modeIn(e)
		if o.Module {
			r.say(Minor, o.Pos, "%s=%s: without effect in mode %s", o.Name, o.Value, mode)
			return
		}
		r.warn(o.Pos, "%s=%s: without effect: not in mode %s; accepted in: %s", o.Name, o.Value, mode, modeNames(d))
		return
	case syscall.EPERM:
		level := Warning
		if strings.Trim(o.Value, "0") == "" || o.Module {
			level = Minor
		}
		r.say(level, o.Pos, "%s=%s: without effect, miimon is 0", o.Name, o.Value)
		return
	}
	_, text, _ := strings.Cut(e.Error(), ": ")
	r.wrong(o.Pos, "%s=%s: %s", o.Name, o.Value, text)
}

// modeIn takes the mode's name out of the driver's line.
func modeIn(e *option.Error) string {
	_, text, _ := strings.Cut(e.Error(), "not supported in mode ")
	name, _, _ := strings.Cut(text, "(")
	return name
}

func notInMode(d *option.Option, mode uint32) string {
	return fmt.Sprintf("not in mode %s; accepted in: %s", option.ModeName(mode), modeNames(d))
}

func modeNames(d *option.Option) string {
	var names []string
	for m := range uint32(7) {
		if d.Modes.Has(m) {
			names = append(names, option.ModeName(m))
		}
	}
	return strings.Join(names, ", ")
}

// accepted tells the values an option takes.
func accepted(d *option.Option) string {
	var names []string
	for _, v := range d.Values {
		if !v.Internal {
			names = append(names, fmt.Sprintf("%s (%d)", v.Name, v.N))
		}
	}
	switch {
	case d.ID == option.ArpIPTarget:
		return "IPv4 addresses of hosts, with commas between, at most 16"
	case d.ID == option.NSIP6Target:
		return "IPv6 addresses of hosts, with commas between, at most 16"
	case d.ID == option.ADActorSystem:
		return "an address like 00:11:22:33:44:55, not of a group"
	case d.Max > 0:
		names = append(names, strings.TrimSpace(fmt.Sprintf("%d to %d %s", d.Min, d.Max, d.Unit)))
	}
	return strings.Join(names, ", ")
}

// word is a value in the one form that ip takes too: names by name, numbers by
// number.
func word(d *option.Option, value string) string {
	if d.Raw {
		return value
	}
	n, ok := d.Parse(value)
	if !ok {
		return value
	}
	if d.Read == option.ReadNamed {
		for _, v := range d.Values {
			if v.N == n && !v.Internal {
				return v.Name
			}
		}
	}
	return strconv.FormatUint(uint64(n), 10)
}
