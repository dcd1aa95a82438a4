package policy

import "strconv"

// Mode is a bonding mode, in the kernel's numbers.
type Mode uint8

// Modes. The kernel's option "mode" takes these numbers or their names.
const (
	BalanceRR    Mode = iota // balance-rr
	ActiveBackup             // active-backup
	BalanceXOR               // balance-xor
	Broadcast                // broadcast
	LACP                     // 802.3ad
	BalanceTLB               // balance-tlb
	BalanceALB               // balance-alb
)

var modeNames = []string{
	"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb",
}

// String is the kernel's name of the mode.
func (m Mode) String() string { return nameOf(modeNames, uint8(m)) }

// ParseMode reads a mode's name or number. The error is a ParseError.
func ParseMode(s string) (Mode, error) {
	n, ok := parseName(modeNames, s)
	if !ok {
		return 0, ParseError{Option: "mode", Value: s}
	}
	return Mode(n), nil
}

// New returns the selector of a mode, and whether this package has one. The
// selectors keep no state of their own: one serves any number of workers.
func New(m Mode) (Selector, bool) {
	switch m {
	case BalanceRR:
		return roundRobin{}, true
	case ActiveBackup:
		return activeBackup{}, true
	case BalanceXOR, LACP:
		return xor{}, true
	case Broadcast:
		return broadcast{}, true
	case BalanceTLB:
		return tlb{}, true
	case BalanceALB:
		return alb{}, true
	}
	return nil, false
}

// ParseError: a value is not among those an option takes.
type ParseError struct {
	Option string // kernel's name of the option
	Value  string // as given
}

func (e ParseError) Error() string {
	return e.Option + " " + strconv.Quote(e.Value) + ": invalid value"
}

func nameOf(names []string, n uint8) string {
	if int(n) < len(names) {
		return names[n]
	}
	return "unknown(" + strconv.Itoa(int(n)) + ")"
}

// parseName reads a name or, of digits only, its index, as the kernel's option
// parser does.
func parseName(names []string, s string) (uint8, bool) {
	for i, name := range names {
		if s == name {
			return uint8(i), true
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return uint8(n), err == nil && n < uint64(len(names))
}
