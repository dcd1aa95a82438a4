package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/statefile"
	"github.com/tapbond/tapbond/policy"
)

// isHung reports whether err says that the daemon does not answer.
func isHung(err error) bool {
	var hung *control.HungError
	return errors.As(err, &hung)
}

// showRecords prints what is known of the bonds without the daemon: its own record
// of them, and the links as the kernel has them now. Only root may read the record.
func showRecords(w io.Writer, only string, now time.Time) {
	dir, err := control.Dir()
	if err != nil {
		return
	}
	records, saved := statefile.Peek(dir)
	for i := range records {
		if only == "" || records[i].Name == only {
			showRecord(w, &records[i], ago(now, saved), operstate)
		}
	}
}

// showRecord prints one record of that age.
func showRecord(w io.Writer, r *bond.Record, age string, link func(name string) string) {
	fmt.Fprintf(w, "%s: %s, health unknown: the daemon does not answer; as saved %s ago:\n", r.Name, policy.Mode(r.Values.Mode), age)
	if r.Active != "" {
		fmt.Fprintf(w, "  active slave  %s (%s)\n", r.Active, r.ActiveWhy)
	}
	fmt.Fprintf(w, "  link          %s now\n", link(r.Name))
	for _, s := range r.Slaves {
		fmt.Fprintf(w, "  slave         %s: link %s, %s now\n", s.Name, s.Link, link(s.Name))
	}
}

// operstate is a link's state as the kernel has it.
func operstate(name string) string {
	text, err := os.ReadFile(filepath.Join("/sys/class/net", filepath.Base(name), "operstate"))
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
