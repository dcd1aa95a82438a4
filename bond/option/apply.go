package option

import (
	"slices"
	"strings"
	"syscall"
)

// Result is what a request comes to.
type Result struct {
	Values  Values   // the new settings
	Effects []Effect // for the engine, in order
	Log     []Line   // to be logged, in order
}

// Apply works out a request: every assignment of it, or none. They are taken in
// the table's order, whatever order they come in; of the same option the later
// one counts. v is never written to: the caller puts Result.Values in force and
// carries out the effects, or drops both. An error is always an *Error.
//
// The checks are the driver's, in its order: the mode (EACCES), slaves
// (ENOTEMPTY), the bond being up (EBUSY), the value (EINVAL), then the option's
// own. What the engine can't do yet (EOPNOTSUPP) is found last, so that a
// request that the driver refuses gets the driver's answer.
func (v *Values) Apply(env Env, assigns []Assign) (Result, error) {
	env.Slaves = slices.Clone(env.Slaves)
	t := &txn{env: env, v: *v}
	changes, err := t.order(assigns)
	if err != nil {
		return Result{}, err
	}
	for _, c := range changes {
		if f := t.set(c); f != nil {
			return Result{}, t.answer(c, f)
		}
	}
	if !env.AllowUnsupported {
		for _, c := range changes {
			if !c.supported(&t.v) {
				return Result{}, t.answer(c, refuse(syscall.EOPNOTSUPP))
			}
		}
	}
	t.result.Values = t.v
	return t.result, nil
}

// Set is Apply of one assignment.
func (v *Values) Set(env Env, name, value string) (Result, error) {
	return v.Apply(env, []Assign{{Option: name, Value: value}})
}

// txn is a request under way: the state so far and what came of it.
type txn struct {
	env    Env // Slaves and Active follow the request
	v      Values
	result Result

	miimon uint32 // the interval this very request set; 0 if it did not
}

// change is one assignment, resolved.
type change struct {
	opt   *Option
	name  string // for messages
	text  string // the value's first line
	slave string
	n     uint32 // the number asked for; raw options set it as Supported wants it
}

func (t *txn) effect(e Effect) { t.result.Effects = append(t.result.Effects, e) }

func (t *txn) log(level Level, text string) {
	t.result.Log = append(t.result.Log, Line{level, t.env.Bond + ": " + text})
}

// order resolves the names and sorts the assignments as the table stands.
func (t *txn) order(assigns []Assign) ([]*change, error) {
	changes := make([]*change, 0, len(assigns))
	for _, a := range assigns {
		c := &change{name: a.Option, text: firstLine(a.Value), slave: a.Slave}
		if c.opt, c.name = lookup(a.Option); c.opt == nil {
			c.name = a.Option
			return nil, t.answer(c, &failure{errno: syscall.ENOENT, ext: unknown(a.Option)})
		}
		changes = append(changes, c)
	}
	// Stable: of one option the later assignment counts.
	slices.SortStableFunc(changes, func(a, b *change) int { return a.opt.rank() - b.opt.rank() })
	return changes, nil
}

func (o *Option) rank() int {
	return slices.IndexFunc(table, func(p Option) bool { return p.ID == o.ID })
}

// set checks and carries out one change.
func (t *txn) set(c *change) *failure {
	o := c.opt
	switch {
	case !o.Modes.Has(t.v.Mode):
		return refuse(syscall.EACCES)
	case o.When&Empty != 0 && len(t.env.Slaves) > 0:
		return refuse(syscall.ENOTEMPTY)
	case o.When&Down != 0 && t.env.Up:
		return refuse(syscall.EBUSY)
	}
	if o.Scope == ScopeSlave && t.env.Via == ViaNetlink && t.env.slave(c.slave) == nil {
		return &failure{errno: syscall.ENODEV, ext: "slave " + c.slave + " does not exist", quiet: true}
	}
	if !o.Raw {
		n, ok := o.Parse(c.text)
		if !ok {
			return t.badValue(c)
		}
		c.n = n
	}
	if set := setters[o.ID]; set != nil {
		return set(t, c)
	}
	*o.field(&t.v) = c.n
	return nil
}

// badValue refuses a value that doesn't parse. The range of peer_notif_delay
// is part of the netlink attribute's type, which answers before the option
// does.
func (t *txn) badValue(c *change) *failure {
	if c.opt.ID == PeerNotifDelay && t.env.Via == ViaNetlink && strings.Trim(c.text, "0123456789") == "" {
		return &failure{errno: syscall.ERANGE, ext: "integer out of range"}
	}
	return refuse(syscall.EINVAL)
}

// setters holds what an option does beyond storing its number.
var setters = map[ID]func(*txn, *change) *failure{
	Mode:            setMode,
	Miimon:          setMiimon,
	Updelay:         setUpdelay,
	Downdelay:       setDowndelay,
	PeerNotifDelay:  setPeerNotifDelay,
	UseCarrier:      setUseCarrier,
	ArpInterval:     setArpInterval,
	ArpValidate:     setArpValidate,
	ArpAllTargets:   setMonitor,
	ArpMissedMax:    setMonitor,
	ArpIPTarget:     setArpIPTarget,
	NSIP6Target:     setNSIP6Target,
	ActiveSlave:     setActiveSlave,
	Primary:         setPrimary,
	PrimaryReselect: setPrimaryReselect,
	PrioTie:         setReselect,
	AllSlavesActive: setAllSlavesActive,
	Slaves:          setSlaves,
	QueueID:         setQueueID,
	Prio:            setPrio,
	ActorPortPrio:   setActorPortPrio,
	Speed:           setSpeed,

	XmitHashPolicy:    setDatapath,
	ALBIPv6:           setDatapath,
	PacketsPerSlave:   setDatapath,
	BroadcastNeighbor: setDatapath,
	MinLinks:          setCarrier,
	LACPStrict:        setCarrier,

	LACPRate:          setLACP,
	LACPActive:        setLACP,
	ADSelect:          setLACP,
	ADActorSysPrio:    setLACP,
	ADUserPortKey:     setLACP,
	CoupledControl:    setLACP,
	MaxLinks:          setLACP,
	LACPFallback:      setLACP,
	LACPFallbackDelay: setLACP,
	ADSelectHold:      setLACP,
	ADActorSystem:     setADActorSystem,

	Offload: setDevice,
	Queues:  setDevice,
	Express: setDevice,
}
