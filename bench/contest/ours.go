package contest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/partner"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/policy"
)

// OursConfig is a way to run tapbond.
type OursConfig struct {
	// Name of the contender; "" means tapbond, and for a fixed mode tapbond/MODE.
	Name string
	// Mode by name; "" is active-backup, or what the work asks for.
	Mode string
	// Options are further words for `tapbond run`.
	Options []string
	// Binary is the program; "" means the running one.
	Binary string
}

// lacpSettles is more than a port waits for others before it joins them
// (Aggregate_Wait_Time, IEEE 802.1AX-2014 6.4.4): until then it may carry alone.
const lacpSettles = 3 * time.Second

// Ours is tapbond. With a fixed mode it takes part where the mode doesn't matter.
func Ours(cfg OursConfig) Contender {
	c := Contender{Name: cfg.Name, Does: allKinds, Missing: func(context.Context) error { return nil }}
	if cfg.Mode != "" {
		c.Does = []Kind{Single, Idle}
	}
	if c.Name == "" {
		c.Name = strings.TrimSuffix("tapbond/"+cfg.Mode, "/")
	}
	if cfg.Mode == policy.LACP.String() {
		c.Note = "its partner speaks LACP, and the far end's data goes past it"
		c.Steady = lacpSettles
	}
	c.Start = func(ctx context.Context, l *lab.Lab, k Kind) (*Running, error) {
		binary := cfg.Binary
		if binary == "" {
			var err error
			if binary, err = os.Executable(); err != nil {
				return nil, err
			}
		}
		mode, hash := k.mode()
		if cfg.Mode != "" {
			mode = cfg.Mode
		}
		args := []string{"run", bondName, "mode", mode, "miimon", "100"}
		if hash != "" {
			args = append(args, "xmit_hash_policy", hash)
		}
		args = append(args, cfg.Options...)
		args = append(args, "slaves")
		args = append(args, slaveNames(l)...)
		if mode != policy.LACP.String() {
			return startLoop(ctx, l, binary, args, "is running")
		}
		far, err := startPartner(l)
		if err != nil {
			return nil, err
		}
		r, err := startLoop(ctx, l, binary, args, "is running")
		if err != nil {
			return nil, errors.Join(err, far())
		}
		end := r.Stop
		r.Stop = func() { end(); _ = far() }
		return r, nil
	}
	return c
}

// startPartner has the other ends of the links speak LACP, until what it returns
// is called.
func startPartner(l *lab.Lab) (end func() error, err error) {
	var ports []*partner.Port
	end = func() error {
		var errs []error
		for _, p := range ports {
			errs = append(errs, p.Close())
		}
		return errors.Join(errs...)
	}
	for i, name := range slaveNames(l) {
		p, err := partner.OpenAside(l.B, name, [6]byte(lab.PortMAC(i)), partner.Script{
			Period: time.Second,
			Actor: partner.Info{
				SystemPriority: 32768, System: [6]byte(lab.PortMAC(0)), Key: 17, PortPriority: 255, Port: uint16(i + 1),
				State: partner.Activity | partner.Aggregate | partner.Sync,
			},
		})
		if err != nil {
			return nil, errors.Join(err, end())
		}
		ports = append(ports, p)
		p.Start()
	}
	return end, nil
}

// Express is tapbond with its express lane.
func Express(binary string) Contender {
	c := Ours(OursConfig{Name: express, Options: []string{"express", "on"}, Binary: binary})
	c.Note = "the kernel does the work, in the time of who sends: the process has next to none"
	return c
}

// Variants are the other ways to run tapbond: plain, more queues, every mode
// that this build supports, with every hash, each with offloads and plain.
func Variants(binary string) []Contender {
	plain := []string{"offload", "off"}
	out := []Contender{
		plainly(Ours(OursConfig{Name: "tapbond/plain", Options: plain, Binary: binary})),
		Ours(OursConfig{Name: "tapbond/queues-2", Options: []string{"queues", "2"}, Binary: binary}),
	}
	both := func(name, mode string, options ...string) {
		out = append(out,
			Ours(OursConfig{Name: name, Mode: mode, Options: options, Binary: binary}),
			plainly(Ours(OursConfig{Name: name + "/plain", Mode: mode, Options: append(options[:len(options):len(options)], plain...), Binary: binary})))
	}
	for _, mode := range SupportedModes() {
		name := "tapbond/" + mode
		if mode != policy.BalanceXOR.String() {
			both(name, mode)
			continue
		}
		for h := policy.Layer2; h <= policy.VlanSrcMAC; h++ {
			both(name+"/"+h.String(), mode, "xmit_hash_policy", h.String())
		}
	}
	return out
}

func plainly(c Contender) Contender {
	c.Plain = true
	c.Note = strings.TrimPrefix(c.Note+"; offloads off at both ends", "; ")
	return c
}

// SupportedModes are the modes that an option request of this build takes.
func SupportedModes() []string {
	var out []string
	for m := policy.BalanceRR; m <= policy.BalanceALB; m++ {
		values := option.Defaults()
		if _, err := values.Set(option.Env{Bond: bondName}, "mode", m.String()); err == nil {
			out = append(out, m.String())
		}
	}
	return out
}

// startLoop starts a program that makes bond0 and waits for its word.
func startLoop(ctx context.Context, l *lab.Lab, binary string, args []string, ready string) (*Running, error) {
	p, err := l.Start(context.WithoutCancel(ctx), l.A, binary, args, nil)
	if err != nil {
		return nil, err
	}
	if _, err := p.WaitLine(ctx, ready); err != nil {
		return nil, fmt.Errorf("%s did not start: %w", binary, err)
	}
	return &Running{Ifname: bondName, PIDs: []int{p.PID()}, Stop: func() { stop(p) }}, nil
}

// stop ends a process, by force if it takes long.
func stop(p *lab.Process) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	_ = p.Stop(ctx)
}
