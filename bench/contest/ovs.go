package contest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/bench/lab"
)

// OVS is Open vSwitch's userspace datapath with an active-backup bond and the
// host on the bridge's local port, a TAP. It runs in a database and folder of its
// own under dir, beside whatever the machine has. tso passes super-frames through
// (userspace-tso-enable); without it offloads must be off at both ends.
func OVS(dir string, tso bool) Contender {
	c := Contender{
		Name: "ovs", Plain: !tso, Note: "Open vSwitch's userspace bond; offloads off at both ends, or it carries nothing",
		Does: []Kind{Single, Idle, Failover},
	}
	if tso {
		c.Name, c.Note = "ovs-tso", "Open vSwitch's userspace bond with userspace-tso-enable"
	}
	c.Missing = func(context.Context) error {
		for _, tool := range []string{"ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl"} {
			if _, err := exec.LookPath(tool); err != nil {
				return fmt.Errorf("not installed (package openvswitch-switch): %w", err)
			}
		}
		if _, err := os.Stat(ovsSchema); err != nil {
			return fmt.Errorf("not installed (package openvswitch-switch): %w", err)
		}
		return nil
	}
	c.Start = func(ctx context.Context, l *lab.Lab, _ Kind) (*Running, error) {
		home, err := os.MkdirTemp(dir, "ovs-")
		if err != nil {
			return nil, err
		}
		o := ovs{lab: l, home: home}
		return o.start(ctx, tso)
	}
	return c
}

const ovsSchema = "/usr/share/openvswitch/vswitch.ovsschema"

// ovsMAC is the local port's: another than the slaves', or their own stack would
// answer too.
const ovsMAC = "02:00:00:00:0b:01"

// ovs is one switch with its database.
type ovs struct {
	lab  *lab.Lab
	home string
	up   []*lab.Process
}

func (o *ovs) start(ctx context.Context, tso bool) (*Running, error) {
	db := "unix:" + filepath.Join(o.home, "db.sock")
	if err := o.tool(ctx, "ovsdb-tool", "create", o.file("conf.db"), ovsSchema); err != nil {
		return nil, err
	}
	if err := o.daemon(ctx, "ovsdb-server", o.file("conf.db"), "--remote=p"+db); err != nil {
		return nil, err
	}
	vsctl := func(args ...string) error {
		return o.tool(ctx, "ovs-vsctl", append([]string{"--timeout=15", "--db=" + db}, args...)...)
	}
	// The first request may come before the socket is there.
	for err := vsctl("--no-wait", "init"); err != nil; err = vsctl("--no-wait", "init") {
		if ctx.Err() != nil || pause(ctx, startStep) != nil {
			return nil, err
		}
	}
	if tso {
		if err := vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=true"); err != nil {
			return nil, err
		}
	}
	if err := o.daemon(ctx, "ovs-vswitchd", db); err != nil {
		return nil, err
	}
	slaves := slaveNames(o.lab)
	if err := slavesUp(o.lab); err != nil {
		return nil, err
	}
	if len(slaves) == 1 { // it makes no bond of one: a link that is down joins
		spare := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "spare0"}, PeerName: "spare1"}
		if err := o.lab.A.Handle.LinkAdd(spare); err != nil {
			return nil, fmt.Errorf("spare0: %w", err)
		}
		slaves = append(slaves, spare.Name)
	}
	add := []string{
		"add-br", bondName, "--", "set", "bridge", bondName, "datapath_type=netdev", "other-config:hwaddr=\"" + ovsMAC + "\"",
		"--", "add-bond", bondName, "links",
	}
	if err := vsctl(append(append(add, slaves...), "bond_mode=active-backup")...); err != nil {
		return nil, err
	}
	r := &Running{Ifname: bondName, Stop: o.stop}
	for _, p := range o.up {
		r.PIDs = append(r.PIDs, p.PID())
	}
	return r, o.lab.A.Up(bondName)
}

func (o *ovs) file(name string) string { return filepath.Join(o.home, name) }

// env keeps everything in the folder.
func (o *ovs) env() []string {
	return []string{"OVS_RUNDIR=" + o.home, "OVS_DBDIR=" + o.home, "OVS_LOGDIR=" + o.home}
}

func (o *ovs) tool(ctx context.Context, name string, args ...string) error {
	cmd := o.lab.A.Command(ctx, name, args...)
	cmd.Env = append(os.Environ(), o.env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, firstLine(out))
	}
	return nil
}

func (o *ovs) daemon(ctx context.Context, name string, args ...string) error {
	args = append(args, "--unixctl="+o.file(name+".ctl"), "-vconsole:off", "-vsyslog:off", "--no-chdir")
	p, err := o.lab.Start(context.WithoutCancel(ctx), o.lab.A, name, args, o.env())
	if err == nil {
		o.up = append(o.up, p)
	}
	return err
}

func (o *ovs) stop() {
	for i := len(o.up) - 1; i >= 0; i-- {
		stop(o.up[i])
	}
	os.RemoveAll(o.home)
}
