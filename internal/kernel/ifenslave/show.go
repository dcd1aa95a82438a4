package ifenslave

import (
	"fmt"
	"strings"
)

// showAll prints a line for every interface.
func (j *job) showAll() int {
	nics, err := j.Host.NICs()
	for _, n := range nics {
		j.show(n)
	}
	if err != nil {
		return j.complain(exitFailed, "ifenslave: %v", err)
	}
	return exitOK
}

// show prints what there is to know of one interface. The original prints the
// results of its ioctls in hexadecimal; nothing is known to read that.
func (j *job) show(n NIC) {
	words := []string{"down"}
	if n.Up {
		words[0] = "up"
	}
	if b := j.bond(n.Name); b != nil {
		words = append(words, "master, mode "+b.Mode)
		var slaves []string
		for _, s := range b.Slaves {
			slaves = append(slaves, fmt.Sprintf("%s (%s, %s)", s.Name, strings.ToLower(s.State), strings.ToLower(s.MIIStatus)))
		}
		if slaves == nil {
			slaves = []string{"none"}
		}
		words = append(words, "slaves "+strings.Join(slaves, " "))
	} else if b := j.masterOf(n.Name); b != nil {
		words = append(words, "slave of "+b.Name)
	}
	if n.MAC != "" {
		words = append(words, "address "+n.MAC)
	}
	fmt.Fprintf(j.Stdout, "%s: %s, mtu %d\n", n.Name, strings.Join(words, ", "), n.MTU)
}
