package unmanage

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"
)

// systemd-networkd's names on the bus.
const (
	networkdName    = "org.freedesktop.network1"
	networkdPath    = "/org/freedesktop/network1"
	networkdManager = networkdName + ".Manager"

	networkdNoSuchLink = networkdName + ".NoSuchLink"
)

// newNetworkd: the first file that matches a link is the link's, by name over
// all of networkd's folders, so ours comes before the administrator's.
func newNetworkd(run string, b *bus) manager {
	return &dropin{
		title: "systemd-networkd", busName: networkdName, bus: b,
		run: run, dir: "systemd/network", prefix: "0-tapbond-", suffix: ".network",
		programs: []string{"/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd"},
		text: func(nic string) string {
			return "# While " + nic + " is a slave of a bond of tapbond's.\n" +
				"[Match]\nName=" + nic + "\n\n[Link]\nUnmanaged=yes\n"
		},
		reload: func(ctx context.Context, conn *dbus.Conn) error {
			return call(ctx, conn.Object(networkdName, networkdPath), networkdManager+".Reload").Err
		},
		managed: networkdManaged,
	}
}

func networkdManaged(ctx context.Context, conn *dbus.Conn, nic string) (bool, error) {
	var index int32
	var path dbus.ObjectPath
	err := call(ctx, conn.Object(networkdName, networkdPath), networkdManager+".GetLinkByName", nic).Store(&index, &path)
	var answer dbus.Error
	switch {
	case errors.As(err, &answer) && (answer.Name == networkdNoSuchLink || answer.Name == "org.freedesktop.DBus.Error.UnknownMethod"):
		return false, nil // it has no such link, or is too old to be asked
	case err != nil:
		return false, err
	}
	var state dbus.Variant
	link := conn.Object(networkdName, path)
	if err := call(ctx, link, "org.freedesktop.DBus.Properties.Get", networkdName+".Link", "AdministrativeState").Store(&state); err != nil {
		return false, err
	}
	word, _ := state.Value().(string)
	return word != "unmanaged", nil
}
