package option

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse turns "miimon 100 updelay 200" into a request.
func parse(t *testing.T, words string) []Assign {
	t.Helper()
	a, rest, err := ParseWords(strings.Fields(words))
	if err != nil || rest != nil {
		t.Fatalf("%q: %v, rest %v", words, err, rest)
	}
	return a
}

// startFrom returns the settings that words make of the defaults.
func startFrom(t *testing.T, words string) Values {
	t.Helper()
	v := Defaults()
	res, err := v.Apply(Env{Bond: "bond0", AllowUnsupported: true}, parse(t, words))
	if err != nil {
		t.Fatal(err)
	}
	return res.Values
}

// TestRequests: what requests of several do, whatever order they come in.
func TestRequests(t *testing.T) {
	two := []Slave{{Name: "eth0", Ready: true}, {Name: "eth1", Ready: true}}
	tests := []struct {
		name, start, request string
		env                  Env
		want                 string // words that must then be the settings
		effects              []Effect
		log                  []Line
	}{
		{
			name: "mode before what needs it", request: "lacp_rate fast mode 802.3ad",
			want:    "mode 802.3ad lacp_rate fast miimon 100",
			effects: []Effect{ModeChanged{0, 4}, LACPChanged{LACPRate}},
		},
		{
			name: "miimon before the delays", request: "updelay 250 miimon 100",
			want:    "miimon 100 updelay 200",
			effects: []Effect{MonitorChanged{true}, MonitorChanged{}},
			log:     []Line{{LevelWarn, "bond0: up delay (250) is not a multiple of miimon (100), value rounded to 200 ms"}},
		},
		{
			name: "the delays follow miimon", start: "miimon 100 updelay 200 downdelay 100", request: "miimon 50",
			want:    "miimon 50 updelay 100 downdelay 50",
			effects: []Effect{MonitorChanged{true}},
		},
		{
			name: "the ARP monitor ends the MII monitor", start: "miimon 100", request: "arp_ip_target 10.0.0.1 arp_interval 200",
			want:    "miimon 0 arp_interval 200 arp_ip_target 10.0.0.1",
			effects: []Effect{MonitorChanged{true}, TargetsReplaced{ArpIPTarget}},
		},
		{
			name: "and the other way round", start: "arp_interval 200 arp_validate all", request: "miimon 100",
			want:    "miimon 100 arp_interval 0 arp_validate none",
			effects: []Effect{MonitorChanged{true}},
		},
		{
			name: "modes without the ARP monitor end it", start: "arp_interval 200 arp_validate all", request: "mode balance-alb",
			want:    "mode balance-alb miimon 100 arp_interval 0 arp_validate none tlb_dynamic_lb 1",
			effects: []Effect{ModeChanged{0, 6}},
		},
		{
			name: "miimon 0 beside mode 4 stays", request: "mode 4 miimon 0",
			want:    "mode 802.3ad miimon 0",
			effects: []Effect{ModeChanged{0, 4}, MonitorChanged{true}},
		},
		{
			name: "the later of two counts", request: "miimon 100 miimon 200",
			want:    "miimon 200",
			effects: []Effect{MonitorChanged{true}, MonitorChanged{true}},
		},
		{
			name: "active slave and primary", start: "mode 1 miimon 100", request: "primary eth0 active-slave eth1",
			env:     Env{Up: true, Slaves: two, Active: "eth0"},
			want:    "primary eth0",
			effects: []Effect{SetActive{"eth1"}, SetPrimary{"eth0"}, Reselect{Force: true}},
		},
		{
			name: "a primary that is lost", start: "mode 1 primary eth0", request: "primary eth9",
			env:     Env{Slaves: two, Active: "eth0"},
			effects: []Effect{SetPrimary{}, Reselect{}},
		},
		{
			name: "all_slaves_active as it was", start: "all_slaves_active 1", request: "all_slaves_active 1",
			want: "all_slaves_active 1",
		},
		{
			name: "our own", request: "queues 4 offload off",
			want:    "queues 4 offload off",
			effects: []Effect{DeviceChanged{Offload}, DeviceChanged{Queues}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := startFrom(t, tt.start)
			env := tt.env
			env.Bond, env.AllowUnsupported = "bond0", true
			res, err := v.Apply(env, parse(t, tt.request))
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range parse(t, tt.want) {
				if got := res.Values.Word(ByName(a.Option).ID, &Runtime{Slaves: env.Slaves}); got != a.Value {
					t.Errorf("%s %s, want %s", a.Option, got, a.Value)
				}
			}
			if diff := cmp.Diff(tt.effects, res.Effects); diff != "" {
				t.Errorf("effects (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.log, res.Log); diff != "" {
				t.Errorf("log (-want +got)\n%s", diff)
			}
		})
	}
}

// TestRefusals: what the recordings leave out.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name, start, request string
		allow                bool
		errno                syscall.Errno
		text, ip             string
	}{
		{
			name: "one bad value spoils all", request: "mode 1 miimon abc", errno: syscall.EINVAL,
			text: "bond0: option miimon: invalid value (abc)", ip: "Error: invalid option value.",
		},
		{
			name: "unknown option", request: "", errno: syscall.ENOENT,
			text: "bond0: option mimon: unknown option, did you mean miimon?",
			ip:   "Error: unknown option, did you mean miimon?.",
		},
		{
			name: "one of ours, a bad value", request: "mode balance-alb alb_ipv6 maybe", errno: syscall.EINVAL,
			text: "bond0: option alb_ipv6: invalid value (maybe)", ip: "Error: invalid option value.",
		},
		{
			name: "one of ours, in another mode", request: "mode balance-tlb alb_ipv6 on", errno: syscall.EACCES,
			text: "bond0: option alb_ipv6: mode dependency failed, not supported in mode balance-tlb(5)", ip: "Error: option not supported in mode.",
		},
		{
			name: "one bad value of two", request: "resend_igmp 5 miimon x", errno: syscall.EINVAL,
			text: "bond0: option miimon: invalid value (x)", ip: "Error: invalid option value.",
		},
		{
			name: "and in their order", request: "lacp_rate fast", errno: syscall.EACCES,
			text: "bond0: option lacp_rate: mode dependency failed, not supported in mode balance-rr(0)",
			ip:   "Error: option not supported in mode.",
		},
		{
			name: "both monitors", request: "arp_interval 100 miimon 100", allow: true, errno: syscall.EINVAL,
			text: "bond0: option arp_interval: ARP monitoring cannot be used with MII monitoring",
			ip:   "Error: ARP monitoring cannot be used with MII monitoring.",
		},
		{
			name: "range of the netlink attribute", start: "miimon 100", request: "peer_notify_delay 400000", errno: syscall.ERANGE,
			text: "bond0: option peer_notif_delay: integer out of range", ip: "Error: integer out of range.",
		},
		{
			name: "no ticks without miimon", request: "updelay 100", errno: syscall.EPERM,
			text: "bond0: Unable to set up delay as MII monitoring is disabled",
			ip:   "RTNETLINK answers: Operation not permitted",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := startFrom(t, tt.start)
			env := Env{Bond: "bond0", AllowUnsupported: tt.allow}
			request := []Assign{{Option: "mimon", Value: "100"}}
			if tt.request != "" {
				request = parse(t, tt.request)
			}
			before := v
			res, err := v.Apply(env, request)
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, tt.errno) {
				t.Fatalf("error %v, want %v", err, tt.errno)
			}
			if e.Error() != tt.text || e.IPText() != tt.ip {
				t.Errorf("got  %s\n     %s\nwant %s\n     %s", e.Error(), e.IPText(), tt.text, tt.ip)
			}
			if v != before || res.Values != (Values{}) || res.Effects != nil || res.Log != nil {
				t.Error("there is a result although it was refused")
			}
		})
	}
}

// TestTxQueues: the module's tx_queues bounds queue_id.
func TestTxQueues(t *testing.T) {
	for _, tt := range []struct {
		queues uint32
		id     string
		errno  syscall.Errno
	}{{0, "16", 0}, {0, "17", syscall.EPERM}, {4, "4", 0}, {4, "5", syscall.EPERM}, {255, "255", 0}} {
		v := Defaults()
		v.TxQueues = tt.queues
		_, err := v.Apply(Env{Bond: "bond0", Slaves: []Slave{{Name: "eth0"}}}, []Assign{{Option: "queue_id", Value: tt.id, Slave: "eth0"}})
		var no *Error
		if errors.As(err, &no) != (tt.errno != 0) || no != nil && no.Errno != tt.errno {
			t.Errorf("tx_queues %d, queue_id %s: %v", tt.queues, tt.id, err)
		}
	}
}

// TestSlaveOptions: queue_id, prio and their like by netlink.
func TestSlaveOptions(t *testing.T) {
	env := Env{Bond: "bond0", Up: true, AllowUnsupported: true, Slaves: []Slave{{Name: "eth0", QueueID: 3}, {Name: "eth1"}}}
	tests := []struct {
		start, slave, words string
		effects             []Effect
		errno               syscall.Errno
	}{
		{"mode 1", "eth1", "prio -5 queue_id 4", []Effect{SetQueueID{"eth1", 4}, SetPrio{"eth1", -5}, Reselect{}}, 0},
		{"mode 1 primary eth0", "eth1", "prio 5", []Effect{SetPrio{"eth1", 5}}, 0},
		{"mode 1", "eth1", "prio 2147483648", nil, syscall.EINVAL},
		{"mode 0", "eth1", "prio 5", nil, syscall.EACCES},
		{"mode 1", "eth1", "queue_id 3", nil, syscall.EPERM},
		{"mode 1", "eth1", "queue_id 17", nil, syscall.EPERM},
		{"mode 1", "eth2", "queue_id 1", nil, syscall.ENODEV},
		{"mode 4", "eth0", "actor_port_prio 10", []Effect{SetActorPortPrio{"eth0", 10}}, 0},
		{"mode 4", "eth0", "actor_port_prio 65536", nil, syscall.EINVAL},
		{"mode 0", "eth0", "speed 10000", []Effect{SetSpeed{"eth0", 10000}}, 0},
	}
	for _, tt := range tests {
		v := startFrom(t, tt.start)
		a, err := ParseSlaveWords(tt.slave, strings.Fields(tt.words))
		if err != nil {
			t.Fatal(err)
		}
		res, err := v.Apply(env, a)
		if tt.errno == 0 && err != nil || tt.errno != 0 && !errors.Is(err, tt.errno) {
			t.Errorf("%s %s: error %v, want %v", tt.slave, tt.words, err, tt.errno)
		}
		if diff := cmp.Diff(tt.effects, res.Effects); diff != "" {
			t.Errorf("%s %s: effects (-want +got)\n%s", tt.slave, tt.words, diff)
		}
	}
	if env.Slaves[1].QueueID != 0 {
		t.Error("the caller's slaves were written to")
	}
}

func TestUnsupported(t *testing.T) {
	err := Unsupported("bond0", Queues, "can't change now")
	if err.Error() != "bond0: option queues: can't change now" || !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("%v", err)
	}
	if got := err.IPText(); got != "Error: option queues: can't change now." {
		t.Error(got)
	}
	if got := err.WriteText(); got != "Operation not supported" {
		t.Error(got)
	}
}

// TestStrerror: the C library's texts, as shells and ip print them.
func TestStrerror(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EACCES: "Permission denied", syscall.ENOTEMPTY: "Directory not empty", syscall.EBUSY: "Device or resource busy",
		syscall.EINVAL: "Invalid argument", syscall.EPERM: "Operation not permitted", syscall.ENODEV: "No such device",
		syscall.EEXIST: "File exists", syscall.ENOENT: "No such file or directory", syscall.EOPNOTSUPP: "Operation not supported",
		syscall.ERANGE: "Numerical result out of range",
	} {
		if got := Strerror(errno); got != want {
			t.Errorf("%d: %s, want %s", errno, got, want)
		}
	}
}
