package policy

// Selector is a transmit policy: it names the slave for each frame. It is
// called for every frame on the fast path, so it must not allocate, lock,
// block or keep f.
type Selector interface {
	// Select returns the index into s.Slaves of the slave to transmit f on, or
	// -1 and the reason for dropping it. q is the calling worker's own.
	Select(s *Snapshot, q *Queue, f *Frame) (slave int, drop Reason)
}

// Fanout is a Selector that sends copies. A worker that finds it asks it
// instead of Select.
type Fanout interface {
	Selector
	// Fanout appends to dst the indexes into s.Slaves that get a copy of f.
	// None means the frame is dropped for the returned reason.
	Fanout(s *Snapshot, q *Queue, f *Frame, dst []int) ([]int, Reason)
}

// Slave is what a policy may know of one slave.
type Slave struct {
	// CanTx: admin up, carrier, link UP, state ACTIVE (spec: can_tx).
	CanTx bool
	// Up: admin up and link UP, whatever the state; what broadcast asks.
	Up bool
	// QueueID steers frames with this queue mapping here; 0 is none.
	QueueID uint16
}

// Snapshot is one immutable view of the bond for the transmit path. Slaves
// stand in the kernel's order, the order of enslaving.
type Snapshot struct {
	Slaves          []Slave
	Usable          []int // indexes of the slaves with CanTx, ascending
	Active          int   // index of the active slave, -1 if none
	Hash            HashPolicy
	PacketsPerSlave uint32 // balance-rr: 0 random, 1, N frames in a row

	// Of balance-tlb and balance-alb.
	MAC   [6]byte // the bond's own address
	Table *Table  // nil: tlb_dynamic_lb is off
}

// Queue is the state a selector keeps per worker; one goroutine owns it.
type Queue struct {
	Counter uint32 // balance-rr: frames counted so far
	Rand    uint64 // xorshift state, never 0
	Load    *Load  // balance-tlb and -alb: what this worker has sent, by bucket; never nil
}

// NewQueue returns a Queue whose random sequence starts from seed.
func NewQueue(seed uint64) *Queue {
	if seed == 0 {
		seed = 0x9e3779b97f4a7c15
	}
	return &Queue{Rand: seed, Load: new(Load)}
}
