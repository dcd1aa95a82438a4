package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/modconf"
	"github.com/tapbond/tapbond/internal/modparam"
	"github.com/tapbond/tapbond/internal/prefer"
)

func daemonCmd() *cobra.Command {
	var o daemon.Options
	var logs logFlags
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "serve the bonds of this network namespace",
		Long: `Serve the bonds of the network namespace it is started in: as many as are made,
by "tapbond ip link add … type bond" or over the control socket.

Bonds that an earlier process left (it was killed, or told to keep them) are
taken over: their addresses, routes and connections go on. On SIGTERM the bonds
are undone, unless a service manager runs the daemon or it was told --keep.

Bonds begin with the "options bonding …" of modprobe.d, as read at the start, until
"tapbond modprobe bonding …" gives others.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			daemon.Detach()
			o.Keep = o.Keep || daemon.Supervised() && !o.Transient
			var err error
			if o.Parameters, err = modprobeParams(); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "tapbond: modprobe's options for bonding have no effect:", err)
			}
			err = serve(cmd.Context(), o, &logs)
			if err != nil {
				daemon.Failed(err)
			}
			return err
		},
	}
	logs.add(cmd)
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "on SIGTERM leave the bonds to the next daemon")
	cmd.Flags().StringVar(&o.Group, "group", "", "group that may use the control socket beside root")
	cmd.Flags().BoolVar(&o.Transient, "transient", false, "end with the last bond")
	cmd.Flags().StringVar(&logs.file, "log-file", "", "log to a file instead of standard error")
	_ = cmd.Flags().MarkHidden("transient")
	return cmd
}

// modprobeParams are those that modprobe's configuration has for the module.
func modprobeParams() ([]modparam.Param, error) {
	conf, err := modconf.Read("")
	if err != nil {
		return nil, err
	}
	var params []modparam.Param
	for _, o := range conf.Options("") {
		params = append(params, modparam.Param{Name: o.Name, Value: o.Value})
	}
	return params, nil
}

// logFlags choose where the log goes and its form.
type logFlags struct {
	json bool
	file string
}

func (f *logFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "log-json", false, "log in JSON, one object a line")
}

// serve runs a daemon with its log.
func serve(ctx context.Context, o daemon.Options, f *logFlags) error {
	prefer.Others()
	if err := privileged(); err != nil {
		return err
	}
	out := io.Writer(os.Stderr)
	if f.file != "" {
		l, err := daemon.OpenLog(f.file)
		if err != nil {
			return err
		}
		defer l.Close()
		o.Log = newLogger(l, f.json)
		return daemon.Run(ctx, o)
	}
	o.Log = newLogger(out, f.json)
	return daemon.Run(ctx, o)
}

func newLogger(w io.Writer, json bool) *slog.Logger {
	if json {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: exactTime}))
}

// exactTime shows microseconds: what a bond does is a matter of them.
func exactTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.StringValue(a.Value.Time().Format("2006-01-02T15:04:05.000000Z07:00"))
	}
	return a
}

// privileged says in plain words what would else be a refused system call.
func privileged() error {
	if os.Geteuid() == 0 {
		return nil
	}
	name := "this user"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Errorf("%s may not make bonds: root is needed (CAP_NET_ADMIN and CAP_NET_RAW)", name)
}
