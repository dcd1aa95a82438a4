package option

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"strings"
	"testing"
)

// jsonName maps the keys of ip's JSON that aren't its keywords.
var jsonName = map[string]string{"num_peer_notif": "num_grat_arp", "ad_lacp_active": "lacp_active", "ad_lacp_rate": "lacp_rate"}

// recordedBond reads what ip -d -j printed into settings and runtime state.
func recordedBond(t *testing.T, path string) (Values, *Runtime, map[string]string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var links []struct {
		Ifname, Master, Operstate string
		Linkinfo                  struct {
			Data map[string]json.RawMessage `json:"info_data"`
		}
	}
	if err := json.Unmarshal(data, &links); err != nil {
		t.Fatal(err)
	}
	rt, words := &Runtime{}, map[string]string{}
	for _, l := range links {
		if l.Master == "bond0" {
			rt.Slaves = append(rt.Slaves, Slave{Name: l.Ifname, Ready: true})
		}
		if l.Ifname != "bond0" {
			continue
		}
		rt.Carrier = l.Operstate == "UP"
		for k, raw := range l.Linkinfo.Data {
			if k == "ad_info" {
				rt.AD = recordedAD(t, raw)
				continue
			}
			var list []string
			if json.Unmarshal(raw, &list) == nil && list != nil {
				raw = []byte(strings.Join(list, ","))
			}
			if n, ok := jsonName[k]; ok {
				k = n
			}
			words[k] = string(bytes.Trim(raw, `"`))
		}
	}
	// ip's JSON has null for arp_validate none.
	if words["arp_validate"] == "null" {
		words["arp_validate"] = "none"
	}
	rt.Active = words["active_slave"]
	v := Defaults()
	env := Env{Bond: "bond0", AllowUnsupported: true}
	var request []Assign
	for k, s := range words {
		o := ByName(k)
		if o == nil {
			t.Fatalf("%s: unknown option %s", path, k)
		}
		// What is 0 or not allowed here was never set.
		if k == "active_slave" || strings.HasSuffix(k, "delay") && s == "0" {
			continue
		}
		var mode uint32
		if m, ok := Get(Mode).Parse(words["mode"]); ok {
			mode = m
		}
		if !o.Modes.Has(mode) {
			continue
		}
		if k == "arp_interval" && s == "0" || k == "miimon" && s == "0" {
			continue
		}
		request = append(request, Assign{Option: k, Value: s})
	}
	res, err := v.Apply(env, request)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return res.Values, rt, words
}

func recordedAD(t *testing.T, raw []byte) *ADInfo {
	t.Helper()
	var ad struct {
		Aggregator uint16
		NumPorts   uint16 `json:"num_ports"`
		ActorKey   uint16 `json:"actor_key"`
		PartnerKey uint16 `json:"partner_key"`
		PartnerMAC string `json:"partner_mac"`
	}
	if err := json.Unmarshal(raw, &ad); err != nil {
		t.Fatal(err)
	}
	mac, ok := parseMAC(ad.PartnerMAC)
	if !ok {
		t.Fatalf("partner_mac %s", ad.PartnerMAC)
	}
	return &ADInfo{ad.Aggregator, ad.NumPorts, ad.ActorKey, ad.PartnerKey, mac}
}

// TestShown takes the settings from what ip printed of a bond, and compares our
// sysfs files, and our words, with what the driver showed of the same bond.
func TestShown(t *testing.T) {
	dirs, _ := filepath.Glob("testdata/shown/*")
	if len(dirs) < 11 {
		t.Fatalf("recordings missing: %v", dirs)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			v, rt, words := recordedBond(t, filepath.Join(dir, "ip.json"))
			data, err := os.ReadFile(filepath.Join(dir, "sysfs.txt"))
			if err != nil {
				t.Fatal(err)
			}
			listing, _, _ := strings.Cut(string(data), "\naddress:")
			modes, shown, _ := strings.Cut(listing, "\n\n")
			var files strings.Builder
			var contents strings.Builder
			for _, f := range Files() {
				perm := "-r--r--r--"
				if f.Writable {
					perm = "-rw-r--r--"
				}
				fmt.Fprintf(&files, "%s %s\n", perm, f.Name)
				s, ok := v.ReadFile(f.Name, rt)
				if !ok {
					t.Errorf("no file %s", f.Name)
				}
				fmt.Fprintf(&contents, "%s: %s", f.Name, s)
			}
			if strings.TrimSpace(modes) != strings.TrimSpace(files.String()) {
				t.Errorf("files:\n%s\nwant:\n%s", files.String(), modes)
			}
			if strings.TrimSpace(shown) != strings.TrimSpace(contents.String()) {
				t.Errorf("contents:\n%s\nwant:\n%s", contents.String(), shown)
			}
			for k, want := range words {
				if got := v.Word(ByName(k).ID, rt); got != want {
					t.Errorf("word %s: %s, want %s", k, got, want)
				}
			}
		})
	}
}

// TestUnprivileged: the LACP identity is for the privileged.
func TestUnprivileged(t *testing.T) {
	v := Defaults()
	v.Mode = LACP
	rt := &Runtime{AD: &ADInfo{Aggregator: 1, NumPorts: 2, ActorKey: 15}}
	for _, unprivileged := range []bool{false, true} {
		rt.Unprivileged = unprivileged
		for name, hidden := range map[string]bool{
			"ad_aggregator": false, "ad_num_ports": false, "ad_actor_key": true, "ad_partner_key": true,
			"ad_partner_mac": true, "ad_actor_sys_prio": true, "ad_actor_system": true, "ad_user_port_key": true,
		} {
			s, ok := v.ReadFile(name, rt)
			if !ok || (s == "") != (hidden && unprivileged) {
				t.Errorf("unprivileged %v: %s reads %q", unprivileged, name, s)
			}
			if private(name) != hidden {
				t.Errorf("%s: private is %v", name, private(name))
			}
		}
	}
	for _, name := range []string{"ns_ip6_target", "prio", "num-grat-arp", "peer_notify_delay", "nonesuch"} {
		if _, ok := v.ReadFile(name, rt); ok {
			t.Errorf("there is a file %s", name)
		}
	}
}
