package policy

import "strconv"

// Explanation is a hash as data: what went in, how it was found, each step of
// the arithmetic. It owns its memory.
type Explanation struct {
	Policy  HashPolicy `json:"policy"`
	Headers []Header   `json:"headers,omitempty"` // walked, outermost first; Ethernet and its outer tag not among them
	Note    string     `json:"note,omitempty"`    // why not the usual way; empty if it was
	Fields  []Field    `json:"fields"`            // what the hash is made of
	Steps   []Step     `json:"steps"`             // in order; the last one's value is Hash
	Hash    uint32     `json:"hash"`
}

// Header is one header the dissection read.
type Header struct {
	Name   string `json:"name"`
	Offset int    `json:"offset"` // octets from the frame's first
}

// Field is one input, as people write it.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Step is one line of the arithmetic on unsigned 32-bit numbers.
type Step struct {
	Name    string `json:"name"`
	Formula string `json:"formula"`
	Value   uint32 `json:"value"`
}

// Explain is Hash with its work shown, for people and tests. It takes the
// frame apart by the same dissection, and allocates.
func (f *Frame) Explain(p HashPolicy) Explanation {
	e := Explanation{Policy: p}
	if len(f.b) < etherHeader {
		e.Note = "no frame"
		e.step("H", "0", 0)
		return e
	}
	switch p {
	case Layer23, Layer34:
		var fl flow
		ok := fl.plain(f.b, f.L3, f.EtherType)
		e.plainHeaders(f, &fl)
		if ok {
			e.flow(f, &fl)
			return e
		}
		e.Note = "no whole IP header: as layer2"
		if fl.quoted {
			e.Note = "an ICMP error without a whole IP header in its quotation: as layer2"
		}
	case Encap23, Encap34:
		w := walk{b: f.b, at: f.L3, etherType: f.EtherType}
		if e.watch(&w) {
			e.flow(f, &w.flow)
			return e
		}
	case VlanSrcMAC:
		e.vlanSrcMAC(f)
		return e
	}
	e.Hash = e.ether(f, "H")
	return e
}

func (e *Explanation) header(name string, at int) {
	e.Headers = append(e.Headers, Header{name, at})
}

func (e *Explanation) field(name, value string) {
	e.Fields = append(e.Fields, Field{name, value})
}

func (e *Explanation) step(name, formula string, v uint32) uint32 {
	e.Steps = append(e.Steps, Step{name, formula, v})
	e.Hash = v
	return v
}

// plainHeaders tells afterwards what flow.plain has read.
func (e *Explanation) plainHeaders(f *Frame, fl *flow) {
	if fl.family == noAddrs {
		return
	}
	ip := etherName(f.EtherType)
	e.header(ip, f.L3)
	if fl.quoted && fl.ip == f.L3 { // there is no whole header in the quotation
		e.header(icmpName(fl.family), fl.l4)
		return
	}
	if fl.quoted {
		e.header(icmpName(fl.family), fl.ip-icmpHeader)
		e.header("quoted "+ip, fl.ip)
	}
	if fl.proto != protoUnknown && fl.l4 < len(f.b) {
		e.header(protoName(fl.proto), fl.l4)
	}
}

// watch runs the walk and notes each header.
func (e *Explanation) watch(w *walk) bool {
	for {
		name, at := etherName(w.etherType), w.at
		if w.behindIP {
			name = protoName(w.proto)
		}
		v := w.step()
		if v == failed {
			e.Note = name + " at " + strconv.Itoa(at) + " is unknown or cut short: as layer2"
			return false
		}
		if w.at != at || v == done { // else a protocol number that only names the next header
			e.header(name, at)
		}
		if v == done {
			if w.headers > maxHeaders {
				e.Note = "too many headers: by what was found until there"
			}
			return true
		}
	}
}

// flow shows flow.mix.
func (e *Explanation) flow(f *Frame, fl *flow) {
	if fl.quoted {
		e.Note = "an ICMP error: by the packet it quotes"
	}
	var x uint32
	from := "E"
	layer4 := e.Policy == Layer34 || e.Policy == Encap34
	if layer4 {
		from, x = e.layer4(f, fl)
	} else {
		x = e.ether(f, "E")
	}
	x = e.step("x", from+" ^ A", x^e.addrs(f, fl))
	x = e.step("x", "x ^ x>>16", x^x>>16)
	x = e.step("x", "x ^ x>>8", x^x>>8)
	if layer4 {
		e.step("H", "x >> 1", x>>1)
	} else {
		e.step("H", "x", x)
	}
}

func (e *Explanation) ether(f *Frame, name string) uint32 {
	e.field("dst mac", macText(f.b[0:6]))
	e.field("src mac", macText(f.b[6:12]))
	e.field("ethertype", hexText(uint64(f.EtherType), 4))
	return e.step(name, "dst mac[5] ^ src mac[5] ^ ethertype", f.ether())
}

func (e *Explanation) vlanSrcMAC(f *Frame) {
	e.field("src mac", macText(f.b[6:12]))
	if f.Tagged {
		e.field("vlan tci", hexText(uint64(f.TCI), 4))
	} else {
		e.field("vlan tci", "none")
	}
	e.step("H", "tci ^ src mac[0:3] ^ src mac[3:6]", f.vlanSrcMAC())
}

func (e *Explanation) addrs(f *Frame, fl *flow) uint32 {
	switch b := f.b[fl.ip:]; fl.family {
	case ipv4Addrs:
		e.field("src ip", ipv4Text(b[12:16]))
		e.field("dst ip", ipv4Text(b[16:20]))
		return e.step("A", "src ip ^ dst ip, as loaded", fl.addrs)
	case ipv6Addrs:
		e.field("src ip", ipv6Text(b[8:24]))
		e.field("dst ip", ipv6Text(b[24:40]))
		return e.step("A", "xor of the 4 words of src ip and the 4 of dst ip, as loaded", fl.addrs)
	case tipcAddrs:
		e.field("tipc node", hexText(uint64(be16(b, 12))<<16|uint64(be16(b, 14)), 8))
		return e.step("A", "tipc node, as loaded", fl.addrs)
	}
	return e.step("A", "0, no addresses", fl.addrs)
}

// layer4 shows P or I, whichever counts, and names it.
func (e *Explanation) layer4(f *Frame, fl *flow) (string, uint32) {
	switch {
	case fl.family != ipv4Addrs && fl.family != ipv6Addrs:
		return "P", e.step("P", "0, no ports", fl.ports)
	case fl.proto == protoUnknown:
		e.Note = "a fragment: without ports"
		if fl.quoted {
			e.Note = "an ICMP error: by the fragment it quotes, without ports"
		}
		return "P", e.step("P", "0, no ports", fl.ports)
	}
	e.field("protocol", protoName(fl.proto))
	switch {
	case fl.icmp != 0:
		h := f.b[fl.l4:]
		e.field("icmp type", strconv.Itoa(int(h[0])))
		e.field("icmp code", strconv.Itoa(int(h[1])))
		e.field("icmp id", strconv.Itoa(int(be16(h, 4))))
		return "I", e.step("I", "type | code<<8 | max(id,1)<<16, as loaded", fl.icmp)
	case fl.hasPorts(f.b):
		h := f.b[fl.l4+portOffset(fl.proto):]
		if fl.proto == protoESP || fl.proto == protoAH {
			e.field("spi", hexText(uint64(be16(h, 0))<<16|uint64(be16(h, 2)), 8))
			return "P", e.step("P", "spi, as loaded", fl.ports)
		}
		e.field("src port", strconv.Itoa(int(be16(h, 0))))
		e.field("dst port", strconv.Itoa(int(be16(h, 2))))
		return "P", e.step("P", "src port and dst port, as loaded", fl.ports)
	}
	return "P", e.step("P", "0, no ports", fl.ports)
}

// hasPorts reports whether flow.ports was read from b, be it zero.
func (fl *flow) hasPorts(b []byte) bool {
	off := portOffset(fl.proto)
	return off >= 0 && len(b)-fl.l4-off >= 4
}

// String is the explanation on several lines, for a terminal.
func (e Explanation) String() string {
	b := []byte(e.Policy.String())
	for i, h := range e.Headers {
		if i == 0 {
			b = append(b, ':')
		} else {
			b = append(b, ',')
		}
		b = append(b, " "+h.Name+" at "+strconv.Itoa(h.Offset)...)
	}
	b = append(b, '\n')
	if e.Note != "" {
		b = append(b, "  "+e.Note+"\n"...)
	}
	for _, f := range e.Fields {
		name := "  " + f.Name
		for len(name) < 13 {
			name += " "
		}
		b = append(b, name+f.Value+"\n"...)
	}
	for _, s := range e.Steps {
		b = append(b, "  "+s.Name+" = "+hexText(uint64(s.Value), 8)+"  "+s.Formula+"\n"...)
	}
	return string(b)
}
