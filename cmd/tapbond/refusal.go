package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
)

// refusedOption finds the option in an answer about a value.
var refusedOption = regexp.MustCompile(`option (\w+): invalid value`)

// withAccepted adds what the option accepts to the driver's answer that a value is
// none of it.
func withAccepted(err error) error {
	if err == nil {
		return nil
	}
	m := refusedOption.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	o := option.ByName(m[1])
	if o == nil {
		return err
	}
	return fmt.Errorf("%w; it takes %s (tapbond options %s)", err, o.Accepts(), o.Name)
}

// namedOption finds the option in an answer about words.
var namedOption = regexp.MustCompile(`option (\S+): (value missing|unknown option)`)

// wrongWords is the error for words of a command that can't be read: what they
// should have been, as far as that can be told, or an example.
func wrongWords(c *cobra.Command, args []string, err error) error {
	line := exampleOf(c)
	takes := ""
	if joined := slices.IndexFunc(args, func(a string) bool { return strings.Contains(a, "=") }); joined > 0 {
		line = c.CommandPath() + " " + strings.ReplaceAll(strings.Join(args, " "), "=", " ")
	}
	if m := namedOption.FindStringSubmatch(err.Error()); m != nil {
		if o := option.ByName(m[1]); o != nil {
			takes = "; it takes " + o.Accepts()
		} else {
			takes = "; tapbond options lists all"
			if strings.HasSuffix(err.Error(), "?") {
				takes = takes[1:]
			}
		}
	}
	return fmt.Errorf("%s%w%s; for example: %s", spoken(c), err, takes, line)
}

// ofBond is the error of a request about a bond. Where nothing runs there is none.
func ofBond(name string, err error) error {
	if errors.Is(err, control.ErrNoServer) {
		return fmt.Errorf("bond %s does not exist: %w; make it: tapbond ip link add %s type bond", name, err, name)
	}
	return err
}

// members lists the bonds with their slaves: "bond0 (eth0, eth1), bond1".
func members(all []bond.State) string {
	if len(all) == 0 {
		return "there are no bonds in this network namespace"
	}
	var parts []string
	for i := range all {
		var slaves []string
		for _, s := range all[i].Slaves {
			slaves = append(slaves, s.Name)
		}
		part := all[i].Name
		if len(slaves) > 0 {
			part += " (" + strings.Join(slaves, ", ") + ")"
		}
		parts = append(parts, part)
	}
	return "there is " + strings.Join(parts, ", ")
}
