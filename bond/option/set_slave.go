package option

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// setActiveSlave makes a slave the active one, or with an empty name drops the
// active one and chooses anew. There must be an active slave already, else
// the candidate is refused as if it were down.
func setActiveSlave(t *txn, c *change) *failure {
	name := cut(firstWord(c.text), maxIfname)
	if name == "" {
		t.env.Active = ""
		t.effect(ClearActive{})
		t.effect(Reselect{})
		return nil
	}
	dev := t.env.iface(name)
	s := t.env.slave(name)
	switch {
	case !dev.Exists:
		return refuse(syscall.ENODEV)
	case s == nil && !dev.BondSlave:
		return refuse(syscall.EINVAL, "(slave "+name+"): Device is not bonding slave")
	case s == nil:
		return refuse(syscall.EINVAL, "(slave "+name+"): Device is not our slave")
	case name == t.env.Active:
		return nil
	case t.env.Active == "" || !s.Ready:
		return refuse(syscall.EINVAL, "(slave "+name+"): Could not set as active slave; either "+name+" is down or the link is down")
	}
	t.env.Active = name
	t.effect(SetActive{name})
	return nil
}

// setPrimary remembers the name. If a slave has it, that one is the primary
// and takes over at once; else a former primary loses the role.
func setPrimary(t *txn, c *change) *failure {
	had := t.primarySlave() != ""
	t.v.Primary = cut(c.text, maxAltname) // it may become known as an interface's alternative name
	switch now := t.primarySlave(); {
	case now != "":
		t.effect(SetPrimary{now})
		t.effect(Reselect{Force: true})
	case had || t.v.Primary == "":
		t.effect(SetPrimary{})
		t.effect(Reselect{})
	}
	return nil
}

// primarySlave returns the name of the primary if it is a slave now.
func (t *txn) primarySlave() string {
	if t.v.Primary != "" && t.env.slave(t.v.Primary) != nil {
		return t.v.Primary
	}
	return ""
}

func setPrimaryReselect(t *txn, c *change) *failure {
	t.v.PrimaryReselect = c.n
	t.effect(Reselect{})
	return nil
}

// setReselect stores a number that the choice of the active slave looks at.
func setReselect(t *txn, c *change) *failure {
	*c.opt.field(&t.v) = c.n
	t.effect(Reselect{})
	return nil
}

func setAllSlavesActive(t *txn, c *change) *failure {
	if t.v.AllSlavesActive != c.n {
		t.v.AllSlavesActive = c.n
		t.effect(SetAllSlavesActive{c.n != 0})
	}
	return nil
}

// setQueueID gives a slave a TX queue. Whatever is wrong is EPERM, silently.
func setQueueID(t *txn, c *change) *failure {
	name, number := c.slave, c.text
	if t.env.Via == ViaSysfs {
		name, number, _ = strings.Cut(c.text, ":")
	}
	id, err := strconv.ParseUint(strings.Trim(number, spaces), 10, 16)
	s := t.env.slave(name)
	if err != nil || s == nil || int(id) > t.v.txQueues() {
		return refuse(syscall.EPERM)
	}
	for i := range t.env.Slaves {
		if o := &t.env.Slaves[i]; o != s && id != 0 && o.QueueID == uint16(id) {
			return refuse(syscall.EPERM)
		}
	}
	s.QueueID = uint16(id)
	c.n = uint32(id)
	t.effect(SetQueueID{name, uint16(id)})
	return nil
}

// setPrio ranks a slave. A primary outranks any prio, so with one nothing is
// chosen again.
func setPrio(t *txn, c *change) *failure {
	n, err := strconv.ParseInt(strings.Trim(c.text, spaces), 10, 32)
	if err != nil {
		return refuse(syscall.EINVAL)
	}
	t.effect(SetPrio{c.slave, int32(n)})
	if t.primarySlave() != "" {
		t.log(LevelWarn, "(slave "+c.slave+"): prio updated, but will not affect failover re-selection as primary slave have been set")
		return nil
	}
	t.effect(Reselect{})
	return nil
}

func setActorPortPrio(t *txn, c *change) *failure {
	t.effect(SetActorPortPrio{c.slave, uint16(c.n)})
	return nil
}

func setSpeed(t *txn, c *change) *failure {
	t.effect(SetSpeed{c.slave, c.n})
	return nil
}

// setSlaves takes "+NAME" or "-NAME". What Env can tell is checked here; what
// only the attempt can tell is the engine's to refuse.
func setSlaves(t *txn, c *change) *failure {
	word := cut(firstWord(c.text), maxIfname+1)
	if len(word) < 2 || word[0] != '+' && word[0] != '-' || !validIfname(word[1:]) {
		return refuse(syscall.EPERM, "no command found in slaves file - use +ifname or -ifname")
	}
	name := word[1:]
	dev := t.env.iface(name)
	if !dev.Exists || len(firstWord(c.text)) > len(word) {
		return refuse(syscall.ENODEV)
	}
	if word[0] == '-' {
		if t.env.slave(name) == nil {
			return refuse(syscall.EINVAL)
		}
		t.env.Slaves = slices.DeleteFunc(t.env.Slaves, func(s Slave) bool { return s.Name == name })
		t.effect(Release{name})
		return nil
	}
	if f := t.enslavable(name, dev); f != nil {
		return f
	}
	t.env.Slaves = append(t.env.Slaves, Slave{Name: name})
	t.effect(Enslave{name})
	return nil
}

func (t *txn) enslavable(name string, dev Iface) *failure {
	no := func(errno syscall.Errno, who, why string) *failure {
		return &failure{errno: errno, own: []string{who + "Error: " + why}, ext: why}
	}
	who := "(slave " + name + "): "
	switch {
	case dev.Master != "":
		return no(syscall.EBUSY, who, "Device is in use and cannot be enslaved")
	case name == t.env.Bond:
		return no(syscall.EPERM, "", "Cannot enslave bond to itself.")
	case dev.Up:
		return no(syscall.EPERM, who, "Device can not be enslaved while up")
	}
	return nil
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
