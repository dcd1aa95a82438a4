package option

// Via is the way a request came. The same option reads its text differently on
// either way.
type Via uint8

// The ways. Netlink stands for everything but sysfs: ip, configuration files,
// the control API.
const (
	// ViaNetlink: lists replace ("10.1.0.1,10.1.0.2"), slave options name
	// their slave in Assign.Slave, several options come in one request.
	ViaNetlink Via = iota
	// ViaSysfs: lists take "+10.1.0.1" and "-10.1.0.1", queue_id "eth0:2".
	ViaSysfs
)

// Slave is what an option must know of one slave of the bond.
type Slave struct {
	Name    string
	Ready   bool // link UP, admin-up and carrier: may be made the active one
	QueueID uint16
}

// Iface is what an option must know of any interface.
type Iface struct {
	Exists bool
	Up     bool // admin-up
	// Master is the device it is enslaved to, "" for none. BondSlave says that
	// this one is a bond.
	Master    string
	BondSlave bool
}

// DefaultTxQueues is the number of TX queues of the driver's device.
const DefaultTxQueues = 16

// Env is the situation a request finds.
type Env struct {
	Bond   string // the bond's name, for messages
	Up     bool   // admin-up
	Slaves []Slave
	Active string // the active slave, "" for none
	// Interface looks up any interface by name, this bond and its slaves too.
	// With nil, only the slaves exist.
	Interface func(name string) Iface
	Via       Via
	// AllowUnsupported accepts settings that have no engine behind them.
	AllowUnsupported bool
}

// Assign is one setting of a request: Option (any of its names) gets Value.
// Slave names the slave for options of ScopeSlave when they come ViaNetlink.
type Assign struct {
	Option string `json:"option"`
	Value  string `json:"value"`
	Slave  string `json:"slave,omitempty"`
}

func (e *Env) slave(name string) *Slave {
	for i := range e.Slaves {
		if e.Slaves[i].Name == name {
			return &e.Slaves[i]
		}
	}
	return nil
}

func (e *Env) iface(name string) Iface {
	if e.slave(name) != nil {
		return Iface{Exists: true, Up: true, Master: e.Bond, BondSlave: true}
	}
	if name == e.Bond {
		return Iface{Exists: true, Up: e.Up}
	}
	if e.Interface == nil {
		return Iface{}
	}
	return e.Interface(name)
}

func (v *Values) txQueues() int {
	if v.TxQueues == 0 {
		return DefaultTxQueues
	}
	return int(v.TxQueues)
}
