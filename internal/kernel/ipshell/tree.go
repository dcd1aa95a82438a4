package ipshell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// object is a JSON object whose members keep their order, as ip prints them.
type object []member

type member struct {
	key   string
	value any // object, []any, string, json.Number, bool, nil
}

// parseTree reads JSON.
func parseTree(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return parseValue(dec)
}

func parseValue(dec *json.Decoder) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	d, ok := t.(json.Delim)
	switch {
	case !ok:
		return t, nil
	case d == '[':
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	obj := object{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := parseValue(dec)
		if err != nil {
			return nil, err
		}
		obj = append(obj, member{key.(string), v})
	}
	_, err = dec.Token()
	return obj, err
}

// get returns a member's value, nil if there is none.
func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// set replaces a member, or adds it behind the one called after, or at the end.
func (o object) set(key string, value any, after string) object {
	at := len(o)
	for i, m := range o {
		if m.key == key {
			o[i].value = value
			return o
		}
		if m.key == after {
			at = i + 1
		}
	}
	return append(o[:at:at], append(object{{key, value}}, o[at:]...)...)
}

// printer writes JSON as ip does: in one line, or with -pretty in its own way.
type printer struct {
	strings.Builder
	pretty bool
	depth  int
}

func (p *printer) line() {
	if p.pretty {
		p.WriteString("\n" + strings.Repeat("    ", p.depth))
	}
}

func (p *printer) value(v any) {
	switch v := v.(type) {
	case object:
		p.WriteByte('{')
		p.depth++
		for i, m := range v {
			if i > 0 {
				p.WriteByte(',')
			}
			p.line()
			p.text(m.key)
			p.WriteByte(':')
			if p.pretty {
				p.WriteByte(' ')
			}
			p.value(m.value)
		}
		p.depth--
		if len(v) > 0 {
			p.line()
		}
		p.WriteByte('}')
	case []any:
		p.WriteByte('[')
		p.depth++
		if p.pretty {
			p.WriteByte(' ')
		}
		for i, e := range v {
			if i > 0 {
				p.WriteByte(',')
			}
			p.value(e)
		}
		p.depth--
		if p.pretty && len(v) > 0 {
			p.WriteByte(' ')
		}
		p.WriteByte(']')
	case string:
		p.text(v)
	case nil:
		p.WriteString("null")
	default:
		fmt.Fprint(p, v)
	}
}

func (p *printer) text(s string) {
	b := new(bytes.Buffer)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always can be
	p.WriteString(strings.TrimSuffix(b.String(), "\n"))
}
