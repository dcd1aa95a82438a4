package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/internal/nic"
)

// OVS is an Open vSwitch in a host, with a database of its own: a bridge br0 of
// the userspace datapath, whose local port br0 is an interface of the host, and
// a bond named bond1.
type OVS struct {
	lab        *lab.Lab
	host       *lab.Host
	dir        string
	daemons    []*lab.Process
	isolations []*nic.Hook
}

// Schema is where Debian's openvswitch-common keeps the database's.
const Schema = "/usr/share/openvswitch/vswitch.ovsschema"

// StartOVS starts the switch, without the bond.
func StartOVS(ctx context.Context, l *lab.Lab, host *lab.Host) (_ *OVS, err error) {
	for _, p := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vsctl", "ovs-appctl", "ovs-vswitchd"} {
		if _, err := exec.LookPath(p); err != nil {
			return nil, err
		}
	}
	o := &OVS{lab: l, host: host}
	if o.dir, err = os.MkdirTemp("", "tapbond-ovs-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Stop())
		}
	}()
	if out, err := exec.CommandContext(ctx, "ovsdb-tool", "create", o.file("conf.db"), Schema).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ovsdb-tool: %w: %s", err, out)
	}
	if err := o.daemon("ovsdb-server", o.file("conf.db"), "--remote=p"+o.db(), "--unixctl="+o.file("db.ctl"), "-vconsole:warn", "--no-chdir"); err != nil {
		return nil, err
	}
	if err := o.await(ctx, "db.sock"); err != nil {
		return nil, err
	}
	if _, err := o.vsctl(ctx, "--no-wait", "init"); err != nil {
		return nil, err
	}
	if err := o.daemon("ovs-vswitchd", o.db(), "--unixctl="+o.file("vs.ctl"), "--pidfile="+o.file("vs.pid"), "-vconsole:warn", "--no-chdir"); err != nil {
		return nil, err
	}
	if err := o.await(ctx, "vs.ctl"); err != nil {
		return nil, err
	}
	_, err = o.vsctl(ctx, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
	if err == nil {
		err = host.Up("br0")
	}
	return o, err
}

func (o *OVS) file(name string) string { return filepath.Join(o.dir, name) }
func (o *OVS) db() string              { return "unix:" + o.file("db.sock") }

// env keeps the programs in the switch's own folder.
func (o *OVS) env() []string {
	return []string{"OVS_RUNDIR=" + o.dir, "OVS_DBDIR=" + o.dir, "OVS_LOGDIR=" + o.dir}
}

func (o *OVS) daemon(name string, args ...string) error {
	p, err := o.lab.Start(context.Background(), o.host, name, args, o.env())
	if err == nil {
		o.daemons = append(o.daemons, p)
	}
	return err
}

// await waits for a daemon's socket.
func (o *OVS) await(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(o.file(name)); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("open vswitch: no %s: %w: %s", name, ctx.Err(), o.said())
		}
	}
}

func (o *OVS) said() string {
	var all []string
	for _, p := range o.daemons {
		all = append(all, tail(p.Output(), 400))
	}
	return strings.Join(all, "\n")
}

func (o *OVS) vsctl(ctx context.Context, args ...string) (string, error) {
	return o.run(ctx, "ovs-vsctl", append([]string{"--timeout=20", "--db=" + o.db()}, args...)...)
}

// Appctl asks the switch: "lacp/show", "bond/show".
func (o *OVS) Appctl(ctx context.Context, args ...string) (string, error) {
	return o.run(ctx, "ovs-appctl", append([]string{"--target=" + o.file("vs.ctl"), "--timeout=20"}, args...)...)
}

func (o *OVS) run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := o.host.Command(ctx, name, args...)
	cmd.Env = append(os.Environ(), o.env()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, tail(string(out), 400))
	}
	return string(out), err
}

// Bond makes bond1 of interfaces of the host, with words as ovs-vsctl has them:
// lacp=active, other_config:lacp-time=fast. The host's own stack hears nothing
// on those interfaces.
func (o *OVS) Bond(ctx context.Context, interfaces []string, words ...string) error {
	for _, name := range interfaces {
		if err := o.host.Up(name); err != nil {
			return err
		}
		link, err := o.host.Handle.LinkByName(name)
		if err != nil {
			return err
		}
		err = o.host.Do(func() error {
			i, err := nic.Isolate(link.Attrs().Index)
			if err == nil {
				o.isolations = append(o.isolations, i)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	args := append([]string{"add-bond", "br0", "bond1"}, interfaces...)
	_, err := o.vsctl(ctx, append(args, words...)...)
	return err
}

// Set changes columns of bond1's record.
func (o *OVS) Set(ctx context.Context, words ...string) error {
	_, err := o.vsctl(ctx, append([]string{"set", "port", "bond1"}, words...)...)
	return err
}

// SetInterface changes columns of a member's record.
func (o *OVS) SetInterface(ctx context.Context, name string, words ...string) error {
	_, err := o.vsctl(ctx, append([]string{"set", "interface", name}, words...)...)
	return err
}

// Unbond takes bond1 away.
func (o *OVS) Unbond(ctx context.Context) error {
	_, err := o.vsctl(ctx, "--if-exists", "del-port", "br0", "bond1")
	return err
}

// Stop ends the switch and gives the interfaces back.
func (o *OVS) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if len(o.daemons) > 1 {
		_, err := o.Appctl(ctx, "exit", "--cleanup")
		errs = append(errs, err)
	}
	for i := len(o.daemons) - 1; i >= 0; i-- {
		errs = append(errs, o.daemons[i].Stop(ctx))
	}
	errs = append(errs, o.host.Do(func() error {
		var errs []error
		for _, i := range o.isolations {
			errs = append(errs, i.Remove())
		}
		return errors.Join(errs...)
	}), os.RemoveAll(o.dir))
	return errors.Join(errs...)
}

func tail(s string, n int) string {
	if len(s) > n {
		s = s[len(s)-n:]
	}
	return strings.TrimSpace(s)
}
