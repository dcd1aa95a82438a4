// Package bond is the engine: it joins a TAP device and the slaves' packet
// sockets into what the kernel would call a bond.
//
// One control goroutine per bond owns all mutable state (loop.go) and
// publishes an immutable snapshot of it; workers (tx.go, rx.go) read the
// snapshot once per batch and carry frames. Requests (enslave.go, release.go,
// set.go) run on their caller's goroutine, one at a time per bond, do the slow
// things to the host there, and change state only by short calls into the loop.
//
//	engine.go     the bonds of one network namespace, events to their bond
//	system.go     the machine as the engine needs it; system_linux.go the real one
//	bond.go       one bond and what belongs to it; slave.go one slave
//	loop.go       the control goroutine; mailbox.go how work gets there
//	snapshot.go   what workers see; publish.go how it is made; epoch.go when the
//	              old one is out of use
//	tx.go rx.go   the two directions of a frame; counters.go what they count
//	enslave.go release.go set.go shutdown.go    requests
//	links.go      what the link monitor decides
//	quiet.go      a flapping link's lines; history.go its outages, and flap_hold
//	failmac.go    whose address is whose; jobs.go beside the control goroutine
//	queues.go     queue ids
//	relations.go  what uses a device that is to become a slave; vlans.go VLANs that
//	              slaves must receive for what is stacked on the bond; stackloop.go
//	              slaves that get stacked on their own bond
//	select.go     which slave is active (pure); failover.go making it so
//	notify.go     telling the neighbours
//	follow.go     what others do to the TAP and the slaves; tapsync.go what the
//	              TAP shows of the bond
//	taplink.go    the MTU and the address of the TAP, which the slaves share
//	state.go brief.go events.go    what show and the event stream see; cut.go what
//	              they keep of long texts
package bond
