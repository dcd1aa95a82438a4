package guest

import (
	"fmt"
	"strconv"
)

func (n NIC) model() string {
	if n.Model == "" {
		return "virtio-net-pci"
	}
	return n.Model
}

func (n NIC) mac(i int) string {
	if n.MAC == "" {
		return fmt.Sprintf("02:00:00:00:06:%02x", i)
	}
	return n.MAC
}

// device are the properties of the guest's side.
func (n NIC) device(i int) map[string]any {
	p := map[string]any{"driver": n.model(), "id": nicID(i), "netdev": "net" + strconv.Itoa(i), "mac": n.mac(i)}
	if n.model() == "virtio-net-pci" { // which has no speed of its own; 802.3ad and -tlb ask for it
		p["speed"], p["duplex"] = 1000, "full"
	}
	return p
}

func nicID(i int) string { return "nic" + strconv.Itoa(i) }

// args are QEMU's for NIC i.
func (n NIC) args(i int) []string {
	backend := fmt.Sprintf("hubport,id=net%d,hubid=%d", i, n.Segment)
	if n.Interface != "" {
		backend = fmt.Sprintf("tap,id=net%d,ifname=%s,script=no,downscript=no,vhost=off,vnet_hdr=off", i, tapName(n.Interface))
	}
	device := n.model()
	for k, v := range n.device(i) {
		if k != "driver" {
			device += fmt.Sprintf(",%s=%v", k, v)
		}
	}
	return []string{"-netdev", backend, "-device", device}
}

// Cable plugs the cable of a NIC in or out. The NIC's driver sees it.
func (g *Guest) Cable(nic int, up bool) error {
	return g.qmp.execute("set_link", map[string]any{"name": nicID(nic), "up": up})
}

// Unplug takes a NIC out, and returns when the guest has let it go.
func (g *Guest) Unplug(nic int) error {
	if err := g.qmp.execute("device_del", map[string]any{"id": nicID(nic)}); err != nil {
		return err
	}
	return g.qmp.deleted(nicID(nic))
}

// Plug puts a NIC back in. Its name in the guest is the first that is free.
func (g *Guest) Plug(nic int) error {
	return g.qmp.execute("device_add", g.cfg.NICs[nic].device(nic))
}

// request does what a command in the guest asks for (request.sh), and returns
// what went wrong.
func (g *Guest) request(words []string) string {
	if len(words) < 2 {
		return "which NIC?"
	}
	nic, err := strconv.Atoi(words[1])
	if err != nil || nic < 0 || nic >= len(g.cfg.NICs) {
		return "no NIC " + words[1]
	}
	switch {
	case words[0] == "cable" && len(words) == 3 && (words[2] == "on" || words[2] == "off"):
		err = g.Cable(nic, words[2] == "on")
	case words[0] == "unplug" && len(words) == 2:
		err = g.Unplug(nic)
	case words[0] == "plug" && len(words) == 2:
		err = g.Plug(nic)
	default:
		return "usage: cable N on|off, unplug N, plug N"
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
