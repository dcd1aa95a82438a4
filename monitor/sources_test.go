package monitor_test

import (
	"go/parser"
	"go/token"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/monitor"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair makes a veth pair, both ends up.
func pair(t *testing.T) (a, b netlink.Link) {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "va"}, PeerName: "vb"}))
	for _, name := range []string{"va", "vb"} {
		l, err := netlink.LinkByName(name)
		must(t, err)
		must(t, netlink.LinkSetUp(l))
		a, b = b, l
	}
	return a, b
}

// within waits for a value that satisfies ok.
func within[T any](t *testing.T, what string, ch <-chan T, ok func(T) bool) time.Time {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		select {
		case v := <-ch:
			if ok(v) {
				return time.Now()
			}
		case <-deadline:
			t.Fatalf("no %s", what)
		}
	}
}

// count is a slave that carries a frame with every look, or none.
func busy() func() uint64 {
	n := uint64(0)
	return func() uint64 { n++; return n }
}

func idle() uint64 { return 0 }

func TestPollerSeesCarrier(t *testing.T) {
	for name, c := range map[string]struct {
		prompt bool
		frames func() uint64
	}{"busy": {false, busy()}, "idle": {false, idle}, "busy, but told of": {true, busy()}} {
		t.Run(name, func(t *testing.T) {
			labtest.InNetns(t, func() {
				a, b := pair(t)
				p, err := monitor.NewPoller()
				must(t, err)
				defer p.Close()
				seen := make(chan bool, 100)
				must(t, p.Add(a.Attrs().Index, c.prompt, c.frames, func(up bool) { seen <- up }))
				is := func(want bool) func(bool) bool { return func(up bool) bool { return up == want } }
				within(t, "first state", seen, is(true))
				var took []time.Duration
				for range 5 {
					start := time.Now()
					must(t, netlink.LinkSetDown(b))
					took = append(took, within(t, "loss", seen, is(false)).Sub(start))
					must(t, netlink.LinkSetUp(b))
					within(t, "return", seen, is(true))
				}
				slices.Sort(took)
				t.Logf("a lost carrier was seen after %v (median)", took[2])
				// A name is what the request carries: it must follow.
				must(t, netlink.LinkSetDown(a))
				within(t, "admin down", seen, is(false))
				must(t, netlink.LinkSetName(a, "other"))
				must(t, netlink.LinkSetUp(a))
				within(t, "up under a new name", seen, is(true))
				p.Remove(a.Attrs().Index)
			})
		})
	}
}

func TestPollerCheckIsImmediate(t *testing.T) {
	labtest.InNetns(t, func() {
		a, b := pair(t)
		p, err := monitor.NewPoller()
		must(t, err)
		defer p.Close()
		seen := make(chan bool, 100)
		must(t, p.Add(a.Attrs().Index, false, idle, func(up bool) { seen <- up }))
		within(t, "first state", seen, func(up bool) bool { return up })
		must(t, netlink.LinkSetDown(b))
		p.Check(a.Attrs().Index)
		within(t, "loss", seen, func(up bool) bool { return !up })
		if up, err := p.ReadCarrier(a.Attrs().Index); up || err != nil {
			t.Errorf("carrier %v, %v", up, err)
		}
		if labtest.RaceEnabled {
			return
		}
		if n := testing.AllocsPerRun(100, func() { p.Check(a.Attrs().Index) }); n != 0 {
			t.Errorf("Check allocates %v times", n)
		}
	})
}

func TestWatch(t *testing.T) {
	labtest.InNetns(t, func() {
		w, err := monitor.NewWatch()
		must(t, err)
		defer w.Close()
		links := func(ok func(*monitor.LinkEvent) bool) func(monitor.WatchEvent) bool {
			return func(ev monitor.WatchEvent) bool { return ev.Link != nil && ok(ev.Link) }
		}
		a, b := pair(t)
		index := a.Attrs().Index
		within(t, "link up", w.Events(), links(func(l *monitor.LinkEvent) bool {
			return l.Index == index && l.Name == "va" && l.Up && l.Carrier && l.Kind == "veth" && l.MTU == 1500
		}))
		must(t, netlink.LinkSetDown(b))
		within(t, "carrier loss", w.Events(), links(func(l *monitor.LinkEvent) bool { return l.Index == index && l.Up && !l.Carrier }))
		must(t, netlink.LinkSetMTU(a, 1400))
		within(t, "MTU", w.Events(), links(func(l *monitor.LinkEvent) bool { return l.Index == index && l.MTU == 1400 }))
		must(t, netlink.LinkSetName(a, "vx"))
		within(t, "name", w.Events(), links(func(l *monitor.LinkEvent) bool { return l.Index == index && l.Name == "vx" }))
		addr, err := netlink.ParseAddr("10.7.0.1/24")
		must(t, err)
		want := netip.MustParsePrefix("10.7.0.1/24")
		must(t, netlink.AddrAdd(a, addr))
		within(t, "address", w.Events(), func(ev monitor.WatchEvent) bool {
			return ev.Addr != nil && ev.Addr.Index == index && ev.Addr.Prefix == want && !ev.Addr.Deleted
		})
		must(t, netlink.AddrDel(a, addr))
		within(t, "address gone", w.Events(), func(ev monitor.WatchEvent) bool { return ev.Addr != nil && ev.Addr.Prefix == want && ev.Addr.Deleted })
		must(t, netlink.LinkDel(a))
		within(t, "deletion", w.Events(), links(func(l *monitor.LinkEvent) bool { return l.Index == index && l.Deleted }))
	})
}

// What removes a filter: deleting it, or the qdisc that it is on, by whatever name
// the latter goes.
func TestWatchHooks(t *testing.T) {
	labtest.InNetns(t, func() {
		w, err := monitor.NewWatch()
		must(t, err)
		defer w.Close()
		a, b := pair(t)
		removed := func(index int) func(monitor.WatchEvent) bool {
			return func(ev monitor.WatchEvent) bool {
				if ev.Hook != nil && ev.Hook.Index != index {
					t.Errorf("event of %d, want %d", ev.Hook.Index, index)
				}
				return ev.Hook != nil
			}
		}
		clsact := &netlink.GenericQdisc{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: a.Attrs().Index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)},
			QdiscType:  "clsact",
		}
		must(t, netlink.QdiscAdd(clsact))
		hook, err := nic.Isolate(a.Attrs().Index)
		must(t, err)
		must(t, hook.Remove())
		within(t, "a deleted filter", w.Events(), removed(a.Attrs().Index))
		_, err = nic.Isolate(a.Attrs().Index)
		must(t, err)
		must(t, netlink.QdiscDel(clsact))
		within(t, "a deleted qdisc", w.Events(), removed(a.Attrs().Index))
		clsact.LinkIndex = b.Attrs().Index
		must(t, netlink.QdiscAdd(clsact))
		must(t, netlink.QdiscDel(clsact))
		within(t, "of another device", w.Events(), removed(b.Attrs().Index))
	})
}

// A link that is moved is told from one that is deleted.
func TestWatchMoved(t *testing.T) {
	labtest.InNetns(t, func() {
		other := labtest.OtherNetns(t, func() {})
		defer other.Close()
		w, err := monitor.NewWatch()
		must(t, err)
		defer w.Close()
		a, b := pair(t)
		must(t, netlink.LinkSetNsFd(a, int(other.Fd())))
		number, err := netlink.GetNetNsIdByFd(int(other.Fd()))
		must(t, err)
		within(t, "a moved link", w.Events(), func(ev monitor.WatchEvent) bool {
			if ev.Moved != nil && *ev.Moved != (monitor.MovedEvent{Index: a.Attrs().Index, NetNS: number, Then: a.Attrs().Index}) {
				t.Errorf("%+v, want %d to namespace %d", *ev.Moved, a.Attrs().Index, number)
			}
			return ev.Moved != nil
		})
		must(t, netlink.LinkDel(b))
		c, _ := pair(t)
		must(t, netlink.LinkDel(c))
		within(t, "a deleted link", w.Events(), func(ev monitor.WatchEvent) bool {
			if ev.Moved != nil {
				t.Errorf("deleted: %+v", *ev.Moved)
			}
			return ev.Link != nil && ev.Link.Deleted && ev.Link.Index == c.Attrs().Index
		})
	})
}

func TestReadSpeed(t *testing.T) {
	labtest.InNetns(t, func() {
		pair(t)
		s, err := monitor.ReadSpeed("va")
		if err != nil || s != (monitor.Speed{Mbps: 10000, Duplex: monitor.DuplexFull}) {
			t.Errorf("veth: %+v, %v", s, err)
		}
		if s, err := monitor.ReadSpeed("lo"); err != nil || s != (monitor.Speed{}) {
			t.Errorf("lo: %+v, %v", s, err)
		}
	})
}

// TestMIIIsPure: the state machine shares a package with its sources, not
// their imports.
func TestMIIIsPure(t *testing.T) {
	for _, file := range []string{"mii.go", "link.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		must(t, err)
		for _, imp := range f.Imports {
			if imp.Path.Value != `"time"` {
				t.Errorf("%s imports %s", file, imp.Path.Value)
			}
		}
	}
}

// Many routes at a time are one event or a few.
func TestWatchRoutes(t *testing.T) {
	labtest.InNetns(t, func() {
		a, _ := pair(t)
		addr, err := netlink.ParseAddr("10.7.0.1/24")
		must(t, err)
		must(t, netlink.AddrAdd(a, addr))
		w, err := monitor.NewWatch()
		must(t, err)
		defer w.Close()
		route := func(i int) *netlink.Route {
			return &netlink.Route{LinkIndex: a.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: &net.IPNet{IP: net.IPv4(10, 8, byte(i), 0), Mask: net.CIDRMask(24, 32)}}
		}
		routes := func(ev monitor.WatchEvent) bool { return ev.Routes }
		must(t, netlink.RouteAdd(route(0)))
		within(t, "a new route", w.Events(), routes)
		for i := range 200 {
			must(t, netlink.RouteAdd(route(i+1)))
		}
		within(t, "new routes", w.Events(), routes)
		n := 0
		for quiet := time.After(time.Second); ; {
			select {
			case ev := <-w.Events():
				if ev.Routes {
					n++
				}
				continue
			case <-quiet:
			}
			break
		}
		if n > 5 {
			t.Errorf("%d events more for 200 routes", n)
		}
	})
}
