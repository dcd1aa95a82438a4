package unmanage

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"
)

// NetworkManager's names on the bus.
const (
	nmName   = "org.freedesktop.NetworkManager"
	nmPath   = "/org/freedesktop/NetworkManager"
	nmDevice = nmName + ".Device"

	nmReloadConf     uint32 = 1  // NM_MANAGER_RELOAD_FLAG_CONF: the files alone
	nmStateUnmanaged uint32 = 10 // NM_DEVICE_STATE_UNMANAGED

	nmUnknownDevice = nmName + ".UnknownDevice"
)

// newNetworkManager: a file in conf.d adds the NIC to the list of those that are
// not managed. A list set by a later file takes its place; then the device's
// property says it, which NetworkManager remembers over its restarts too.
func newNetworkManager(run string, b *bus) manager {
	return &dropin{
		title: "NetworkManager", busName: nmName, bus: b,
		run: run, dir: "NetworkManager/conf.d", prefix: "90-tapbond-", suffix: ".conf",
		programs: []string{"/usr/sbin/NetworkManager", "/usr/bin/NetworkManager"},
		text: func(nic string) string {
			return "# While " + nic + " is a slave of a bond of tapbond's.\n" +
				"[keyfile]\nunmanaged-devices+=interface-name:=" + nic + "\n"
		},
		reload: func(ctx context.Context, conn *dbus.Conn) error {
			return call(ctx, conn.Object(nmName, nmPath), nmName+".Reload", nmReloadConf).Err
		},
		managed: nmManaged,
		insist: func(ctx context.Context, conn *dbus.Conn, nic string, free bool) error {
			dev, err := nmObject(ctx, conn, nic)
			if err != nil || dev == nil {
				return err
			}
			return call(ctx, dev, "org.freedesktop.DBus.Properties.Set", nmDevice, "Managed", dbus.MakeVariant(free)).Err
		},
	}
}

// nmObject is NetworkManager's object for a NIC, nil if it knows none.
func nmObject(ctx context.Context, conn *dbus.Conn, nic string) (dbus.BusObject, error) {
	var path dbus.ObjectPath
	err := call(ctx, conn.Object(nmName, nmPath), nmName+".GetDeviceByIpIface", nic).Store(&path)
	var answer dbus.Error
	if errors.As(err, &answer) && answer.Name == nmUnknownDevice {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return conn.Object(nmName, path), nil
}

func nmManaged(ctx context.Context, conn *dbus.Conn, nic string) (bool, error) {
	dev, err := nmObject(ctx, conn, nic)
	if err != nil || dev == nil {
		return false, err
	}
	var state dbus.Variant
	if err := call(ctx, dev, "org.freedesktop.DBus.Properties.Get", nmDevice, "State").Store(&state); err != nil {
		return false, err
	}
	n, ok := state.Value().(uint32)
	return ok && n > nmStateUnmanaged, nil
}
