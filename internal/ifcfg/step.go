package ifcfg

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tapbond/tapbond/bond/option"
)

// Op is what a step does.
type Op uint8

// The steps there are.
const (
	Create      Op = iota // make Bond with Options
	SetOptions            // change Options of Bond
	SetMAC                // give Link the address MAC
	SetMTU                // give Link MTU
	LinkDown              // set Link down
	Enslave               // make Link a slave of Bond
	SetQueue              // give slave Link the queue QueueID
	DropAddress           // take Address from Link
	LinkUp                // set Link up
	SetActive             // make Link the active slave of Bond, if it can
	AddAddress            // give Bond Address
	SetDefault            // default route via Gateway on Bond
	StartDHCP             // run Command
	StopDHCP              // run Command, which ends the client of Bond
	Release               // let slave Link of Bond go
	Delete                // remove Bond
)

// Step is one thing to do. Which fields count is said by Op.
type Step struct {
	Op      Op
	Bond    string
	Link    string
	Options []option.Assign
	MAC     net.HardwareAddr
	MTU     int
	QueueID uint16
	Address Address
	Gateway Gateway
	Command []string
	V6      bool // of StartDHCP and StopDHCP: the client for IPv6
	// At is what asks for it, for messages.
	At Pos
}

// String returns the step as a line for a shell, which does the same.
func (s Step) String() string {
	words := s.words()
	for i, w := range words {
		if q, err := syntax.Quote(w, syntax.LangPOSIX); err == nil {
			words[i] = q
		}
	}
	return strings.Join(words, " ")
}

func (s Step) words() []string {
	ip := func(words ...string) []string { return append([]string{"tapbond", "ip"}, words...) }
	set := func(link string, words ...string) []string {
		return ip(append([]string{"link", "set", link}, words...)...)
	}
	switch s.Op {
	case Create:
		return append(ip("link", "add", s.Bond, "type", "bond"), s.options()...)
	case SetOptions:
		return append(set(s.Bond, "type", "bond"), s.options()...)
	case SetMAC:
		return set(s.Link, "address", s.MAC.String())
	case SetMTU:
		return set(s.Link, "mtu", strconv.Itoa(s.MTU))
	case LinkDown:
		return set(s.Link, "down")
	case Enslave:
		return set(s.Link, "master", s.Bond)
	case DropAddress:
		return ip("addr", "del", s.Address.Prefix.String(), "dev", s.Link)
	case SetQueue:
		return set(s.Link, "type", "bond_slave", "queue_id", fmt.Sprint(s.QueueID))
	case LinkUp:
		return set(s.Link, "up")
	case SetActive:
		return set(s.Bond, "type", "bond", "active_slave", s.Link)
	case AddAddress:
		return s.address(ip)
	case SetDefault:
		return s.route(ip)
	case StartDHCP, StopDHCP:
		return append([]string(nil), s.Command...)
	case Release:
		return set(s.Link, "nomaster")
	case Delete:
		return ip("link", "del", s.Bond)
	}
	panic(fmt.Sprintf("step %d has no words", s.Op))
}

func (s Step) address(ip func(...string) []string) []string {
	a := s.Address
	words := ip("addr", "add", a.Prefix.String())
	if a.Peer.IsValid() {
		words = append(words, "peer", a.Peer.String())
	}
	switch {
	case a.Broadcast.IsValid():
		words = append(words, "broadcast", a.Broadcast.String())
	case a.Prefix.Addr().Is4() && a.Prefix.Bits() < 31 && !a.Peer.IsValid():
		words = append(words, "broadcast", "+")
	}
	words = append(words, "dev", s.Bond)
	if a.Scope != "" {
		words = append(words, "scope", a.Scope)
	}
	if a.Label != "" {
		words = append(words, "label", a.Label)
	}
	return words
}

func (s Step) route(ip func(...string) []string) []string {
	words := []string{"route", "replace", "default", "via", s.Gateway.Addr.String(), "dev", s.Bond}
	if s.Gateway.Addr.Is6() {
		words = append([]string{"-6"}, words...)
	}
	if s.Gateway.Metric != 0 {
		words = append(words, "metric", strconv.Itoa(s.Gateway.Metric))
	}
	if s.Gateway.OnLink {
		words = append(words, "onlink")
	}
	return ip(words...)
}

// options are in ip's words.
func (s Step) options() []string {
	var words []string
	for _, a := range s.Options {
		name := a.Option
		if o := option.ByName(a.Option); o != nil && o.IPName != "" {
			name = o.IPName
		}
		words = append(words, name, a.Value)
	}
	return words
}
