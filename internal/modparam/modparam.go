package modparam

import (
	"slices"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
)

// Param is one parameter as it was written.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Bare: there is no "=".
	Bare bool `json:"bare,omitempty"`
}

// ParseWord reads "NAME=VALUE". Double quotes are dropped, as the kernel does.
func ParseWord(word string) Param {
	name, value, ok := strings.Cut(strings.ReplaceAll(word, `"`, ""), "=")
	return Param{Name: name, Value: value, Bare: !ok}
}

func (p Param) String() string {
	switch {
	case p.Bare:
		return p.Name
	case strings.ContainsAny(p.Value, " \t"):
		return p.Name + `="` + p.Value + `"`
	}
	return p.Name + "=" + p.Value
}

// Module is what parameters come to.
type Module struct {
	// Bonds to make at once, 0 to MaxBonds.
	Bonds int
	// Values are the settings of every bond that is made from now on.
	Values option.Values
	// Log is what the driver logs, without a bond's name.
	Log []option.Line
}

// MaxBonds is how many bonds are made at once; the driver makes any number.
const MaxBonds = 256

// Check judges parameters; of the same name the last one counts. Without any
// they are the driver's defaults: one bond, balance-rr. An error is an *Error.
func Check(params []Param) (Module, error) {
	var log logger
	r, err := read(params, &log)
	if err != nil {
		return Module{}, err
	}
	j := judge{logger: log, raw: r, v: option.Defaults()}
	for _, step := range []func() error{
		j.words, j.bonds, j.links, j.lacpNeedsMII, j.counts, j.monitors, j.targets, j.validate,
		j.tellMonitor, j.primary, j.failOverMAC, j.rest,
	} {
		if err := step(); err != nil {
			return Module{}, err
		}
	}
	return Module{Bonds: int(j.num["max_bonds"]), Values: j.v, Log: j.logger}, nil
}

// Names returns the names of all parameters, sorted.
func Names() []string {
	names := append(slices.Clone(texts), "arp_ip_target")
	for n := range numbers {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
