package modshell

import (
	"context"
	"fmt"
	"strings"

	"github.com/tapbond/tapbond/internal/modconf"
)

// lsmodHead is the first line that lsmod prints.
const lsmodHead = "Module                  Size  Used by\n"

// lsmod is the installed one's list, with the module on top while it is loaded
// here. A kernel without modules has no list.
func (s *Shell) lsmod(ctx context.Context, args []string) int {
	if len(args) > 0 || s.Kernel().Loaded || !s.moduleLoaded(ctx) {
		return s.Real("lsmod", args)
	}
	list, err := s.Output("lsmod")
	if err != nil {
		list = lsmodHead
	}
	head, rest, _ := strings.Cut(list, "\n")
	fmt.Fprintf(s.Stdout, "%s\n%-19s %8d  0\n%s", head, modconf.Module, modconf.Size, rest)
	return 0
}

func (s *Shell) moduleLoaded(ctx context.Context) bool {
	c, err := s.Connect(ctx)
	if err != nil {
		return false
	}
	st, err := c.Module(ctx)
	return err == nil && st.Loaded
}
