package express

import "encoding/binary"

// Seats is how many slaves the short way serves; further ones use the workers'.
const Seats = 64

// The state map has one value: a word that says which of some tables is in
// force, the buckets, and the tables. A table is written while another one is in
// force and is in force by one store, so a program sees one or the other, and
// one that still reads an old table has seven changes' time to finish.
const (
	stateCurrent = 0
	stateBuckets = 64
	stateTables  = 4096
	stateSize    = stateTables + numTables*tableSize

	numTables  = 8
	tableShift = 10
	tableSize  = 1 << tableShift

	numBuckets  = 256
	bucketSize  = 8 // what went to the TAP, and what of it has left the workers
	bucketIn    = 0
	bucketOut   = 4
	bucketShift = 3
)

// Offsets in a table.
const (
	tableTx     = 0  // 0: nothing is sent this way
	tableCount  = 4  // slaves to choose from
	tableKind   = 8  // how
	tableUp     = 12 // the bond is up
	tableHold   = 16 // not before then (ns of CLOCK_MONOTONIC); 0 for at once
	tableMAC    = 24 // the bond's address
	tableRules  = 32 // receive rules by seat, an octet each: the rule, and from sideBit on the side
	tableSeed   = 96 // of the copies' hash
	tableSlaves = 128
	slaveShift  = 3
	slaveIndex  = 0 // interface index
	slaveSeat   = 4
)

// Where a slave's side is beside its rule.
const (
	sideShift = 4
	sideBit   = 1 << sideShift
)

// The counters' map has a line for each seat on each processor: programs on one
// processor don't interrupt each other, so each has its own without locking.
const (
	counterShift = 6
	cpuShift     = counterShift + 6 // Seats lines

	countTxFrames  = 0
	countTxOctets  = 8
	countRxFrames  = 16
	countRxOctets  = 24
	countInactive  = 32
	countOwn       = 40
	countBondDown  = 48
	countDuplicate = 56
)

// Kind is how a slave is chosen.
type Kind uint32

// Kinds of choice.
const (
	Fixed    Kind = iota // the only one
	ByLink               // by the hash of layer2
	ByPorts              // of layer3+4
	ByAddrs              // of layer2+3
	numKinds             // for tests
)

// Rule is what becomes of the IP frames that arrive on a slave.
type Rule uint8

// Rules, as the workers have them.
const (
	Inactive Rule = iota // none is for the bond
	Drain                // unicast is
	Active               // all are
)

// Target is a slave to send on.
type Target struct {
	Index int // interface index
	Seat  int
}

// Table is what the programs follow.
type Table struct {
	// Tx: frames are sent this way; without it all go to the TAP.
	Tx      bool
	Kind    Kind
	Targets []Target // none sends nothing; at most Seats
	Up      bool     // the bond is up
	Hold    uint64   // nothing is sent before this time of CLOCK_MONOTONIC, in ns
	MAC     [6]byte  // the bond's; frames from it are its own, come back
	Rules   [Seats]Rule
	// Sides are numbers, 1 to 15, of slaves on which copies of frames may arrive: of
	// a frame that comes on two sides one copy is delivered. 0: frames aren't compared.
	Sides [Seats]uint8
	Seed  uint64 // another one for each time that they are
}

// encode writes the table in the programs' form, the host's byte order, into b
// of tableSize octets.
func (t *Table) encode(b []byte) {
	clear(b)
	n := min(len(t.Targets), Seats)
	put := func(at int, v uint32) { binary.NativeEndian.PutUint32(b[at:], v) }
	if t.Tx {
		put(tableTx, 1)
	}
	put(tableCount, uint32(n))
	put(tableKind, uint32(t.Kind))
	if t.Up {
		put(tableUp, 1)
	}
	binary.NativeEndian.PutUint64(b[tableHold:], t.Hold)
	binary.NativeEndian.PutUint64(b[tableSeed:], t.Seed)
	copy(b[tableMAC:], t.MAC[:])
	for i, r := range t.Rules {
		b[tableRules+i] = byte(r) | t.Sides[i]<<sideShift
	}
	for i, s := range t.Targets[:n] {
		put(tableSlaves+i<<slaveShift+slaveIndex, uint32(s.Index))
		put(tableSlaves+i<<slaveShift+slaveSeat, uint32(s.Seat))
	}
}
