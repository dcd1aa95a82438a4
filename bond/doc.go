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
//	bond.go       one bond: create, run, delete
//	loop.go       the control goroutine
//	snapshot.go   what workers see; epoch.go when the old one is out of use
//	tx.go rx.go   the two directions of a frame
//	enslave.go release.go set.go    requests
//	select.go     which slave is active (pure)
//	links.go      link monitor's effects, failover.go what a failover does
//	tapsync.go    the TAP and the bond kept in step
//	state.go events.go    what show and the event stream see
package bond
