package control

import (
	"errors"
	"net/http"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/modparam"
)

// Error is an answer that says no.
type Error struct {
	Message string     `json:"error"`
	Errno   unix.Errno `json:"errno"` // the kernel's answer to the like, 0 if it has none
	// Ext is what the kernel's netlink answer says beside the errno, "" for nothing.
	Ext string `json:"ext,omitempty"`
	// Log is what the kernel's driver logs about it, whole lines.
	Log []string `json:"log,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the errno.
func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// WriteText is what a shell prints when a write to a sysfs file fails for the
// same reason: "Invalid argument".
func (e *Error) WriteText() string {
	if e.Errno == 0 {
		return e.Message
	}
	return option.Strerror(e.Errno)
}

// IPText is the line ip prints: "Error: invalid option value." or "RTNETLINK
// answers: Operation not permitted".
func (e *Error) IPText() string {
	if e.Ext == "" && (e.Errno == 0 || e.Errno == unix.ENOENT) {
		return "Error: " + e.Message + "." // nothing a kernel would say
	}
	as := option.Error{Errno: e.Errno, Ext: e.Ext}
	return as.IPText()
}

// answerFor is the Error that says err.
func answerFor(err error) *Error {
	out := &Error{Message: err.Error()}
	var own *Error
	var opt *option.Error
	var enslave *link.EnslaveError
	var param *modparam.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &opt):
		out.Errno, out.Ext, out.Log = opt.Errno, opt.Ext, opt.LogLines
	case errors.As(err, &enslave):
		out.Errno, out.Ext, out.Log = enslave.Errno, enslave.Message, []string{enslave.LogLine()}
	case errors.As(err, &param):
		out.Errno = param.Errno
		for _, l := range param.Log {
			out.Log = append(out.Log, l.Text)
		}
	case errors.Is(err, bond.ErrNotLoaded):
		out.Errno = unix.ENOENT
	case errors.Is(err, bond.ErrRetired):
		out.Errno = unix.ESHUTDOWN
	case errors.Is(err, bond.ErrGone):
		out.Errno = unix.ENODEV
	default:
		_ = errors.As(err, &out.Errno)
	}
	return out
}

func status(errno unix.Errno) int {
	switch errno {
	case unix.ENODEV, unix.ENOENT:
		return http.StatusNotFound
	case unix.EPERM, unix.EACCES:
		return http.StatusForbidden
	case unix.EBUSY, unix.EEXIST, unix.ENOTEMPTY:
		return http.StatusConflict
	case unix.EUSERS:
		return http.StatusTooManyRequests
	case unix.ESHUTDOWN:
		return http.StatusServiceUnavailable
	case 0:
		return http.StatusInternalServerError
	}
	return http.StatusUnprocessableEntity
}
