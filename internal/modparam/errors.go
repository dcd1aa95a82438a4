package modparam

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/tapbond/tapbond/bond/option"
)

// Error is a load that fails.
type Error struct {
	Errno syscall.Errno
	// Log is what the driver has logged by then; its last line tells why.
	Log []option.Line
}

func (e *Error) Error() string { return "bonding: " + strings.TrimPrefix(e.Reason(), "bonding: ") }

// Reason is the line of the log that tells why.
func (e *Error) Reason() string { return e.Log[len(e.Log)-1].Text }

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Errno }

// logger gathers lines.
type logger []option.Line

func (l *logger) say(level option.Level, format string, args ...any) {
	*l = append(*l, option.Line{Level: level, Text: fmt.Sprintf(format, args...)})
}

func (l *logger) info(format string, args ...any) { l.say(option.LevelInfo, format, args...) }
func (l *logger) warn(format string, args ...any) { l.say(option.LevelWarn, format, args...) }

func (l *logger) fail(errno syscall.Errno, format string, args ...any) error {
	l.say(option.LevelErr, format, args...)
	return &Error{errno, *l}
}
