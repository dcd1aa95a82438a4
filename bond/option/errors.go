package option

import (
	"fmt"
	"syscall"
)

// Level is the weight of a log line, on log/slog's scale.
type Level int

// The levels, as the driver uses them.
const (
	LevelInfo Level = 0
	LevelWarn Level = 4
	LevelErr  Level = 8
)

// Line is one log line, in the driver's wording, with the bond's name.
type Line struct {
	Level Level
	Text  string
}

// Error says why a request was refused. Nothing has changed.
type Error struct {
	Bond   string
	Option string // the name that was used
	Value  string
	Errno  syscall.Errno
	// LogLines are what the driver logs, all at its error level. Empty where it
	// logs nothing.
	LogLines []string
	// Ext is the text that netlink answers carry beside the errno, "" for none.
	Ext string
}

// Error returns the first log line where there is one, else the like of it:
// "bond0: option miimon: invalid value (abc)".
func (e *Error) Error() string {
	switch {
	case len(e.LogLines) > 0:
		return e.LogLines[0]
	case e.Ext != "":
		return fmt.Sprintf("%s: option %s: %s", e.Bond, e.Option, e.Ext)
	}
	return fmt.Sprintf("%s: option %s: %s", e.Bond, e.Option, e.Errno)
}

// Unwrap returns the errno, for errors.Is.
func (e *Error) Unwrap() error { return e.Errno }

// WriteText returns what a shell prints after a write to the sysfs file
// failed: "Invalid argument".
func (e *Error) WriteText() string { return Strerror(e.Errno) }

// IPText returns the line ip prints: "Error: invalid option value." or
// "RTNETLINK answers: Operation not permitted".
func (e *Error) IPText() string {
	if e.Ext == "" {
		return "RTNETLINK answers: " + Strerror(e.Errno)
	}
	if e.Ext[len(e.Ext)-1] == '.' {
		return "Error: " + e.Ext
	}
	return "Error: " + e.Ext + "."
}

// Strerror returns the C library's text of errno: the first letter of Go's
// texts is small.
func Strerror(errno syscall.Errno) string {
	s := errno.Error()
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// failure is a setter's refusal before it has become an Error.
type failure struct {
	errno syscall.Errno
	own   []string // the setter's own log lines, without the bond's name
	ext   string   // overrides the errno's usual extack text
	value string   // the part of the value that is to blame, "" for all of it
	quiet bool     // no log line for the errno
}

func refuse(errno syscall.Errno, own ...string) *failure {
	return &failure{errno: errno, own: own}
}

// answer makes the Error of f: the setter's lines, then those the driver adds
// to every refusal with this errno.
func (t *txn) answer(c *change, f *failure) *Error {
	e := &Error{Bond: t.env.Bond, Option: c.name, Value: c.text, Errno: f.errno, Ext: f.ext}
	for _, s := range f.own {
		e.LogLines = append(e.LogLines, t.env.Bond+": "+s)
	}
	say := func(ext, format string, args ...any) {
		if e.Ext == "" {
			e.Ext = ext
		}
		if !f.quiet {
			e.LogLines = append(e.LogLines, fmt.Sprintf("%s: option %s: ", t.env.Bond, c.name)+fmt.Sprintf(format, args...))
		}
	}
	value := f.value
	if value == "" {
		value = c.text
	}
	switch f.errno {
	case syscall.EINVAL:
		say("invalid option value", "invalid value (%s)", value)
		if c.opt.Max != 0 && !c.opt.Raw {
			say("", "allowed values %d - %d", c.opt.Min, c.opt.Max)
		}
	case syscall.EACCES:
		say("option not supported in mode", "mode dependency failed, not supported in mode %s(%d)", ModeName(t.v.Mode), t.v.Mode)
	case syscall.ENOTEMPTY:
		say("unable to set option because the bond device has slaves", "unable to set because the bond device has slaves")
	case syscall.EBUSY:
		say("unable to set option because the bond is up", "unable to set because the bond device is up")
	case syscall.ENODEV:
		say("interface does not exist", "interface %s does not exist!", c.text)
	case syscall.EOPNOTSUPP:
		say("option "+c.name+": not supported yet", "not supported yet")
	case syscall.ENOENT:
		say(f.ext, "%s", f.ext)
	}
	return e
}

// Unsupported is the refusal of an option for a reason of the engine's own,
// beyond what Apply knows: EOPNOTSUPP, "bond0: option queues: WHY".
func Unsupported(bond string, id ID, why string) *Error {
	name := Get(id).Name
	return &Error{
		Bond: bond, Option: name, Errno: syscall.EOPNOTSUPP,
		LogLines: []string{fmt.Sprintf("%s: option %s: %s", bond, name, why)},
		Ext:      "option " + name + ": " + why,
	}
}
