package ipshell

import "slices"

// linkWords are the words of `link add` and `link set` and how many words
// follow each. What is none of them is the device's name.
var linkWords = map[string]int{
	"up": 0, "down": 0, "nomaster": 0,
	"dev": 1, "name": 1, "index": 1, "link": 1, "address": 1, "broadcast": 1, "brd": 1, "peer": 1, "txqueuelen": 1, "qlen": 1, "txqlen": 1,
	"mtu": 1, "netns": 1, "multicast": 1, "allmulticast": 1, "promisc": 1, "trailers": 1, "arp": 1, "carrier": 1, "dynamic": 1,
	"master": 1, "vrf": 1, "alias": 1, "group": 1, "mode": 1, "state": 1, "numtxqueues": 1, "numrxqueues": 1, "addrgenmode": 1, "link-netnsid": 1,
	"link-netns": 1, "protodown": 1, "gso_max_size": 1, "gso_max_segs": 1, "gro_max_size": 1, "gso_ipv4_max_size": 1, "gro_ipv4_max_size": 1,
	"parentdev": 1, "protodown_reason": 2, "xdp": 2,
}

// request is a `link add` or `link set`, as far as it concerns bonds.
type request struct {
	dev   string // the device, empty if none is named
	kind  string // behind type
	opts  []string
	words []string // everything but the device, type, master and netns: for the installed ip

	master   string
	nomaster bool
	netns    string
	down, up bool
}

// parse reads the words behind the verb. ok is false where the installed ip
// must say what is wrong.
func parse(words []string) (r request, ok bool) {
	for len(words) > 0 {
		word := words[0]
		if word == "type" {
			if len(words) < 2 {
				return r, false
			}
			r.kind, r.opts = words[1], words[2:]
			return r, true
		}
		n, known := linkWords[word]
		if !known {
			if r.dev != "" || word == "vf" || word == "help" {
				return r, false
			}
			r.dev, words = word, words[1:]
			continue
		}
		if len(words) <= n {
			return r, false
		}
		switch word {
		case "dev":
			r.dev = words[1]
		case "master", "vrf":
			r.master = words[1]
		case "nomaster":
			r.nomaster = true
		case "netns":
			r.netns = words[1]
		case "up", "down":
			r.up, r.down = word == "up", word == "down"
		default:
			r.words = append(r.words, words[:n+1]...)
		}
		words = words[n+1:]
	}
	return r, true
}

// rest returns the words for the installed ip that change dev after or beside
// what is ours; nil if there are none.
func (r *request) rest(dev string, more ...string) []string {
	words := slices.Concat(r.words, more)
	if len(words) == 0 {
		return nil
	}
	return slices.Concat([]string{"link", "set", "dev", dev}, words)
}
