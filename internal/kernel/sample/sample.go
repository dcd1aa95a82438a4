// Package sample reads what the kernel's driver printed in a situation (the
// folders of bench/e2e/testdata/situations) into the state of a bond, for tests
// that print it back: what comes out must be what went in.
package sample

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/lacp"
)

// Sample is one situation.
type Sample struct {
	dir   string
	State bond.State
}

// Dir is the folder of all situations, seen from the folder of a package of this
// module, which is where go test runs.
func Dir() string {
	for up := "."; ; up = filepath.Join(up, "..") {
		dir := filepath.Join(up, "bench/e2e/testdata/situations")
		if _, err := os.Stat(dir); err == nil || len(up) > 30 {
			return dir
		}
	}
}

// Load reads the situation of that name, as ip told it. What ip doesn't tell is
// from the text in /proc. With proc, that text is believed in the rest too: the
// two were read a moment apart.
func Load(name string, proc bool) (*Sample, error) {
	s := &Sample{dir: filepath.Join(Dir(), name)}
	tree, err := os.ReadFile(filepath.Join(s.dir, "ip.json"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(tree)) {
		var l link
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		l.into(&s.State)
	}
	text, err := s.Text("proc.txt")
	if err != nil {
		return nil, err
	}
	readProc(text, &s.State, proc)
	return s, nil
}

// Each loads every situation and checks it in a subtest of its name. Fewer than
// there must be fail t.
func Each(t *testing.T, proc bool, check func(*testing.T, *Sample)) {
	t.Helper()
	dirs, err := os.ReadDir(Dir())
	if err != nil || len(dirs) < 50 {
		t.Fatalf("%d situations, %v", len(dirs), err)
	}
	for _, d := range dirs {
		t.Run(d.Name(), func(t *testing.T) {
			s, err := Load(d.Name(), proc)
			if err != nil {
				t.Fatal(err)
			}
			check(t, s)
		})
	}
}

// Text returns one of the situation's files.
func (s *Sample) Text(file string) (string, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, file))
	return string(data), err
}

// link is what ip's JSON tells of a link.
type link struct {
	Ifname   string
	Flags    []string
	Linkinfo struct {
		Data  map[string]json.RawMessage `json:"info_data"`
		Slave *struct {
			State        string    `json:"state"`
			MIIStatus    string    `json:"mii_status"`
			Failures     uint32    `json:"link_failure_count"`
			PermMAC      string    `json:"perm_hwaddr"`
			QueueID      uint16    `json:"queue_id"`
			Prio         int32     `json:"prio"`
			Aggregator   int       `json:"ad_aggregator_id"`
			ActorState   lacp.Bits `json:"ad_actor_oper_port_state"`
			PartnerState lacp.Bits `json:"ad_partner_oper_port_state"`
		} `json:"info_slave_data"`
	}
}

// optionNames maps those keys of ip's JSON that are no option's name.
var optionNames = map[string]string{
	"peer_notify_delay": "peer_notif_delay", "num_peer_notif": "num_grat_arp", "ad_lacp_active": "lacp_active", "ad_lacp_rate": "lacp_rate",
}

func (l *link) into(st *bond.State) {
	if d := l.Linkinfo.Slave; d != nil {
		s := bond.SlaveState{
			Name: l.Ifname, State: d.State, MIIStatus: d.MIIStatus, Failures: d.Failures, PermMAC: d.PermMAC, QueueID: d.QueueID, Prio: d.Prio,
		}
		if d.Aggregator != 0 {
			s.AD = &bond.ADPort{PortState: lacp.PortState{
				Name: l.Ifname, Aggregator: d.Aggregator, Link: d.MIIStatus == "UP",
				Actor: lacp.Info{State: d.ActorState}, Partner: lacp.Info{State: d.PartnerState},
			}}
		}
		st.Slaves = append(st.Slaves, s)
		return
	}
	st.Name, st.Settings = l.Ifname, map[string]string{}
	defaults := option.Defaults()
	for _, o := range option.All() {
		if o.Scope == option.ScopeBond {
			st.Settings[o.Name] = defaults.Word(o.ID, &option.Runtime{})
		}
	}
	for key, raw := range l.Linkinfo.Data {
		if name, ok := optionNames[key]; ok {
			key = name
		}
		if key == "ad_info" {
			readAggregator(raw, ad(st))
			continue
		}
		st.Settings[key] = word(raw)
	}
	if st.Settings["arp_validate"] == "null" { // ip's way to say none
		st.Settings["arp_validate"] = "none"
	}
	st.Mode, st.Active = st.Settings["mode"], st.Settings["active_slave"]
	if st.Mode == "802.3ad" {
		ad(st)
	}
}

// word is a JSON value as ip's text has it.
func word(raw json.RawMessage) string {
	var list []string
	if json.Unmarshal(raw, &list) == nil && list != nil {
		return strings.Join(list, ",")
	}
	return strings.Trim(string(raw), `"`)
}

func ad(st *bond.State) *bond.ADState {
	if st.AD == nil {
		st.AD = &bond.ADState{}
	}
	return st.AD
}

// readAggregator reads ip's ad_info. Without an active aggregator the driver
// tells nothing there.
func readAggregator(raw json.RawMessage, st *bond.ADState) {
	var info struct {
		Aggregator int      `json:"aggregator"`
		NumPorts   int      `json:"num_ports"`
		ActorKey   uint16   `json:"actor_key"`
		PartnerKey uint16   `json:"partner_key"`
		PartnerMAC lacp.MAC `json:"partner_mac"`
	}
	if json.Unmarshal(raw, &info) != nil || info.Aggregator == 0 {
		return
	}
	st.Active = info.Aggregator
	st.Aggregators = append(st.Aggregators, bond.ADAggregator{AggregatorState: lacp.AggregatorState{
		ID: info.Aggregator, Active: true, NumPorts: info.NumPorts, ActorKey: info.ActorKey,
		Partner: lacp.System{MAC: info.PartnerMAC}, PartnerKey: info.PartnerKey,
	}})
}
