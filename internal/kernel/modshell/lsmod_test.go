package modshell

import "testing"

// lsmod shows the module exactly while it is loaded, on top, with the columns of
// the installed one; all else is that one's.
func TestLsmod(t *testing.T) {
	f := newFake(t)
	f.list = lsmodHead + "tun                    61440  2\nbridge                319488  1 br_netfilter\n"
	f.want("lsmod", 42, "", "real lsmod ")
	f.loaded = true
	f.want("lsmod", 0, lsmodHead+"bonding               229376  0\ntun                    61440  2\nbridge                319488  1 br_netfilter\n")
	f.want("lsmod --version", 42, "", "real lsmod --version")
	f.list = "" // a kernel without modules
	f.want("lsmod", 0, lsmodHead+"bonding               229376  0\n")
	f.kernel.Loaded = true
	f.want("lsmod", 42, "", "real lsmod ")
	f.kernel.Loaded, f.serving = false, false
	f.want("lsmod", 42, "", "real lsmod ")
}
