package unmanage

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/tapbond/tapbond/internal/labtest"
)

// startBus runs a message bus for the test and returns its address.
func startBus(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("dbus-daemon")
	if err != nil {
		labtest.Lack(t, "dbus-daemon")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "bus.conf")
	err = os.WriteFile(conf, []byte(`<busconfig>
  <type>system</type>
  <listen>unix:path=`+filepath.Join(dir, "bus")+`</listen>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--config-file="+conf, "--nofork", "--nopidfile", "--nosyslog", "--print-address")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// program is a manager on the bus: it reads the files in its folder when told to.
type program struct {
	t    *testing.T
	dir  string
	mark string // what a file that takes a NIC away has in it, before its name

	mu       sync.Mutex
	left     map[string]bool // NICs that its files take away
	explicit map[string]bool // NICs that it was told of by a property
	stubborn bool            // files have no effect
	stuck    chan struct{}   // not nil: it gives no answer until this is closed
	reloads  int
}

// serve puts the program on the bus, under the names of the real one.
func (p *program) serve(address, name string, objects map[dbus.ObjectPath]map[string]any) {
	p.t.Helper()
	conn, err := dbus.Dial(address, dbus.WithContext(p.t.Context())) // a bus that hangs doesn't hang the test
	if err == nil {
		err = conn.Auth(nil)
	}
	if err == nil {
		err = conn.Hello()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	for path, methods := range objects {
		byInterface := map[string]map[string]any{}
		for full, fn := range methods {
			at := strings.LastIndexByte(full, '.')
			if byInterface[full[:at]] == nil {
				byInterface[full[:at]] = map[string]any{}
			}
			byInterface[full[:at]][full[at+1:]] = fn
		}
		for iface, table := range byInterface {
			if err := conn.ExportMethodTable(table, path, iface); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		p.t.Fatal(err)
	}
}

// reload reads the folder.
func (p *program) reload() {
	p.mu.Lock()
	stuck := p.stuck
	p.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reloads++
	p.left = map[string]bool{}
	if p.stubborn {
		return
	}
	files, _ := filepath.Glob(filepath.Join(p.dir, "*"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for line := range strings.Lines(string(text)) {
			if nic, ok := strings.CutPrefix(strings.TrimSpace(line), p.mark); ok {
				p.left[nic] = true
			}
		}
	}
}

// become changes how it behaves from now on.
func (p *program) become(how func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how()
}

// read is how often it read its folder.
func (p *program) read() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reloads
}

// has reports whether it would configure the NIC.
func (p *program) has(nic string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.left[nic] && !p.explicit[nic]
}

// networkManager is one that knows eth0 and eth1.
func networkManager(t *testing.T, address, run string) *program {
	p := &program{t: t, dir: filepath.Join(run, "NetworkManager/conf.d"), mark: "unmanaged-devices+=interface-name:=",
		left: map[string]bool{}, explicit: map[string]bool{}}
	objects := map[dbus.ObjectPath]map[string]any{nmPath: {
		nmName + ".Reload": func(flags uint32) *dbus.Error {
			if flags != 1 {
				return dbus.MakeFailedError(fmt.Errorf("flags %d", flags))
			}
			p.reload()
			return nil
		},
		nmName + ".GetDeviceByIpIface": func(nic string) (dbus.ObjectPath, *dbus.Error) {
			if nic != "eth0" && nic != "eth1" {
				return "", dbus.NewError(nmUnknownDevice, nil)
			}
			return dbus.ObjectPath("/device/" + nic), nil
		},
	}}
	for _, nic := range []string{"eth0", "eth1"} {
		objects[dbus.ObjectPath("/device/"+nic)] = map[string]any{
			"org.freedesktop.DBus.Properties.Get": func(iface, name string) (dbus.Variant, *dbus.Error) {
				state := uint32(10)
				if p.has(nic) {
					state = 100
				}
				return dbus.MakeVariant(state), nil
			},
			"org.freedesktop.DBus.Properties.Set": func(iface, name string, value dbus.Variant) *dbus.Error {
				p.mu.Lock()
				defer p.mu.Unlock()
				managed, ok := value.Value().(bool)
				if iface != nmDevice || name != "Managed" || !ok {
					return dbus.MakeFailedError(fmt.Errorf("%s.%s = %v", iface, name, value))
				}
				p.explicit[nic] = !managed
				return nil
			},
		}
	}
	p.serve(address, nmName, objects)
	return p
}

// networkd is one that knows eth0.
func networkd(t *testing.T, address, run string) *program {
	p := &program{t: t, dir: filepath.Join(run, "systemd/network"), mark: "Name=", left: map[string]bool{}, explicit: map[string]bool{}}
	p.serve(address, networkdName, map[dbus.ObjectPath]map[string]any{
		networkdPath: {
			networkdManager + ".Reload": func() *dbus.Error { p.reload(); return nil },
			networkdManager + ".GetLinkByName": func(nic string) (int32, dbus.ObjectPath, *dbus.Error) {
				if nic != "eth0" {
					return 0, "", dbus.NewError(networkdNoSuchLink, nil)
				}
				return 3, networkdPath + "/link/_33", nil
			},
		},
		networkdPath + "/link/_33": {
			"org.freedesktop.DBus.Properties.Get": func(iface, name string) (dbus.Variant, *dbus.Error) {
				if p.has("eth0") {
					return dbus.MakeVariant("configured"), nil
				}
				return dbus.MakeVariant("unmanaged"), nil
			},
		},
	})
	return p
}
