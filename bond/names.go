package bond

import (
	"strings"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
)

// An interface has its name and any number of alternative ones. Requests may use
// either; they are resolved here, before anything is looked up or kept by name.

// Find returns the bond whose TAP is known under that name, nil if there is none.
func (e *Engine) Find(name string) *Bond {
	if b := e.Bond(name); b != nil {
		return b
	}
	if len(e.Bonds()) == 0 {
		return nil
	}
	info, err := e.sys.LinkByName(name)
	if err != nil {
		return nil
	}
	if b := e.owner(info.Index); b != nil && b.index == info.Index {
		return b
	}
	return nil
}

// resolve puts interfaces' own names where a request has alternative ones, and
// returns it with all interfaces that it names.
func (e *Engine) resolve(assigns []option.Assign) ([]option.Assign, map[string]option.Iface) {
	known := make(map[string]option.Iface)
	out := make([]option.Assign, 0, len(assigns))
	for _, a := range assigns {
		if before, name, after, ok := interfaceIn(a); ok {
			if info, err := e.sys.LinkByName(name); err == nil {
				a.Value = before + info.Name + after
				known[info.Name] = e.iface(info)
			}
		}
		if a.Slave != "" {
			if info, err := e.sys.LinkByName(a.Slave); err == nil {
				a.Slave = info.Name
			}
		}
		out = append(out, a)
	}
	return out, known
}

func (e *Engine) iface(info link.Info) option.Iface {
	i := option.Iface{Exists: true, Up: info.Up}
	if b := e.owner(info.Index); b != nil && b.index != info.Index {
		i.Master, i.BondSlave = b.Name(), true
	}
	return i
}

// interfaceIn cuts the name of an interface out of a setting's value; ok is false
// for a setting that has none.
func interfaceIn(a option.Assign) (before, name, after string, ok bool) {
	o := option.ByName(a.Option)
	if o == nil {
		return "", "", "", false
	}
	text := strings.TrimSpace(a.Value)
	switch o.ID {
	case option.Primary, option.ActiveSlave:
		return "", text, "", text != ""
	case option.Slaves: // "+eth0"
		name = strings.TrimLeft(text, "+-")
		return text[:len(text)-len(name)], name, "", name != ""
	case option.QueueID: // in the form of the driver's file, "eth0:2"
		if name, after, ok = strings.Cut(text, ":"); ok {
			return "", name, ":" + after, true
		}
	}
	return "", "", "", false
}
