package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bench"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

func labDemoCmd() *cobra.Command {
	var o labOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "build the network, run traffic, cut a link, show what was lost, take it down",
		Args:  words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.slaves < 2 {
				return fmt.Errorf("--slaves: a failover takes 2 or more, not %d", o.slaves)
			}
			d := demo{labOptions: o, out: cmd.OutOrStdout()}
			if d.lab, err = o.build(cmd.Context(), labName+"-demo"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, d.lab.Close()) }()
			if err := d.run(cmd.Context()); err != nil {
				if cmd.Context().Err() != nil {
					return errors.New("interrupted; the network is taken down")
				}
				return err
			}
			return nil
		},
	}
	o.flags(cmd)
	return cmd
}

// demo is one showing.
type demo struct {
	labOptions
	lab  *lab.Lab
	bond *lab.Process
	out  io.Writer
}

// demoOctets go each way over TCP; demoRate is the load under which the link
// is cut, in frames a second.
const (
	demoOctets = 256 << 20
	demoRate   = 50_000
)

func (d *demo) run(ctx context.Context) error {
	steps := []func(context.Context) error{d.start, d.ping, d.stream, d.show, d.cut, d.mend, d.stop}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	d.say("Host A has %d links to a switch, host B is behind it. In A:\n\n  $ tapbond %s\n", d.slaves, strings.Join(d.runArgs(), " "))
	if d.bond, err = d.lab.Start(ctx, d.lab.A, self, d.runArgs(), nil); err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, labReady)
	defer cancel()
	if _, err := d.bond.WaitLine(ready, "is running"); err != nil {
		return fmt.Errorf("the bond did not start: %w\n%s", err, d.bond.Output())
	}
	if err := d.lab.AssignBoth("bond0", "eth0"); err != nil {
		return err
	}
	return d.lab.AwaitSilence(ctx, 100*time.Millisecond)
}

func (d *demo) ping(ctx context.Context) error {
	for _, dst := range []netip.Addr{lab.AddrB4.Addr(), lab.AddrB6.Addr()} {
		r, err := traffic.Ping(ctx, traffic.PingConfig{From: d.lab.A, Dst: dst, Count: 20})
		if err != nil {
			return err
		}
		d.say("ping %-10s %d of %d answered, %d duplicates, median %v", dst, r.Received, r.Sent, r.Duplicated, r.Median().Round(time.Microsecond))
	}
	return nil
}

func (d *demo) stream(ctx context.Context) error {
	for _, way := range []struct {
		name      string
		out, back int64
	}{{"A to B", demoOctets, 0}, {"B to A", 0, demoOctets}} {
		r, err := traffic.TCPStream(ctx, traffic.TCPConfig{
			From: d.lab.A, To: d.lab.B, Listen: netip.AddrPortFrom(lab.AddrB4.Addr(), 0), Out: way.out, Back: way.back,
		})
		if err != nil {
			return err
		}
		d.say("TCP %s     %d MiB, every octet as sent, %.1f Gbit/s", way.name, demoOctets>>20, demoOctets*8/r.Took.Seconds()/1e9)
	}
	return nil
}

func (d *demo) show(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := d.lab.A.Command(ctx, self, "show").CombinedOutput()
	if err != nil {
		return fmt.Errorf("show: %w\n%s", err, out)
	}
	d.say("\n  $ tapbond show\n%s", out)
	return nil
}

// cut takes the carrier of the link that carries the flow and measures.
func (d *demo) cut(ctx context.Context) error {
	d.say("Now %d frames a second from A to B, and the cable of eth0 is pulled:\n", demoRate)
	r, err := bench.FailoverGap(ctx, bench.FailoverConfig{Lab: d.lab, Rate: demoRate})
	if err != nil {
		return err
	}
	if r.CarriedBefore == 0 {
		d.say("  eth0 carried nothing of this flow, so nothing happened to it: %d lost", r.Flow.Lost)
	} else if r.NewLink >= 0 {
		d.say("  eth%d carried the next frame %v after the cut began", r.NewLink, r.Gap.Round(10*time.Microsecond))
	} else {
		d.say("  no other link took over")
	}
	d.say("  of %d frames sent: %d lost, %d duplicated, %d reordered", r.Send.Total(), r.Flow.Lost, r.Flow.Duplicated, r.Flow.Reordered)
	return d.show(ctx)
}

func (d *demo) mend(ctx context.Context) error {
	if _, err := d.lab.Link(0).Carrier(true); err != nil {
		return err
	}
	back, cancel := context.WithTimeout(ctx, labReady)
	defer cancel()
	if _, err := d.bond.WaitLine(back, "(slave eth0): link status definitely up"); err != nil {
		return err
	}
	d.say("The cable is back. What the bond said:\n")
	for line := range strings.Lines(d.bond.Output()) {
		if _, text, ok := strings.Cut(line, `msg="`); ok {
			text, _, _ = strings.Cut(text, `" `)
			d.say("  %s", text)
		}
	}
	return nil
}

func (d *demo) stop(ctx context.Context) error {
	if err := d.bond.Stop(ctx); err != nil {
		return err
	}
	d.say("\nStopped: the slaves are as they were, and the network is taken down.")
	return nil
}
