package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/explain"
	"github.com/tapbond/tapbond/internal/link"
)

func explainCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain", Short: "say why a slave carries traffic, and which slave a flow takes",
		Annotations: map[string]string{guessKey: "slave"},
	}
	var asJSON bool
	var on string
	cmd.PersistentFlags().BoolVarP(&asJSON, "json", "j", false, "as JSON")
	slave := &cobra.Command{
		Use:     "slave IFACE",
		Short:   "why a slave does or doesn't carry traffic",
		Example: "  tapbond explain slave eth0",
		Args:    words(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			bonds, err := bondStates(cmd)
			if err != nil {
				return err
			}
			e, ok := explain.OfSlave(bonds, link.OwnName(args[0]), time.Now())
			if !ok {
				return fmt.Errorf("%s is no slave of a bond of this network namespace; %s", args[0], members(bonds))
			}
			return print(cmd.OutOrStdout(), asJSON, e, e.Write)
		},
	}
	flow := &cobra.Command{
		Use:   "flow PROTOCOL SOURCE DESTINATION [vlan N] [src-mac M] [dst-mac M]",
		Short: "which slave a flow takes: fields, hash, slave, with every policy",
		Example: `  tapbond explain flow tcp 10.0.0.1:4000 10.0.0.2:80
  tapbond explain flow udp '[2001:db8::1]:53' '[2001:db8::2]:4000' vlan 7 --bond bond1`,
		Args: words(3, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := explain.ParseFlow(args)
			if err != nil {
				return wrongWords(cmd, args, err)
			}
			st, err := onlyBond(cmd, on)
			if err != nil {
				return err
			}
			if f.DstMAC == [6]byte{} {
				f.DstMAC = neighbour(f.Dst.Addr())
			}
			c, err := explain.Choose(st, f)
			if err != nil {
				return err
			}
			return print(cmd.OutOrStdout(), asJSON, c, c.Write)
		},
	}
	flow.Flags().StringVar(&on, "bond", "", "the bond, where there are several")
	cmd.AddCommand(slave, flow)
	return cmd
}

func print(w io.Writer, asJSON bool, v any, text func(io.Writer)) error {
	if !asJSON {
		text(w)
		return nil
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func bondStates(cmd *cobra.Command) ([]bond.State, error) {
	_, all, err := states(cmd.Context(), "")
	return all, err
}

// onlyBond is the bond of that name, or the only one there is.
func onlyBond(cmd *cobra.Command, name string) (*bond.State, error) {
	bonds, err := bondStates(cmd)
	if err != nil {
		return nil, err
	}
	if name != "" {
		name = link.OwnName(name)
	}
	for i := range bonds {
		if bonds[i].Name == name || name == "" && len(bonds) == 1 {
			return &bonds[i], nil
		}
	}
	switch {
	case name != "":
		return nil, fmt.Errorf("bond %s does not exist; %s", name, members(bonds))
	case len(bonds) == 0:
		return nil, errors.New(members(bonds))
	}
	return nil, fmt.Errorf("there are several bonds; name one: --bond %s (%s)", bonds[0].Name, members(bonds))
}

// neighbour is the hardware address that a packet to addr is sent to, as the
// host knows it now; zero if it doesn't.
func neighbour(addr netip.Addr) (mac [6]byte) {
	routes, err := netlink.RouteGet(addr.AsSlice())
	if err != nil || len(routes) == 0 {
		return mac
	}
	next := routes[0].Gw
	if next == nil {
		next = addr.AsSlice()
	}
	list, err := dump.Whole(func() ([]netlink.Neigh, error) { return netlink.NeighList(routes[0].LinkIndex, 0) })
	if err != nil {
		return mac
	}
	for _, n := range list {
		if n.IP.Equal(next) && len(n.HardwareAddr) == 6 {
			return [6]byte(n.HardwareAddr)
		}
	}
	return mac
}
