// Package control is the way into a running tapbond: HTTP with JSON over a
// unix socket that belongs to one network namespace.
//
//	path.go    where the socket of a namespace is
//	listen.go  one server per namespace, its limits
//	places.go  how many connections and event streams a user may have
//	bounds.go  how long the words of a request may be
//	requestlog.go lines about requests, at a bounded rate
//	server.go  requests -> engine -> answers
//	module.go  those of the module, on both sides
//	handover.go an idle or ending server gives its place to another
//	client.go  the same from the other side
//	patience.go hung.go how long a client waits, and for whom it does not
package control
