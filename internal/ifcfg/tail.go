package ifcfg

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A remark behind a value, KEY="no" ---, is a command to a shell, which says that
// there is no such command and goes on. The value is taken and the rest noted;
// where the rest may belong to the value it is a mistake.

var keyAt = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)\+?=`)

// toFile is a redirection, and no arrow.
var toFile = regexp.MustCompile(`^[<>]{1,2}[ \t]*[\w/.$]`)

// withoutTails returns the text with what stands behind complete values blanked.
func (f *File) withoutTails(data []byte) []byte {
	var out bytes.Buffer
	var open byte // the quotation mark that a line before has opened
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if open != 0 {
			open = closes(line, open)
			out.Write(line)
			continue
		}
		if text := bytes.TrimLeft(line, " \t"); len(text) > 0 && text[0] == '#' {
			out.WriteByte('\n') // whatever bytes are in it
			continue
		}
		var kept []byte
		kept, open = f.withoutTail(line, Pos{File: f.Path, Line: number})
		out.Write(kept)
	}
	f.noteTails()
	return out.Bytes()
}

// noteTails notes them all at once: a file that has them has many.
func (f *File) noteTails() {
	if len(f.tails) == 0 {
		return
	}
	text := f.tails[0].Text
	var more []string
	for _, t := range f.tails[1:] {
		more = append(more, strconv.Itoa(t.Line))
	}
	switch {
	case len(more) == 1:
		text += ", nor that on line " + more[0]
	case len(more) > 1:
		text += ", nor that on lines " + strings.Join(more, ", ")
	}
	f.say(Minor, f.tails[0].Pos, "%s; a comment begins with #", text)
}

// closes returns open, or 0 if the line has the closing mark. Behind it the line
// is left to the parser.
func closes(line []byte, open byte) byte {
	for i := 0; i < len(line); i++ {
		switch {
		case open == '"' && line[i] == '\\':
			i++
		case line[i] == open:
			return 0
		}
	}
	return open
}

// withoutTail cuts one line behind its last value. open is the quotation mark
// that the line leaves open.
func (f *File) withoutTail(line []byte, at Pos) (kept []byte, open byte) {
	from := 0
	for {
		m := keyAt.FindSubmatchIndex(line[from:])
		if m == nil {
			return line, 0
		}
		key := string(line[from+m[2] : from+m[3]])
		begin := from + m[1]
		n, open, code := wordEnd(line[begin:], slices.Contains(silent, family(key)))
		if open != 0 || code {
			return line, open
		}
		end := begin + n
		rest := line[end:]
		tail := strings.TrimFunc(string(rest), unicode.IsSpace)
		switch {
		case tail == "":
			return append(slices.Clone(line[:end]), '\n'), 0
		case tail[0] == '#':
			return append(slices.Clone(line[:end]), '\n'), 0
		case strings.IndexByte(";&|", tail[0]) >= 0, toFile.MatchString(tail):
			return line, 0
		case keyAt.MatchString(tail):
			from = end
			continue
		}
		value := string(line[begin:end])
		if strings.HasPrefix(value, "(") || value == "" || !remark(key, value, tail) {
			return line, 0
		}
		f.tails = append(f.tails, Remark{Pos: at, Text: fmt.Sprintf("%s: the text behind the value is not read (%s)", key, shown(tail))})
		return append(slices.Clone(line[:end]), '\n'), 0
	}
}

// wordEnd finds the end of a shell's word. Unless the value is free text, wide
// characters behind it end it too: a remark glued to it. code: it holds what only a
// shell could work out.
func wordEnd(line []byte, free bool) (n int, open byte, code bool) {
	for n < len(line) {
		switch c := line[n]; {
		case c == '\'' || c == '"':
			end := n + 1
			for end < len(line) && line[end] != c {
				if c == '"' && (line[end] == '$' || line[end] == '`') {
					code = true
				}
				if c == '"' && line[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(line) {
				return 0, c, code
			}
			n = end + 1
		case c == '$' || c == '`' || c == '\\':
			return 0, 0, true
		case strings.IndexByte(" \t\r\n;&|<>", c) >= 0, c == '(' && n > 0:
			return n, 0, code
		case c < utf8.RuneSelf:
			n++
		default:
			r, size := utf8.DecodeRune(line[n:])
			if !free && n > 0 && (r >= 0x2000 || r == 0xa0) && !strings.ContainsRune("“”„‘’", r) {
				return n, 0, code
			}
			n += size
		}
	}
	return n, 0, code
}

// remark reports whether the text behind a value is surely none of it.
func remark(key, value, tail string) bool {
	if strings.ContainsAny(value, "“”„‘’") {
		return false
	}
	first := tail[0]
	if strings.Contains(key, "BONDING_") && strings.HasSuffix(key, "OPTS") && (strings.Contains(tail, "=") || first == '"' || first == '\'') {
		return false
	}
	letter := first < utf8.RuneSelf && (first >= '0' && first <= '9' || first|0x20 >= 'a' && first|0x20 <= 'z')
	if !letter && first != '"' && first != '\'' && first != '=' && first != '$' && first != '`' {
		return true
	}
	return letter && complete(value)
}

// complete reports whether a value needs nothing more: it is quoted, a word with one
// meaning, an address or a number.
func complete(value string) bool {
	if value[0] == '"' || value[0] == '\'' {
		return strings.IndexByte(value[1:], value[0]) == len(value)-2
	}
	switch strings.ToLower(value) {
	case "yes", "no", "none", "static", "dhcp", "true", "false", "auto", "onboot", "manual", "off", "on", "bond", "ethernet":
		return true
	}
	if _, err := netip.ParseAddr(value); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(value); err == nil {
		return true
	}
	_, err := net.ParseMAC(value)
	return err == nil || atoi(value) >= 0
}

// shown is text for a message: bounded, and in UTF-8.
func shown(text string) string {
	const most = 40
	text = strings.ToValidUTF8(text, "\ufffd")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
