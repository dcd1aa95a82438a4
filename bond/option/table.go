package option

import "strings"

// Scope says what an option belongs to.
type Scope uint8

// The scopes.
const (
	ScopeBond  Scope = iota // one value per bond
	ScopeSlave              // one value per slave
)

// When says what must be true of the bond for an option to be set. Bits
// combine: mode needs both.
type When uint8

// Any allows a set at any time.
const (
	Any   When = 0
	Down  When = 1 << 0 // the bond is admin-down
	Empty When = 1 << 1 // the bond has no slaves
)

// Read is the form in which an option is shown.
type Read uint8

// The read forms.
const (
	ReadNumber Read = iota // sysfs "100", ip "100"
	ReadNamed              // sysfs "fast 1", ip "fast"
	ReadText               // names and addresses, each in its own form
)

// ModeSet is a set of modes, bit N for mode N.
type ModeSet uint8

// AllModes holds every mode.
const AllModes ModeSet = 1<<7 - 1

// Has reports whether mode is in s.
func (s ModeSet) Has(mode uint32) bool { return mode < 7 && s&(1<<mode) != 0 }

func modes(ms ...uint32) ModeSet {
	var s ModeSet
	for _, m := range ms {
		s |= 1 << m
	}
	return s
}

// Value is one named value of an option.
type Value struct {
	Name string
	N    uint32
	// Default marks the value that the word "default" selects.
	Default bool
	// Internal marks the driver's bookkeeping names (off, minval, maxval of
	// numeric options): accepted on input, never shown.
	Internal bool
}

// Option describes one setting. All fields are constant.
type Option struct {
	ID   ID
	Name string // the driver's name: the sysfs file, and what its log says
	// Aliases are further names of the driver for the same variable. Its log
	// and ours repeat the one that was used.
	Aliases []string
	IPName  string // iproute2's keyword; empty if iproute2 has none
	// Netlink is the attribute in IFLA_INFO_DATA (ScopeBond) or
	// IFLA_INFO_SLAVE_DATA (ScopeSlave), 0 if there is none.
	Netlink uint16
	Scope   Scope
	Read    Read
	Values  []Value // the value table; empty for raw options
	// Min and Max bound numbers outside Values. Max 0 means that only the
	// table's numbers are accepted.
	Min, Max uint32
	Default  uint32
	Unit     string  // "ms", "s", "Mb/s"; empty for counts and names
	Modes    ModeSet // where a set is accepted
	When     When
	Since    string // kernel release that brought it, "" before 4.0, "tapbond" for ours
	Raw      bool   // parses its own text: names and addresses
	Sysfs    bool   // has a file in /sys/class/net/BOND/bonding
	Help     string // one line

	field func(*Values) *uint32
}

// Get returns the description of id; nil if there is no such option.
func Get(id ID) *Option {
	if int(id) >= len(byID) {
		return nil
	}
	return byID[id]
}

// All returns every option, in the order in which a request is applied.
func All() []*Option {
	all := make([]*Option, len(table))
	for i := range table {
		all[i] = &table[i]
	}
	return all
}

// ByName returns the option with this name, alias or iproute2 keyword, nil if
// there is none. '-' may stand for '_'.
func ByName(name string) *Option {
	o, _ := lookup(name)
	return o
}

// lookup returns the option and the name its log lines use.
func lookup(name string) (*Option, string) {
	name = strings.ReplaceAll(name, "-", "_")
	n, ok := byName[name]
	if !ok {
		return nil, ""
	}
	return &table[n.index], n.logged
}

// nameOf returns the name of n in o's value table, without internal names.
func (o *Option) nameOf(n uint32) (string, bool) {
	for _, v := range o.Values {
		if v.N == n && !v.Internal {
			return v.Name, true
		}
	}
	return "", false
}

type named struct {
	index  int
	logged string
}

var (
	byID   = indexIDs()
	byName = indexNames()
)

func indexIDs() [idCount]*Option {
	var ids [idCount]*Option
	for i := range table {
		ids[table[i].ID] = &table[i]
	}
	return ids
}

// indexNames maps every accepted name. Slave options come last in the table,
// so a name is never taken from a bond option.
func indexNames() map[string]named {
	m := make(map[string]named)
	for i := range table {
		o := &table[i]
		add := func(name, logged string) {
			if _, taken := m[name]; name != "" && !taken {
				m[name] = named{i, logged}
			}
		}
		add(o.Name, o.Name)
		for _, a := range o.Aliases {
			add(a, a)
		}
		add(o.IPName, o.Name)
	}
	return m
}
