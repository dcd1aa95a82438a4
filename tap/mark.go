package tap

import "github.com/safchain/ethtool"

// mark tells our TAPs from others. A TAP keeps whatever its owner gives it as link
// settings; nothing shows or uses this byte of them (mdio_support).
const mark = 0x74

// setMark marks a TAP. One that can't be marked is known by its name only.
func setMark(name string) {
	var cmd ethtool.EthtoolCmd
	if _, err := cmd.CmdGet(name); err != nil {
		return
	}
	cmd.Mdio_support = mark
	_, _ = cmd.CmdSet(name)
}

// Marked reports whether the TAP of that name was made by Open.
func Marked(name string) bool {
	var cmd ethtool.EthtoolCmd
	_, err := cmd.CmdGet(name)
	return err == nil && cmd.Mdio_support == mark
}
