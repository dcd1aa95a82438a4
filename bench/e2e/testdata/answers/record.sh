#!/bin/bash
# record.sh DIR [MODES [SECTIONS]]: ask the kernel's bonding driver, by ip, what
# answers_test.go asks tapbond, and write DIR/modeN.txt. Run it as root on a kernel that has the
# driver (the recordings here are of Linux 6.1.176 with iproute2 6.1.0 in
# User-Mode Linux), in a namespace without bond0, eth0 and eth1.
#
# Each request stands with ip's exit status and output, and with what the
# option reads afterwards. Every request finds a bond as its section's header
# says; one that was accepted is followed by a new bond.
set -u
out=$1; modes=${2:-0 1 2 3 4 5 6}; sections=${3:-down-empty up-slaves down-slaves up-empty}
B=/sys/class/net/bond0/bonding
ip netns add sw

fresh() { # fresh: bond0 as the section wants it
    ip link del bond0 2>/dev/null
    if [ $section = down-empty ]; then
        ip link add bond0 type bond mode $m
        return
    fi
    ip link add bond0 type bond mode $m miimon 100
    [ ${section#*-} = empty ] || for i in 0 1; do ip link set eth$i down master bond0; done
    [ ${section%-*} = down ] || ip link set bond0 up
}
ask() { # ask FILE WORDS...: one request and what FILE reads afterwards ("-": nothing)
    local file=$1 text status line; shift
    text=$(ip "$@" 2>&1); status=$?
    printf '$ ip'; printf ' %q' "$@"; printf ' -> %d\n' $status
    # Of a usage only the first line: it belongs to ip, not to the driver.
    while read -r line; do printf '    | %s\n' "$line"; break; done <<<"$text" | grep -v '^    | $'
    case $file in
    -) ;;
    prio) printf '%s reads: %s\n' $file "$(ip -d link show eth0 | grep -o ' prio [-0-9]*')" ;;
    *) printf '%s reads: %s\n' $file "$(cat $B/$file 2>/dev/null)" ;;
    esac
    [ $status = 0 ] && fresh
    return 0
}
opt() { # opt FILE KEYWORD VALUE...: a request for each value
    local file=$1 key=$2 v; shift 2
    for v; do ask $file link set bond0 type bond $key "$v"; done
}
slaves() {
    ask slaves link set lo master bond0
    ask slaves link set nix master bond0
    ask slaves link set bond0 master bond0
    ask slaves link set eth0 master nix
    ask slaves link set eth0 master bond0
    ask slaves link set eth0 down master bond0
    ask slaves link set eth0 master bond0 up
    ask slaves link set eth0 nomaster
    ask slaves link set eth1 nomaster
    ask slaves link set lo nomaster
    ip link set eth1 up
    ask slaves link set eth1 master bond0
    ask slaves link set dev eth1 master bond0 down
}
questions() {
    opt mode mode balance-rr active-backup 2 3 7 bogus '' 0x2 -1
    opt miimon miimon 0 100 50 -1 2147483647 2147483648 abc '' 0x10 010 4294967296
    opt updelay updelay 0 150 200 -1 abc
    opt downdelay downdelay 0 150 200 -1 abc
    opt peer_notif_delay peer_notify_delay 0 150 200 300000 300001 -1 abc
    opt use_carrier use_carrier 0 1 2 on
    opt arp_interval arp_interval 0 1000 -5 abc
    opt arp_ip_target arp_ip_target 10.1.0.1 10.1.0.1,10.1.0.2 10.1.0.1,10.1.0.1 0.0.0.0 255.255.255.255 abc 10.1.0 fe80::1
    opt - ns_ip6_target fd00::1 fd00::1,fd00::2 10.1.0.1 abc
    opt arp_validate arp_validate none active backup all filter filter_active filter_backup 0 3 7 bogus
    opt arp_all_targets arp_all_targets any all 1 2 bogus
    opt arp_missed_max arp_missed_max 2 1 255 0 256 abc
    opt primary primary eth0 eth1 lo nix ''
    opt primary_reselect primary_reselect always better failure 2 3 bogus
    opt fail_over_mac fail_over_mac none active follow 2 3 bogus
    opt xmit_hash_policy xmit_hash_policy layer2 layer3+4 layer2+3 encap2+3 encap3+4 vlan+srcmac 5 6 bogus
    opt resend_igmp resend_igmp 0 1 255 256 -1 abc
    opt num_grat_arp num_grat_arp 0 1 255 256 -1 abc
    opt num_unsol_na num_unsol_na 0 2 256
    opt all_slaves_active all_slaves_active 0 1 2 abc
    opt min_links min_links 0 2 -1 abc
    opt lp_interval lp_interval 1 0 5 -1 abc
    opt packets_per_slave packets_per_slave 0 1 2 65535 65536 abc
    opt lacp_rate lacp_rate slow fast 1 2 bogus
    opt lacp_active lacp_active off on 0 2 bogus
    opt ad_select ad_select stable bandwidth count 2 bogus
    opt ad_actor_sys_prio ad_actor_sys_prio 1 0 65535 65536 abc
    opt ad_user_port_key ad_user_port_key 0 1 1023 1024 abc
    opt ad_actor_system ad_actor_system 02:aa:00:00:00:01 01:80:c2:00:00:02 00:00:00:00:00:00 zz
    opt tlb_dynamic_lb tlb_dynamic_lb 0 1 2 on
    opt active_slave active_slave eth1 eth0 lo nix ''
    ask active_slave link set bond0 type bond clear_active_slave
    for v in 2 0 16 17 65536 abc; do ask queue_id link set eth0 type bond_slave queue_id $v; done
    for v in 10 -5 2147483647 2147483648 abc; do ask prio link set eth0 type bond_slave prio $v; done
    ask - link set eth0 type bond_slave bogus 1
    # several at once
    ask miimon link set bond0 type bond miimon 50 updelay 100 downdelay 200
    ask updelay link set bond0 type bond updelay 100 miimon 50
    ask mode link set bond0 type bond mode 1 miimon 50
    ask - link set bond0 type bond miimon 50 bogus 1
    ask - link set bond0 type bond miimon
    ask miimon link set bond0 type bond miimon 50 miimon 70
    ask primary link set bond0 type bond primary eth1 primary_reselect better
    # new bonds
    ask - link add bond0 type bond
    ask - link add b1 type bond mode $m miimon 100 updelay 200
    ip link del b1 2>/dev/null
    ask - link add b1 type bond mode bogus
    ask - link add b1 type bond mode $m updelay 200
    ip link del b1 2>/dev/null
    ask - link add b1 type bond mode $m lacp_rate fast
    ip link del b1 2>/dev/null
    ask - link add b1 type bond mode $m primary eth1
    ip link del b1 2>/dev/null
    ask - link add b1 type bond mode $m miimon 100 bogus
    ask - link add a-name-that-is-too-long type bond
    ask - link del nix
    ask - link del bond0 type bond
    slaves
}
for m in $modes; do
    for i in 0 1; do
        ip link del eth$i 2>/dev/null
        ip link add eth$i address 02:00:00:00:00:0$i type veth peer name s$i address 02:00:00:00:01:0$i netns sw
        ip -n sw link set s$i up
    done
    for section in $sections; do
        case $section in
        down-empty) echo "# mode $m, bond down, no slaves" ;;
        up-slaves) echo "# mode $m, miimon 100, bond up, two slaves" ;;
        down-slaves) echo "# mode $m, miimon 100, bond down, two slaves" ;;
        up-empty) echo "# mode $m, miimon 100, bond up, no slaves" ;;
        esac
        for i in 0 1; do ip link set eth$i nomaster; ip link set eth$i down; done 2>/dev/null
        fresh
        questions
        ip link del bond0
        echo
    done >"$out/mode$m.txt"
done
ip netns del sw
