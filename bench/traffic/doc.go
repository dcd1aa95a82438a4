// Package traffic sends and receives numbered traffic between network
// namespaces, and accounts for every frame of it: received, lost, duplicated,
// reordered, corrupted, and how long nothing came.
//
//	clock.go     the monotonic clock that both ends share
//	payload.go   what a numbered payload looks like; the filter that finds it
//	track.go     the account of one flow, a bitmap of sequence numbers
//	mmsg.go      sendmmsg and recvmmsg
//	socket.go    opening sockets in a namespace
//	sender.go    UDP at a fixed rate, or as fast as the kernel takes it
//	receiver.go  UDP into accounts
//	flow.go      a sender and a receiver together
//	tcp.go       TCP streams with hashed content, both ways
//	frame.go     whole Ethernet frames: tags, any ethertype, 802.3 lengths
//	packet.go    packet sockets: frames with their tags put back
//	exchange.go  sending frames at one interface and comparing at another
//	capture.go   the first frame of a flow that an interface sees
//	ping.go      ICMP and ICMPv6 echo with duplicates counted
//
// Sequence numbers are given out only to frames that the kernel accepted, so
// sent = received + lost holds exactly.
package traffic

// Place is where sockets are opened: a namespace. *lab.Host is one.
type Place interface {
	// Do runs fn with the calling thread inside the place.
	Do(fn func() error) error
}

// Here is the caller's own namespace.
type Here struct{}

// Do runs fn.
func (Here) Do(fn func() error) error { return fn() }
