package ifenslave

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
)

// Client is what a shell asks of the daemon.
type Client interface {
	Bonds(ctx context.Context) ([]bond.State, error)
	Set(ctx context.Context, bond string, opts []option.Assign) error
	Enslave(ctx context.Context, bond, slave string) error
	Release(ctx context.Context, bond, slave string) error
	Sync(ctx context.Context) error
}

var _ Client = (*control.Client)(nil)

// Shell runs ifenslave commands. All fields must be set.
type Shell struct {
	Stdout, Stderr io.Writer
	Version        string
	Host           Host
	// Connect returns a client of the daemon; whether one serves shows at the
	// first request.
	Connect func(ctx context.Context) (Client, error)
	// Real runs the installed ifenslave, for bonds of the kernel's own, and
	// returns its status.
	Real func(args []string) int
}

// Exit statuses, as the original's; of a NIC that can't be worked with it is the
// errno, or 255.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitNoDev  = 19  // errno of a slave to enslave
	exitFlags  = 255 // -1, of one to detach
)

const usage = `Usage: ifenslave [-v] [-f] MASTER SLAVE...     give NICs to a bond
       ifenslave [-v] -d MASTER SLAVE...       take slaves away from it
       ifenslave [-v] -c MASTER SLAVE          make a slave the active one
       ifenslave MASTER                        show a bond
       ifenslave -a                            show all interfaces
       ifenslave -u | -h | -V                  usage, help, version
`

const help = `
  -a, --all-interfaces   show all interfaces
  -c, --change-active    change the active slave
  -d, --detach           release slaves
  -f, --force            go on although the bond doesn't look like Ethernet
  -u, --usage            say how it is called
  -v, --verbose          say what is done
  -V, --version          say which version this is
  -h, --help             this

To bring up a bond of two NICs:

  modprobe bonding mode=1 miimon=100
  ifconfig bond0 10.1.1.28 netmask 255.255.255.0 up
  ifenslave bond0 eth0 eth1

and to take it away:

  ifenslave -d bond0 eth0 eth1
  ifconfig bond0 down
  rmmod bonding

The bond must be up. NICs are set down and lose their IPv4 addresses before they
become slaves; released, they are as they were found, but down.
`

// Run carries out one command line, without its first word, and returns the
// status to exit with.
func (s *Shell) Run(ctx context.Context, args []string) int {
	f, err := parse(args)
	if err != nil {
		return s.misused(err)
	}
	if f.verbose || f.version {
		fmt.Fprintf(s.Stdout, "ifenslave: tapbond %s\n", s.Version)
	}
	switch {
	case f.version:
		return exitOK
	case f.usage:
		fmt.Fprint(s.Stdout, usage)
		return exitOK
	case f.help:
		fmt.Fprint(s.Stdout, usage, help)
		return exitOK
	case f.all && len(f.names) > 0, !f.all && len(f.names) == 0:
		return s.misused(nil)
	}
	j := &job{Shell: s, flags: f}
	if err := j.look(ctx); err != nil {
		return s.complain(exitFailed, "ifenslave: %v", err)
	}
	if f.all {
		return j.showAll()
	}
	j.master = f.names[0]
	if nic, err := s.Host.NIC(j.master); err == nil && nic.Kernels && j.bond(j.master) == nil {
		return s.Real(args)
	}
	return j.run(ctx)
}

func (s *Shell) misused(err error) int {
	if err != nil {
		s.complain(exitUsage, "ifenslave: %v", err)
	}
	fmt.Fprint(s.Stderr, usage)
	return exitUsage
}

func (s *Shell) complain(status int, format string, args ...any) int {
	fmt.Fprintf(s.Stderr, format+"\n", args...)
	return status
}

// job is one command line at work.
type job struct {
	*Shell
	*flags
	client Client
	bonds  []bond.State
	master string
}

// look asks the daemon, once it has followed what was done to links from
// outside; where none serves there are no bonds.
func (j *job) look(ctx context.Context) (err error) {
	if j.client, err = j.Connect(ctx); err != nil {
		return err
	}
	if err = j.client.Sync(ctx); err == nil {
		j.bonds, err = j.client.Bonds(ctx)
	}
	if errors.Is(err, control.ErrNoServer) {
		return nil
	}
	return err
}

// bond returns the bond of that name, nil if there is none.
func (j *job) bond(name string) *bond.State {
	for i := range j.bonds {
		if j.bonds[i].Name == name {
			return &j.bonds[i]
		}
	}
	return nil
}

// masterOf returns the bond whose slave it is, nil if it is none's.
func (j *job) masterOf(name string) *bond.State {
	for i := range j.bonds {
		for k := range j.bonds[i].Slaves {
			if j.bonds[i].Slaves[k].Name == name {
				return &j.bonds[i]
			}
		}
	}
	return nil
}
