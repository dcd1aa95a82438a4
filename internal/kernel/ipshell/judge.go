package ipshell

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
)

// Options are judged by the installed ip before anything is done: it is given
// them for a device that is no bond, which the kernel refuses without looking
// at them. What it says against the words themselves is what the user gets.

// flagWords stand alone among the options.
var flagWords = []string{"clear_active_slave"}

// judge asks the installed ip about options of kind "bond" or "bond_slave".
// Those that it can't know, being newer or ours, are left out.
func (s *Shell) judge(ctx context.Context, kind string, opts []string) (status int, ok bool) {
	known := known(opts)
	_, errs, status := s.ask(ctx, slices.Concat([]string{"link", "set", "dev", "lo", "type", kind}, known)...)
	if status != exitOK && status != exitKernel {
		_, _ = s.Stderr.Write(errs)
		return status, false
	}
	if wrong := wrong(opts); wrong != "" {
		s.complain("%s", wrong)
		return exitSyntax, false
	}
	return exitOK, true
}

// wrong is what a newer ip says against the first word that the installed one
// may not know, "" if nothing.
func wrong(opts []string) string {
	for i := 0; i < len(opts); i++ {
		o := option.ByName(opts[i])
		if slices.Contains(flagWords, opts[i]) {
			continue
		}
		i++
		if o == nil || !newer(o) {
			continue
		}
		if i == len(opts) {
			return `Command line is not complete. Try option "help"`
		}
		if text := wrongValue(o, opts[i]); text != "" {
			return text
		}
	}
	return ""
}

// wrongValue: switches take on and off alone, names their number too, and the
// range of numbers is for the kernel to judge.
func wrongValue(o *option.Option, value string) string {
	var ok bool
	switch {
	case len(o.Values) == 2 && o.Values[0].Name == "off":
		if value != "on" && value != "off" {
			return fmt.Sprintf("Error: argument of %q must be one of \"off\", \"on\", not %q", o.IPName, value)
		}
		ok = true
	case o.Read == option.ReadNamed:
		_, ok = o.Parse(decimal(value))
	default:
		n, number := parseC(value)
		bits := 32
		if o.ID == option.ActorPortPrio {
			bits = 16
		}
		_, err := strconv.ParseUint(n, 10, bits)
		ok = number && err == nil
	}
	switch {
	case ok:
		return ""
	case o.Scope == option.ScopeSlave:
		return fmt.Sprintf("Error: argument %q is wrong: %s is invalid", value, o.IPName)
	}
	return fmt.Sprintf("Error: argument %q is wrong: invalid %s", value, o.IPName)
}

// known drops what the installed ip may not know from options.
func known(opts []string) []string {
	var out []string
	for i := 0; i < len(opts); i++ {
		o := option.ByName(opts[i])
		n := 2
		if slices.Contains(flagWords, opts[i]) {
			n = 1
		}
		words := opts[i:min(i+n, len(opts))]
		i += n - 1
		if o == nil || !newer(o) && !(len(words) == 2 && newerValue(o, words[1])) {
			out = append(out, words...)
			if o != nil && len(words) == 2 && (o.ID == option.ArpIPTarget || o.ID == option.NSIP6Target) {
				out[len(out)-1] = untagged.ReplaceAllString(words[1], "$1")
			}
		}
	}
	return out
}

// untagged matches a target with its VLANs, which are ours: 10.1.0.1[10/20].
var untagged = regexp.MustCompile(`([^,\[]+)\[[0-9/]+\]`)

// newer: iproute2 6.1 doesn't know it.
func newer(o *option.Option) bool {
	switch o.ID {
	case option.CoupledControl, option.BroadcastNeighbor, option.LACPStrict, option.ActorPortPrio:
		return true
	}
	return o.Since == "tapbond"
}

func newerValue(o *option.Option, value string) bool {
	return o.ID == option.ADSelect && (value == "actor_port_prio" || value == "3")
}

// assigns turns judged words into assignments. ip takes numbers in any base
// and option by option only names or only numbers; the driver's table is
// written in decimal.
func assigns(kind, slave string, opts []string) ([]option.Assign, error) {
	words := slices.Clone(opts)
	for i := 1; i < len(words); i++ {
		words[i] = decimal(words[i])
		if words[i-1] == "arp_ip_target" {
			words[i] = padded(words[i])
		}
	}
	if kind == "bond_slave" {
		return option.ParseSlaveWords(slave, words)
	}
	out, _, err := option.ParseWords(words)
	return out, err
}

// padded completes IPv4 addresses as ip does: 10.1 is 10.1.0.0, +10.1.0.1 a number with a sign.
func padded(list string) string {
	addrs := strings.Split(list, ",")
	for i, a := range addrs {
		a = strings.TrimPrefix(a, "+")
		addrs[i] = a
		if dots := strings.Count(a, "."); a != "" && dots < 3 && strings.Trim(a, "0123456789.") == "" {
			addrs[i] = a + strings.Repeat(".0", 3-dots)
		}
	}
	return strings.Join(addrs, ",")
}

// decimal rewrites a hexadecimal or octal number.
func decimal(word string) string {
	if len(word) < 2 || word[0] != '0' || strings.ContainsAny(word, ".:") {
		return word
	}
	if n, ok := parseC(word); ok {
		return n
	}
	return word
}

// parseC reads a number as C's strtoul does with any base.
func parseC(word string) (string, bool) {
	n, err := strconv.ParseUint(strings.Replace(word, "0X", "0x", 1), 0, 64)
	if err != nil || strings.ContainsAny(word, "_oObB") && !strings.HasPrefix(strings.ToLower(word), "0x") {
		return "", false
	}
	return strconv.FormatUint(n, 10), true
}
