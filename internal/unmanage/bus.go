package unmanage

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// bus is the system's message bus. A connection lasts for one purpose: managers
// are asked seldom, and the bus may be restarted in between.
type bus struct {
	address string
	here    func(pid int) bool
}

// open connects; it fails at once where no bus runs.
func (b *bus) open(ctx context.Context) (*dbus.Conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var conn *dbus.Conn
	var err error
	if b.address != "" {
		conn, err = dbus.Dial(b.address, dbus.WithContext(ctx))
	} else {
		conn, err = dbus.SystemBusPrivate(dbus.WithContext(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("system bus: %w", err)
	}
	// The handshake knows no limit; ctx's end closes the connection under it.
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("system bus: %w", err)
	}
	return conn, nil
}

// owner returns the process that has a name, 0 if none has it, or one of
// another network namespace. It starts nobody.
func (b *bus) owner(ctx context.Context, name string) (pid int) {
	conn, err := b.open(ctx)
	if err != nil {
		return 0
	}
	defer conn.Close()
	var id uint32
	err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionUnixProcessID", 0, name).Store(&id)
	if err != nil || !b.here(int(id)) {
		return 0
	}
	return int(id)
}

// call asks an object of a manager that runs.
func call(ctx context.Context, o dbus.BusObject, method string, args ...any) *dbus.Call {
	return o.CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}
