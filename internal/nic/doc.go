// Package nic is the far end of the datapath: one slave NIC, taken over by
// packet sockets.
//
//	nic.go         Port, ControlPort and what they speak of
//	port.go        opening the data socket
//	recv.go        batches from the wire, VLAN tags put back
//	send.go        batches to the wire
//	long.go        frames over the MTU by their tags alone
//	control.go     the socket for our own protocols' frames
//	cuts.go        the beginnings of many frames at once
//	filter.go      what that socket hears
//	member.go      what the NIC shall receive beside its own address
//	isolate.go     keeping the host's stack off the slave
//	link.go        waiting through downs and ups, and knowing when a NIC is gone
//	sockopt.go mmsg.go   the system calls
package nic
