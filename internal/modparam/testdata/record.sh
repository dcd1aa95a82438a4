#!/bin/sh
# record.sh CASES: loads the driver with each line of the file CASES as its
# parameters and prints what it says and what it then takes for its defaults.
# To be run as root where the driver is a module that isn't in use, with the path
# of bonding.ko in KO.
one() {
	echo "### $1"
	dmesg -C
	eval "insmod $KO $1" >/run/said 2>&1
	echo "rc $?"
	sed 's/.*: /said /' /run/said
	dmesg | sed 's/^\[[ 0-9.]*\] /log /' | grep -v '^log $'
	grep -q '^bonding ' /proc/modules || return
	echo "masters $(cat /sys/class/net/bonding_masters | head -c 60)"
	echo "num_grat_arp $(cat /sys/module/bonding/parameters/num_grat_arp)"
	ip link add probe type bond
	ip -d link show probe | sed -n 's/.*bond mode \(.*\) addrgenmode.*\(numtxqueues [0-9]*\).*/values mode \1 \2/p'
	rmmod bonding
}
while IFS= read -r line; do one "$line"; done <"$1"
