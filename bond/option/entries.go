package option

// Mode sets that recur.
var (
	primaryModes = modes(ActiveBackup, BalanceTLB, BalanceALB)
	arpModes     = modes(BalanceRR, ActiveBackup, BalanceXOR, Broadcast)
	lacpOnly     = modes(LACP)
)

const maxInt = 1<<31 - 1 // the driver keeps most numbers in an int

// Value tables that recur.
var (
	offOn        = []Value{{Name: "off", N: 0}, {Name: "on", N: 1}}
	offOnDefault = []Value{{Name: "off", N: 0}, {Name: "on", N: 1, Default: true}}
	offDefaultOn = []Value{{Name: "off", N: 0, Default: true}, {Name: "on", N: 1}}
	intTable     = []Value{{Name: "off", N: 0, Default: true, Internal: true}, {Name: "maxval", N: maxInt, Internal: true}}
	countTable   = []Value{
		{Name: "off", N: 0, Internal: true},
		{Name: "maxval", N: 255, Internal: true},
		{Name: "default", N: 1, Default: true, Internal: true},
	}
)

// table holds every option. Its order is the order in which a request of
// several is applied (the driver's own for a netlink message), so that mode
// comes before what depends on it and miimon before the delays.
var table = []Option{
	{
		ID: Mode, Name: "mode", IPName: "mode", Netlink: 1, Read: ReadNamed, Sysfs: true,
		Values: []Value{
			{Name: "balance-rr", N: BalanceRR, Default: true}, {Name: "active-backup", N: ActiveBackup},
			{Name: "balance-xor", N: BalanceXOR}, {Name: "broadcast", N: Broadcast}, {Name: "802.3ad", N: LACP},
			{Name: "balance-tlb", N: BalanceTLB}, {Name: "balance-alb", N: BalanceALB},
		},
		Modes: AllModes, When: Down | Empty,
		Help:  "how frames are spread over the slaves",
		field: func(v *Values) *uint32 { return &v.Mode },
	},
	{
		ID: ActiveSlave, Name: "active_slave", IPName: "active_slave", Netlink: 2, Read: ReadText, Sysfs: true, Raw: true,
		Modes: primaryModes,
		Help:  "the slave that carries the traffic; empty chooses again",
	},
	{
		ID: Miimon, Name: "miimon", IPName: "miimon", Netlink: 3, Sysfs: true,
		Values: intTable, Max: maxInt, Unit: "ms", Modes: AllModes,
		Help:  "interval of link checks; 0 turns the MII monitor off",
		field: func(v *Values) *uint32 { return &v.Miimon },
	},
	{
		ID: Updelay, Name: "updelay", IPName: "updelay", Netlink: 4, Sysfs: true,
		Values: intTable, Max: maxInt, Unit: "ms", Modes: AllModes,
		Help: "how long a link must be up before it is used",
	},
	{
		ID: Downdelay, Name: "downdelay", IPName: "downdelay", Netlink: 5, Sysfs: true,
		Values: intTable, Max: maxInt, Unit: "ms", Modes: AllModes,
		Help: "how long a link must be down before it is given up",
	},
	{
		ID: PeerNotifDelay, Name: "peer_notif_delay", IPName: "peer_notify_delay", Netlink: 28, Sysfs: true,
		Values: []Value{{Name: "off", N: 0, Internal: true}, {Name: "maxval", N: 300000, Internal: true}},
		Max:    300000, Unit: "ms", Modes: AllModes, Since: "5.3",
		Help: "pause between the announcements after a failover",
	},
	{
		ID: UseCarrier, Name: "use_carrier", IPName: "use_carrier", Netlink: 6, Sysfs: true,
		Values: offOnDefault, Default: 1, Modes: AllModes,
		Help:  "obsolete: the carrier is what is looked at; 0 is taken with a warning (Linux 6.18 refuses it)",
		field: func(v *Values) *uint32 { return &v.UseCarrier },
	},
	{
		ID: ArpInterval, Name: "arp_interval", IPName: "arp_interval", Netlink: 7, Sysfs: true,
		Values: intTable, Max: maxInt, Unit: "ms", Modes: arpModes,
		Help:  "interval of ARP and ND probes; 0 turns the ARP monitor off",
		field: func(v *Values) *uint32 { return &v.ArpInterval },
	},
	{
		ID: ArpIPTarget, Name: "arp_ip_target", IPName: "arp_ip_target", Netlink: 8, Read: ReadText, Sysfs: true, Raw: true,
		Modes: AllModes,
		Help:  "up to 16 IPv4 addresses to probe",
	},
	{
		ID: NSIP6Target, Name: "ns_ip6_target", IPName: "ns_ip6_target", Netlink: 31, Read: ReadText, Raw: true,
		Modes: AllModes, Since: "5.18",
		Help: "up to 16 IPv6 addresses to probe",
	},
	{
		ID: ArpValidate, Name: "arp_validate", IPName: "arp_validate", Netlink: 9, Read: ReadNamed, Sysfs: true,
		Values: []Value{
			{Name: "none", N: 0, Default: true}, {Name: "active", N: 1}, {Name: "backup", N: 2}, {Name: "all", N: 3},
			{Name: "filter", N: 4}, {Name: "filter_active", N: 5}, {Name: "filter_backup", N: 6},
		},
		Modes: arpModes,
		Help:  "which slaves must hear answers to the probes, not just any traffic",
		field: func(v *Values) *uint32 { return &v.ArpValidate },
	},
	{
		ID: ArpAllTargets, Name: "arp_all_targets", IPName: "arp_all_targets", Netlink: 10, Read: ReadNamed, Sysfs: true,
		Values: []Value{{Name: "any", N: 0, Default: true}, {Name: "all", N: 1}}, Modes: AllModes,
		Help:  "whether one target that answers is enough",
		field: func(v *Values) *uint32 { return &v.ArpAllTargets },
	},
	{
		ID: Primary, Name: "primary", IPName: "primary", Netlink: 11, Read: ReadText, Sysfs: true, Raw: true,
		Modes: primaryModes,
		Help:  "the preferred slave, which need not be one yet; empty for none",
	},
	{
		ID: PrimaryReselect, Name: "primary_reselect", IPName: "primary_reselect", Netlink: 12, Read: ReadNamed, Sysfs: true,
		Values: []Value{
			{Name: "always", N: ReselectAlways, Default: true}, {Name: "better", N: ReselectBetter},
			{Name: "failure", N: ReselectFailure},
		},
		Modes: AllModes,
		Help:  "when the primary takes over again",
		field: func(v *Values) *uint32 { return &v.PrimaryReselect },
	},
	{
		ID: FailOverMAC, Name: "fail_over_mac", IPName: "fail_over_mac", Netlink: 13, Read: ReadNamed, Sysfs: true,
		Values: []Value{
			{Name: "none", N: FailOverMACNone, Default: true}, {Name: "active", N: FailOverMACActive},
			{Name: "follow", N: FailOverMACFollow},
		},
		Modes: AllModes, When: Empty,
		Help:  "whose address is used in active-backup: the bond's on all slaves, or the active slave's own",
		field: func(v *Values) *uint32 { return &v.FailOverMAC },
	},
	{
		ID: XmitHashPolicy, Name: "xmit_hash_policy", IPName: "xmit_hash_policy", Netlink: 14, Read: ReadNamed, Sysfs: true,
		Values: []Value{
			{Name: "layer2", N: 0, Default: true}, {Name: "layer3+4", N: 1}, {Name: "layer2+3", N: 2},
			{Name: "encap2+3", N: 3}, {Name: "encap3+4", N: 4}, {Name: "vlan+srcmac", N: 5},
		},
		Modes: AllModes,
		Help:  "what of a frame picks its slave",
		field: func(v *Values) *uint32 { return &v.XmitHashPolicy },
	},
	{
		ID: ResendIGMP, Name: "resend_igmp", IPName: "resend_igmp", Netlink: 15, Sysfs: true,
		Values: countTable, Max: 255, Default: 1, Modes: AllModes,
		Help:  "membership reports sent after a failover",
		field: func(v *Values) *uint32 { return &v.ResendIGMP },
	},
	{
		ID: NumGratArp, Name: "num_grat_arp", Aliases: []string{"num_unsol_na"}, IPName: "num_grat_arp", Netlink: 16, Sysfs: true,
		Values: countTable, Max: 255, Default: 1, Modes: AllModes,
		Help:  "gratuitous ARPs and unsolicited advertisements sent after a failover",
		field: func(v *Values) *uint32 { return &v.NumGratArp },
	},
	{
		ID: AllSlavesActive, Name: "all_slaves_active", IPName: "all_slaves_active", Netlink: 17, Sysfs: true,
		Values: offDefaultOn, Modes: AllModes,
		Help:  "keep frames that arrive on inactive slaves",
		field: func(v *Values) *uint32 { return &v.AllSlavesActive },
	},
	{
		ID: MinLinks, Name: "min_links", IPName: "min_links", Netlink: 18, Sysfs: true,
		Values: intTable, Max: maxInt, Modes: AllModes,
		Help:  "links the active aggregator needs for the bond to have carrier (802.3ad)",
		field: func(v *Values) *uint32 { return &v.MinLinks },
	},
	{
		ID: LPInterval, Name: "lp_interval", IPName: "lp_interval", Netlink: 19, Sysfs: true,
		Values: []Value{{Name: "minval", N: 1, Default: true, Internal: true}, {Name: "maxval", N: maxInt, Internal: true}},
		Min:    1, Max: maxInt, Default: 1, Unit: "s", Modes: AllModes,
		Help:  "interval of learning packets (balance-tlb and -alb)",
		field: func(v *Values) *uint32 { return &v.LPInterval },
	},
	{
		ID: PacketsPerSlave, Name: "packets_per_slave", IPName: "packets_per_slave", Netlink: 20, Sysfs: true,
		Values: []Value{{Name: "default", N: 1, Default: true, Internal: true}, {Name: "maxval", N: 65535, Internal: true}},
		Max:    65535, Default: 1, Modes: modes(BalanceRR),
		Help:  "frames sent on one slave before the next; 0 picks at random",
		field: func(v *Values) *uint32 { return &v.PacketsPerSlave },
	},
	{
		ID: LACPActive, Name: "lacp_active", IPName: "lacp_active", Netlink: 29, Read: ReadNamed, Sysfs: true,
		Values: offOnDefault, Default: 1, Modes: lacpOnly, When: Down, Since: "5.15",
		Help:  "speak LACP first, or only when spoken to",
		field: func(v *Values) *uint32 { return &v.LACPActive },
	},
	{
		ID: LACPRate, Name: "lacp_rate", IPName: "lacp_rate", Netlink: 21, Read: ReadNamed, Sysfs: true,
		Values: []Value{{Name: "slow", N: 0}, {Name: "fast", N: 1}}, Modes: lacpOnly, When: Down,
		Help:  "how often the partner is asked to send: every 30 s or every second",
		field: func(v *Values) *uint32 { return &v.LACPRate },
	},
	{
		ID: ADSelect, Name: "ad_select", IPName: "ad_select", Netlink: 22, Read: ReadNamed, Sysfs: true,
		// Value 3 came with 6.18.
		Values: []Value{
			{Name: "stable", N: 0, Default: true}, {Name: "bandwidth", N: 1}, {Name: "count", N: 2},
			{Name: "actor_port_prio", N: 3},
		},
		Modes: AllModes, When: Down,
		Help:  "which aggregator is the active one",
		field: func(v *Values) *uint32 { return &v.ADSelect },
	},
	{
		ID: ADActorSysPrio, Name: "ad_actor_sys_prio", IPName: "ad_actor_sys_prio", Netlink: 24, Sysfs: true,
		Values: []Value{{Name: "minval", N: 1, Internal: true}, {Name: "maxval", N: 65535, Default: true, Internal: true}},
		Min:    1, Max: 65535, Default: 65535, Modes: lacpOnly,
		Help:  "our LACP system priority; lower is better",
		field: func(v *Values) *uint32 { return &v.ADActorSysPrio },
	},
	{
		ID: ADUserPortKey, Name: "ad_user_port_key", IPName: "ad_user_port_key", Netlink: 25, Sysfs: true,
		Values: []Value{{Name: "minval", N: 0, Default: true, Internal: true}, {Name: "maxval", N: 1023, Internal: true}},
		Max:    1023, Modes: lacpOnly, When: Down,
		Help:  "the upper ten bits of our ports' LACP key",
		field: func(v *Values) *uint32 { return &v.ADUserPortKey },
	},
	{
		ID: ADActorSystem, Name: "ad_actor_system", IPName: "ad_actor_system", Netlink: 26, Read: ReadText, Sysfs: true, Raw: true,
		Modes: lacpOnly,
		Help:  "our LACP system address; all zero uses the bond's",
	},
	{
		ID: TLBDynamicLB, Name: "tlb_dynamic_lb", IPName: "tlb_dynamic_lb", Netlink: 27, Sysfs: true,
		Values: offOnDefault, Default: 1, Modes: modes(BalanceTLB, BalanceALB), When: Down,
		Help:  "move flows between slaves by their load",
		field: func(v *Values) *uint32 { return &v.TLBDynamicLB },
	},
	{
		ID: ArpMissedMax, Name: "arp_missed_max", IPName: "arp_missed_max", Netlink: 30, Sysfs: true,
		Values: []Value{
			{Name: "minval", N: 1, Internal: true}, {Name: "maxval", N: 255, Internal: true},
			{Name: "default", N: 2, Default: true, Internal: true},
		},
		Min: 1, Max: 255, Default: 2, Modes: arpModes, Since: "5.17",
		Help:  "probes without an answer before a slave is down",
		field: func(v *Values) *uint32 { return &v.ArpMissedMax },
	},
	{
		ID: CoupledControl, Name: "coupled_control", IPName: "coupled_control", Netlink: 32, Read: ReadNamed,
		Values: offOnDefault, Default: 1, Modes: lacpOnly, When: Down, Since: "6.9",
		Help:  "LACP's coupled control mux, not the independent one",
		field: func(v *Values) *uint32 { return &v.CoupledControl },
	},
	{
		ID: BroadcastNeighbor, Name: "broadcast_neighbor", IPName: "broadcast_neighbor", Netlink: 33, Read: ReadNamed,
		Values: offOn, Modes: lacpOnly, Since: "6.17, and 6.12.y",
		Help:  "send ARP and ND on all slaves",
		field: func(v *Values) *uint32 { return &v.BroadcastNeighbor },
	},
	{
		ID: LACPStrict, Name: "lacp_strict", IPName: "lacp_strict", Netlink: 34, Read: ReadNamed,
		Values: offOn, Modes: lacpOnly, Since: "7.2, and 7.1.y",
		Help:  "no carrier without a partner that distributes",
		field: func(v *Values) *uint32 { return &v.LACPStrict },
	},
	{
		ID: MaxLinks, Name: "max_links", IPName: "max_links", Max: 65535, Modes: lacpOnly, Since: "tapbond",
		Help:  "links of an aggregator that carry traffic, the rest stand by; 0 for all",
		field: func(v *Values) *uint32 { return &v.MaxLinks },
	},
	{
		ID: LACPFallback, Name: "lacp_fallback", IPName: "lacp_fallback", Read: ReadNamed,
		Values: []Value{
			{Name: "none", N: FallbackNone}, {Name: "single", N: FallbackSingle, Default: true},
			{Name: "active-backup", N: FallbackActiveBackup},
		},
		Default: FallbackSingle, Modes: lacpOnly, Since: "tapbond",
		Help:  "what carries traffic while no partner speaks LACP",
		field: func(v *Values) *uint32 { return &v.LACPFallback },
	},
	{
		ID: LACPFallbackDelay, Name: "lacp_fallback_delay", IPName: "lacp_fallback_delay",
		Max: maxInt, Default: 3000, Unit: "ms", Modes: lacpOnly, Since: "tapbond",
		Help:  "how long to wait for a partner before falling back",
		field: func(v *Values) *uint32 { return &v.LACPFallbackDelay },
	},
	{
		ID: ADSelectHold, Name: "ad_select_hold", IPName: "ad_select_hold",
		Min: 2000, Max: 600000, Default: 2000, Unit: "ms", Modes: lacpOnly, Since: "tapbond",
		Help:  "how long the active aggregator stays while its partner is out of sync",
		field: func(v *Values) *uint32 { return &v.ADSelectHold },
	},
	{
		ID: ALBIPv6, Name: "alb_ipv6", IPName: "alb_ipv6", Read: ReadNamed, Values: offDefaultOn,
		Modes: modes(BalanceALB), Since: "tapbond",
		Help:  "balance what is received over IPv6 too, by neighbour advertisements (balance-alb)",
		field: func(v *Values) *uint32 { return &v.ALBIPv6 },
	},
	{
		ID: Offload, Name: "offload", IPName: "offload", Read: ReadNamed,
		Values: []Value{
			{Name: "off", N: OffloadOff}, {Name: "on", N: OffloadOn}, {Name: "auto", N: OffloadAuto, Default: true},
		},
		Default: OffloadAuto, Modes: AllModes, When: Down | Empty, Since: "tapbond",
		Help:  "pass super-frames and unfinished checksums through",
		field: func(v *Values) *uint32 { return &v.Offload },
	},
	{
		ID: Queues, Name: "queues", IPName: "queues", Min: 1, Max: 256, Default: 1,
		Modes: AllModes, When: Down | Empty, Since: "tapbond",
		Help:  "queues of the TAP, each with a worker",
		field: func(v *Values) *uint32 { return &v.Queues },
	},
	{
		ID: Express, Name: "express", IPName: "express", Read: ReadNamed, Values: offDefaultOn,
		Modes: AllModes, When: Down | Empty, Since: "tapbond",
		Help:  "carry IP in the kernel, by eBPF, where mode and settings allow it",
		field: func(v *Values) *uint32 { return &v.Express },
	},
	{
		ID: FlapHold, Name: "flap_hold", IPName: "flap_hold", Max: 600000, Unit: "ms", Modes: AllModes, Since: "tapbond",
		Help:  "how long a link that keeps failing is kept from use, doubled each time; 0 for not at all",
		field: func(v *Values) *uint32 { return &v.FlapHold },
	},
	{
		ID: PrioTie, Name: "prio_tie", IPName: "prio_tie", Read: ReadNamed,
		Values: []Value{{Name: "current", N: TieCurrent, Default: true}, {Name: "first", N: TieFirst}},
		Modes:  AllModes, Since: "tapbond",
		Help:  "which of several slaves of the highest prio is active: the one that is, or the first in the list, as with the kernel",
		field: func(v *Values) *uint32 { return &v.PrioTie },
	},
	{
		ID: Readd, Name: "readd", IPName: "readd", Read: ReadNamed,
		Values: []Value{{Name: "auto", N: ReaddAuto, Default: true}, {Name: "on", N: ReaddOn}, {Name: "off", N: ReaddOff}},
		Modes:  AllModes, Since: "tapbond",
		Help:  "whether a slave whose NIC was unplugged is taken again when it returns under its name or permanent address; auto for slaves that configuration has",
		field: func(v *Values) *uint32 { return &v.Readd },
	},
	{
		ID: Slaves, Name: "slaves", Read: ReadText, Sysfs: true, Raw: true, Modes: AllModes,
		Help: "+NAME takes an interface, -NAME lets it go",
	},
	{
		ID: QueueID, Name: "queue_id", IPName: "queue_id", Netlink: 5, Scope: ScopeSlave, Read: ReadText, Sysfs: true, Raw: true,
		Max: 65535, Modes: AllModes,
		Help: "the TX queue whose frames this slave takes; 0 for none",
	},
	{
		ID: Prio, Name: "prio", IPName: "prio", Netlink: 9, Scope: ScopeSlave, Read: ReadText, Raw: true,
		Modes: primaryModes, Since: "6.0",
		Help: "rank in the choice of the active slave; higher is better",
	},
	{
		ID: ActorPortPrio, Name: "actor_port_prio", IPName: "actor_port_prio", Netlink: 10, Scope: ScopeSlave,
		Max: 65535, Default: 255, Modes: lacpOnly, Since: "6.18, and 6.12.y",
		Help: "LACP port priority",
	},
	{
		ID: Speed, Name: "speed", IPName: "speed", Scope: ScopeSlave,
		Max: maxInt, Unit: "Mb/s", Modes: AllModes, Since: "tapbond",
		Help: "speed assumed when the NIC reports none, and by balance-tlb and -alb in any case; 0 assumes nothing",
	},
}
