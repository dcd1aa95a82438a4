// Package sysfs is the files of the driver that belong to slaves,
// /sys/class/net/SLAVE/bonding_slave. Those of the bond are
// option.Values.ReadFile.
package sysfs
