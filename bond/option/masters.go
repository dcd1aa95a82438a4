package option

import "syscall"

// Create and Destroy are what a write to bonding_masters asks for.
type (
	// Create: make a bond called Name.
	Create struct{ Name string }
	// Destroy: remove the bond called Name.
	Destroy struct{ Name string }
)

func (Create) effect()  {}
func (Destroy) effect() {}

// WriteMasters judges a write to /sys/class/net/bonding_masters: "+NAME" makes
// a bond, "-NAME" removes one. exists tells of any interface, isBond of bonds.
// The name is cut to what the kernel allows. The log lines are to be logged
// whether there is an error (an *Error, with the same lines) or not.
func WriteMasters(text string, exists, isBond func(name string) bool) (Result, error) {
	text = firstLine(text)
	var r Result
	say := func(l Level, s string) { r.Log = append(r.Log, Line{l, "bonding: " + s}) }
	fail := func(errno syscall.Errno) (Result, error) {
		e := &Error{Bond: "bonding", Option: "bonding_masters", Value: text, Errno: errno}
		for _, l := range r.Log {
			e.LogLines = append(e.LogLines, l.Text)
		}
		return Result{Log: r.Log}, e
	}
	word := cut(firstWord(text), maxIfname+1)
	switch {
	case len(word) < 2 || word[0] != '+' && word[0] != '-' || !validIfname(word[1:]):
		say(LevelErr, "no command found in bonding_masters - use +ifname or -ifname")
		return fail(syscall.EPERM)
	case word[0] == '+':
		name := word[1:]
		say(LevelInfo, name+" is being created...")
		if exists(name) {
			say(LevelInfo, name+" already exists")
			return fail(syscall.EEXIST)
		}
		r.Effects = []Effect{Create{name}}
		return r, nil
	}
	name := word[1:]
	if !isBond(name) {
		say(LevelErr, "unable to delete non-existent "+name)
		return fail(syscall.ENODEV)
	}
	say(LevelInfo, name+" is being deleted...")
	r.Effects = []Effect{Destroy{name}}
	return r, nil
}
